"""What each term adds to a score, and what likes become: by hand, and against the score itself."""

from __future__ import annotations

import numpy as np
import pytest

from core.retrieval import rocchio
from core.retrieval.contributions import contributions
from core.retrieval.index import Index
from core.retrieval.rank import score
from core.retrieval.similarity import WEIGHTINGS, inverse_document_frequency
from core.types import Codes, Query, Term
from tests.handmade import codes, index_of, parted, random_codes

THREE = index_of(codes([{0: (4, 4), 2: (2, 2)}, {0: (3, 3), 1: (1, 1)}, {2: (2, 2)}]))
ROWS = np.arange(3)
WORDS = codes([{0: (2, 2), 1: (5, 5)}])


def test_by_hand() -> None:
    """Latent 0 at +1 and latent 2 at −½: activations times weights, nothing from words."""
    query = Query("", weighting="activation", terms=(Term(0, 1), Term(2, -0.5)))
    assert contributions(THREE, query, Codes.empty(), ROWS).tolist() == [[0, 4, -1], [0, 3, 0], [0, 0, -1]]


def test_words_are_one_column_and_muted_ones_are_not_in_it() -> None:
    """The words fire 0 with 2 and 1 with 5, so that a term of 1 is worth 5; memory 1 fires them with 3 and 1."""
    query = Query("q", weighting="activation", terms=(Term(0, 1),))
    assert contributions(THREE, query, WORDS, np.asarray([1])).tolist() == [[11, 15]]
    muted = Query("q", weighting="activation", terms=(Term(0, 1),), muted=(0,))
    assert contributions(THREE, muted, WORDS, np.asarray([1])).tolist() == [[5, 15]]


def test_they_are_those_of_the_best_part() -> None:
    """One memory of two parts: the first scores 4 − 3, the second 3."""
    two = index_of(parted(codes([{0: (4, 4), 1: (3, 3)}, {0: (3, 3)}]), [2]))
    query = Query("", weighting="activation", terms=(Term(0, 1), Term(1, -1)))
    assert contributions(two, query, Codes.empty(), np.asarray([0])).tolist() == [[0, 3, 0]]


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("asked", [True, False], ids=["with words", "latents alone"])
def test_they_sum_to_the_sparse_score(weighting: str, asked: bool) -> None:
    index = index_of(parted(random_codes(40, 30, 3), [1, 2, 3, 4] * 4))
    words = random_codes(1, 30, 5) if asked else Codes.empty()
    terms = (Term(3, 1.5), Term(7, -2), Term(3, 0.25), Term(28, 1))
    query = Query(
        "q" if asked else "", weighting=weighting, terms=terms, muted=(int(random_codes(1, 30, 5).latents[0]),)
    )
    found = contributions(index, query, words, np.arange(len(index)))
    assert found.shape == (16, 5)
    np.testing.assert_allclose(found.sum(axis=1), score(index, query, words).scores["sparse"], rtol=1e-4, atol=1e-4)


def test_what_comes_from_around_is_divided_too() -> None:
    """Three turns of one session, one token each; half of a neighbour's score counts, 0.6 of that two places away.

    The words fire 0 with 2, so the term asks for 1 with 2: turn 0 adds (8, 0), turn 1 (6, 2), turn 2 (0, 0).
    """
    three = Index.build(
        ["a", "b", "c"], [""] * 3, ["talk"] * 3, [""] * 3, THREE.codes, "f" * 16, 1, ["s"] * 3, [0, 1, 2]
    )
    query = Query("q", weighting="activation", context=0.5, terms=(Term(1, 1),))
    words = codes([{0: (2, 2)}])
    found = contributions(three, query, words, np.asarray([2, 0]))
    np.testing.assert_allclose(found, [[0.5 * (6 + 0.6 * 8), 0.5 * 2], [8 + 0.5 * 6, 0.5 * 2]])
    np.testing.assert_allclose(found.sum(axis=1), score(three, query, words).scores["sparse"][[2, 0]])


def test_a_single_latent_ranks_by_its_activation() -> None:
    """The first of the classic calls: top-k by one latent."""
    index = index_of(random_codes(60, 20, 1))
    found = score(index, Query("", weighting="activation", terms=(Term(4, 1),)), Codes.empty()).scores["sparse"]
    expected = [
        dict(zip(c.latents.tolist(), c.max.tolist(), strict=True)).get(4, 0)
        for c in map(index.codes.take, np.arange(60)[:, None])
    ]
    assert found.tolist() == pytest.approx(expected)
    assert np.count_nonzero(found) > 5


def test_positives_minus_negatives() -> None:
    """The second: the sum of activations of some latents minus that of others."""
    index = index_of(random_codes(60, 20, 2))
    plain = np.zeros((60, 20))
    for row in range(60):
        one = index.codes.take([row])
        plain[row, one.latents] = one.max
    query = Query("", weighting="activation", terms=(Term(1, 1), Term(4, 1), Term(2, -1), Term(5, -1)))
    found = score(index, query, Codes.empty()).scores["sparse"]
    np.testing.assert_allclose(found, plain[:, [1, 4]].sum(axis=1) - plain[:, [2, 5]].sum(axis=1), rtol=1e-5, atol=1e-5)


# --- Rocchio ----------------------------------------------------------------------------------------------------------


def test_likes_by_hand() -> None:
    """All memories are one token long and every activation is 2, the mean, so that each is worth its latent's IDF.

    Liked are 0 and 1, which share latent 0; memory 0 has latent 1 for itself. Disliked is 2, with 2 and 3.
    """
    index = index_of(codes([{0: (2, 2), 1: (2, 2)}, {0: (2, 2)}, {2: (2, 2), 3: (2, 2)}, {3: (2, 2)}]))
    idf = inverse_document_frequency(index)
    found = rocchio.terms(index, np.asarray([0, 1]), np.asarray([2]), 4)
    assert [term.latent for term in found] == [0, 1, 2, 3]
    vector = [idf[0], idf[1] / 2, -idf[2] / 3, -idf[3] / 3]
    assert [term.weight for term in found] == pytest.approx([value / idf[0] for value in vector])
    assert rocchio.terms(index, np.asarray([0, 1]), np.asarray([2]), 2) == found[:2]


def test_where_the_score_knows_rarity_the_weight_does_not() -> None:
    index = index_of(codes([{0: (2, 2), 1: (2, 2)}, {0: (2, 2)}, {2: (2, 2)}]))
    found = rocchio.terms(index, np.asarray([0]), np.zeros(0, np.int64), 5, "saturated")
    assert {term.latent: term.weight for term in found} == {0: pytest.approx(1), 1: pytest.approx(1)}


def test_only_dislikes_and_nothing_at_all() -> None:
    none = np.zeros(0, np.int64)
    assert [term.weight for term in rocchio.terms(THREE, none, np.asarray([2]))] == [-1]
    assert rocchio.terms(THREE, none, none) == ()
    assert rocchio.terms(THREE, np.asarray([0]), np.asarray([0, 0]))[0].weight == 1


def test_likes_bring_back_what_is_liked() -> None:
    index = index_of(random_codes(60, 40, 7))
    query = Query("", weighting="activation", terms=rocchio.terms(index, np.asarray([11]), np.asarray([12])))
    assert score(index, query, Codes.empty()).scores["sparse"].argmax() == 11
