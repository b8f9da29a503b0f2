"""The command line: a second skin over ``MemoryBank``. ``python -m core --help``."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from core.bank import MemoryBank
from core.demo import open_demo
from core.encoding.engines import Engine, presets
from core.errors import CoreError
from core.readers import FORMATS
from core.retrieval.fusion import FUSIONS
from core.retrieval.similarity import WEIGHTINGS
from core.settings import cache_folder
from core.types import MODES, Explanation, Hits, ImportReport, Memory, Progress, Query, Term

T = TypeVar("T")
OK, PROBLEM, USAGE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 a problem said in a sentence on stderr, 2 wrong usage."""
    arguments = _parser().parse_args(argv)
    try:
        result, lines = arguments.run(arguments)
        print(json.dumps(result, ensure_ascii=False, default=str) if arguments.json else "\n".join(lines), flush=True)
    except CoreError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return PROBLEM
    except KeyboardInterrupt:
        print("Stopped. What was stored so far is kept; the same command goes on from there.", file=sys.stderr)
        return PROBLEM
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains while it ends
    return OK


# --- commands: each returns what --json prints, and the lines a person reads ------------------------------------------


def _import(a: argparse.Namespace) -> tuple[Any, list[str]]:
    bank = MemoryBank.open(a.bank, a.engine)
    report: ImportReport = _drawn(bank.import_files(a.files, a.format))
    counts = bank.counts()
    result = asdict(report) | {
        "refused": [asdict(r) for r in report.refused],
        "bank": str(bank.path),
        "total": counts["memories"],
    }
    lines = [
        f"{report.read:,} read, {report.added:,} added, {report.already_there:,} already there, "
        f"{len(report.refused):,} refused; {report.questions:,} questions; {report.encoded:,} memories encoded.",
        f"{bank.path} now holds {counts['memories']:,} memories.",
        *(f"refused: {r}" for r in report.refused),
    ]
    return result, lines


def _search(a: argparse.Namespace) -> tuple[Any, list[str]]:
    bank = MemoryBank.open(a.bank, a.engine, create=False)
    query = Query(a.text, a.conversation, a.k, a.weighting, a.fusion, lexical=a.mode == "lexical")
    _known_conversation(bank, a.conversation)
    hits = bank.search(query)
    top = hits.top(a.mode)
    memories = bank.memories(hits.ids[i] for i in top)
    explained = {hits.ids[i]: bank.explain(query, hits.ids[i]) for i in top} if a.explain else {}
    result = {
        "query": asdict(query),
        "mode": a.mode,
        "n_candidates": hits.n_candidates,
        "encode_ms": round(hits.encode_ms, 2),
        "rank_ms": round(hits.rank_ms, 2),
        "hits": [_hit(hits, i, memories[hits.ids[i]], explained.get(hits.ids[i])) for i in top],
        "provenance": bank.provenance(query),
    }
    if a.bring:
        result["flips"] = [asdict(flip) for flip in bank.flips(query, a.bring)]
    lines = [] if top else [f"Nothing in {bank.name} has anything in common with this query ({a.mode})."]
    for place, i in enumerate(top, 1):
        memory = memories[hits.ids[i]]
        lines.append(f"{place:3}  {hits.scores[a.mode][i]:8.3f}  {memory.id}  {_short(memory.text)}")
        for share in explained[memory.id].shares[:5] if a.explain else ():
            lines.append(
                f"{'':15}{share.share:7.2f}  latent {share.latent}: "
                f"“{share.query_token.text}” → “{share.memory_token.text}”"
            )
    for flip in result.get("flips", []):
        term = flip["term"]
        lines.append(f"{a.bring} would be {flip['rank']}. with latent {term['latent']} at {term['weight']:+.2f}")
    lines.append(f"encoded in {hits.encode_ms:.0f} ms, ranked {hits.n_candidates:,} memories in {hits.rank_ms:.1f} ms")
    return result, lines


def _compose(a: argparse.Namespace) -> tuple[Any, list[str]]:
    bank = MemoryBank.open(a.bank, a.engine, create=False)
    _known_conversation(bank, a.conversation)
    hits = bank.compose(a.terms, a.k, a.conversation)
    top = hits.top("sparse")
    memories = bank.memories(hits.ids[i] for i in top)
    result = {
        "terms": [asdict(term) for term in a.terms],
        "hits": [
            {"id": hits.ids[i], "text": memories[hits.ids[i]].text, "score": round(float(hits.scores["sparse"][i]), 6)}
            for i in top
        ],
        "provenance": bank.provenance(hits.query),
    }
    lines = [
        f"{place:3}  {hits.scores['sparse'][i]:8.3f}  {hits.ids[i]}  {_short(memories[hits.ids[i]].text)}"
        for place, i in enumerate(top, 1)
    ]
    return result, lines or [f"No memory in {bank.name} scores above 0 for these latents."]


