"""Ask every question of its own dialogue, and measure where its evidence lands."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from core.errors import CoreError
from core.evaluation import intervals, metrics
from core.retrieval.criteria import CRITERIA, recalled
from core.retrieval.index import Index
from core.retrieval.lexical import lexical_scores
from core.retrieval.order import order
from core.retrieval.rank import fitting, score
from core.types import Codes, Mode, Progress, Query, Question

CUTS = (5, 10, 20)
BUDGETS = (2200, 5300, 10500)
"""Characters of context: the study's mean context lengths for sparse, combined and dense (BRIEF of the study)."""
TIMED_QUESTIONS = 50
KEPT = 10
"""Ids of each mode that a case keeps."""
STEP = 10
"""Questions between two looks at the progress, within a dialogue."""
JUDGED = {"recall@10": "recall@10", "ndcg@10": "ndcg@10", "within_5300_chars": "within 5300"}
"""Figures that get intervals, and what a question's measures call them."""
EVALUATED: tuple[Mode, ...] = ("dense", "sparse", "combined", "lexical")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one question."""

    question: Question
    ranks: Mapping[Mode, tuple[int, ...]]
    """Rank of each evidence id that is stored, best first, in each mode."""
    top: Mapping[Mode, tuple[str, ...]]
    """The first KEPT ids of each mode."""
    measures: Mapping[Mode, dict[str, float]]
    recalled: Mapping[Mode, Mapping[str, tuple[bool, int]]]
    """By mode and criterion: whether all evidence was recalled, and the characters of what was."""

    def missed(self, mode: Mode) -> bool:
        """Whether some of its evidence is not among the first 10 of a mode."""
        return self.measures[mode]["all@10"] < 1


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures, and the questions they come from."""

    report: dict[str, Any]
    cases: tuple[Outcome, ...]
    timings: Mapping[Mode, list[float]]
    """Milliseconds of some questions."""


