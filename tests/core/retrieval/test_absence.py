"""How well a query fits at best, and the fit that queries for absent things reach."""

from __future__ import annotations

from math import isnan, sqrt

import numpy as np
import pytest

from core.retrieval.absence import floor
from core.retrieval.rank import rank
from core.types import Codes, Query, Term
from tests.handmade import codes, index_of

TWO = index_of(codes([{0: (3, 3), 1: (4, 4)}, {2: (1, 1)}]), conversations=["x", "y"])


def fit(query: Query, asked: Codes) -> float:
    return rank(TWO, query, asked).fit


def test_the_fit_of_a_cosine_is_the_best_cosine() -> None:
    assert fit(Query("q", weighting="cosine"), codes([{0: (2, 2)}])) == pytest.approx(0.6)
    assert fit(Query("q", weighting="cosine"), codes([{0: (3, 3), 1: (4, 4)}])) == pytest.approx(1)
    assert fit(Query("q", weighting="cosine"), codes([{5: (2, 2)}])) == 0
    assert fit(Query("q", "y", weighting="cosine"), codes([{0: (2, 2)}])) == 0  # the candidates' best


def test_the_fit_of_saturated_sums_by_hand() -> None:
    """One latent: the memory's value over (k1 + 1), s / (s + k1), at the mean length."""
    unit = (3 + 4 + 1) / 3
    s = 3 / unit
    assert fit(Query("q", weighting="saturated"), codes([{0: (2, 2)}])) == pytest.approx(s / (s + 0.5))
    assert fit(Query("q", weighting="learnt"), codes([{0: (2, 2)}])) == pytest.approx(s / (s + 0.5))


def test_what_is_taken_away_does_not_raise_the_limit() -> None:
    unit = (3 + 4 + 1) / 3
    s = 3 / unit
    query = Query("q", weighting="saturated", terms=(Term(2, -5),))
    assert fit(query, codes([{0: (2, 2)}])) == pytest.approx(s / (s + 0.5))


def test_without_a_scale_there_is_no_fit() -> None:
    assert isnan(fit(Query("q", weighting="activation"), codes([{0: (2, 2)}])))
    assert isnan(fit(Query("q", weighting="saturated"), codes([{}])))
    assert isnan(rank(index_of(Codes.empty()), Query("q"), codes([{0: (1, 1)}])).fit)


def test_what_stands_around_lifts_no_fit_above_one() -> None:
    index = index_of(codes([{0: (1, 1)}] * 3), conversations=["c"] * 3, positions=[0, 1, 2])
    hits = rank(index, Query("q", weighting="cosine", context=0.5), codes([{0: (1, 1)}]))
    assert hits.scores["sparse"].tolist() == pytest.approx([1.8, 2, 1.8])
    assert hits.fit == 1


def test_the_floor_by_hand() -> None:
    """Cosines 0.6, 0.8, 1 and 0 of four queries: half of them lie below 0.7."""
    absent = {
        "a": codes([{0: (1, 1)}]),
        "b": codes([{1: (1, 1)}]),
        "c": codes([{2: (1, 1)}]),
        "d": codes([{3: (1, 1)}]),
    }
    query = Query("what was asked", weighting="cosine", terms=(Term(2, 9),), muted=(0, 1))
    assert floor(TWO, query, absent) == pytest.approx(0.7)
    x = Query("what was asked", "x", weighting="cosine")
    assert floor(TWO, x, absent) == pytest.approx(0.3)  # among the memories of x: 0.6, 0.8, 0, 0


def test_a_query_that_fires_nothing_does_not_hide_the_floor() -> None:
    query = Query("q", weighting="cosine")
    assert floor(TWO, query, {"a": codes([{0: (1, 1)}]), "b": codes([{}])}) == pytest.approx(0.6)


@pytest.mark.parametrize("absent", [{}, {"a": codes([{}])}], ids=["no query", "an empty one"])
def test_no_floor(absent: dict[str, Codes]) -> None:
    assert isnan(floor(TWO, Query("q", weighting="cosine"), absent))
    assert isnan(floor(TWO, Query("q", weighting="activation"), {"a": codes([{0: (1, 1)}])}))


def test_words_alone_look_around() -> None:
    """The floor is that of queries in words, so what stands around a memory counts."""
    index = index_of(codes([{0: (3, 3), 1: (4, 4)}, {0: (1, 1), 2: (1, 1)}]), conversations=["c"] * 2, positions=[0, 1])
    absent = {"a": codes([{0: (1, 1)}])}
    own = [0.6, 1 / sqrt(2)]
    assert floor(index, Query("", weighting="cosine", context=0), absent) == pytest.approx(own[1])
    assert floor(index, Query("", weighting="cosine", context=0.25), absent) == pytest.approx(own[1] + 0.25 * own[0])
    assert np.isfinite(floor(index, Query(""), absent))
