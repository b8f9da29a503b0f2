"""Which of a query's terms brought a memory: its sparse score as a sum over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import sparse

from core.retrieval.index import Index
from core.retrieval.similarity import KERNEL, SPEAKS_FOR_ITSELF, context_of, query_vector, weighting
from core.types import Codes, Floats, Offsets, Query, Term


def contributions(index: Index, query: Query, codes: Codes, rows: Offsets) -> Floats:
    """float32 [len(rows), 1 + terms]: column 0 for all latents of the words together, then one for each term.

    A row sums to the memory's sparse score, what it takes from the memories around it included; where a memory has
    several parts, they are those of its best part. codes: the words' codes, one row in one part; none where the query
    has no words.
    """
    around = context_of(query)
    if not around:
        return own_contributions(index, query, codes, rows)
    near = index.surroundings(KERNEL, SPEAKS_FOR_ITSELF)[rows]
    everyone, place = np.unique(np.concatenate([rows, near.indices]), return_inverse=True)
    of_all = own_contributions(index, query, codes, everyone)
    return np.asarray(of_all[place[: len(rows)]] + around * (near[:, everyone] @ of_all), dtype=np.float32)


def own_contributions(index: Index, query: Query, codes: Codes, rows: Offsets) -> Floats:
    """The same of each memory alone."""

    def vector(terms: Sequence[Term]) -> Floats:
        latents, values = query_vector(index, replace(query, terms=tuple(terms)), codes)
        out = np.zeros(index.codes.n_latents, np.float32)
        out[latents] = values
        return out

    words = vector(())
    # What a term is worth is known to query_vector alone: each is asked for with and without.
    asked = np.stack([words, *(vector((term,)) - words for term in query.terms)], axis=1)
    memories = index.codes.take(rows)
    values = weighting(query.weighting).memory_values(index, memories)
    shape = (memories.n_parts, memories.n_latents)
    of_parts = sparse.csr_array((values, memories.latents, memories.indptr), shape=shape) @ asked
    memory_of = np.repeat(np.arange(len(memories)), np.diff(memories.part_indptr))
    best_first = np.lexsort((-of_parts.sum(axis=1), memory_of))
    return np.asarray(of_parts[best_first[memories.part_indptr[:-1]]], dtype=np.float32)
