"""Commands that measure recall."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.bank import MemoryBank
from core.cli.shared import Commands, Result, asked_for, drawn, positive, similarity
from core.encoding.engines import Engine
from core.encoding.weights import locate
from core.errors import CoreError
from core.settings import cache_folder
from core.types import ImportReport


def register(commands: Commands) -> None:
    sub = commands.add("evaluate", _evaluate, "Measure recall of the evidence on a benchmark file.", bank=False)
    sub.add_argument("file", metavar="FILE")
    sub.add_argument("--format", choices=["auto", "locomo", "longmemeval"], default="auto")
    sub.add_argument("--engine", default="minilm")
    sub.add_argument("--categories", help="only questions of these categories, for example 1,2,3,4")
    sub.add_argument(
        "--cross-validate", action="store_true", help="also with weights learnt on all dialogues but the one asked"
    )
    similarity(sub)

    sub = commands.add("learn-weights", _learn, "Learn a weight per latent from made-up questions.", bank=False)
    sub.add_argument("--corpus", required=True, metavar="FOLDER", help="a folder of .jsonl files, dialogue among them")
    sub.add_argument("--engine", default="minilm")
    sub.add_argument("--dialogues", type=positive, default=450, metavar="N", help="read of each file at most")
    sub.add_argument("--out", metavar="FOLDER", help="the SAE's folder (default: the engine's own)")


def _learn(a: argparse.Namespace) -> Result:
    from core.encoding import catalogue
    from core.training.questions import learn_weights

    engine = Engine.named(a.engine)
    theta, learnt_on = drawn(learn_weights(engine, Path(a.corpus), a.dialogues))
    weights = np.exp(theta)
    catalogue.write_learnt(Path(a.out) if a.out else locate(engine.spec.sae), theta, learnt_on)
    report = {
        "learnt_on": learnt_on,
        "raised_above_1.5": int((weights > 1.5).sum()),
        "silenced_below_0.67": int((weights < 0.67).sum()),
    }
    return report, [f"{name}: {value}" for name, value in report.items()]


def _evaluate(a: argparse.Namespace) -> Result:
    file = Path(a.file)
    data_hash = _hash_of(file)
    bank = MemoryBank.open(cache_folder() / "evaluate" / f"{file.name.split('.')[0]}-{data_hash[:12]}.duckdb", a.engine)
    imported: ImportReport = drawn(bank.import_files([file], a.format))
    for refusal in imported.refused:
        print(f"refused: {refusal}", file=sys.stderr)
    settings = asked_for(a)
    categories = [c.strip() for c in a.categories.split(",")] if a.categories else None
    report = drawn(bank.evaluate(settings, categories)).report
    report["provenance"] |= {"data": file.name, "data_sha256": data_hash, "categories": a.categories}
    for warning in report["warnings"]:
        print(warning, file=sys.stderr)
    if a.cross_validate:
        report["cross_validated"] = drawn(bank.learning.cross_validate(settings, categories))
    names = ("recall@5", "recall@10", "recall@20", "ndcg@10", "mrr")
    lines = [
        f"{report['n_questions']:,} questions   "
        + "  ".join(f"{n:>9}" for n in (*names, "2200 ch", "5300 ch", "10500 ch", "p50 ms"))
    ]
    lines += _figures(report["modes"], names)
    if a.cross_validate:
        lines += ["with weights learnt on the other dialogues:", *_figures(report["cross_validated"]["modes"], names)]
    return report, lines


def _figures(modes: dict[str, Any], names: Sequence[str]) -> list[str]:
    def line(mode: str, m: dict[str, Any]) -> str:
        figures = [*(m[n] for n in names), *m["all_within_chars"].values()]
        return f"{mode:>15}   " + "  ".join(f"{f:9.3f}" for f in figures) + f"  {m['latency_ms']['p50']:9.1f}"

    return [line(mode, m) for mode, m in modes.items()]


def _hash_of(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as problem:
        raise CoreError(f"{file} cannot be read: {problem.strerror or problem}.") from problem
