"""Commands that compare texts: what related ones share, and memories with memories."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from core.analysis.separability import ModeSeparation
from core.bank import MemoryBank
from core.cli.shared import Commands, Result, drawn
from core.errors import CoreError
from core.separability import QUESTIONS, SIMILARITIES, Separation
from core.settings import cache_folder
from core.types import Mode


def register(commands: Commands) -> None:
    sub = commands.add(
        "separability", _separability, "Are related questions nearer to their context than unrelated ones?", bank=False
    )
    sub.add_argument("file", nargs="?", metavar="FILE", help="cases as JSON Lines; without it, the bank's questions")
    sub.add_argument("--bank", help="a bank whose questions are asked, or whose stored codes are used")
    sub.add_argument("--engine", default="minilm", help="engine whose codes are used (default minilm)")
    sub.add_argument("--similarity", choices=list(SIMILARITIES), default=next(iter(SIMILARITIES)))


def _separability(a: argparse.Namespace) -> Result:
    if a.file is None and a.bank is None:
        raise CoreError("There is nothing to measure: give a FILE of cases, or a --bank with questions.")
    bank = (
        MemoryBank.open(a.bank, a.engine, create=False)
        if a.bank
        else MemoryBank.open(cache_folder() / "separability.duckdb", a.engine)
    )
    source = QUESTIONS
    if a.file is not None:
        file = Path(a.file)
        _, refused = bank.separability.add(file)
        source = file.name
        for refusal in refused:
            print(f"refused: {refusal}", file=sys.stderr)
    cases = bank.separability.cases(source)
    drawn(bank.separability.encode(cases))
    found = bank.separability.measure(cases, a.similarity)
    result = figures(found) | {"provenance": bank.provenance() | {"cases": source}}
    return result, _lines(found)


def figures(found: Separation) -> dict[str, Any]:
    """The figures as JSON knows them: four digits, null where there is no number."""
    return {
        "n_cases": len(found.cases),
        "n_cases_easy": len(found.cases_easy),
        "similarity": found.similarity,
        "modes": _modes(found.modes),
        "modes_easy": _modes(found.modes_easy),
        "differences": [_rounded(asdict(d)) for d in found.differences],
        "differences_easy": [_rounded(asdict(d)) for d in found.differences_easy],
    }


def _modes(modes: Mapping[Mode, ModeSeparation]) -> dict[str, Any]:
    plain = [f.name for f in fields(ModeSeparation) if f.name not in ("related", "unrelated")]
    return {mode: _rounded({name: getattr(one, name) for name in plain}) for mode, one in modes.items()}


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, tuple):
            return [plain(one) for one in value]
        return (round(value, 4) if math.isfinite(value) else None) if isinstance(value, float) else value

    return {name: plain(value) for name, value in row.items()}


def _lines(found: Separation) -> list[str]:
    lines = [f"{len(found.cases):,} cases, sparse: {SIMILARITIES[found.similarity]}"]
    for title, modes in (("same dialogue", found.modes), ("another dialogue", found.modes_easy)):
        if not modes:
            continue
        names = ("SEP > 0", "mean", "sd", "effect", "AUC", "null mean", "p")
        lines.append(f"{'against ' + title:>24}   " + "  ".join(f"{n:>9}" for n in names))
        for mode, m in modes.items():
            row = (m.share_positive, m.mean, m.sd, m.effect, m.auc, m.null_mean, m.p)
            lines.append(f"{mode:>24}   " + "  ".join(f"{value:9.3f}" for value in row))
    for d in found.differences:
        if d.figure == "share_positive":
            interval = f"95 % interval {d.low:+.3f} to {d.high:+.3f}"
            lines.append(f"{d.first} − {d.second}: share with SEP > 0 {d.value:+.3f} ({interval})")
    return lines
