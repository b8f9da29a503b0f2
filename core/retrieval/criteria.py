"""Which of the ranked memories count as recalled: a fixed number, or those that stand out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.errors import CoreError
from core.retrieval.rank import order
from core.types import Floats, Offsets

GAP_WITHIN = 50
"""The largest gap is looked for among so many best scores: further down, gaps are noise."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """A rule with one number."""

    label: str
    """What the page calls it."""
    unit: str
    """What the number is."""
    default: float
    line: Callable[[Floats, float], float]
    """The least score that is recalled, given the candidates' scores."""


def _kth(scores: Floats, k: float) -> float:
    return float(np.sort(scores)[-min(int(k), len(scores))])


def _outlier(scores: Floats, z: float) -> float:
    return float(scores.mean() + z * scores.std())


def _gap(scores: Floats, least: float) -> float:
    """The score above the largest step between neighbours, at least ``least`` memories down."""
    top = np.sort(scores)[::-1][:GAP_WITHIN]
    start = max(int(least), 1) - 1
    steps = top[start:-1] - top[start + 1 :]
    return float(top[start + int(steps.argmax())]) if len(steps) else float(top[-1])


CRITERIA: dict[str, Criterion] = {
    "top": Criterion("The k best", "k", 10, _kth),
    "study": Criterion("Stands out: mean + z·σ (the study’s)", "z", 2.5, _outlier),
    "gap": Criterion("Above the largest gap", "at least", 1, _gap),
}


def recalled(scores: Floats, name: str, value: float | None = None) -> tuple[Offsets, float]:
    """(positions recalled, best first; the line they had to reach) among one query's candidates in one mode.

    The distribution that a score must stand out of is the candidates': those of the filtered conversation, or of the
    whole bank. A score of 0 or less is never recalled.
    """
    if name not in CRITERIA:
        raise CoreError(f"No criterion is called “{name}”. Known: {', '.join(CRITERIA)}.")
    if not len(scores):
        return np.zeros(0, np.int64), 0.0
    criterion = CRITERIA[name]
    line = criterion.line(scores, criterion.default if value is None else value)
    ranked = order(scores, int(value or criterion.default) if name == "top" else None)
    return ranked[(scores[ranked] >= line) & (scores[ranked] > 0)], line
