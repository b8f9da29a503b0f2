"""Rankings compared, and edits that bring a memory back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.retrieval.counterfactual import kendall_tau, minimal_flips, overlap_at_k
from core.retrieval.rank import rank
from core.retrieval.similarity import WEIGHTINGS
from core.types import Query, Term
from tests.handmade import codes, index_of, random_codes

THREE = index_of(codes([{0: (4, 4)}, {0: (3, 3), 1: (1, 1)}, {2: (2, 2)}]), ids=["a", "b", "c"])
ASKED = codes([{0: (1, 1)}])


def scores(*values: float) -> np.ndarray:
    return np.asarray(values, np.float32)


def test_overlap_and_tau_by_hand() -> None:
    assert overlap_at_k(scores(3, 2, 1, 0), scores(3, 0, 2, 1), 2) == 0.5
    assert overlap_at_k(scores(1, 2), scores(2, 1), 5) == 1
    assert kendall_tau(scores(1, 2, 3), scores(1, 2, 3)) == pytest.approx(1)
    assert kendall_tau(scores(1, 2, 3), scores(3, 2, 1)) == pytest.approx(-1)
    assert kendall_tau(scores(1, 1, 1), scores(3, 2, 1)) == 0


def test_the_smallest_edit_by_hand() -> None:
    """“a” scores 4 and “b” 3: one unit of latent 1 brings b to the top. Less of latent 0 would bring c there."""
    flips = minimal_flips(THREE, Query("q", k=1, weighting="activation"), ASKED, "b")
    assert [(flip.term.latent, flip.rank) for flip in flips] == [(1, 1)]
    assert flips[0].term.weight == pytest.approx(1, rel=0.01)


def test_nothing_to_flip() -> None:
    query = Query("q", k=1, weighting="activation")
    assert minimal_flips(THREE, query, ASKED, "a") == []
    assert minimal_flips(THREE, query, ASKED, "nobody") == []
    assert minimal_flips(THREE, replace(query, conversation="elsewhere"), ASKED, "b") == []


@pytest.mark.parametrize("name", WEIGHTINGS)
@pytest.mark.parametrize("seed", range(4))
def test_every_flip_is_true(name: str, seed: int) -> None:
    """Asked again with the edit, the memory is where the flip says."""
    index, asked = index_of(random_codes(60, 40, seed)), random_codes(1, 40, seed + 50)
    query = Query("q", k=5, weighting=name)
    found = 0
    for memory in index.ids[::7]:
        for flip in minimal_flips(index, query, asked, memory):
            hits = rank(index, replace(query, terms=(flip.term,)), asked, (memory,))
            assert hits.ranks["sparse"][hits.ids.index(memory)] == flip.rank <= 5
            found += 1
    assert found > 3


def test_terms_add_to_terms() -> None:
    query = Query("q", k=1, weighting="activation", terms=(Term(0, 1.0),))
    flips = minimal_flips(THREE, query, ASKED, "b")
    assert {f.term.latent: round(f.term.weight, 1) for f in flips} == {1: 2.0}
