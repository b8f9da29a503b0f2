"""Scores to ranks to hits."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import CoreError
from core.retrieval.order import order, ranks_of
from core.retrieval.rank import rank, score
from core.types import Codes, Floats, Query
from tests.handmade import codes, index_of, random_codes

TIES = [
    pytest.param(np.asarray(values, np.float32), id=label)
    for label, values in {
        "none": [],
        "one": [3.0],
        "all equal": [1.0] * 6,
        "all zero": [0.0] * 5,
        "two zeros": [0.0, -0.0, 1.0, 0.0],
        "tie at the line": [5, 1, 3, 3, 3, 3, 9, 1],
        "negative": [-1.0, -2.0, -1.0, 0.5],
        "random": np.random.default_rng(0).integers(0, 6, 200),
        "random, few ties": np.random.default_rng(1).normal(size=200).round(1),
    }.items()
]


def brute_order(scores: Floats) -> list[int]:
    return sorted(range(len(scores)), key=lambda i: (-scores[i], i))


@pytest.mark.parametrize("scores", TIES)
def test_the_first_k_are_a_prefix_of_the_full_order(scores: Floats) -> None:
    full = brute_order(scores)
    assert order(scores).tolist() == full
    for k in range(len(scores) + 3):
        assert order(scores, k).tolist() == full[:k]


@pytest.mark.parametrize("scores", TIES)
def test_ranks_are_places_in_the_full_order(scores: Floats) -> None:
    place = {i: rank for rank, i in enumerate(brute_order(scores), 1)}
    positions = np.arange(len(scores))
    assert ranks_of(scores, positions).tolist() == [place[i] for i in positions]
    assert ranks_of(scores, positions[::-2]).tolist() == [place[i] for i in positions[::-2]]
    assert ranks_of(scores, positions).dtype == np.int32


# --- hits -------------------------------------------------------------------------------------------------------------

FIVE = index_of(
    codes(
        [{0: (1, 1)}, {0: (1, 1)}, {0: (1, 1), 1: (3, 3)}, {}, {2: (1, 1)}],
        dense=[[0, 1], [0.6, 0.8], [0.6, 0.8], [1, 0], [-1, 0]],
    ),
    ids=["a", "b", "c", "d", "e"],
    texts=["lake", "a lake", "the house", "house by the lake", "rain"],
    conversations=["x", "y", "x", "y", "x"],
)
QUERY = codes([{0: (1, 1)}], dense=[[1, 0]])


def hits_of(query: Query, also: tuple[str, ...] = (), asked: Codes = QUERY) -> dict[str, list[tuple[str, int, float]]]:
    """(id, rank, score) in each mode, by rank."""
    hits = rank(FIVE, query, asked, also)
    return {
        mode: sorted(
            zip(hits.ids, hits.ranks[mode].tolist(), [round(x, 4) for x in hits.scores[mode].tolist()], strict=True),
            key=lambda row: row[1],
        )
        for mode in hits.scores
    }


def test_every_mode_is_ranked_and_ties_go_to_the_smaller_id() -> None:
    found = hits_of(Query("", weighting="cosine", balance=1, k=5))
    assert found["dense"] == [("d", 1, 1), ("b", 2, 0.6), ("c", 3, 0.6), ("a", 4, 0), ("e", 5, -1)]
    assert found["sparse"] == [("a", 1, 1), ("b", 2, 1), ("c", 3, 0.3162), ("d", 4, 0), ("e", 5, 0)]
    assert [(i, r) for i, r, _ in found["combined"]] == [("b", 1), ("a", 2), ("d", 3), ("c", 4), ("e", 5)]


def test_a_hit_of_one_mode_has_its_place_in_all() -> None:
    found = hits_of(Query("", weighting="cosine", balance=1, k=1))
    assert found["dense"] == [("d", 1, 1), ("b", 2, 0.6), ("a", 4, 0)]
    assert found["sparse"] == [("a", 1, 1), ("b", 2, 1), ("d", 4, 0)]


def test_named_memories_are_placed_in_any_case() -> None:
    found = hits_of(Query("", weighting="cosine", balance=1, k=1), also=("e", "no such id"))
    assert ("e", 5, 0.0) in found["sparse"]
    assert len(found["sparse"]) == 4


def test_only_one_conversation() -> None:
    hits = rank(FIVE, Query("", "y", weighting="cosine"), QUERY, also=("e",))
    assert hits.ids == ("b", "d")
    assert hits.n_candidates == 2
    assert hits.ranks["dense"].tolist() == [2, 1]
    assert hits.ranks["sparse"].tolist() == [1, 2]
    assert rank(FIVE, Query("", "nobody"), QUERY).ids == ()


def test_scaling_looks_at_the_candidates_alone() -> None:
    scored = score(FIVE, Query("", "x", balance=1), QUERY)
    np.testing.assert_allclose(scored.dense_part, [0, 1, 0], atol=1e-6)  # c is the best of conversation x


@pytest.mark.parametrize("k", [5, 6, 1000])
def test_k_may_exceed_the_memories(k: int) -> None:
    hits = rank(FIVE, Query("", k=k), QUERY)
    assert hits.ids == ("a", "b", "c", "d", "e")
    assert hits.top("sparse") == [0, 1, 2]  # what scores zero is no hit


def test_no_hits_are_asked_for() -> None:
    assert rank(FIVE, Query("", k=0), QUERY).ids == ()


def test_top_lists_the_best_of_one_mode_first() -> None:
    hits = rank(FIVE, Query("", weighting="cosine", balance=1, k=3), QUERY)
    assert [hits.ids[i] for i in hits.top("dense")] == ["d", "b", "c"]
    assert [hits.ids[i] for i in hits.top("dense", 1)] == ["d"]


def test_nothing_fires() -> None:
    hits = rank(FIVE, Query(""), codes([{}], dense=[[0, 0]]))
    assert hits.top("sparse") == hits.top("dense") == hits.top("combined") == []
    assert hits.ranks["sparse"].tolist() == list(range(1, len(hits.ids) + 1))


@pytest.mark.parametrize("conversation", [None, "", "x"])
def test_no_memories_yet(conversation: str | None) -> None:
    hits = rank(index_of(Codes.empty()), Query("lake", conversation, lexical=True), QUERY)
    assert (hits.ids, hits.n_candidates) == ((), 0)
    assert set(hits.scores) == {"dense", "sparse", "combined", "lexical"}


def test_the_words_are_ranked_only_where_asked() -> None:
    assert set(hits_of(Query("lakes"))) == {"dense", "sparse", "combined"}
    words = hits_of(Query("Lakes", lexical=True, k=5))["lexical"]
    assert [(i, r) for i, r, s in words if s > 0] == [("a", 1), ("b", 2), ("d", 3)]  # “a” is a stop word: a tie


@pytest.mark.parametrize("text", ["", "the of and", "zebra", "👩‍👩‍👧", "!!!"])
def test_words_that_nobody_said(text: str) -> None:
    assert [s for *_, s in hits_of(Query(text, lexical=True, k=5))["lexical"]] == [0.0] * 5


def test_a_bank_of_stop_words_has_no_lexical_score() -> None:
    index = index_of(codes([{}, {}]), texts=["the of", "!!"])
    assert rank(index, Query("the of", lexical=True), codes([{}])).scores["lexical"].tolist() == [0, 0]


@pytest.mark.parametrize("mode", ["dense", "sparse"])
def test_one_mode_alone_costs_no_other(mode: str) -> None:
    scored = score(FIVE, Query(""), QUERY, (mode,))  # type: ignore[arg-type]
    assert list(scored.scores) == [mode]


@pytest.mark.parametrize("seed", range(3))
def test_ranks_of_random_hits_agree_with_a_full_sort(seed: int) -> None:
    index = index_of(random_codes(90, 30, seed), conversations=["x", "y", "z"] * 30)
    asked = random_codes(1, 30, seed + 50)
    for conversation in (None, "y"):
        query = Query("", conversation, k=7)
        hits, scored = rank(index, query, asked, ("m004", "m005")), score(index, query, asked)
        for mode, values in scored.scores.items():
            place = {index.ids[scored.rows[p]]: r for r, p in enumerate(brute_order(values), 1)}
            assert hits.ranks[mode].tolist() == [place[i] for i in hits.ids]
            assert {i for i, r in place.items() if r <= 7} <= set(hits.ids)


def test_unknown_settings_are_sentences() -> None:
    for query in (Query("", weighting="x"), Query("", fusion="x")):
        with pytest.raises(CoreError, match=r"is called “x”. Known: "):
            rank(FIVE, query, QUERY)
