"""The command that copies what can be read of a damaged bank."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from core.cli.shared import Commands, Result, drawn
from core.store.repair import Repaired, repair


def register(commands: Commands) -> None:
    sub = commands.add("repair", _repair, "Copy what can be read of a damaged bank to a new file.", bank=False)
    sub.add_argument("file", metavar="FILE", help="the damaged bank; it is not changed")
    sub.add_argument("--into", metavar="FILE", help="the new bank (default: NAME-repaired.duckdb beside it)")


def _repair(a: argparse.Namespace) -> Result:
    done = drawn(repair(a.file, a.into))
    journal = Path(f"{a.file}.wal").exists()
    return asdict(done), [*_lines(done, journal), f"A new bank was made of it: {done.path}"]


def _lines(done: Repaired, journal: bool) -> list[str]:
    """journal: whether the damaged file had one beside it, whose changes a reading without it leaves out."""
    lines = [f"{a.table:18} {_counted(a.copied, a.rows, a.why)}" for a in done.tables if a.rows or a.why]
    lines.append(f"The file was read {done.how}.")
    if done.dropped:
        lines.append(f"{done.dropped:,} rows about memories that are lost were left out, codes among them.")
    lost = sum(a.rows - a.copied for a in done.tables)
    if "earlier" in done.how:
        lines.append("What was written after that checkpoint is not in it.")
    elif journal and "without its journal" in done.how:
        lines.append("What stood in its journal alone is not in it.")
    elif not lost and not any(a.why for a in done.tables):
        return [*lines, "Nothing is missing."]
    codes = next(a for a in done.tables if a.table == "codes")
    memories = next(a for a in done.tables if a.table == "memories")
    if codes.copied < codes.rows and memories.copied:
        lines.append(f'Codes that are missing are made again by: python -m core encode --bank "{done.path}"')
    if memories.copied < memories.rows:
        lines.append("Memories that are missing come back when their files are imported again: what is there is kept.")
    return lines


def _counted(copied: int, rows: int, why: str) -> str:
    return f"{copied:,} of {rows:,} rows" + (f"   {why}" if copied < rows or not rows else "")
