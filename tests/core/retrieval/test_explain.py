"""A sparse score is the sum of its shares, for every kind of query."""

from __future__ import annotations

import numpy as np
import pytest

from core.retrieval.explain import explain
from core.retrieval.rank import rank
from core.retrieval.similarity import WEIGHTINGS
from core.types import Codes, Memory, Query, Term
from tests.handmade import codes, index_of, parted, random_codes

SIZES = [1, 2, 3, 1, 4] * 5
LONG = index_of(parted(random_codes(sum(SIZES), 30, 1), SIZES), texts=["x" * 200] * len(SIZES))
ASKED = random_codes(1, 30, 2)
KINDS = {
    "words": Query("y" * 40),
    "words and a term": Query("y" * 40, terms=(Term(3, 1.5), Term(11, -2))),
    "muted": Query("y" * 40, muted=tuple(ASKED.latents[:3].tolist())),
    "terms alone": Query("", terms=(Term(5, 2), Term(7, -1))),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_shares_sum_to_the_score_of_the_best_part(kind: str, weighting: str) -> None:
    query = Query(**{name: getattr(KINDS[kind], name) for name in ("text", "terms", "muted")}, weighting=weighting)
    asked = ASKED if query.text else Codes.empty()
    hits = rank(LONG, query, asked, LONG.ids)
    assert len(hits.ids) == len(LONG)
    assert np.count_nonzero(hits.scores["sparse"]) > 10
    for i, name in enumerate(hits.ids):
        why = explain(LONG, query, asked, Memory(name, "x" * 200))
        assert sum(share.share for share in why.shares) == pytest.approx(hits.scores["sparse"][i], abs=1e-5)
        assert why.scores["sparse"] == hits.scores["sparse"][i]
        assert why.ranks == {mode: ranks[i] for mode, ranks in hits.ranks.items()}
        latents = [share.latent for share in why.shares]
        assert len(set(latents)) == len(latents)
        assert not set(latents) & set(query.muted)
        sizes = [abs(share.share) for share in why.shares]
        assert sizes == sorted(sizes, reverse=True)


def test_the_tokens_are_those_of_the_part_that_decides() -> None:
    two = parted(codes([{1: (1, 1), 2: (9, 9)}, {1: (4, 4)}], tokens=[3, 2]), [2])
    index = index_of(two, texts=["abcde"])
    asked = codes([{1: (2, 2)}])
    why = explain(index, Query("q", weighting="activation"), asked, Memory("m000", "abcde"))
    (share,) = why.shares
    assert (share.latent, share.share, share.query_value, share.memory_value) == (1, 8, 2, 4)
    assert (share.memory_token.start, share.memory_token.text) == (3, "d")  # the second part begins there
    assert share.query_token.text == "q"


def test_a_latent_asked_for_by_hand_has_no_token_in_the_query() -> None:
    index = index_of(codes([{1: (4, 4)}]), texts=["a"])
    query = Query("", weighting="activation", terms=(Term(1, -0.5),))
    (share,) = explain(index, query, Codes.empty(), Memory("m000", "a")).shares
    assert (share.share, share.query_value, share.query_token.text) == (-2, 0, "")
    assert share.memory_token.text == "a"


def test_a_memory_that_cannot_be_returned() -> None:
    index = index_of(codes([{1: (4, 4)}] * 2), texts=["a", "b"], conversations=["x", "y"])
    for name, query in (("nobody", Query("q")), ("m000", Query("q", "y")), ("m001", Query("q", "x"))):
        with pytest.raises(KeyError, match=name):
            explain(index, query, codes([{1: (1, 1)}]), Memory(name, "a"))
