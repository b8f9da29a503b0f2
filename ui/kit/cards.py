"""Ranked memories as data for the hit columns, and as rows for export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from core import MODES, Codes, Fit, Hits, Memory, Mode
from ui.kit import components, prose
from ui.kit.colours import MODE_COLOURS
from ui.kit.tokens import spectrum

UNITS: dict[Mode, str] = {
    "dense": "cosine",
    "sparse": "shared latents",
    "combined": "dense with sparse",
    "lexical": "BM25 on words",
}
HELP: dict[Mode, str] = {
    "dense": "Cosine of the two sentence embeddings.",
    "sparse": "Sum over the latents that fire in both texts.",
    "combined": "Dense and sparse together; the small bar shows what each side brought.",
    "lexical": "Words in common, for comparison.",
}
TEXT_SHOWN = 420
"""Characters of a memory that travel to a card, which shows three lines."""
UNMARKED: Mapping[str, bool] = {}
NO_THREADS: Mapping[str, str] = {}
MARKS: Mapping[bool | None, str] = {True: "right", False: "wrong"}


def marked(right: bool | None) -> str:
    """What is said of a marked hit."""
    return "" if right is None else f", marked {MARKS[right]}"


def columns(
    hits: Hits,
    memories: Mapping[str, Memory],
    codes: Mapping[str, Codes],
    chosen: str | None,
    marks: Mapping[str, bool] = UNMARKED,
    threads: Mapping[str, str] = NO_THREADS,
) -> list[dict[str, Any]]:
    """One column per mode, left to right, with where each memory moved against the column on its left."""
    modes = [mode for mode in MODES if mode in hits.scores]
    pairs = zip(modes, [None, *modes], strict=False)
    return [_column(hits, mode, left, memories, codes, chosen, marks, threads) for mode, left in pairs]


def _column(
    hits: Hits,
    mode: Mode,
    left: Mode | None,
    memories: Mapping[str, Memory],
    codes: Mapping[str, Codes],
    chosen: str | None,
    marks: Mapping[str, bool],
    threads: Mapping[str, str] = NO_THREADS,
) -> dict[str, Any]:
    top, recalled = hits.top(mode), hits.spread[mode].recalled
    parts_of = hits.brought() if mode == "combined" else {}
    rows = []
    for i in top:
        memory, rank, score = memories[hits.ids[i]], int(hits.ranks[mode][i]), float(hits.scores[mode][i])
        moved = int(hits.ranks[left][i]) - rank if left else 0
        words = f"{'up' if moved > 0 else 'down'} {abs(moved)} against {left}" if moved else ""
        rows.append(
            {
                **card(memory, codes.get(memory.id), hits.query_codes),
                "rank": str(rank),
                "score": prose.number(score),
                "move": f"{'↑' if moved > 0 else '↓'}{abs(moved):,}" if moved else "",
                "moved": words,
                "split": parts_of.get(memory.id),
                "below": rank > recalled,
                "threads": threads.get(memory.id, ""),
                "mark": MARKS.get(marks.get(memory.id)),
                "aria": f"{mode}, rank {rank}, score {prose.number(score)}{', ' + words if words else ''}"
                f"{', below the line' if rank > recalled else ''}{marked(marks.get(memory.id))}: "
                f"{prose.short(memory.text, 160)}",
            }
        )
    return {
        "key": mode,
        "label": mode.capitalize(),
        "unit": UNITS[mode],
        "title": HELP[mode],
        "colour": MODE_COLOURS[mode],
        "rows": rows,
        "note": _note(hits, mode, top, chosen),
        "strip": strip(hits, mode),
    }


def strip(hits: Hits, mode: Mode) -> dict[str, Any] | None:
    """All candidates by score, and the line that a memory has to reach; None where there is nothing to stand out of."""
    spread = hits.spread[mode]
    if not spread.counts or spread.high <= spread.low:
        return None
    line = (spread.line - spread.low) / (spread.high - spread.low)
    n, said = spread.recalled, f"{spread.recalled:,} of {hits.n_candidates:,} recalled"
    where = f"; the line is at {prose.number(spread.line)}" if np.isfinite(line) else ""
    return {
        "counts": list(spread.counts),
        "line": float(np.clip(line, 0, 1)) if np.isfinite(line) else None,
        "said": said + (f", the first {hits.query.k} shown" if n > hits.query.k else ""),
        "title": f"Candidates by score, {prose.number(spread.low)} to {prose.number(spread.high)}; {where}".rstrip(
            "; "
        ),
    }


VERDICTS = {
    "strong": "● strong fit",
    "partial": "◐ partial fit",
    "nothing": "○ nothing stored fits; the nearest are shown",
}


def fitting(fit: Fit) -> str:
    """How well the answer fits, with how likely it is that something stored answers the question."""
    return f"{VERDICTS[fit.level]} · {prose.percent(fit.probability)} likely to be answered by what is stored"


def nothing(hits: Hits) -> str:
    """The sentence for a query that recalls nothing in any mode; empty where something is recalled."""
    if any(spread.recalled for spread in hits.spread.values()):
        return ""
    if hits.query.criterion == "fits":
        least = hits.query.threshold or 0
        return (
            f"Nothing stored fits this query: the best memory carries {prose.percent(hits.fit)} of what it fires, and "
            f"questions about things never stored reach {prose.percent(least)}. The nearest are shown below the line."
        )
    best = ", ".join(
        f"{mode} best {prose.number(s.high)}, line {prose.number(s.line)}" for mode, s in hits.spread.items()
    )
    return f"Nothing stored stands out for this query ({best}). The nearest are shown below the line."


def _note(hits: Hits, mode: Mode, top: list[int], chosen: str | None) -> str:
    """What a column says of an empty list, or of a chosen memory that is not in it."""
    if not top and not hits.query.text and mode in ("dense", "lexical"):
        return "No words are asked for, so there is nothing to compare with."
    if not top:
        return {
            "sparse": "No memory shares a latent with this query.",
            "lexical": "No memory shares a word with this query.",
        }.get(mode, "Nothing stored resembles this query.")
    if chosen not in hits.ids or hits.ids.index(chosen) in top:
        return ""
    i = hits.ids.index(chosen)
    rank, score = hits.ranks[mode][i], prose.number(float(hits.scores[mode][i]))
    return f"The chosen memory: rank {rank:,} of {hits.n_candidates:,}, {score}"


def card(memory: Memory, codes: Codes | None, query: Codes | None = None) -> dict[str, Any]:
    """What every list of memories shows of one: its words, its id, its fingerprint."""
    return {
        "id": memory.id,
        "text": " ".join(memory.text[:TEXT_SHOWN].split()),
        "spectrum": "" if codes is None else spectrum(codes),
        "shared": "" if codes is None or query is None else spectrum(codes, query.latents),
    }


def draw(
    hits: Hits,
    memories: Mapping[str, Memory],
    codes: Mapping[str, Codes],
    chosen: str | None,
    choose: Callable[[str], None],
    marks: Mapping[str, bool] = UNMARKED,
    threads: Mapping[str, str] = NO_THREADS,
) -> None:
    """threads: by memory, the words that join it to the query, in a line."""
    drawn = columns(hits, memories, codes, chosen, marks, threads)
    data = {"columns": drawn, "chosen": chosen, "colours": dict(MODE_COLOURS), "scrolling": True}
    components.draw("hits", "recall_hits", data, chosen=choose)


def draw_list(
    key: str, label: str, rows: list[dict[str, Any]], chosen: str, colour: str, note: str, choose: Callable[[str], None]
) -> None:
    """One column of memories without a head: neighbours, a stretch of dialogue."""
    column = {"key": key, "label": label, "head": False, "colour": colour, "rows": rows, "note": note}
    components.draw("hits", key, {"columns": [column], "chosen": chosen, "colours": dict(MODE_COLOURS)}, chosen=choose)


def neighbour_rows(
    hits: Hits, mode: Mode, positions: list[int], memories: Mapping[str, Memory], codes: Mapping[str, Codes]
) -> list[dict[str, Any]]:
    """The nearest of one mode as cards, numbered from 1: the memory they are near to is not counted."""
    rows = []
    for rank, i in enumerate(positions, 1):
        memory, score = memories[hits.ids[i]], prose.number(float(hits.scores[mode][i]))
        said = f"rank {rank}, {mode} {score}: {prose.short(memory.text, 160)}"
        rows.append(
            {**card(memory, codes.get(memory.id), hits.query_codes), "rank": str(rank), "score": score, "aria": said}
        )
    return rows


def export_rows(hits: Hits, memories: Mapping[str, Memory]) -> list[dict[str, Any]]:
    """One row per memory: its words, its score and rank in every mode."""
    rows = []
    for i, name in enumerate(hits.ids):
        row: dict[str, Any] = {"query": hits.query.text, "id": name, "text": memories[name].text}
        for mode in hits.scores:
            rank = int(hits.ranks[mode][i])
            row |= {f"{mode}_rank": rank, f"{mode}_score": float(hits.scores[mode][i])}
            row |= {f"{mode}_recalled": rank <= hits.spread[mode].recalled}
        rows.append(row)
    return sorted(rows, key=lambda row: (row["combined_rank"], row["id"]))
