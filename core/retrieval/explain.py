"""Why a memory was recalled: its sparse score, latent by latent, with the tokens on both sides."""

from __future__ import annotations

import numpy as np

from core.retrieval.index import Index
from core.retrieval.rank import ranks_of, score
from core.retrieval.similarity import inverse_document_frequency, query_vector, weighting
from core.types import Codes, Explanation, Floats, Ints, Memory, Query, Share, Span

NOWHERE = Span(0, 0, "")
"""The token of a latent that was asked for by hand."""


def explain(index: Index, query: Query, codes: Codes, memory: Memory) -> Explanation:
    """The shares of all latents that count on both sides; they sum to the sparse score.

    codes: the query's, one row in one part. Raises KeyError for a memory that the query may not return.
    """
    row = index.row(memory.id)
    scored = score(index, query, codes)
    position = int(np.searchsorted(scored.rows, -1 if row is None else row))
    if row is None or position >= len(scored.rows) or scored.rows[position] != row:
        raise KeyError(memory.id)
    theirs = index.codes.take([row])
    latents, q, m, shares = _shares(index, query, codes, theirs)
    idf = inverse_document_frequency(index)
    asked = {int(latent): i for i, latent in enumerate(codes.latents)}
    here = np.asarray([position])

    def share(i: int) -> Share:
        latent = int(latents[q[i]])
        fired = asked.get(latent)
        return Share(
            latent,
            float(shares[i]),
            0.0 if fired is None else float(codes.max[fired]),
            float(theirs.max[m[i]]),
            float(idf[latent]),
            NOWHERE if fired is None else span(query.text, codes, int(codes.peak[fired])),
            span(memory.text, theirs, int(theirs.peak[m[i]])),
        )

    return Explanation(
        query,
        memory,
        tuple(share(i) for i in np.argsort(-np.abs(shares), kind="stable")),
        {mode: float(values[position]) for mode, values in scored.scores.items()},
        {mode: int(ranks_of(values, here)[0]) for mode, values in scored.scores.items()},
        {"dense": float(scored.dense_part[position]), "sparse": float(scored.sparse_part[position])},
    )


def _shares(index: Index, query: Query, codes: Codes, memory: Codes) -> tuple[Ints, Ints, Ints, Floats]:
    """(the query's latents, positions in them, positions in the memory's arrays, shares).

    Of the part of the memory that decides its score.
    """
    latents, values = query_vector(index, query, codes)
    theirs = weighting(query.weighting).memory_values(index, memory)
    found: list[tuple[Ints, Ints, Floats]] = []
    for start, stop in zip(memory.indptr[:-1], memory.indptr[1:], strict=True):
        _, q, m = np.intersect1d(latents, memory.latents[start:stop], assume_unique=True, return_indices=True)
        m = m + start
        found.append((q.astype(np.int32), m.astype(np.int32), values[q] * theirs[m]))
    q_best, m_best, shares = max(found, key=lambda f: float(f[-1].sum()))
    return latents, q_best, m_best, shares


def span(text: str, codes: Codes, token: int) -> Span:
    """The words of one token of a one-text code."""
    start, end = int(codes.token_start[token]), int(codes.token_end[token])
    return Span(start, end, text[start:end])