def _memory(a: argparse.Namespace) -> tuple[Any, list[str]]:
    bank = MemoryBank.open(a.bank, a.engine, create=False)
    memory, codes = bank.memory(a.id), bank.codes(a.id)
    latents: list[dict[str, Any]] = []
    if codes is not None:
        for i in (-codes.max).argsort(kind="stable")[: a.k]:
            start, end = codes.token_start[codes.peak[i]], codes.token_end[codes.peak[i]]
            latents.append(
                {
                    "latent": int(codes.latents[i]),
                    "max": round(float(codes.max[i]), 4),
                    "sum": round(float(codes.sum[i]), 4),
                    "token": memory.text[start:end],
                    "start": int(start),
                    "end": int(end),
                }
            )
    fvu = None if codes is None else round(float(codes.residual[0] / max(codes.variance[0], 1e-12)), 4)
    result = asdict(memory) | {
        "n_latents": 0 if codes is None else len(codes.latents),
        "fvu": fvu,
        "latents": latents,
        "provenance": bank.provenance(),
    }
    lines = [f"{memory.id}  ({memory.conversation or 'stands alone'})", memory.text, ""]
    lines += [f"latent {x['latent']:6}  max {x['max']:7.3f}  sum {x['sum']:8.3f}  at “{x['token']}”" for x in latents]
    return result, lines


def _info(a: argparse.Namespace) -> tuple[Any, list[str]]:
    bank = MemoryBank.open(a.bank, a.engine, create=False)
    health = bank.health()
    counts = bank.counts()
    result = {"bank": str(bank.path), **counts, "health": asdict(health)}
    lines = [
        f"{bank.path}: " + ", ".join(f"{value:,} {name}" for name, value in counts.items()),
        f"engine {health.engine} ({health.fingerprint}): {health.memories:,} encoded, {health.pending:,} to encode",
        f"on this bank: L0 {health.l0:.1f}, FVU {health.fvu:.3f}, {health.latents_per_memory:.0f} latents a memory, "
        f"{health.silent_share:.1%} of the latents silent",
        *health.missing,
    ]
    return result, lines


def _engines(a: argparse.Namespace) -> tuple[Any, list[str]]:
    if a.prepare:
        Engine.named(a.prepare).load()
        open_demo(a.prepare)
    result: list[dict[str, Any]] = []
    for spec in presets().values():
        missing = Engine(spec).missing()
        result.append(
            {"name": spec.name, "title": spec.title, "ready": not missing, "missing": missing, "hook": spec.hook}
        )
    lines = [
        f"{e['name']:16} {'ready' if e['ready'] else 'missing: ' + ' '.join(e['missing'])}  {e['title']}"
        for e in result
    ]
    return result, lines


def _evaluate(a: argparse.Namespace) -> tuple[Any, list[str]]:
    file = Path(a.file)
    data_hash = _hash_of(file)
    bank = MemoryBank.open(cache_folder() / "evaluate" / f"{file.name.split('.')[0]}-{data_hash[:12]}.duckdb", a.engine)
    imported: ImportReport = _drawn(bank.import_files([file], a.format))
    for refusal in imported.refused:
        print(f"refused: {refusal}", file=sys.stderr)
    settings = Query("", weighting=a.weighting, fusion=a.fusion)
    report = _drawn(bank.evaluate(settings, [c.strip() for c in a.categories.split(",")] if a.categories else None))
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


def _train(a: argparse.Namespace) -> tuple[Any, list[str]]:
    from core.training.residual import TrainingPlan, train

    known = presets()
    if a.engine not in known:
        raise CoreError(f"No engine is called “{a.engine}”. Known: {', '.join(known)}.")
    plan = TrainingPlan(a.tokens, a.width, a.architecture, a.k, a.lr, a.batch, a.seed)
    _drawn(train(known[a.engine], Path(a.corpus), plan, Path(a.out)))
    report = json.loads((Path(a.out) / "report.json").read_text(encoding="utf-8"))
    return report, [f"{name}: {value}" for name, value in report.items()]


# --- helpers ----------------------------------------------------------------------------------------------------------


def _hit(hits: Hits, i: int, memory: Memory, explanation: Explanation | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": memory.id,
        "text": memory.text,
        "scores": {mode: round(float(values[i]), 6) for mode, values in hits.scores.items()},
        "ranks": {mode: int(values[i]) for mode, values in hits.ranks.items()},
    }
    if explanation is not None:
        row["shares"] = [asdict(share) for share in explanation.shares]
    return row


def _known_conversation(bank: MemoryBank, conversation: str | None) -> None:
    names = [name for name, _ in bank.conversations()]
    if conversation is not None and conversation not in names:
        known = f"It has {', '.join(names[:8])}{' …' if len(names) > 8 else ''}." if names else "It has none."
        raise CoreError(f"{bank.name} has no conversation “{conversation}”. {known}")


