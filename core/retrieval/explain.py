"""Why a memory was recalled: its sparse score, latent by latent, with the tokens on both sides."""

from __future__ import annotations

import numpy as np

from core.retrieval.index import Index
from core.retrieval.order import ranks_of
from core.retrieval.rank import score
from core.retrieval.similarity import (
    KERNEL,
    SPEAKS_FOR_ITSELF,
    context_of,
    inverse_document_frequency,
    learnt_weights,
    query_vector,
    weighting,
)
from core.types import Codes, Explanation, Floats, Ints, Memory, Query, Share, Span

NOWHERE = Span(0, 0, "")
"""The token of a latent that was asked for by hand."""


def explain(index: Index, query: Query, codes: Codes, memory: Memory) -> Explanation:
    """The shares of all latents that count on both sides; they sum to the sparse score.

    Where the query looks at what was said around a memory, those memories' latents have shares of their own.
    codes: the query's, one row in one part. Raises KeyError for a memory that the query may not return.
    """
    row = index.row(memory.id)
    scored = score(index, query, codes)
    position = int(np.searchsorted(scored.rows, -1 if row is None else row))
    if row is None or position >= len(scored.rows) or scored.rows[position] != row:
        raise KeyError(memory.id)
    here = np.asarray([position])
    shares = [
        s for near, factor in _sources(index, query, row) for s in _shares(index, query, codes, near, factor, row)
    ]
    return Explanation(
        query,
        memory,
        tuple(sorted(shares, key=lambda s: -abs(s.share))),
        {mode: float(values[position]) for mode, values in scored.scores.items()},
        {mode: int(ranks_of(values, here)[0]) for mode, values in scored.scores.items()},
        {"dense": float(scored.dense_part[position]), "sparse": float(scored.sparse_part[position])},
    )


def _sources(index: Index, query: Query, row: int) -> list[tuple[int, float]]:
    """(row, factor) of the memories whose own scores make up one memory's score: itself first."""
    around = context_of(query)
    if not around:
        return [(row, 1.0)]
    near = index.surroundings(KERNEL, SPEAKS_FOR_ITSELF)[[row]].tocoo()
    return [(row, 1.0), *((int(n), around * float(w)) for n, w in zip(near.coords[1], near.data, strict=True))]


def _shares(index: Index, query: Query, codes: Codes, row: int, factor: float, about: int) -> list[Share]:
    """One memory's latents that the query asks for, of the part that decides its score."""
    latents, values = query_vector(index, query, codes)
    theirs = index.codes.take([row])
    q, m, shares = _best_part(latents, values, theirs, weighting(query.weighting).memory_values(index, theirs))
    weights = inverse_document_frequency(index) * learnt_weights(index, query.weighting)
    text = index.texts[row]
    asked = {int(latent): i for i, latent in enumerate(codes.latents)}
    found = []
    for position, at, share in zip(q, m, shares, strict=True):
        latent = int(latents[position])
        fired = asked.get(latent)
        found.append(
            Share(
                latent,
                factor * float(share),
                0.0 if fired is None else float(codes.max[fired]),
                float(theirs.max[at]),
                float(weights[latent]),
                NOWHERE if fired is None else span(query.text, codes, int(codes.peak[fired])),
                span(text, theirs, int(theirs.peak[at])),
                "" if row == about else index.ids[row],
            )
        )
    return found


def _best_part(latents: Ints, values: Floats, memory: Codes, theirs: Floats) -> tuple[Ints, Ints, Floats]:
    """(positions in the query's latents, positions in the memory's arrays, shares) of the part with the best score."""
    found: list[tuple[Ints, Ints, Floats]] = []
    for start, stop in zip(memory.indptr[:-1], memory.indptr[1:], strict=True):
        _, q, m = np.intersect1d(latents, memory.latents[start:stop], assume_unique=True, return_indices=True)
        m = m + start
        found.append((q.astype(np.int32), m.astype(np.int32), values[q] * theirs[m]))
    return max(found, key=lambda f: float(f[-1].sum()))


def span(text: str, codes: Codes, token: int) -> Span:
    """The words of one token of a one-text code."""
    start, end = int(codes.token_start[token]), int(codes.token_end[token])
    return Span(start, end, text[start:end])
