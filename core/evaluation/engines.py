"""Several engines on the same memories and questions: what each brings back, and how far their rankings agree."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from core.errors import CoreError
from core.evaluation import intervals
from core.evaluation.comparison import compare
from core.evaluation.runner import EVALUATED, JUDGED, Outcome
from core.retrieval.counterfactual import overlap_at_k
from core.retrieval.index import Index
from core.retrieval.rank import score
from core.types import Codes, Floats, Mode, Progress, Query, Question

FIRST = 10
"""k of the overlap."""
RANKED: tuple[Mode, ...] = ("dense", "sparse", "combined")
"""Modes that depend on the engine; words are the same for all of them."""
STEP = 10


def figures(cases: Sequence[Outcome]) -> dict[Mode, dict[str, Any]]:
    """Means over the questions with 95 % intervals, by mode and figure."""
    return {
        mode: {name: _mean([case.measures[mode][key] for case in cases]) for name, key in JUDGED.items()}
        for mode in EVALUATED
    }


def gains(before: Sequence[Outcome], after: Sequence[Outcome]) -> dict[Mode, dict[str, Any]]:
    """What the second engine gains over the first on the same questions, by mode and figure; paired intervals."""
    found = compare(before, after).differences
    return {
        mode: {
            name: {
                "mean": round(found[mode][name].gain, 4),
                "interval": [found[mode][name].low, found[mode][name].high],
            }
            for name in JUDGED
        }
        for mode in RANKED
    }


def agreement(
    a: Index,
    b: Index,
    questions: Sequence[Question],
    codes: tuple[Mapping[str, Codes], Mapping[str, Codes]],
    settings: Query,
) -> Generator[Progress, None, dict[Mode, dict[str, Any]]]:
    """Rank agreement of two engines over questions, each asked of its own dialogue (of the whole index if it has none).

    a, b: indexes of the same memories; codes: of every question's text, by either engine. For each mode
    ``overlap@10``, the share of the first 10 that both have, and ``spearman``, Spearman's ρ of the scores of all
    candidates (ties share their mean rank), each as a mean with its interval. A question whose candidates all score
    alike under one engine has no ρ and is left out of it.
    """
    if a.ids != b.ids:
        raise CoreError("The two engines did not encode the same memories, so their rankings cannot be compared.")
    asked = sorted(questions, key=lambda q: (q.conversation, q.id))
    found: dict[Mode, list[tuple[float, float]]] = {mode: [] for mode in RANKED}
    parts, of = (a, b), None
    for done, question in enumerate(asked):
        if question.conversation != of:
            of = question.conversation
            parts = (a.subset(of), b.subset(of)) if of else (a, b)
        if done % STEP == 0:
            yield Progress(done, len(asked), f"comparing rankings, {question.conversation}")
        query = replace(settings, text=question.text, conversation=None, lexical=False)
        first, second = (
            score(part, query, known[question.text]).scores for part, known in zip(parts, codes, strict=True)
        )
        for mode in RANKED:
            found[mode].append((overlap_at_k(first[mode], second[mode], FIRST), spearman(first[mode], second[mode])))
    yield Progress(len(asked), len(asked), "rankings compared")
    return {mode: _agreed(np.asarray(rows)) for mode, rows in found.items()}


def _agreed(rows: np.ndarray) -> dict[str, Any]:
    """rows: [q, 2], overlap and ρ of each question."""
    ranked = rows[np.isfinite(rows[:, 1]), 1]
    return {
        "overlap@10": _mean(rows[:, 0].tolist()),
        "spearman": _mean(ranked.tolist()) if len(ranked) else None,
        "n_spearman": len(ranked),
    }


def spearman(a: Floats, b: Floats) -> float:
    """Spearman's ρ (1904) of two score vectors over the same candidates: Pearson's r of their ranks, ties sharing
    their mean rank; nan where one of them is constant."""
    from scipy.stats import rankdata

    x, y = (rankdata(values) - (len(values) + 1) / 2 for values in (a, b))
    norm = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / norm if norm > 0 else float("nan")


def _mean(values: Sequence[float]) -> dict[str, Any]:
    return {"mean": round(float(np.mean(values)), 4), "interval": intervals.of_mean(values)}
