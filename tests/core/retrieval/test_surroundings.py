"""What stands around a memory, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.retrieval.counterfactual import minimal_flips
from core.retrieval.explain import explain
from core.retrieval.index import Index
from core.retrieval.rank import rank
from core.retrieval.similarity import KERNEL, SPEAKS_FOR_ITSELF, WEIGHTINGS, sparse_scores
from core.types import Codes, Memory, Query, Term
from tests.handmade import codes, index_of, parted, random_codes


def around(index: Index, kernel: tuple[float, ...] = (1.0, 0.5), long: int = 10) -> list[list[float]]:
    found = index.surroundings(kernel, long)
    assert found.dtype == np.float32
    rows: list[list[float]] = found.toarray().tolist()
    return rows


def talk(
    *places: tuple[str, str, int], tokens: list[int] | None = None, values: tuple[float, ...] | None = None
) -> Index:
    """One memory for each (conversation, session, position), which fires latent 0."""
    conversations, sessions, positions = zip(*places, strict=True)
    fired = codes([{0: (v, v)} for v in values or [1.0] * len(places)], tokens=tokens)
    return index_of(
        fired, texts=["a"] * len(places), conversations=conversations, sessions=sessions, positions=positions
    )


def test_one_and_two_places_away() -> None:
    index = talk(("c", "s", 0), ("c", "s", 1), ("c", "s", 2), ("c", "s", 3))
    assert around(index) == [[0, 1, 0.5, 0], [1, 0, 1, 0.5], [0.5, 1, 0, 1], [0, 0.5, 1, 0]]
    assert around(index, (1,)) == [[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]]


def test_rows_are_in_the_order_of_their_ids_not_of_what_was_said() -> None:
    assert around(talk(("c", "s", 2), ("c", "s", 0), ("c", "s", 1))) == [[0, 0.5, 1], [0.5, 0, 1], [1, 1, 0]]


@pytest.mark.parametrize(
    "second", [("c", "t", 1), ("d", "s", 1), ("", "s", 1), ("c", "s", -1)], ids=["session", "talk", "none", "alone"]
)
def test_a_border_is_not_crossed(second: tuple[str, str, int]) -> None:
    index = talk(("c", "s", 0), second, ("c", "s", 2))
    assert around(index) == [[0, 0, 1], [0, 0, 0], [1, 0, 0]]


def test_memories_of_no_conversation_stand_alone() -> None:
    assert np.count_nonzero(around(talk(("", "", 0), ("", "", 1), ("", "", 2)))) == 0
    assert np.count_nonzero(around(index_of(random_codes(5, 20, 1), conversations=["c"] * 5))) == 0  # no positions


def test_names_are_told_apart_however_they_are_joined() -> None:
    assert np.count_nonzero(around(talk(("a", "b\x1fc", 0), ("a\x1fb", "c", 1)))) == 0


def test_the_next_memory_that_is_stored_is_the_next_place() -> None:
    """Turns that were not kept, or not encoded yet, leave no hole."""
    assert around(talk(("c", "s", 3), ("c", "s", 40), ("c", "s", 41))) == [[0, 1, 0.5], [1, 0, 1], [0.5, 1, 0]]


def test_a_long_memory_takes_less_and_gives_as_much() -> None:
    index = talk(("c", "s", 0), ("c", "s", 1), ("c", "s", 2), tokens=[10, 40, 0])
    assert around(index) == [[0, 1, 0.5], [0.25, 0, 0.25], [0.5, 1, 0]]


@pytest.mark.parametrize("n", [0, 1])
def test_nobody_to_stand_beside(n: int) -> None:
    known = codes([{0: (1, 1)}]) if n else Codes.empty()
    index = index_of(known, conversations=["c"] * n, sessions=["s"] * n, positions=list(range(n)))
    assert index.surroundings(KERNEL, SPEAKS_FOR_ITSELF).shape == (n, n)


def test_a_subset_keeps_its_places() -> None:
    index = talk(("c", "s", 1), ("d", "s", 0), ("c", "s", 0))
    assert around(index.subset("c")) == [[0, 1], [1, 0]]


# --- in scores --------------------------------------------------------------------------------------------------------

FOUR = talk(("c", "s", 0), ("c", "s", 1), ("c", "s", 2), ("c", "t", 3), values=(8, 0.5, 2, 4), tokens=[1, 192, 1, 1])
"""The second is twice as long as one that speaks for itself; the last is of another session."""
ASKED = codes([{0: (1, 1)}])


def test_scores_by_hand() -> None:
    query = Query("q", weighting="activation", context=0.5)
    expected = [8 + 0.5 * (0.5 + 0.6 * 2), 0.5 + 0.5 * 0.5 * (8 + 2), 2 + 0.5 * (0.5 + 0.6 * 8), 4]
    found = sparse_scores(FOUR, query, ASKED)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert sparse_scores(FOUR, replace(query, context=0), ASKED).tolist() == [8, 0.5, 2, 4]


@pytest.mark.parametrize("text", ["", "  "])
def test_a_query_of_latents_alone_looks_at_each_memory_alone(text: str) -> None:
    query = Query(text, weighting="activation", context=0.5, terms=(Term(0, 1),))
    assert sparse_scores(FOUR, query, Codes.empty()).tolist() == [8, 0.5, 2, 4]


def test_shares_by_hand() -> None:
    why = explain(FOUR, Query("q", weighting="activation", context=0.5), ASKED, Memory("m002", "a"))
    assert [(s.memory, s.latent, s.memory_value) for s in why.shares] == [("m000", 0, 8), ("", 0, 2), ("m001", 0, 0.5)]
    assert [s.share for s in why.shares] == pytest.approx([0.5 * 0.6 * 8, 2, 0.5 * 0.5])
    assert {s.memory_token.text for s in why.shares} == {"a"}


def test_a_share_names_the_token_of_the_memory_it_comes_from() -> None:
    two = index_of(
        codes([{1: (1, 1)}, {1: (4, 4)}]), texts=["here", "there"], conversations=["c"] * 2, positions=[0, 1]
    )
    why = explain(two, Query("q", weighting="activation", context=0.5), codes([{1: (1, 1)}]), Memory("m000", "here"))
    assert [(s.memory, s.memory_token.text, s.share) for s in why.shares] == [("m001", "t", 2), ("", "h", 1)]


SIZES = [1, 2, 3, 1, 4] * 5
LONG = index_of(
    parted(random_codes(sum(SIZES), 30, 1), SIZES),
    texts=["x" * 200] * 25,
    conversations=["c"] * 15 + ["d"] * 10,
    sessions=["s"] * 8 + ["t"] * 17,
    positions=[*range(15), *range(10)],
    learnt={name: np.random.default_rng(4).uniform(0.3, 3, 30).astype(np.float32) for name in ("learnt", "yours")},
)
WORDS = random_codes(1, 30, 2)
KINDS = {
    "words": Query("y" * 40),
    "words and a term": Query("y" * 40, terms=(Term(3, 1.5), Term(11, -2))),
    "muted": Query("y" * 40, muted=tuple(WORDS.latents[:3].tolist())),
    "terms alone": Query("", terms=(Term(5, 2), Term(7, -1))),
    "one dialogue": Query("y" * 40, "d"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_shares_sum_to_the_score(kind: str, weighting: str) -> None:
    query = replace(KINDS[kind], weighting=weighting, context=0.5)
    asked = WORDS if query.text else Codes.empty()
    hits = rank(LONG, query, asked, LONG.ids)
    near = 0
    for i, name in enumerate(hits.ids):
        why = explain(LONG, query, asked, Memory(name, "x" * 200))
        assert sum(share.share for share in why.shares) == pytest.approx(hits.scores["sparse"][i], abs=2e-5)
        origins = [(share.memory, share.latent) for share in why.shares]
        assert len(set(origins)) == len(origins)
        near += sum(bool(memory) for memory, _ in origins)
    assert (near > 100) == (kind != "terms alone")


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_every_flip_is_true(name: str) -> None:
    """Asked again with the edit, the memory is where the flip says, its neighbours' shares counted."""
    n = 60
    index = index_of(random_codes(n, 40, 3), conversations=["c"] * n, positions=list(range(n)))
    asked, query, found = random_codes(1, 40, 53), Query("q", k=5, weighting=name, context=0.5), 0
    for memory in index.ids[::7]:
        for flip in minimal_flips(index, query, asked, memory):
            hits = rank(index, replace(query, terms=(flip.term,)), asked, (memory,))
            assert hits.ranks["sparse"][hits.ids.index(memory)] == flip.rank <= 5
            found += 1
    assert found > 3


def test_the_smallest_edit_counts_what_stands_around() -> None:
    """With w more of latent 1, m000 scores 1 + w, its neighbour m001 2 + w/2 and the stranger m002 4.

    By itself m000 would score w, and pass its neighbour at 2 only if that took nothing of it.
    """
    fired = codes([{1: (1, 1)}, {0: (2, 2)}, {0: (4, 4)}])
    index = index_of(fired, conversations=["c", "c", "d"], positions=[0, 1, 0])
    query = Query("q", k=2, weighting="activation", context=0.5)
    flips = minimal_flips(index, query, codes([{0: (1, 1)}]), "m000")
    assert [(flip.term.latent, flip.rank) for flip in flips] == [(0, 1), (1, 2)]
    assert [flip.term.weight for flip in flips] == pytest.approx([-1, 2], rel=0.01)
