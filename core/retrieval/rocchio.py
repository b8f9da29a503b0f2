"""Relevance feedback (Rocchio 1971): what some memories have and others do not, as latents with weights."""

from __future__ import annotations

import numpy as np

from core.retrieval.index import Index
from core.retrieval.similarity import inverse_document_frequency, weighting
from core.types import Floats, Offsets, Term

AGAINST = 1 / 3
"""Weight of the disliked against the liked: 0.25 against 0.75 (Salton and Buckley 1990). Every memory has rare latents,
and those of a single disliked one would otherwise crowd out what the liked ones share."""


def terms(
    index: Index, liked: Offsets, disliked: Offsets, n: int = 12, scored_by: str = "activation"
) -> tuple[Term, ...]:
    """The n strongest latents of mean(liked) − ⅓ mean(disliked), strongest first; the largest weight is 1 or −1.

    Memories stand as saturated sums × IDF, latents in the place of words. scored_by: the weighting that the terms are
    meant for; where it multiplies a term by IDF itself, the weight is without.
    """
    vector = _mean(index, liked) - AGAINST * _mean(index, disliked)
    strongest = np.argsort(-np.abs(vector), kind="stable")[:n].astype(np.int32)
    strongest = strongest[vector[strongest] != 0]
    weights = vector[strongest] / np.maximum(weighting(scored_by).term_values(index, strongest), 1e-9)
    largest = np.abs(weights).max(initial=0.0)
    return tuple(Term(int(i), float(w / largest)) for i, w in zip(strongest, weights, strict=True))


def _mean(index: Index, rows: Offsets) -> Floats:
    """float32 [m], the mean over some memories of what each latent is worth in them."""
    memories = index.codes.take(rows).merged()
    values = weighting("saturated").memory_values(index, memories)
    values = values * inverse_document_frequency(index)[memories.latents]
    total = np.bincount(memories.latents, weights=values, minlength=index.codes.n_latents)
    return np.asarray(total / max(len(rows), 1), dtype=np.float32)
