"""Ask every question of its own dialogue, and measure where its evidence lands."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from core.errors import CoreError
from core.evaluation import metrics
from core.retrieval.index import Index
from core.retrieval.lexical import lexical_scores
from core.retrieval.rank import order, score
from core.types import Codes, Mode, Progress, Query, Question

CUTS = (5, 10, 20)
BUDGETS = (2200, 5300, 10500)
"""Characters of context: the study's mean context lengths for sparse, combined and dense (BRIEF of the study)."""
TIMED_QUESTIONS = 50
EVALUATED: tuple[Mode, ...] = ("dense", "sparse", "combined", "lexical")


def evaluate(
    index: Index,
    questions: Sequence[Question],
    codes: Mapping[str, Codes],
    encode: Callable[[str], Codes],
    settings: Query,
) -> Generator[Progress, None, dict[str, Any]]:
    """Metrics of every mode over the questions that have evidence; each dialogue is an index of its own.

    codes: the query codes of every question's text. encode: makes them anew, for the latency alone.
    settings: the weighting and fusion to use; its text is ignored.
    """
    asked = sorted((q for q in questions if q.evidence), key=lambda q: (q.conversation, q.id))
    if not asked:
        raise CoreError("None of these questions names evidence, so there is nothing to measure.")
    rows: dict[Mode, list[dict[str, float]]] = {mode: [] for mode in EVALUATED}
    timings: dict[Mode, list[float]] = {mode: [] for mode in EVALUATED}
    timed_every = max(1, len(asked) // TIMED_QUESTIONS)
    done = 0
    for conversation, group in groupby(asked, key=lambda q: q.conversation):
        part = index.subset(conversation)
        lengths = dict(zip(part.ids, map(len, part.texts), strict=True))
        for question in group:
            query = replace(settings, text=question.text, conversation=None, lexical=True)
            scores = score(part, query, codes[question.text]).scores
            for mode in EVALUATED:
                ranked = [part.ids[i] for i in order(scores[mode])]
                rows[mode].append(_measures(ranked, set(question.evidence), lengths))
            if done % timed_every == 0:
                for mode, milliseconds in _timed(part, query, encode).items():
                    timings[mode].append(milliseconds)
            done += 1
        yield Progress(done, len(asked), f"{conversation}: {len(part)} memories")
    categories = np.asarray([q.category for q in asked])
    modes = {mode: _report(rows[mode], categories) | {"latency_ms": _quantiles(timings[mode])} for mode in EVALUATED}
    return {"n_questions": len(asked), "modes": modes}


def _measures(ranked: list[str], gold: set[str], lengths: Mapping[str, int]) -> dict[str, float]:
    out = {f"any@{k}": metrics.any_at_k(ranked, gold, k) for k in CUTS}
    out |= {f"all@{k}": metrics.all_at_k(ranked, gold, k) for k in CUTS}
    out |= {f"recall@{k}": metrics.recall_at_k(ranked, gold, k) for k in CUTS}
    out |= {"ndcg@10": metrics.ndcg_at_k(ranked, gold, 10), "mrr": metrics.reciprocal_rank(ranked, gold)}
    return out | {f"within {b}": metrics.all_within_chars(ranked, gold, lengths, b) for b in BUDGETS}


def _report(rows: list[dict[str, float]], categories: np.ndarray) -> dict[str, Any]:
    by_category = {
        str(c): {"n": int((categories == c).sum())}
        | _nested(metrics.summarise([rows[i] for i in np.flatnonzero(categories == c)]))
        for c in np.unique(categories)
    }
    return _nested(metrics.summarise(rows)) | {"by_category": by_category}


def _nested(means: dict[str, float]) -> dict[str, Any]:
    """The figures, rounded, with the character budgets under one key."""
    plain = {name: round(value, 4) for name, value in means.items() if not name.startswith("within ")}
    return plain | {"all_within_chars": {str(b): round(means[f"within {b}"], 4) for b in BUDGETS}}


def _timed(index: Index, query: Query, encode: Callable[[str], Codes]) -> dict[Mode, float]:
    """Milliseconds from the typed words to ten hits, for each mode alone."""
    out: dict[Mode, float] = {}
    started = time.perf_counter()
    codes = encode(query.text)
    encoded = (time.perf_counter() - started) * 1e3
    for mode in ("dense", "sparse", "combined"):
        started = time.perf_counter()
        order(score(index, replace(query, lexical=False), codes, (mode,)).scores[mode], 10)
        out[mode] = encoded + (time.perf_counter() - started) * 1e3
    started = time.perf_counter()
    order(lexical_scores(index, query.text), 10)
    out["lexical"] = (time.perf_counter() - started) * 1e3
    return out


def _quantiles(milliseconds: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(milliseconds, [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}
