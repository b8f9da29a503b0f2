"""Questions asked of three memories, every figure by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import log2
from typing import Any

import numpy as np
import pytest

from core.errors import CoreError
from core.evaluation.runner import Evaluation, evaluate
from core.progress import finish
from core.retrieval.index import Index
from core.types import Query, Question
from tests.handmade import codes, index_of

INDEX = index_of(
    codes([{0: (4, 4)}, {0: (2, 2)}, {1: (3, 3)}], dense=[[1, 0], [0, 1], [0.6, 0.8]]),
    ids=["a", "b", "c"],
    texts=["aaaa", "bbbbbbbbb", "cc"],
    conversations=["x"] * 3,
    positions=[0, 1, 2],
)
CODES = {
    "zero": codes([{0: (1, 1)}], dense=[[0, 1]]),
    "one": codes([{1: (1, 1)}], dense=[[1, 0]]),
    "half": codes([{0: (1, 1), 5: (1, 1)}], dense=[[1, 0]]),
}
ZERO = Question("1", "zero", "x", ("b",), category="p")
"""Sparse 4, 2, 0; dense 0, 1, 0.8."""
ONE = Question("2", "one", "x", ("c", "a"), category="q")
"""Sparse 0, 0, 3; dense 1, 0, 0.6."""
RAW = Query("", weighting="activation", fusion="study", context=0)
SECOND = 1 / log2(3)


def judged(
    *questions: Question, settings: Query = RAW, floors: Callable[[Index], float] | None = None, index: Index = INDEX
) -> Evaluation:
    return finish(evaluate(index, questions, CODES, CODES.__getitem__, settings, floors))


def row(precision: float, mean: float, sd: float) -> dict[str, Any]:
    return {"context_precision": precision, "context_chars": {"mean": mean, "sd": sd}}


def test_cases_by_hand() -> None:
    zero, one = judged(ONE, ZERO).cases
    assert (zero.question, one.question) == (ZERO, ONE)
    assert (zero.ranks["dense"], zero.ranks["sparse"], zero.ranks["combined"]) == ((1,), (2,), (2,))
    assert (one.ranks["dense"], one.ranks["sparse"], one.ranks["combined"]) == ((1, 2), (1, 2), (1, 2))
    assert zero.top["dense"] == ("b", "c", "a")
    assert one.top["combined"] == ("c", "a", "b")
    assert zero.measures["sparse"]["mrr"] == 0.5


def test_every_criterion_by_hand() -> None:
    """``top``: “zero” recalls a and b, 13 characters, b among them; “one” recalls c alone, which is not all."""
    criteria = judged(ZERO, ONE).report["modes"]["sparse"]["criteria"]
    latencies = [figures.pop("latency_s") for figures in criteria.values()]
    assert all(latency["mean"] > 0 for latency in latencies)
    assert criteria == {
        "top": row(0.5, 7.5, 5.5),
        "study": row(0, 0, 0),  # the best of three lies at most √2 σ above their mean
        "gap": row(0, 3, 1),  # 4 | 2 0, the first of equal gaps; 3 | 0 0
        "budget": row(0.5, 7.5, 5.5),
    }


@pytest.mark.parametrize(("floor", "expected"), [(0.7, row(1, 13, 0)), (0.8, row(0, 0, 0))])
def test_a_refusal_by_hand(floor: float, expected: dict[str, Any]) -> None:
    """“half” shares one of its two latents with a and b: a cosine of √½."""
    half = Question("3", "half", "x", ("b",))
    seen: list[tuple[str, ...]] = []

    def floors(part: Index) -> float:
        seen.append(part.ids)
        return floor

    report = judged(half, settings=replace(RAW, weighting="cosine"), floors=floors).report
    figures = report["modes"]["sparse"]["criteria"]["fits"]
    figures.pop("latency_s")
    assert figures == expected
    assert seen == [("a", "b", "c")]
    refused = [figures["criteria"]["fits"]["context_chars"]["mean"] for figures in report["modes"].values()]
    assert (refused == [0] * 4) == (floor == 0.8)  # for all modes at once


def test_differences_and_intervals_by_hand() -> None:
    """Of two questions, resamples draw one twice a quarter of the time each."""
    report = judged(ZERO, ONE).report
    assert report["modes"]["dense"]["ndcg@10"] == 1
    assert report["modes"]["combined"]["ndcg@10"] == pytest.approx((1 + SECOND) / 2, abs=1e-4)
    assert report["modes"]["combined"]["interval"]["ndcg@10"] == [round(SECOND, 4), 1]
    assert report["modes"]["combined"]["by_category"]["p"]["interval"]["ndcg@10"] == [round(SECOND, 4)] * 2
    lost = round(SECOND - 1, 4)
    assert set(report["differences"]) == {"combined - dense", "combined - sparse", "combined - lexical"}
    assert report["differences"]["combined - dense"]["ndcg@10"] == {"mean": round(lost / 2, 4), "interval": [lost, 0]}
    assert report["differences"]["combined - sparse"]["ndcg@10"] == {"mean": 0, "interval": [0, 0]}
    assert report["differences"]["combined - dense"]["within_5300_chars"] == {"mean": 0, "interval": [0, 0]}


def test_what_stands_around_is_measured() -> None:
    """c fires nothing of “zero”; half of 2 + 0.6 · 4 comes to it from the turns before."""
    asked = Question("4", "zero", "x", ("c",))
    alone, around = (judged(asked, settings=replace(RAW, context=context)) for context in (0, 0.5))
    assert [e.cases[0].recalled["sparse"]["top"] for e in (alone, around)] == [(False, 13), (True, 15)]
    assert [e.cases[0].measures["sparse"]["mrr"] for e in (alone, around)] == pytest.approx([1 / 3, 1 / 3])


def test_a_question_of_no_dialogue_is_asked_of_everything() -> None:
    index = index_of(INDEX.codes, ids=INDEX.ids, texts=INDEX.texts, conversations=["x", "y", ""])
    (case,) = judged(Question("6", "zero", "", ("b",)), index=index).cases
    assert case.top["sparse"] == ("a", "b", "c")
    (case,) = judged(Question("7", "zero", "y", ("b",)), index=index).cases
    assert case.top["sparse"] == ("b",)


def test_evidence_that_is_not_stored_is_never_complete() -> None:
    (case,) = judged(Question("8", "zero", "x", ("b", "gone"))).cases
    assert case.ranks["dense"] == (1,)
    assert case.recalled["dense"]["top"] == (False, 11)  # b and c; a has a cosine of 0
    assert case.measures["dense"]["recall@10"] == 0.5


def test_questions_without_evidence() -> None:
    assert judged(ZERO, Question("9", "one", "x", ())).report["n_questions"] == 1
    with pytest.raises(CoreError, match="None of these questions names evidence"):
        judged(Question("9", "one", "x", ()))


def test_bad_settings_are_sentences() -> None:
    with pytest.raises(CoreError, match="No weighting is called “x”"):
        judged(ZERO, settings=replace(RAW, weighting="x"))


def test_timings_are_those_of_the_questions() -> None:
    found = judged(ZERO, ONE)
    assert {mode: len(times) for mode, times in found.timings.items()} == dict.fromkeys(found.report["modes"], 2)
    assert found.report["modes"]["dense"]["latency_ms"]["p50"] == pytest.approx(
        float(np.median(found.timings["dense"])), abs=0.01
    )
