"""Commands that compare texts: what related ones share, and memories with memories."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from core.analysis.overlap import MEASURES
from core.analysis.separability import ModeSeparation
from core.bank.bank import MemoryBank
from core.bank.overlap import GROUPINGS
from core.bank.separability import QUESTIONS, SIMILARITIES, Separation
from core.cli.shared import Commands, Result, asked_for, called, drawn, positive, similarity
from core.errors import CoreError
from core.evaluation.runner import JUDGED
from core.settings import cache_folder
from core.types import Mode

MOST_PRINTED = 1000
"""Rows up to which ``overlap --json`` prints the whole matrix."""


def register(commands: Commands) -> None:
    sub = commands.add(
        "separability", _separability, "Are related questions nearer to their context than unrelated ones?", bank=False
    )
    sub.add_argument("file", nargs="?", metavar="FILE", help="cases as JSON Lines; without it, the bank's questions")
    sub.add_argument("--bank", help="a bank whose questions are asked, or whose stored codes are used")
    sub.add_argument("--engine", default="minilm", help="engine whose codes are used (default minilm)")
    sub.add_argument("--similarity", choices=list(SIMILARITIES), default=next(iter(SIMILARITIES)))

    sub = commands.add("overlap", _overlap, "Which memories, sessions or categories share latents.")
    sub.add_argument("--by", choices=GROUPINGS, default="memory", help="what is compared (default memory)")
    sub.add_argument("--measure", choices=MEASURES, default="jaccard")
    sub.add_argument("--threshold", type=float, default=0.0, metavar="Q",
                     help="activations at or below this quantile do not count (default 0: all count)")  # fmt: skip
    sub.add_argument("--conversation", help="only memories of this conversation")
    sub.add_argument("--pair", nargs=2, metavar=("A", "B"), help="the latents that two rows share and do not")
    sub.add_argument("--k", type=positive, default=10, help="how many pairs, or latents of a pair (default 10)")

    sub = commands.add("compare-engines", _engines, "Engine against engine on the memories of a bank.", bank=False)
    sub.add_argument("--bank", required=True, help="a bank that both have encoded, with questions")
    sub.add_argument(
        "--engines", required=True, metavar="A,B", help="two engines or more, for example minilm,minilm-mp"
    )
    sub.add_argument("--categories", help="only questions of these categories, for example 1,2,3,4")
    similarity(sub)


def _engines(a: argparse.Namespace) -> Result:
    names = [name.strip() for name in a.engines.split(",") if name.strip()]
    categories = [c.strip() for c in a.categories.split(",")] if a.categories else None
    bank = MemoryBank.open(a.bank, names[0] if names else "minilm", create=False)
    found = drawn(bank.versus.run(names, asked_for(a), categories))
    for warning in found.report["warnings"]:
        print(warning, file=sys.stderr)
    said = {"id": found.id, "bank": bank.name, "categories": a.categories, "settings": asdict(found.settings)}
    return {**found.report, "comparison": said}, _engine_lines(found.report)


def _engine_lines(report: Mapping[str, Any]) -> list[str]:
    engines = report["engines"]
    names = [f"{one['name']:>14}" for one in engines]
    lines = [f"{report['n_questions']:,} questions on {report['n_memories']:,} memories"]
    lines += [f"{'':>32}" + "".join(names)]
    for mode in ("dense", "sparse", "combined"):
        for figure in JUDGED:
            values = "".join(f"{one['modes'][mode][figure]['mean']:14.3f}" for one in engines)
            lines.append(f"{f'{mode}, {figure}':>32}{values}")
    if report["n_cases"]:
        for figure in ("effect", "share_positive"):
            known = [one["separability"]["sparse"][figure] for one in engines]
            values = "".join(f"{'–':>14}" if value is None else f"{value:14.3f}" for value in known)
            lines.append(f"{f'sparse, SEP {figure}':>32}{values}")
    for figure in ("l0", "latents_per_memory", "silent_share", "fvu"):
        lines.append(f"{figure:>32}" + "".join(f"{one['latents'][figure]:14.3f}" for one in engines))
    for pair in report["pairs"]:
        gain, agreed = pair["gains"]["combined"]["recall@10"], pair["agreement"]["sparse"]
        low, high = gain["interval"]
        rho = agreed["spearman"]
        order = "" if rho is None else f", Spearman’s rho {rho['mean']:.2f}"
        lines += [
            f"{pair['second']} − {pair['first']}: combined recall@10 {gain['mean']:+.3f} "
            f"(95 % interval {low:+.3f} to {high:+.3f}); sparse: {agreed['overlap@10']['mean']:.0%} of the first 10 in "
            f"both{order}"
        ]
    return lines


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


def _overlap(a: argparse.Namespace) -> Result:
    bank = MemoryBank.open(a.bank, a.engine, create=False)
    found = bank.overlap.matrix(a.by, a.measure, a.threshold, a.conversation)
    head = {
        "by": found.by,
        "measure": found.measure,
        "quantile": found.quantile,
        "threshold": round(found.threshold, 6),
    }
    if a.pair:
        pair = bank.overlap.pair(found, *a.pair)
        n = len(pair.shared)
        shown = {name: list(getattr(pair, name))[: a.k] for name in ("shared", "only_a", "only_b")}
        labels = bank.latents.labels(x.latent for some in shown.values() for x in some)
        lines = [f"{pair.a} and {pair.b} share {n:,} latent{'' if n == 1 else 's'}; "
                 + ", ".join(f"{name} {value:.3f}" for name, value in pair.figures.items())]  # fmt: skip
        lines += [
            f"{x.latent:7}  {x.a:8.2f}  {x.b:8.2f}  “{x.token_a.text}” · “{x.token_b.text}”  {called(labels[x.latent])}"
            for x in shown["shared"]
        ]
        rows = {name: [asdict(x) | labels[x.latent].columns() for x in some] for name, some in shown.items()}
        sizes = {"n_shared": n, "n_only_a": len(pair.only_a), "n_only_b": len(pair.only_b)}
        return head | {"a": pair.a, "b": pair.b, "figures": pair.figures, **sizes, **rows}, lines
    core, unique, owner = found.core_and_unique()
    clashes = bank.overlap.interference(a.k, a.conversation)
    result = head | {
        "rows": [
            {"name": name, "memories": len(members), "latents": int(n)}
            for name, members, n in zip(found.names, found.members, found.latents, strict=True)
        ],
        "values": found.values.round(4).astype(float).round(4).tolist() if len(found) <= MOST_PRINTED else None,
        "order": found.order.tolist(),
        "core": core.tolist(),
        "unique": [{"latent": int(x), "row": found.names[i]} for x, i in zip(unique, owner, strict=True)],
        "interference": [asdict(one) for one in clashes],
        "provenance": bank.provenance(),
    }
    lines = [f"{len(found):,} rows, {len(core):,} latents in all of them, {len(unique):,} in one alone; nearest:"]
    lines += [f"{row[a.measure]:9.3f}  {row['a']}  {row['b']}" for row in found.pairs(a.k)]
    lines += ["same latents, different things:"] if clashes else []
    lines += [f"{one.sparse:9.3f}  {one.a}  {one.b}  (dense {one.dense:.3f})" for one in clashes]
    return result, lines


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