def evaluate(
    index: Index,
    questions: Sequence[Question],
    codes: Mapping[str, Codes],
    encode: Callable[[str], Codes],
    settings: Query,
    floors: Callable[[Index], float] | None = None,
) -> Generator[Progress, None, Evaluation]:
    """Metrics of every mode over the questions that have evidence; each dialogue is an index of its own.

    A question of no dialogue is asked of the whole index.

    codes: the query codes of every question's text. encode: makes them anew, for the latency alone.
    settings: the weighting and fusion to use; its text is ignored.
    floors: the least fit that counts in a dialogue; without one (nan) the criterion that asks for it is left out.
    """
    asked = sorted((q for q in questions if q.evidence), key=lambda q: (q.conversation, q.id))
    if not asked:
        raise CoreError("None of these questions names evidence, so there is nothing to measure.")
    timings: dict[Mode, list[float]] = {mode: [] for mode in EVALUATED}
    timed_every = max(1, len(asked) // TIMED_QUESTIONS)
    cases: list[Outcome] = []
    for conversation, group in groupby(asked, key=lambda q: q.conversation):
        part = index.subset(conversation) if conversation else index
        rules = _rules(replace(settings, conversation=None, lexical=True), floors(part) if floors else None)
        for question in group:
            if len(cases) % timed_every == 0:
                for mode, milliseconds in _timed(part, replace(rules["top"], text=question.text), encode).items():
                    timings[mode].append(milliseconds)
            cases.append(_case(part, question, codes[question.text], rules))
            if len(cases) % STEP == 0:
                yield Progress(len(cases), len(asked), f"{conversation}: {len(part)} memories")
        yield Progress(len(cases), len(asked), f"{conversation}: {len(part)} memories")
    return Evaluation(report(cases, timings), tuple(cases), timings)


def _rules(settings: Query, floor: float | None) -> dict[str, Query]:
    """The settings under every criterion, with its usual number."""
    rules = {name: replace(settings, criterion=name, threshold=None) for name in CRITERIA}
    if floor is None or np.isnan(floor):
        del rules["fits"]
        return rules
    return rules | {"fits": replace(rules["fits"], threshold=floor)}


def _case(index: Index, question: Question, codes: Codes, rules: Mapping[str, Query]) -> Outcome:
    query = replace(rules["top"], text=question.text)
    scores = score(index, query, codes).scores
    fit = fitting(index, query, codes, scores["sparse"])
    lengths, gold = index.lengths(), set(question.evidence)
    by_id = dict(zip(index.ids, lengths.tolist(), strict=True))
    ranks, top, measures, found = {}, {}, {}, {}
    for mode in EVALUATED:
        ranked = order(scores[mode])
        ids = [index.ids[i] for i in ranked]
        places = [i for i, name in enumerate(ids, 1) if name in gold]
        last = max(places) if len(places) == len(gold) else len(ids) + 1
        ranks[mode], top[mode] = tuple(places), tuple(ids[:KEPT])
        measures[mode] = _measures(ids, gold, by_id)
        characters = np.concatenate([[0], np.cumsum(lengths[ranked])])
        counts = {name: recalled(scores[mode], lengths, rule, fit)[0] for name, rule in rules.items()}
        found[mode] = {name: (last <= n, int(characters[n])) for name, n in counts.items()}
    return Outcome(question, ranks, top, measures, found)


def _measures(ranked: list[str], gold: set[str], lengths: Mapping[str, int]) -> dict[str, float]:
    out = {f"any@{k}": metrics.any_at_k(ranked, gold, k) for k in CUTS}
    out |= {f"all@{k}": metrics.all_at_k(ranked, gold, k) for k in CUTS}
    out |= {f"recall@{k}": metrics.recall_at_k(ranked, gold, k) for k in CUTS}
    out |= {"ndcg@10": metrics.ndcg_at_k(ranked, gold, 10), "mrr": metrics.reciprocal_rank(ranked, gold)}
    return out | {f"within {b}": metrics.all_within_chars(ranked, gold, lengths, b) for b in BUDGETS}


def report(cases: Sequence[Outcome], timings: Mapping[Mode, list[float]]) -> dict[str, Any]:
    """Every figure of some cases. timings: milliseconds of some of them, by mode; at least one each."""
    categories = np.asarray([case.question.category for case in cases])
    modes = {}
    for mode in EVALUATED:
        rows = [case.measures[mode] for case in cases]
        of_category = {str(c): [rows[i] for i in np.flatnonzero(categories == c)] for c in np.unique(categories)}
        seconds = np.asarray(timings[mode]) / 1e3
        modes[mode] = {
            **_nested(metrics.summarise(rows)),
            "interval": _intervals(rows),
            "by_category": {
                c: {"n": len(some), **_nested(metrics.summarise(some)), "interval": _intervals(some)}
                for c, some in of_category.items()
            },
            "criteria": {name: _precision(cases, mode, name, seconds) for name in cases[0].recalled[mode]},
            "latency_ms": _quantiles(timings[mode]),
        }
    against = {f"combined - {mode}": _differences(cases, mode) for mode in ("dense", "sparse", "lexical")}
    return {"n_questions": len(cases), "modes": modes, "differences": against}


def _intervals(rows: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    return {name: intervals.of_mean([row[key] for row in rows]) for name, key in JUDGED.items()}


def _differences(cases: Sequence[Outcome], mode: Mode) -> dict[str, Any]:
    """What the combination gains over one mode on the same questions."""
    out = {}
    for name, key in JUDGED.items():
        gains = [case.measures["combined"][key] - case.measures[mode][key] for case in cases]
        out[name] = {"mean": round(float(np.mean(gains)), 4), "interval": intervals.of_mean(gains)}
    return out


def _precision(cases: Sequence[Outcome], mode: Mode, criterion: str, seconds: np.ndarray) -> dict[str, Any]:
    """The study's row: how often the criterion obtained the complete evidence, in how much context, how fast."""
    found = [case.recalled[mode][criterion] for case in cases]
    characters = np.asarray([n for _, n in found])
    return {
        "context_precision": round(float(np.mean([complete for complete, _ in found])), 4),
        "interval": intervals.of_mean([complete for complete, _ in found]),
        "context_chars": {"mean": round(float(characters.mean()), 1), "sd": round(float(characters.std()), 1)},
        "latency_s": {"mean": round(float(seconds.mean()), 4), "sd": round(float(seconds.std()), 4)},
    }


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
