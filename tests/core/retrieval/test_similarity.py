"""Every score by hand, and the fast path against the slow truth."""

from __future__ import annotations

from itertools import pairwise
from math import log, sqrt
from typing import Any

import numpy as np
import pytest

from core.errors import CoreError
from core.retrieval.index import Index
from core.retrieval.similarity import WEIGHTINGS, dense_scores, inverse_document_frequency, sparse_scores, weighting
from core.types import Codes, Query, Term
from tests.handmade import assert_same_codes, codes, index_of, parted, random_codes

THREE = codes(
    [{0: (2, 3), 1: (1, 1)}, {1: (4, 4)}, {}],
    dense=[[0.6, 0.8], [1, 0], [0, -1]],
    tokens=[2, 4, 3],
)
"""Three memories of two, four and three tokens; nothing fires for the last."""
QUERY = codes([{0: (1, 2), 1: (3, 3), 3: (5, 5)}], dense=[[0.8, 0.6]])
"""Latent 3 fires in no memory."""

# Document frequencies 1, 2, 0 of 3 memories.
IDF = {0: log(1 + 2.5 / 1.5), 1: log(1 + 1.5 / 2.5), 3: log(1 + 3.5 / 0.5)}
UNIT = (2 + 1 + 4) / 3
"""Mean activation of the index."""


def saturated(summed: float, tokens: int) -> float:
    s = summed / UNIT
    return s * 1.5 / (s + 0.5 * (0.25 + 0.75 * tokens / 3))


LEARNT = {
    "learnt": np.asarray([2, 0.5, 1, 9, 1, 1], np.float32),
    "yours": np.asarray([0.25, 3, 1, 9, 1, 1], np.float32),
}
"""A weight for each latent."""
BY_HAND = {
    "learnt": [
        2 * 1 / UNIT * IDF[0] * saturated(3, 2) + 0.5 * 3 / UNIT * IDF[1] * saturated(1, 2),
        0.5 * 3 / UNIT * IDF[1] * saturated(4, 4),
        0,
    ],
    "yours": [
        0.25 * 1 / UNIT * IDF[0] * saturated(3, 2) + 3 * 3 / UNIT * IDF[1] * saturated(1, 2),
        3 * 3 / UNIT * IDF[1] * saturated(4, 4),
        0,
    ],
    "saturated": [
        1 / UNIT * IDF[0] * saturated(3, 2) + 3 / UNIT * IDF[1] * saturated(1, 2),
        3 / UNIT * IDF[1] * saturated(4, 4),
        0,
    ],
    "cosine": [(1 * 2 + 3 * 1) / (sqrt(1 + 9 + 25) * sqrt(4 + 1)), 3 * 4 / (sqrt(35) * 4), 0],
    "cosine_idf": [
        (1 * 2 * IDF[0] ** 2 + 3 * 1 * IDF[1] ** 2)
        / sqrt((1 * IDF[0]) ** 2 + (3 * IDF[1]) ** 2 + (5 * IDF[3]) ** 2)
        / sqrt((2 * IDF[0]) ** 2 + (1 * IDF[1]) ** 2),
        3 * IDF[1] / sqrt((1 * IDF[0]) ** 2 + (3 * IDF[1]) ** 2 + (5 * IDF[3]) ** 2),
        0,
    ],
    "activation": [1 * 2 + 3 * 1, 3 * 4, 0],
}


def scores_of(index: Index, query: Codes, name: str, **edits: Any) -> Any:
    return sparse_scores(index, Query("words", weighting=name, **edits), query)


def test_every_weighting_is_computed_by_hand_here() -> None:
    assert set(BY_HAND) == set(WEIGHTINGS)


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_three_memories(name: str) -> None:
    found = scores_of(index_of(THREE, learnt=LEARNT), QUERY, name)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, BY_HAND[name], rtol=1e-6)


def test_without_learnt_weights_every_latent_has_its_rarity_alone() -> None:
    """And a bank that learnt nothing of its own uses the weights that came with the SAE."""
    for name in ("learnt", "yours"):
        np.testing.assert_allclose(scores_of(index_of(THREE), QUERY, name), BY_HAND["saturated"], rtol=1e-6)
    shipped = index_of(THREE, learnt={"learnt": LEARNT["learnt"]})
    np.testing.assert_allclose(scores_of(shipped, QUERY, "yours"), BY_HAND["learnt"], rtol=1e-6)


