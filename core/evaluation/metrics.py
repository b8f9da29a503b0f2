"""How well a ranking finds what it should, one question at a time.

Everywhere ``ranked`` holds ids, best first, each once, and ``gold`` the ids that answer the question. A question
without gold has no score: every metric raises ``ValueError``, so leave such questions out. So does a k below 1.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence


def recall_at_k(ranked: Sequence[str], gold: Collection[str], k: int) -> float:
    """Share of the gold ids that are among the first k."""
    wanted = _checked(gold, k)
    return len(wanted.intersection(ranked[:k])) / len(wanted)


def any_at_k(ranked: Sequence[str], gold: Collection[str], k: int) -> float:
    """1.0 when at least one gold id is among the first k, else 0.0."""
    return float(not _checked(gold, k).isdisjoint(ranked[:k]))


def all_at_k(ranked: Sequence[str], gold: Collection[str], k: int) -> float:
    """1.0 when every gold id is among the first k, else 0.0; always 0.0 when there are more than k."""
    return float(_checked(gold, k).issubset(ranked[:k]))


def ndcg_at_k(ranked: Sequence[str], gold: Collection[str], k: int) -> float:
    """Σ 1/log2(rank + 1) over the gold ids among the first k, divided by its largest possible value."""
    wanted = _checked(gold, k)
    gained = sum(1 / math.log2(rank + 1) for rank, id in enumerate(ranked[:k], start=1) if id in wanted)
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(wanted)) + 1))
    return gained / ideal


def reciprocal_rank(ranked: Sequence[str], gold: Collection[str]) -> float:
    """1/rank of the first gold id, 0.0 when none is ranked."""
    wanted = _checked(gold)
    return next((1 / rank for rank, id in enumerate(ranked, start=1) if id in wanted), 0.0)


def all_within_chars(ranked: Sequence[str], gold: Collection[str], lengths: Mapping[str, int], budget: int) -> float:
    """1.0 when every gold id is inside a context of ``budget`` characters that is filled by rank, else 0.0.

    Each memory costs its length and one line break; filling stops at the first that does not fit.
    """
    missing = _checked(gold)
    left = budget
    for id in ranked:
        left -= lengths[id] + 1
        if left < 0:
            break
        missing.discard(id)
    return float(not missing)


def summarise(rows: list[dict[str, float]]) -> dict[str, float]:
    """The mean of every metric over the questions, empty for no rows; ``ValueError`` when their names differ."""
    if not rows:
        return {}
    if any(row.keys() != rows[0].keys() for row in rows):
        raise ValueError("the rows do not hold the same metrics")
    return {name: math.fsum(row[name] for row in rows) / len(rows) for name in rows[0]}


def _checked(gold: Collection[str], k: int = 1) -> set[str]:
    if not gold:
        raise ValueError("zero gold: a question without evidence has no score")
    if k < 1:
        raise ValueError(f"k is {k}; at least 1 is expected")
    return set(gold)
