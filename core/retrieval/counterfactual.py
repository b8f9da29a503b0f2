"""What would have been recalled instead: rankings compared, and the smallest edit that brings a memory back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from core.retrieval.index import Index
from core.retrieval.order import order, ranks_of
from core.retrieval.rank import score
from core.retrieval.similarity import (
    KERNEL,
    SPEAKS_FOR_ITSELF,
    context_of,
    query_vector,
    sparse_scores,
    unit,
    weighting,
)
from core.types import Codes, Floats, Ints, Mode, Offsets, Query, Term, TokenTrace

LATENTS_AT_ONCE = 32
"""Columns of all memories that are made dense together: 13 MB for 100,000 memories."""


def overlap_at_k(a: Floats, b: Floats, k: int) -> float:
    """Share of the k best that two score vectors have in common, 0–1."""
    k = min(k, len(a))
    return len(np.intersect1d(order(a, k), order(b, k))) / k if k else 1.0


def kendall_tau(a: Floats, b: Floats) -> float:
    """Kendall's τ-b of two score vectors over the same candidates, −1 to 1; 0 where one of them is constant."""
    from scipy import stats  # half a second that no page needs to begin with

    tau = float(stats.kendalltau(a, b).statistic) if len(a) > 1 else 0.0
    return tau if np.isfinite(tau) else 0.0


def without_tokens(codes: Codes, trace: TokenTrace, masked: Sequence[int]) -> Codes:
    """A query's codes without what some of its tokens fire; its dense vector and its other tokens stay as they are.

    codes: one row in one part. trace: of the same text.
    """
    token = np.repeat(np.arange(len(trace.token_start)), np.diff(trace.indptr))
    kept = ~np.isin(token, masked)
    token, latents, values = token[kept], trace.latents[kept], trace.values[kept]
    ranked = np.lexsort((token, -values, latents))
    first = np.flatnonzero(np.diff(latents[ranked], prepend=-1))
    strongest = ranked[first]
    sums = np.add.reduceat(values[ranked].astype(np.float64), first) if len(first) else np.zeros(0)
    return replace(
        codes,
        indptr=np.asarray([0, len(first)], np.int64),
        latents=latents[strongest].astype(np.int32),
        max=values[strongest].astype(np.float32),
        sum=sums.astype(np.float32),
        peak=token[strongest].astype(np.int32),
    )


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two rankings of the same candidates relate."""

    a: Mode
    b: Mode
    overlap: float
    """Share of the first k that both have."""
    tau: float
    """Kendall's τ-b over all candidates."""
    only_a: tuple[str, ...]
    """Among the first k of the one alone, best first."""
    only_b: tuple[str, ...]


def agreement(index: Index, query: Query, codes: Codes) -> list[Agreement]:
    """Every pair of modes that a query ranks."""
    scored = score(index, query, codes)
    firsts = {mode: order(values, query.k) for mode, values in scored.scores.items()}
    found = []
    for a, b in combinations(scored.scores, 2):
        only_a, only_b = np.setdiff1d(firsts[a], firsts[b]), np.setdiff1d(firsts[b], firsts[a])
        found.append(
            Agreement(
                a,
                b,
                overlap_at_k(scored.scores[a], scored.scores[b], query.k),
                kendall_tau(scored.scores[a], scored.scores[b]),
                tuple(index.ids[scored.rows[i]] for i in firsts[a] if i in only_a),
                tuple(index.ids[scored.rows[i]] for i in firsts[b] if i in only_b),
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class Flip:
    """An edit of one latent that brings a memory into the first k of the sparse mode."""

    term: Term
    """Added to the query's terms."""
    rank: int
    """The memory's rank after the edit."""


def minimal_flips(index: Index, query: Query, codes: Codes, memory_id: str, most: int = 3) -> list[Flip]:
    """The smallest single-latent edits that bring a memory into the first k, smallest first; none where none does.

    A plus on a latent that the memory fires more than those ahead of it, or a minus on one that they fire and it does
    not. Each candidate edit is checked by ranking again, so what is returned is true, though two latents together may
    do it with less. Empty when the memory is among the first k already.
    """
    row = index.row(memory_id)
    rows = index.candidates(query.conversation)
    scores = sparse_scores(index, query, codes)[rows]
    here = int(np.searchsorted(rows, -1 if row is None else row))
    if row is None or here >= len(rows) or rows[here] != row:
        return []
    rank = int(ranks_of(scores, np.asarray([here]))[0])
    if rank <= query.k:
        return []
    ahead = order(scores, rank - 1)
    latents, deltas = _deltas_needed(index, query, codes, rows[[here, *ahead]], scores[[here, *ahead]])
    flips: list[Flip] = []
    for i in np.argsort(np.abs(deltas), kind="stable")[: 4 * most]:
        if len(flips) == most or not np.isfinite(deltas[i]):
            break
        term = Term(int(latents[i]), float(deltas[i]) * 1.001)
        edited = replace(query, terms=(*query.terms, term))
        after = int(ranks_of(sparse_scores(index, edited, codes)[rows], np.asarray([here]))[0])
        if after <= query.k:
            flips.append(Flip(term, after))
    return flips


def _deltas_needed(index: Index, query: Query, codes: Codes, rows: Offsets, scores: Floats) -> tuple[Ints, Floats]:
    """(latents, the least change of each one's weight after which the first row passes enough of the others, else ∞).

    rows, scores: the memory, and those ahead of it. Looked at are the latents that the memory or the query fires; each
    memory counts as one part, since the edit is checked by ranking anyway.
    """
    chosen = weighting(query.weighting)
    asked, _ = query_vector(index, query, codes)
    latents = np.union1d(asked, index.codes.take(rows[:1]).latents).astype(np.int32)
    postings = index.postings(chosen.memory_values)
    near = context_of(query) * index.surroundings(KERNEL, SPEAKS_FOR_ITSELF)[rows]
    worth = unit(index, query, codes)
    must_pass, behind = len(rows) - query.k, (scores[1:] - scores[0])[:, None]

    def least(some: Ints) -> Floats:
        own = np.maximum.reduceat(postings[:, some].toarray(), index.codes.part_indptr[:-1], axis=0)
        values = own[rows] + near @ own
        advantage = (values[0] - values[1:]) * chosen.term_values(index, some) * worth
        with np.errstate(divide="ignore", invalid="ignore"):
            needed = np.abs(behind / advantage)
        best = np.full(len(some), np.inf, np.float32)
        for sign in (1, -1):
            signed = np.where(np.sign(advantage) == sign, needed, np.inf)
            enough = np.partition(signed, must_pass - 1, axis=0)[must_pass - 1]
            best = np.where(enough < np.abs(best), sign * enough, best)
        return best

    runs = np.array_split(latents, max(1, -(-len(latents) // LATENTS_AT_ONCE)))
    return latents, np.concatenate([least(some) for some in runs])
