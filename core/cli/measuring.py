"""Commands that measure recall."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from core.bank import MemoryBank
from core.cli.shared import Commands, Result, drawn, similarity
from core.errors import CoreError
from core.settings import cache_folder
from core.types import ImportReport, Query


def register(commands: Commands) -> None:
    sub = commands.add("evaluate", _evaluate, "Measure recall of the evidence on a benchmark file.", bank=False)
    sub.add_argument("file", metavar="FILE")
    sub.add_argument("--format", choices=["auto", "locomo", "longmemeval"], default="auto")
    sub.add_argument("--engine", default="minilm")
    sub.add_argument("--categories", help="only questions of these categories, for example 1,2,3,4")
    similarity(sub)


def _evaluate(a: argparse.Namespace) -> Result:
    file = Path(a.file)
    data_hash = _hash_of(file)
    bank = MemoryBank.open(cache_folder() / "evaluate" / f"{file.name.split('.')[0]}-{data_hash[:12]}.duckdb", a.engine)
    imported: ImportReport = drawn(bank.import_files([file], a.format))
    for refusal in imported.refused:
        print(f"refused: {refusal}", file=sys.stderr)
    settings = Query("", weighting=a.weighting, fusion=a.fusion)
    report = drawn(bank.evaluate(settings, [c.strip() for c in a.categories.split(",")] if a.categories else None))
    report["provenance"] |= {"data": file.name, "data_sha256": data_hash, "categories": a.categories, "learnt_on": []}
    names = ("recall@5", "recall@10", "recall@20", "ndcg@10", "mrr")
    lines = [
        f"{report['n_questions']:,} questions   "
        + "  ".join(f"{n:>9}" for n in (*names, "2200 ch", "5300 ch", "10500 ch", "p50 ms"))
    ]
    for mode, m in report["modes"].items():
        figures = [*(m[n] for n in names), *m["all_within_chars"].values()]
        lines.append(f"{mode:>15}   " + "  ".join(f"{f:9.3f}" for f in figures) + f"  {m['latency_ms']['p50']:9.1f}")
    return report, lines


def _hash_of(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as problem:
        raise CoreError(f"{file} cannot be read: {problem.strerror or problem}.") from problem