def _short(text: str, width: int = 100) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def _hash_of(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as problem:
        raise CoreError(f"{file} cannot be read: {problem.strerror or problem}.") from problem


def _drawn(task: Generator[Progress, None, T]) -> T:
    """Run a long task, with its progress and the time it still needs on stderr; what the generator returns."""
    started, last = time.monotonic(), 0.0
    while True:
        try:
            p = next(task)
        except StopIteration as end:
            if last and sys.stderr.isatty():
                print(file=sys.stderr)
            return end.value  # type: ignore[no-any-return]
        now = time.monotonic()
        if now - last > (0.2 if sys.stderr.isatty() else 5) or p.done == p.total:
            last = now
            left = (now - started) * (p.total - p.done) / p.done if p.done else 0
            text = f"{p.done / max(p.total, 1):4.0%}  {p.note}" + (f", about {left:.0f} s left" if left >= 1 else "")
            print(
                f"\r\x1b[K{text}" if sys.stderr.isatty() else text,
                end="" if sys.stderr.isatty() else "\n",
                file=sys.stderr,
            )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core", description="Why did my assistant remember that?")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, help: str, bank: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help, description=help)
        sub.set_defaults(run=run)
        sub.add_argument("--json", action="store_true", help="machine-readable output alone on stdout")
        if bank:
            sub.add_argument("--bank", required=True, help="the bank's file, for example memories.duckdb")
            sub.add_argument("--engine", default="minilm", help="engine whose codes are used (default minilm)")
        return sub

    def similarity(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--weighting", choices=list(WEIGHTINGS), default=Query("").weighting)
        sub.add_argument("--fusion", choices=list(FUSIONS), default=Query("").fusion)

    sub = command("import", _import, "Import files into a bank and encode what is new.")
    sub.add_argument("files", nargs="+", metavar="FILE")
    sub.add_argument("--format", choices=list(FORMATS), default="auto")

    sub = command("search", _search, "Ask a bank in words.")
    sub.add_argument("text")
    sub.add_argument("--mode", choices=list(MODES), default="combined")
    sub.add_argument("--conversation", help="only memories of this conversation")
    sub.add_argument("--k", type=_positive, default=10, help="how many (default 10)")
    sub.add_argument("--explain", action="store_true", help="the latents behind every hit, with their shares")
    sub.add_argument("--bring", metavar="ID", help="the smallest edits of one latent that bring this memory into the k")
    similarity(sub)

    sub = command("compose", _compose, "Ask in latents: +15 -5, or with weights 15:2 5:-0.5.")
    sub.add_argument("terms", nargs="+", type=_term, metavar="TERM")
    sub.add_argument("--conversation", help="only memories of this conversation")
    sub.add_argument("--k", type=_positive, default=10, help="how many (default 10)")

    sub = command("memory", _memory, "One memory and its strongest latents.")
    sub.add_argument("id")
    sub.add_argument("--k", type=_positive, default=20, help="how many latents (default 20)")

    command("info", _info, "What a bank holds, and how well the dictionary fits it.")
    sub = command("engines", _engines, "The engines and what each still needs.", bank=False)
    sub.add_argument(
        "--prepare",
        metavar="NAME",
        help="load one and make the demo bank now",
    )

    sub = command("evaluate", _evaluate, "Measure recall of the evidence on a benchmark file.", bank=False)
    sub.add_argument("file", metavar="FILE")
    sub.add_argument("--format", choices=["auto", "locomo", "longmemeval"], default="auto")
    sub.add_argument("--engine", default="minilm")
    sub.add_argument("--categories", help="only questions of these categories, for example 1,2,3,4")
    similarity(sub)

    sub = command("train-sae", _train, "Train an SAE on the token states of an engine's model.", bank=False)
    sub.add_argument("--engine", default="minilm")
    sub.add_argument(
        "--corpus", required=True, metavar="FOLDER", help="a folder of .jsonl or .jsonl.gz files with “text”"
    )
    sub.add_argument("--tokens", type=lambda t: _positive(str(int(float(t)))), default=10_000_000, metavar="N")
    sub.add_argument("--out", default="sae", metavar="FOLDER", help="where the SAE is saved (default ./sae)")
    sub.add_argument("--architecture", choices=["topk", "batchtopk", "matryoshka", "jumprelu"], default="topk")
    sub.add_argument("--width", type=_positive, default=16384, help="latents in the dictionary")
    sub.add_argument("--k", type=_positive, default=40, help="active latents per token")
    sub.add_argument("--lr", type=float, default=1e-3)
    sub.add_argument("--batch", type=_positive, default=1024)
    sub.add_argument("--seed", type=int, default=0)
    return parser


def _term(text: str) -> Term:
    """“+15”, “-5” or “5:-0.5”: a latent, and how much of it."""
    match = re.fullmatch(r"(?:([+-])(\d+)|(\d+):([+-]?\d+(?:\.\d+)?))", text)
    if not match:
        raise argparse.ArgumentTypeError(f"“{text}” is no term: write +15, -5 or 5:-0.5")
    return Term(int(match[2]), 1.0 if match[1] == "+" else -1.0) if match[2] else Term(int(match[3]), float(match[4]))


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a positive number")
    return value


if __name__ == "__main__":
    sys.exit(main())
