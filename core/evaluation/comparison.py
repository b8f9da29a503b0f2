"""Two evaluations of the same questions, question by question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import CoreError
from core.evaluation import intervals
from core.evaluation.runner import JUDGED, Outcome
from core.types import Mode, Question

CHANGED = "recall@10"
"""The figure by which a question is won or lost."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of both, and what the second gains."""

    before: float
    after: float
    low: float
    high: float
    """95 % of the paired bootstrap's mean differences."""

    @property
    def gain(self) -> float:
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Change:
    """One question's recall@10 in both."""

    question: Question
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from one evaluation to another, over the questions that both asked."""

    n: int
    only_before: int
    """Questions that only the first asked."""
    only_after: int
    differences: Mapping[Mode, Mapping[str, Difference]]
    """By mode and figure; context precision under the name of its criterion."""
    changes: Mapping[Mode, tuple[Change, ...]]
    """Won and lost questions, those that gained most first."""


def compare(before: Sequence[Outcome], after: Sequence[Outcome]) -> Comparison:
    """Paired by the questions' ids. Raises CoreError where none was asked in both."""
    first, second = ({case.question.id: case for case in cases} for cases in (before, after))
    both = sorted(first.keys() & second.keys())
    if not both:
        raise CoreError("These two runs asked no question in common, so there is nothing to compare.")
    pairs = [(first[name], second[name]) for name in both]
    modes = [mode for mode in pairs[0][0].ranks if mode in pairs[0][1].ranks]
    return Comparison(
        len(both),
        len(first) - len(both),
        len(second) - len(both),
        {mode: _differences(pairs, mode) for mode in modes},
        {mode: _changes(pairs, mode) for mode in modes},
    )


def _differences(pairs: Sequence[tuple[Outcome, Outcome]], mode: Mode) -> dict[str, Difference]:
    figures: dict[str, Callable[[Outcome], float]] = {
        name: lambda case, key=key: case.measures[mode][key]  # type: ignore[misc]
        for name, key in JUDGED.items()
    }
    for rule in pairs[0][0].recalled[mode]:
        if rule in pairs[0][1].recalled[mode]:
            figures[f"context precision, {rule}"] = lambda case, rule=rule: float(case.recalled[mode][rule][0])  # type: ignore[misc]
    return {name: _difference(pairs, of) for name, of in figures.items()}


def _difference(pairs: Sequence[tuple[Outcome, Outcome]], of: Callable[[Outcome], float]) -> Difference:
    values = np.asarray([(of(a), of(b)) for a, b in pairs])
    before, after = values.mean(axis=0)
    return Difference(float(before), float(after), *intervals.of_mean((values[:, 1] - values[:, 0]).tolist()))


def _changes(pairs: Sequence[tuple[Outcome, Outcome]], mode: Mode) -> tuple[Change, ...]:
    found = [Change(b.question, a.measures[mode][CHANGED], b.measures[mode][CHANGED]) for a, b in pairs]
    moved = [change for change in found if change.before != change.after]
    return tuple(sorted(moved, key=lambda c: (c.before - c.after, c.question.id)))
