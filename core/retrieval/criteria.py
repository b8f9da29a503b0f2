"""Which of the ranked memories count as recalled: a fixed number, those that stand out, or what fits a budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.errors import CoreError
from core.retrieval.order import order
from core.types import Floats, Ints, Query

GAP_WITHIN = 50
"""The largest gap is looked for among so many best scores: further down, gaps are noise."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """A rule with one number. Whatever it is, a memory that scores 0 or less is never recalled."""

    label: str
    """What the page calls it."""
    unit: str
    """What the number is."""
    default: float | None
    """None where it follows from the query or the bank."""
    least: float
    most: float
    rule: Callable[[Floats, Ints, float], tuple[int, float]]
    """(how many of the best are recalled, the score from which on), given the candidates' scores, at least one, their
    lengths, and the number."""


def _down_to_the_last(best: Floats) -> tuple[int, float]:
    return len(best), float(best[-1]) if len(best) else np.inf


def _first(scores: Floats, _lengths: Ints, k: float) -> tuple[int, float]:
    return _down_to_the_last(scores[order(scores, int(k))])


def _standing_out(scores: Floats, _lengths: Ints, z: float) -> tuple[int, float]:
    if scores.min() == scores.max():
        return 0, np.inf
    line = float(scores.mean(dtype=np.float64) + z * scores.std(dtype=np.float64))
    return int(np.count_nonzero(scores >= line)), line


def _before_the_gap(scores: Floats, _lengths: Ints, least: float) -> tuple[int, float]:
    best = scores[order(scores, GAP_WITHIN)]
    n = min(int(least), len(best))
    gaps = -np.diff(best)[n - 1 :]
    return _down_to_the_last(best[: n + int(gaps.argmax())] if len(gaps) else best[:n])


def _within_budget(scores: Floats, lengths: Ints, characters: float) -> tuple[int, float]:
    ranked = order(scores, int(characters // (lengths.min() + 1)))
    filled = np.cumsum(lengths[ranked] + 1, dtype=np.int64)
    return _down_to_the_last(scores[ranked[: np.searchsorted(filled, characters, side="right")]])


CRITERIA: dict[str, Criterion] = {
    "top": Criterion("The k best", "k", None, 1, 1000, _first),
    "study": Criterion("What stands out (the study’s)", "z", 2.0, 0, 10, _standing_out),
    "gap": Criterion("Above the largest gap", "at least", 1, 1, GAP_WITHIN, _before_the_gap),
    "budget": Criterion("A budget of characters", "characters", 5300, 1, 1_000_000, _within_budget),
    "fits": Criterion("The k best, if anything fits", "least fit", None, 0, 1, _first),
}
"""``fits`` decides about the query, by the best sparse score, for all modes at once."""


def number(query: Query) -> float | None:
    """The number of a query's criterion; None where it is left to the bank. Raises CoreError for one out of range."""
    if query.criterion not in CRITERIA:
        raise CoreError(f"No criterion is called “{query.criterion}”. Known: {', '.join(CRITERIA)}.")
    rule = CRITERIA[query.criterion]
    value = query.threshold
    if value is not None and not rule.least <= value <= rule.most:
        raise CoreError(f"{rule.label}: {rule.unit} is {value:g}; from {rule.least:g} to {rule.most:g} is expected.")
    return rule.default if value is None else value


def recalled(scores: Floats, lengths: Ints, query: Query, fit: float) -> tuple[int, float]:
    """(how many of the candidates one mode recalls, the score from which on; ∞ where no score would do).

    The distribution that a score must stand out of is the candidates': those of the filtered conversation, or of the
    whole bank. lengths: characters of each candidate. fit: of the query, for the criterion that asks for it.
    """
    value = number(query)
    if query.criterion == "fits" and value is not None:
        if fit < value:
            return 0, np.inf
        value = None
    if not len(scores):
        return 0, np.inf
    n, line = CRITERIA[query.criterion].rule(scores, lengths, query.k if value is None else value)
    positive = scores[scores > 0]
    return (n, line) if n <= len(positive) else (len(positive), float(positive.min(initial=np.inf)))