def test_dense_is_the_cosine() -> None:
    np.testing.assert_allclose(dense_scores(index_of(THREE), QUERY), [0.96, 0.8, -0.6], rtol=1e-6)


@pytest.mark.parametrize(("n", "d"), [(3, 32), (7, 384), (1001, 384), (50, 385)])
def test_equal_memories_score_equally(n: int, d: int) -> None:
    """To the last bit, wherever they stand: or seven turns of “Bye!” would not be ranked by their ids."""
    one, asked = (random_codes(1, 20, seed, d) for seed in (1, 2))
    index = index_of(Codes.concat([one] * n))
    assert len(np.unique(dense_scores(index, asked))) == 1
    assert [len(np.unique(scores_of(index, asked, name))) for name in WEIGHTINGS] == [1] * len(WEIGHTINGS)


def test_inverse_document_frequency_by_hand() -> None:
    expected = [IDF[0], IDF[1], IDF[3], IDF[3], IDF[3], IDF[3]]
    np.testing.assert_allclose(inverse_document_frequency(index_of(THREE)), expected, rtol=1e-6)


def test_a_latent_that_fires_everywhere_still_counts_a_little() -> None:
    everywhere = index_of(codes([{0: (1, 1)}] * 9))
    assert 0 < inverse_document_frequency(everywhere)[0] < 0.06


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_memory_is_nearest_to_itself(name: str) -> None:
    index = index_of(THREE)
    scores = scores_of(index, THREE.take([1]), name)
    assert scores.argmax() == 1
    if name.startswith("cosine"):
        assert scores[1] == pytest.approx(1)


@pytest.mark.parametrize("name", WEIGHTINGS)
@pytest.mark.parametrize(
    "query", [codes([{}]), codes([{3: (5, 5)}]), codes([{2: (1, 1), 5: (2, 2)}])], ids=["empty", "one", "two"]
)
def test_no_latent_in_common_scores_zero(name: str, query: Codes) -> None:
    assert scores_of(index_of(THREE), query, name).tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", WEIGHTINGS)
@pytest.mark.parametrize("n", [0, 1])
def test_no_memory_and_one_memory(name: str, n: int) -> None:
    index = index_of(THREE.take(list(range(n))) if n else Codes.empty())
    assert scores_of(index, QUERY, name).shape == dense_scores(index, QUERY).shape == (n,)
    assert np.isfinite(scores_of(index, QUERY, name)).all()


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_memories_for_which_nothing_fires_anywhere(name: str) -> None:
    assert scores_of(index_of(codes([{}, {}])), QUERY, name).tolist() == [0, 0]


# --- the slow truth ---------------------------------------------------------------------------------------------------


def spread(known: Codes, values: np.ndarray) -> np.ndarray:
    """Values of activations as a dense [r, m], one row per part."""
    out = np.zeros((known.n_parts, known.n_latents))
    for part, (a, b) in enumerate(pairwise(known.indptr)):
        out[part, known.latents[a:b]] = values[a:b]
    return out


def slow_values(index: Index, known: Codes, name: str, query: bool) -> np.ndarray:
    """docs/semantics.md, word for word, on dense arrays [r, m]."""
    strongest, summed = spread(known, known.max), spread(known, known.sum)
    frequency = (spread(index.codes, index.codes.max) > 0).sum(0)
    idf = np.log(1 + (index.codes.n_parts - frequency + 0.5) / (frequency + 0.5))
    if name in ("saturated", "learnt", "yours"):
        s = summed / index.codes.max.mean()
        if query:
            return strongest / index.codes.max.mean() * idf * index.learnt.get(name, 1)
        tokens = known.part_tokens[:, None]
        return s * 1.5 / (s + 0.5 * (0.25 + 0.75 * tokens / tokens.mean()))
    if name == "activation":
        return strongest
    values = strongest if name == "cosine" else strongest * idf
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)


