"""Which of the ranked memories count as recalled, on scores that one can count."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isnan, nan, sqrt

import numpy as np
import pytest

from core.errors import CoreError
from core.retrieval.criteria import CRITERIA, number, recalled
from core.retrieval.rank import rank
from core.types import Query
from tests.handmade import codes, index_of

SCORES = (1.0, 6.0, 0.0, 5.0, 2.0, 2.0)
"""Mean 16/6; variance 70/6 − (16/6)²."""
LENGTHS = (9, 19, 9, 29, 9, 9)
MEAN, SD = 16 / 6, sqrt(70 / 6 - (16 / 6) ** 2)


def found(
    criterion: str,
    threshold: float | None = None,
    scores: tuple[float, ...] = SCORES,
    lengths: tuple[int, ...] | None = None,
    fit: float = nan,
    k: int = 3,
) -> tuple[int, float]:
    costs = lengths or (LENGTHS if scores is SCORES else (9,) * len(scores))
    query = Query("q", k=k, criterion=criterion, threshold=threshold)
    n, line = recalled(np.asarray(scores, np.float32), np.asarray(costs, np.int32), query, fit)
    return n, round(line, 5)


@pytest.mark.parametrize(
    ("criterion", "threshold", "expected"),
    [
        ("top", None, (3, 2)),  # the query's k; of two equal scores the first counts
        ("top", 1, (1, 6)),
        ("top", 4, (4, 2)),
        ("top", 1000, (5, 1)),  # what scores 0 is never recalled
        ("study", 0, (2, round(MEAN, 5))),
        ("study", 1, (2, round(MEAN + SD, 5))),
        ("study", 1.5, (1, round(MEAN + 1.5 * SD, 5))),
        ("study", None, (0, round(MEAN + 2 * SD, 5))),
        ("gap", None, (2, 5)),  # 6 5 | 2 2 1 0
        ("gap", 2, (2, 5)),
        ("gap", 3, (4, 2)),  # 2 2 | 1 | 0: the first of equal gaps
        ("gap", 50, (5, 1)),
        ("budget", None, (5, 1)),
        ("budget", 19, (0, inf)),
        ("budget", 20, (1, 6)),  # 19 characters and a line break
        ("budget", 49, (1, 6)),
        ("budget", 50, (2, 5)),
        ("budget", 79.5, (4, 2)),
    ],
)
def test_every_rule_by_hand(criterion: str, threshold: float | None, expected: tuple[int, float]) -> None:
    assert found(criterion, threshold) == expected


def test_a_budget_ends_at_the_first_that_does_not_fit() -> None:
    """Nine characters are left after the best, and the third would fit."""
    assert found("budget", 20, (3.0, 2.0, 1.0), (9, 99, 4)) == (1, 3)


def test_all_equal_scores() -> None:
    """Nothing stands out; there is no gap; ties are cut by id."""
    equal = (2.0,) * 5
    assert found("study", 0, equal) == (0, inf)
    assert found("gap", None, equal) == (1, 2)
    assert found("top", 3, equal) == (3, 2)
    assert found("budget", 25, equal) == (2, 2)


def test_ties_at_the_study_line_stand_out_together() -> None:
    assert found("study", 0.5, (4.0, 4.0, 0.0, 0.0)) == (2, 3)


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("scores", [(), (0.0,), (0.0, 0.0), (-1.0, -3.0, 0.0)], ids=["none", "one", "two", "negative"])
def test_what_scores_nothing_is_never_recalled(criterion: str, scores: tuple[float, ...]) -> None:
    n, line = found(criterion, None, scores)
    assert n == 0
    assert line > 0


def test_negative_scores_do_not_count_beside_a_good_one() -> None:
    assert [found(name, None, (-2.0, 3.0, -1.0))[0] for name in ("top", "gap", "budget")] == [1, 1, 1]
    assert found("study", 0, (-2.0, 3.0, -1.0)) == (1, 0)


def test_the_study_line_where_it_lies_below_every_hit() -> None:
    """Mean −1/4 is no score to be recalled with: the least recalled one is said."""
    assert found("study", 0, (1.0, -2.0, 0.0, 0.0)) == (1, 1)


def test_the_gap_is_looked_for_among_the_best() -> None:
    """The step from 1 to −100 comes after the fiftieth."""
    scores = (*np.linspace(3, 2, 30), *np.linspace(1.5, 1, 30), 0.01)
    assert found("gap", None, tuple(map(float, scores)))[0] == 30


@pytest.mark.parametrize("criterion", CRITERIA)
def test_one_memory(criterion: str) -> None:
    assert found(criterion, None, (2.0,)) == ((0, inf) if criterion == "study" else (1, 2))


@pytest.mark.parametrize("k", [0, -1])
def test_no_hits_are_asked_for(k: int) -> None:
    assert found("top", k=k) == (0, inf)


@pytest.mark.parametrize(
    ("threshold", "fit", "expected"),
    [(0.5, 0.49, (0, inf)), (0.5, 0.5, (3, 2)), (0, 0, (3, 2)), (None, 0.1, (3, 2)), (0.5, nan, (3, 2))],
    ids=["below", "at", "no line", "left to the bank", "no scale"],
)
def test_a_query_that_nothing_fits_recalls_nothing(
    threshold: float | None, fit: float, expected: tuple[int, float]
) -> None:
    assert found("fits", threshold, fit=fit) == expected


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_prefixes_of_the_ranking(seed: int) -> None:
    """The least recalled score reaches the line, the best of the others does not, but for ties."""
    scores = np.random.default_rng(seed).normal(size=500).astype(np.float32)
    lengths = np.random.default_rng(seed).integers(1, 200, 500).astype(np.int32)
    best = np.sort(scores)[::-1]
    for name in CRITERIA:
        n, line = recalled(scores, lengths, Query("q", k=7, criterion=name), nan)
        assert 0 < n < 500
        assert best[n - 1] >= np.float32(line) > best[n]


@pytest.mark.parametrize(
    ("criterion", "threshold", "sentence"),
    [
        ("elbow", None, r"^No criterion is called “elbow”\. Known: top, study, gap, budget, fits\.$"),
        ("top", 0, r"^The k best: k is 0; from 1 to 1000 is expected\.$"),
        ("study", -1, r"z is -1; from 0 to 10 is expected"),
        ("study", nan, r"z is nan; from 0 to 10"),
        ("gap", 51, r"at least is 51; from 1 to 50"),
        ("budget", inf, r"characters is inf; from 1 to"),
        ("fits", 1.5, r"least fit is 1\.5; from 0 to 1"),
    ],
)
def test_bad_numbers_are_sentences(criterion: str, threshold: float | None, sentence: str) -> None:
    with pytest.raises(CoreError, match=sentence):
        found(criterion, threshold)
    with pytest.raises(CoreError, match=sentence):
        found(criterion, threshold, scores=())


def test_a_number_left_open_is_the_default() -> None:
    assert {name: number(Query("q", criterion=name)) for name in CRITERIA} == {
        "top": None, "study": 2, "gap": 1, "budget": 5300, "fits": None,
    }  # fmt: skip


# --- in hits ----------------------------------------------------------------------------------------------------------

FIVE = index_of(
    codes([{0: (8, 8)}, {0: (1, 1)}, {0: (2, 2)}, {}, {0: (1, 1)}], dense=[[1, 0], [0, 1], [0, 1], [0, 1], [-1, 0]]),
    texts=["abc", "de", "f", "g", "h"],
)
ASKED = codes([{0: (1, 1)}], dense=[[1, 0]])


def test_the_spread_of_the_candidates() -> None:
    hits = rank(FIVE, Query("", weighting="activation", criterion="gap", k=3), ASKED)
    spread = hits.spread["sparse"]
    assert (spread.low, spread.high, spread.mean, spread.recalled, spread.line) == (0, 8, pytest.approx(2.4), 1, 8)
    assert spread.sd == pytest.approx(sqrt(70 / 5 - 2.4**2))
    assert len(spread.counts) == 40
    assert {i: n for i, n in enumerate(spread.counts) if n} == {0: 1, 5: 2, 10: 1, 39: 1}
    assert [hits.ids[i] for i in hits.recalled("sparse")] == ["m000"]
    assert [hits.ids[i] for i in hits.top("sparse")] == ["m000", "m002", "m001"]


def test_hits_show_k_at_most_of_what_is_recalled() -> None:
    query = Query("", weighting="activation", criterion="budget", threshold=7, k=1)
    hits = rank(FIVE, query, ASKED)
    assert hits.spread["sparse"].recalled == 2  # 3 + 1 and 1 + 1 characters; “de” would need three more
    assert len(hits.recalled("sparse")) == 1
    more = rank(FIVE, replace(query, k=9), ASKED)
    assert [more.ids[i] for i in more.recalled("sparse")] == ["m000", "m002"]


def test_the_spread_of_no_candidates() -> None:
    hits = rank(FIVE, Query("", "nowhere", weighting="activation"), ASKED)
    assert hits.spread["dense"].counts == ()
    assert (hits.spread["dense"].recalled, hits.spread["dense"].line) == (0, inf)
    assert hits.recalled("dense") == []
    assert isnan(hits.fit)
