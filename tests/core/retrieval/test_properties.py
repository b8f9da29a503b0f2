"""What holds of every ranking and every score, whatever was encoded: generated inputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.retrieval.explain import shares_by_latent
from core.retrieval.index import Index
from core.retrieval.order import order, ranks_of
from core.retrieval.rank import rank, score
from core.retrieval.similarity import WEIGHTINGS
from core.types import Codes, Query
from tests.handmade import codes

LATENTS = 7
HALVES = st.integers(1, 8).map(lambda n: n / 2)
"""Few values, so that scores are often equal."""
ROW = st.dictionaries(
    st.integers(0, LATENTS - 1), st.tuples(HALVES, st.integers(0, 6)).map(lambda p: (p[0], p[0] + p[1])), max_size=5
)
DENSE = st.sampled_from([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [0.8, 0.6], [-1.0, 0.0], [0.0, 0.0]])
SCORES = st.lists(st.sampled_from([-1.0, -0.0, 0.0, 0.5, 1.0, 3.0]) | st.floats(-1e6, 1e6, width=32), max_size=80)
MODES = ("dense", "sparse", "combined")


@st.composite
def banks(draw: st.DrawFn) -> tuple[Index, Codes]:
    """(an index of some memories in two conversations, the codes of a query)"""
    n = draw(st.integers(1, 14))
    rows, dense = draw(st.lists(ROW, min_size=n, max_size=n)), draw(st.lists(DENSE, min_size=n, max_size=n))
    tokens = draw(st.lists(st.integers(1, 120), min_size=n, max_size=n))
    talks = draw(st.lists(st.sampled_from(["x", "y"]), min_size=n, max_size=n))
    index = Index.build(
        [f"m{i:02}" for i in range(n)], ["word"] * n, talks, [""] * n, codes(rows, LATENTS, dense, tokens), "f", 1,
        ["s"] * n, list(range(n)),
    )  # fmt: skip
    return index, codes([draw(ROW)], LATENTS, [draw(DENSE)])


QUERIES = st.builds(
    Query,
    text=st.just("words"),
    weighting=st.sampled_from(sorted(WEIGHTINGS)),
    fusion=st.sampled_from(["scaled", "study", "z"]),
    context=st.sampled_from([0.0, 0.25, 1.0]),
    k=st.integers(1, 16),
)


@given(SCORES, st.integers(0, 90))
def test_the_best_come_first_and_of_equal_ones_the_smaller_id(values: list[float], k: int) -> None:
    scores = np.asarray(values, np.float32)
    expected = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    assert order(scores, k).tolist() == expected[:k]
    assert ranks_of(scores, np.asarray(expected, np.int64)).tolist() == list(range(1, len(scores) + 1))


@settings(deadline=None)
@given(banks(), QUERIES)
def test_more_hits_keep_the_places_of_fewer(bank: tuple[Index, Codes], query: Query) -> None:
    index, asked = bank
    few, more = (rank(index, Query(**{**_fields(query), "k": k}), asked) for k in (query.k, query.k + 3))
    assert set(few.ids) <= set(more.ids)
    for mode in MODES:
        places = dict(zip(more.ids, more.ranks[mode].tolist(), strict=True))
        assert few.ranks[mode].tolist() == [places[i] for i in few.ids]
        assert sorted(places.values())[: query.k] == list(range(1, min(query.k, len(index)) + 1))


@settings(deadline=None)
@given(banks(), QUERIES, st.sampled_from(["x", "y", "nobody"]))
def test_a_conversation_is_ranked_as_if_it_were_alone(bank: tuple[Index, Codes], query: Query, talk: str) -> None:
    """The same scores as in the whole bank, and places among its own memories only."""
    index, asked = bank
    whole = score(index, query, asked, ("dense", "sparse"))
    some = score(index, Query(**{**_fields(query), "conversation": talk}), asked, ("dense", "sparse"))
    assert [index.conversations[r] for r in some.rows] == [talk] * len(some.rows)
    assert len(some.rows) == list(index.conversations).count(talk)
    for mode in ("dense", "sparse"):
        np.testing.assert_array_equal(some.scores[mode], whole.scores[mode][some.rows])
    hits = rank(index, Query(**{**_fields(query), "conversation": talk}), asked)
    assert {hits.n_candidates} | {r for m in MODES for r in hits.ranks[m].tolist()} <= set(range(len(some.rows) + 1))


@settings(deadline=None)
@given(banks(), QUERIES)
def test_shares_of_latents_sum_to_the_sparse_score(bank: tuple[Index, Codes], query: Query) -> None:
    index, asked = bank
    scores = score(index, query, asked, ("sparse",)).scores["sparse"]
    for row, expected in enumerate(scores.tolist()):
        latents, shares = shares_by_latent(index, query, asked, row)
        assert len(set(latents.tolist())) == len(latents)
        assert float(shares.sum(dtype=np.float64)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def _fields(query: Query) -> dict[str, object]:
    return {name: getattr(query, name) for name in ("text", "weighting", "fusion", "context", "k")}