@pytest.mark.parametrize("name", WEIGHTINGS)
@pytest.mark.parametrize("seed", range(3))
def test_postings_equal_the_dense_product(name: str, seed: int) -> None:
    sizes = np.random.default_rng(seed).integers(1, 4, 35).tolist()
    memories = parted(random_codes(sum(sizes), 50, seed), sizes)
    weights = {name: np.random.default_rng(seed).uniform(0.2, 5, 50).astype(np.float32) for name in LEARNT}
    index, queries = index_of(memories, learnt=weights), random_codes(12, 50, seed + 100)
    of_parts = slow_values(index, queries, name, True) @ slow_values(index, memories, name, False).T
    expected = np.stack([of_parts[:, a:b].max(1) for a, b in pairwise(memories.part_indptr)], axis=1)
    assert np.count_nonzero(expected) > 100
    for i in range(len(queries)):
        np.testing.assert_allclose(scores_of(index, queries.take([i]), name), expected[i], rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_values_of_one_memory_do_not_depend_on_its_neighbours(name: str) -> None:
    """What explanations rely on: they weigh one row, taken out of the index."""
    index = index_of(random_codes(20, 30, 7))
    whole = weighting(name).memory_values(index, index.codes)
    for i in range(20):
        alone = weighting(name).memory_values(index, index.codes.take([i]))
        np.testing.assert_allclose(alone, whole[index.codes.row(i)], rtol=1e-6)


def test_a_subset_has_its_own_document_frequencies() -> None:
    index = index_of(THREE, ids=["a", "b", "c"], conversations=["x", "y", "x"])
    part = index.subset("x")
    assert part.ids == ("a", "c")
    assert part.document_frequency.tolist() == [1, 1, 0, 0, 0, 0]
    assert index.document_frequency.tolist() == [1, 2, 0, 0, 0, 0]
    assert scores_of(part, QUERY, "cosine")[0] == pytest.approx(BY_HAND["cosine"][0])
    assert len(index.subset("nobody")) == 0


def test_an_unknown_weighting_names_the_known_ones() -> None:
    for index in (index_of(THREE), index_of(Codes.empty())):
        with pytest.raises(
            CoreError, match=r"No weighting is called “tfidf”. Known: learnt, yours, saturated, cosine, "
        ):
            scores_of(index, QUERY, "tfidf")


# --- parts, terms, muted latents --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_long_memory_scores_as_its_best_part(name: str) -> None:
    long = parted(THREE, [2, 1])
    assert len(long) == 2
    assert long.part_tokens.tolist() == [2, 4, 3]
    best = max(BY_HAND[name][:2])
    np.testing.assert_allclose(scores_of(index_of(long, learnt=LEARNT), QUERY, name), [best, 0], rtol=1e-6)


def test_merged_parts_are_one_row() -> None:
    merged = parted(THREE, [2, 1]).merged()
    assert merged.latents.tolist() == [0, 1]
    assert merged.max.tolist() == [2, 4]
    assert merged.sum.tolist() == [3, 5]
    assert merged.part_tokens.tolist() == [6, 3]
    assert merged.row(1) == slice(2, 2)


def test_taking_and_joining_keeps_parts() -> None:
    long = parted(random_codes(12, 30, 3), [3, 1, 4, 2, 2])
    again = Codes.concat([long.take([0, 1]), long.take([2, 3, 4])])
    assert_same_codes(again, long)
    back = long.take([3, 0]).take([1, 0])
    np.testing.assert_array_equal(back.part_tokens, long.take([0, 3]).part_tokens)


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_terms_alone_make_a_query(name: str) -> None:
    plus, minus = Term(0, 2.0), Term(1, -0.5)
    unit = {0: 1, 1: 1} if name in ("cosine", "activation") else IDF
    index = index_of(THREE, learnt=LEARNT)
    values = spread(THREE, weighting(name).memory_values(index, THREE))
    expected = 2 * unit[0] * values[:, 0] - 0.5 * unit[1] * values[:, 1]
    np.testing.assert_allclose(scores_of(index, Codes.empty(), name, terms=(plus, minus)), expected, rtol=1e-6)


def test_the_classic_calls_are_terms_on_activations() -> None:
    """Top-k by one latent, and positives minus negatives, on the strongest activations."""
    index = index_of(THREE)
    assert scores_of(index, Codes.empty(), "activation", terms=(Term(1, 1),)).tolist() == [1, 4, 0]
    assert scores_of(index, Codes.empty(), "activation", terms=(Term(0, 1), Term(1, -1))).tolist() == [1, -4, 0]


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_muted_latent_takes_its_share_away(name: str) -> None:
    index = index_of(THREE)
    whole = scores_of(index, QUERY, name)
    apart = [scores_of(index, QUERY, name, muted=tuple({0, 1, 3} - {kept})) for kept in (0, 1, 3)]
    np.testing.assert_allclose(sum(apart), whole, rtol=1e-6)
    assert scores_of(index, QUERY, name, muted=(0, 1, 3)).tolist() == [0, 0, 0]
