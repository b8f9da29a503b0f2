"""Shares by latent: what the table of tokens says, one number a latent."""

from __future__ import annotations

from collections import Counter

import pytest

from core.retrieval.explain import explain, shares_by_latent
from core.retrieval.index import Index
from core.retrieval.similarity import WEIGHTINGS, sparse_scores
from core.types import Memory, Query
from tests.handmade import codes, parted, random_codes

SIZES = [1, 2, 3, 1, 4] * 3
N = len(SIZES)
IDS = [f"m{i:03}" for i in range(N)]
TALK = Index.build(
    IDS, ["x" * 200] * N, ["A"] * N, [""] * N, parted(random_codes(sum(SIZES), 30, 1), SIZES), "f", 1, ["s"] * N,
    list(range(N)),
)  # fmt: skip
ASKED = random_codes(1, 30, 2)


@pytest.mark.parametrize("context", [0, 0.5])
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_each_latent_once_with_what_its_neighbours_bring(weighting: str, context: float) -> None:
    query = Query("y" * 40, weighting=weighting, context=context)
    scores = sparse_scores(TALK, query, ASKED)
    for row, name in enumerate(IDS):
        latents, shares = shares_by_latent(TALK, query, ASKED, row)
        assert shares.sum() == pytest.approx(scores[row], abs=1e-4)
        assert sorted(shares.tolist(), reverse=True) == shares.tolist()
        summed: Counter[int] = Counter()
        for share in explain(TALK, query, ASKED, Memory(name, "x" * 200)).shares:
            summed[share.latent] += share.share
        assert dict(zip(latents.tolist(), shares.tolist(), strict=True)) == pytest.approx(dict(summed), abs=1e-5)


def test_a_memory_that_shares_nothing() -> None:
    alone = Index.build(["a"], ["x"], [""], [""], codes([{5: (1, 1)}]), "f", 1)
    latents, shares = shares_by_latent(alone, Query("q", context=0), codes([{1: (1, 1)}]), 0)
    assert (latents.tolist(), shares.tolist()) == ([], [])
