"""The study's own results on LongMemEval, with Gemma-2b's latents and Nomic's vectors, to stand beside ours."""

from __future__ import annotations

from dataclasses import dataclass

from core.types import Mode


@dataclass(frozen=True, slots=True)
class StudyRow:
    """One mode of the study's table."""

    context_precision: float
    """Share of the cases in which the criterion obtained the complete evidence, 0–1."""
    answer_precision: float
    """Share that was then answered rightly; a reader model is needed to measure it."""
    latency_s: tuple[float, float]
    """Mean and standard deviation of the seconds a case took."""
    context_chars: tuple[float, float]
    """The same of the characters obtained."""


STUDY: dict[Mode, StudyRow] = {
    "sparse": StudyRow(0.32, 0.24, (47, 18), (2194, 1056)),
    "dense": StudyRow(0.68, 0.41, (8, 4), (10548, 3598)),
    "combined": StudyRow(0.73, 0.45, (55, 19), (5346, 2652)),
}
