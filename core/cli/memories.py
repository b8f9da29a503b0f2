"""Commands that fill a bank and ask it."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from typing import Any

from core.bank.bank import MemoryBank
from core.cli.shared import Commands, Result, asked_for, drawn, known_conversation, positive, short, similarity
from core.errors import CoreError
from core.readers import FORMATS, Options
from core.types import MODES, Explanation, Hits, ImportReport, Memory

FIT = {
    "strong": "strong fit ({:.0%} likely to be answered by what is stored)",
    "partial": "partial fit ({:.0%} likely to be answered by what is stored)",
    "nothing": "nothing stored fits ({:.0%} likely to be answered); what comes nearest:",
}


def register(commands: Commands) -> None:
    sub = commands.add("import", _import, "Import files into a bank and encode what is new.")
    sub.add_argument("files", nargs="+", metavar="FILE")
    sub.add_argument("--format", choices=list(FORMATS), default="auto")
    sub.add_argument("--encoding", default="", help="for example gb18030, where it is not found by itself")
    sub.add_argument("--repair", action="store_true", help="mend letters that were decoded wrongly once (“cafÃ©”)")
    order = sub.add_mutually_exclusive_group()
    order.add_argument("--day-first", dest="day_first", action="store_true", default=None, help="05/06/2023 is 5 June")
    order.add_argument("--month-first", dest="day_first", action="store_false", help="05/06/2023 is May 6")
    sub.add_argument("--text-field", default="", metavar="PATH", help="where a nested file has its texts: a.b[].c")
    sub.add_argument("--replace", action="store_true", help="corrected texts replace stored ones, kept as versions")

    commands.add("encode", _encode, "Give every memory of a bank its codes of an engine; goes on where it was stopped.")

    sub = commands.add("search", _search, "Ask a bank in words.")
    sub.add_argument("text")
    sub.add_argument("--mode", choices=list(MODES), default="combined")
    sub.add_argument("--conversation", help="only memories of this conversation")
    sub.add_argument("--k", type=positive, default=10, help="how many (default 10)")
    sub.add_argument("--explain", action="store_true", help="the latents behind every hit, with their shares")
    sub.add_argument("--bring", metavar="ID", help="the smallest edits of one latent that bring this memory into the k")
    similarity(sub)

    sub = commands.add("memory", _memory, "One memory and its strongest latents.")
    sub.add_argument("id")
    sub.add_argument("--k", type=positive, default=20, help="how many latents (default 20)")

    commands.add("info", _info, "What a bank holds, and how well the dictionary fits it.")


def _import(a: argparse.Namespace) -> Result:
    bank = MemoryBank.open(a.bank, a.engine)
    options = Options(a.encoding, a.repair, a.day_first, a.text_field)
    report: ImportReport = drawn(bank.import_files(a.files, a.format, True, options, a.replace))
    counts = bank.memories.counts()
    result = asdict(report) | {
        "refused": [asdict(r) for r in report.refused],
        "bank": str(bank.path),
        "total": counts["memories"],
    }
    lines = [
        f"{report.read:,} read, {report.added:,} added, {report.already_there:,} already there, "
        f"{len(report.refused) + report.refused_more:,} refused; {report.questions:,} questions; "
        f"{report.encoded:,} memories encoded.",
        f"{bank.path} now holds {counts['memories']:,} memories.",
        *(f"{count:,} {what} left out" for what, count in report.left_out.items()),
        *report.said,
        *(f"corrected in {r.source}, not stored (--replace): {r.id}: {short(r.new)}" for r in report.offered),
        *([f"{report.replaced:,} memories replaced; their old texts are kept."] if report.replaced else []),
        *(f"refused: {r}" for r in report.refused),
        *([f"refused: {report.refused_more:,} rows more"] if report.refused_more else []),
    ]
    if report.refused and not (report.added or report.already_there or report.questions or report.offered):
        raise CoreError("No row could be read. " + " ".join(f"{r}." for r in report.refused[:5]))
    return result, lines


def _encode(a: argparse.Namespace) -> Result:
    bank = MemoryBank.open(a.bank, a.engine, create=False)
    encoded: int = drawn(bank.encode())
    held = [asdict(one) for one in bank.engines.list()]
    lines = [f"{encoded:,} memories encoded with {bank.engine.name}.", *map(_held, held)]
    return {"bank": str(bank.path), "encoded": encoded, "engines": [_plain_held(one) for one in held]}, lines


def _held(one: dict[str, Any]) -> str:
    more = f", {one['pending']:,} to encode" if one["pending"] else ""
    return f"holds {one['name']} ({one['fingerprint']}, {one['state']}): {one['memories']:,} memories{more}"


def _plain_held(one: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name != "about"}


def _search(a: argparse.Namespace) -> Result:
    bank = MemoryBank.open(a.bank, a.engine, create=False)
    query = replace(asked_for(a, a.text), conversation=a.conversation, k=a.k, lexical=a.mode == "lexical")
    known_conversation(bank, a.conversation)
    hits = bank.search(query)
    top = hits.top(a.mode)
    memories = bank.memories.of(hits.ids[i] for i in top)
    explained = {hits.ids[i]: bank.explain(query, hits.ids[i]) for i in top} if a.explain else {}
    result = {
        "query": asdict(hits.query),
        "mode": a.mode,
        "fit": None if hits.verdict is None else asdict(hits.verdict),
        "n_candidates": hits.n_candidates,
        "encode_ms": round(hits.encode_ms, 2),
        "rank_ms": round(hits.rank_ms, 2),
        "hits": [_hit(hits, i, memories[hits.ids[i]], explained.get(hits.ids[i])) for i in top],
        "provenance": bank.provenance(query),
    }
    if a.bring:
        result["flips"] = [asdict(flip) for flip in bank.recall.flips(query, a.bring)]
    lines = [FIT[hits.verdict.level].format(hits.verdict.probability)] if hits.verdict else []
    lines += [] if top else [f"Nothing in {bank.name} has anything in common with this query ({a.mode})."]
    for place, i in enumerate(top, 1):
        memory = memories[hits.ids[i]]
        lines.append(f"{place:3}  {hits.scores[a.mode][i]:8.3f}  {memory.id}  {short(memory.text)}")
        if a.explain:
            lines.append(f"{'':15}{explained[memory.id].sentence}")
        for share in explained[memory.id].shares[:5] if a.explain else ():
            lines.append(
                f"{'':15}{share.share:7.2f}  latent {share.latent}: "
                f"“{share.query_token.text}” → “{share.memory_token.text}”"
                f"{f' in {share.memory}' if share.memory else ''}"
            )
    for flip in result.get("flips", []):
        term = flip["term"]
        lines.append(f"{a.bring} would be {flip['rank']}. with latent {term['latent']} at {term['weight']:+.2f}")
    lines.append(f"encoded in {hits.encode_ms:.0f} ms, ranked {hits.n_candidates:,} memories in {hits.rank_ms:.1f} ms")
    return result, lines


def _memory(a: argparse.Namespace) -> Result:
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


def _info(a: argparse.Namespace) -> Result:
    bank = MemoryBank.open(a.bank, a.engine, create=False)
    health = bank.health()
    counts = bank.memories.counts()
    held = [asdict(one) for one in bank.engines.list()]
    result = {"bank": str(bank.path), **counts, "health": asdict(health), "engines": [_plain_held(one) for one in held]}
    lines = [
        f"{bank.path}: " + ", ".join(f"{value:,} {name}" for name, value in counts.items()),
        f"engine {health.engine} ({health.fingerprint}): {health.memories:,} encoded, {health.pending:,} to encode",
        f"on this bank: L0 {health.l0:.1f}, FVU {health.fvu:.3f}, {health.latents_per_memory:.0f} latents a memory, "
        f"{health.silent_share:.1%} of the latents silent",
        *health.missing,
        *map(_held, held),
    ]
    return result, lines


def _hit(hits: Hits, i: int, memory: Memory, explanation: Explanation | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": memory.id,
        "text": memory.text,
        "scores": {mode: round(float(values[i]), 6) for mode, values in hits.scores.items()},
        "ranks": {mode: int(values[i]) for mode, values in hits.ranks.items()},
    }
    if explanation is not None:
        row["why"] = str(explanation.sentence)
        row["pairs"] = [asdict(pair) for pair in explanation.alignment.pairs()]
        row["same_word_share"] = round(explanation.alignment.same_word_share(), 4)
        row["shares"] = [asdict(share) for share in explanation.shares]
    return row
