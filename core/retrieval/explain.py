"""Why a memory was recalled: its sparse score, latent by latent, with the tokens on both sides."""

from __future__ import annotations

import numpy as np

from core.retrieval.index import Index
from core.retrieval.rank import ranks_of, score
from core.retrieval.similarity import inverse_document_frequency, weighting
from core.types import Codes, Explanation, Memory, Query, Share, Span


def explain(index: Index, query: Query, codes: Codes, memory: Memory) -> Explanation:
    """The shares of all latents that fire on both sides; they sum to the sparse score."""
    row = index.row(memory.id)
    if row is None:
        raise KeyError(memory.id)
    theirs = index.codes.take([row])
    chosen = weighting(query.weighting)
    shared, q, m = np.intersect1d(codes.latents, theirs.latents, assume_unique=True, return_indices=True)
    shares = chosen.query_values(index, codes)[q] * chosen.memory_values(index, theirs)[m]
    idf = inverse_document_frequency(index)
    ordered = np.argsort(-shares, kind="stable")
    scored = score(index, query, codes)
    position = np.searchsorted(scored.rows, row)
    if position >= len(scored.rows) or scored.rows[position] != row:
        raise KeyError(memory.id)
    here = np.asarray([position])
    return Explanation(
        query,
        memory,
        tuple(
            Share(
                int(shared[i]),
                float(shares[i]),
                float(codes.max[q[i]]),
                float(theirs.max[m[i]]),
                float(idf[shared[i]]),
                span(query.text, codes, int(codes.peak[q[i]])),
                span(memory.text, theirs, int(theirs.peak[m[i]])),
            )
            for i in ordered
        ),
        {mode: float(values[position]) for mode, values in scored.scores.items()},
        {mode: int(ranks_of(values, here)[0]) for mode, values in scored.scores.items()},
        {"dense": float(scored.dense_part[position]), "sparse": float(scored.sparse_part[position])},
    )


def span(text: str, codes: Codes, token: int) -> Span:
    """The words of one token of a one-row code."""
    start, end = int(codes.token_start[token]), int(codes.token_end[token])
    return Span(start, end, text[start:end])
