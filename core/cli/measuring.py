"""Commands that measure recall."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.bank.bank import MemoryBank
from core.cli.shared import Commands, Result, asked_for, drawn, positive, similarity
from core.encoding.engines import Engine
from core.encoding.files.weights import locate
from core.errors import CoreError
from core.evaluation.explanations import OCCLUDED
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

    sub = commands.add(
        "faithfulness", _faithfulness, "Mute the latents that explain a hit most: how much rank is lost?", bank=False
    )
    sub.add_argument("file", nargs="?", metavar="FILE", help="a benchmark file, or a bank:")
    sub.add_argument("--bank", help="a bank with questions")
    sub.add_argument("--format", choices=["auto", "locomo", "longmemeval"], default="auto")
    sub.add_argument("--engine", default="minilm")
    sub.add_argument("--categories", help="only questions of these categories, for example 1,2,3,4")
    similarity(sub)

    sub = commands.add(
        "explanations", _explanations, "Are the reasons of hits short, about words that say something, and true?",
        bank=False,
    )  # fmt: skip
    sub.add_argument("file", metavar="FILE")
    sub.add_argument("--format", choices=["auto", "locomo", "longmemeval"], default="auto")
    sub.add_argument("--engine", default="minilm")
    sub.add_argument("--categories", help="only questions of these categories, for example 1,2,3,4")
    sub.add_argument("--deletions", type=positive, default=OCCLUDED, metavar="N",
                     help=f"hits whose words are taken out in turn (default {OCCLUDED})")  # fmt: skip
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
    bank, data_hash = _bank_of(file, a)
    settings, categories = asked_for(a), _categories(a)
    report = drawn(bank.runs.evaluate(settings, categories)).report
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


def _bank_of(file: Path, a: argparse.Namespace) -> tuple[MemoryBank, str]:
    """(the bank kept for a benchmark file, imported where it was not, the file's hash)"""
    data_hash = _hash_of(file)
    bank = MemoryBank.open(cache_folder() / "evaluate" / f"{file.name.split('.')[0]}-{data_hash[:12]}.duckdb", a.engine)
    imported: ImportReport = drawn(bank.import_files([file], a.format))
    for refusal in imported.refused:
        print(f"refused: {refusal}", file=sys.stderr)
    return bank, data_hash


def _categories(a: argparse.Namespace) -> list[str] | None:
    return [c.strip() for c in a.categories.split(",")] if a.categories else None


def _faithfulness(a: argparse.Namespace) -> Result:
    if bool(a.file) == bool(a.bank):
        raise CoreError("Name a benchmark file, or a bank with --bank.")
    bank = MemoryBank.open(a.bank, a.engine, create=False) if a.bank else _bank_of(Path(a.file), a)[0]
    report = drawn(bank.runs.faithfulness(asked_for(a), _categories(a)))
    report["provenance"] |= {"categories": a.categories}

    def said(figure: dict[str, Any]) -> str:
        low, high = figure["interval"]
        return f"{figure['mean']:8.3f} ({low:.3f} to {high:.3f})"

    lines = [
        f"{report['n']:,} of {report['n_questions']:,} questions have evidence among their first {report['first']} "
        "sparse hits; the best of it is ranked again without",
        *(
            f"{words}:  rank lost {said(report[side]['rank_lost'])}, median {report[side]['rank_lost']['median']:g};  "
            f"log2 of the rank ratio {said(report[side]['log2_rank_ratio'])};  "
            f"score taken away {report[side]['score_removed']['mean']:.0%};  fired by {report[side]['density']:.1%}"
            for side, words in (
                ("explaining", "its three largest shares  "),
                ("matched", "three others as common    "),
            )
        ),
        f"difference in rank lost {said(report['difference']['rank_lost'])}; the largest shares cost more rank in "
        f"{report['wins']['mean']:.1%} of hits, as much in {report['ties']:.1%}",
    ]
    return report, lines


def _explanations(a: argparse.Namespace) -> Result:
    file = Path(a.file)
    bank, data_hash = _bank_of(file, a)
    report = drawn(bank.runs.explanations(asked_for(a), _categories(a), deletions=a.deletions))
    report["provenance"] |= {"data": file.name, "data_sha256": data_hash, "categories": a.categories}
    half, five, taken = report["half_score"], report["top5_share"], report["deletion"]
    trusted = report["label_trust"] or 0
    lines = [
        f"{report['n']:,} of {report['n_questions']:,} questions have evidence among their first {report['first']}"
    ]
    lines += [f"{name:>10}: half of the score in {half[name]:g}, five hold {five[name]:.2f}" for name in half]
    lines += [
        f"{report['content_share']:.2f} between words that say something, {report['same_word_share']:.2f} of a word "
        f"with itself, {report['around_share']:.2f} from around; labels shown are trusted {trusted:.2f}",
        *(
            f"without the {side.replace('_', ' ')} word: score lost {found['score_lost']:.3f}, "
            f"median {found['median']:.3f}; ranks lost {found['rank_lost']['mean']:.2f}"
            for side, found in (taken or {}).items()
        ),
        f"BM25 finds the memory first by the words its sentence names in {report['named']['recall@1']:.1%}, by another "
        f"hit's in {report['named']['shuffled']:.1%}",
    ]
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
