"""How near a memory is to a query: dense cosine, and the sparse weightings.

Every sparse score is a dot product of a query value and a memory value per latent, so that it decomposes exactly into
shares. Formulas and their sources: docs/semantics.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.errors import CoreError
from core.retrieval.index import Index
from core.types import Codes, Floats, Ints, Query

K1, B = 0.5, 0.75
"""BM25's saturation and length normalisation (Robertson and Zaragoza 2009).

k1 is lower than the usual 1.2 of words: that a latent fires tells more than how often.
"""
KERNEL = (1.0, 0.6)
"""How much the memories one, two, … places away in the same session count, against each other."""
SPEAKS_FOR_ITSELF = 96
"""Tokens: a longer memory takes less from what stands around it, by the ratio."""


@dataclass(frozen=True, slots=True)
class Weighting:
    """Values of the latents of texts, one per activation, in the order of ``Codes.latents``."""

    label: str
    """What the page calls it."""
    memory_values: Callable[[Index, Codes], Floats]
    query_values: Callable[[Index, Codes], Floats]
    term_values: Callable[[Index, Ints], Floats]
    """What a term of weight 1 puts into the query, for some latents."""
    limit: Callable[[Floats], float]
    """What no memory's own score exceeds, given the query's values; 0 where there is no such limit."""


def inverse_document_frequency(index: Index) -> Floats:
    """float32 [m], ln(1 + (n − df + ½) / (df + ½)): BM25's, never negative."""
    n, df = index.codes.n_parts, index.document_frequency
    return index.derived("idf", lambda: np.log1p((n - df + 0.5) / (df + 0.5)).astype(np.float32))


def _norm(codes: Codes, values: Floats) -> Floats:
    """Length of each text's row, repeated for each of its activations."""
    lengths = np.diff(codes.indptr)
    squared = np.bincount(np.repeat(np.arange(codes.n_parts), lengths), weights=values**2, minlength=codes.n_parts)
    return np.repeat(np.sqrt(np.maximum(squared, 1e-12)), lengths).astype(np.float32)


def _cosine_of_maxima(_index: Index, codes: Codes) -> Floats:
    return (codes.max / _norm(codes, codes.max)).astype(np.float32)


def _cosine_of_weighted_maxima(index: Index, codes: Codes) -> Floats:
    values = codes.max * inverse_document_frequency(index)[codes.latents]
    return (values / _norm(codes, values)).astype(np.float32)


def _scale(index: Index) -> float:
    """Mean activation in the index: the unit in which saturation is measured, so that K1 fits any dictionary."""
    return index.derived("scale", lambda: float(index.codes.max.mean()) if len(index.codes.max) else 1.0)


def _saturated(index: Index, codes: Codes) -> Floats:
    """Summed activation, saturated: s (k1 + 1) / (s + k1 (1 − b + b · tokens / mean tokens))."""
    mean_tokens = index.derived("mean tokens", lambda: float(index.codes.part_tokens.mean()) if len(index) else 1.0)
    length = np.repeat(1 - B + B * codes.part_tokens / max(mean_tokens, 1e-9), np.diff(codes.indptr))
    s = codes.sum / _scale(index)
    saturated: Floats = (s * (K1 + 1) / (s + K1 * length)).astype(np.float32)
    return saturated


def _saturated_query(index: Index, codes: Codes) -> Floats:
    """Strongest activation, times the latent's inverse document frequency."""
    values = codes.max / _scale(index) * inverse_document_frequency(index)[codes.latents]
    return np.asarray(values, dtype=np.float32)


def learnt_weights(index: Index, weighting: str) -> Floats:
    """float32 [m], what a weighting multiplies each latent of the words by; ones where it uses nothing learnt.

    A bank's own weights start from those that came with the SAE: until it has any, these stand for them.
    """
    if weighting not in ("learnt", "yours"):
        return index.weights("")
    return index.weights("yours" if weighting == "yours" and "yours" in index.learnt else "learnt")


def _learnt_query(index: Index, codes: Codes) -> Floats:
    return np.asarray(_saturated_query(index, codes) * learnt_weights(index, "learnt")[codes.latents], np.float32)


def _own_query(index: Index, codes: Codes) -> Floats:
    return np.asarray(_saturated_query(index, codes) * learnt_weights(index, "yours")[codes.latents], np.float32)


def _maxima(_index: Index, codes: Codes) -> Floats:
    return codes.max


def _idf_of(index: Index, latents: Ints) -> Floats:
    return inverse_document_frequency(index)[latents]


def _one(_index: Index, latents: Ints) -> Floats:
    return np.ones(len(latents), np.float32)


def _saturation(values: Floats) -> float:
    return (K1 + 1) * float(np.maximum(values, 0).sum())


def _length(values: Floats) -> float:
    return float(np.linalg.norm(values))


def _no_limit(_values: Floats) -> float:
    return 0.0


WEIGHTINGS: dict[str, Weighting] = {
    "learnt": Weighting("Saturated sums × IDF × learnt weight", _saturated, _learnt_query, _idf_of, _saturation),
    "yours": Weighting("The same, learnt from this bank’s marks", _saturated, _own_query, _idf_of, _saturation),
    "saturated": Weighting("Saturated sums × IDF", _saturated, _saturated_query, _idf_of, _saturation),
    "cosine": Weighting("Cosine of maxima (the study’s)", _cosine_of_maxima, _cosine_of_maxima, _one, _length),
    "cosine_idf": Weighting(
        "Cosine of maxima × IDF", _cosine_of_weighted_maxima, _cosine_of_weighted_maxima, _idf_of, _length
    ),
    "activation": Weighting("Strongest activation, as it is", _maxima, _maxima, _one, _no_limit),
}


def weighting(name: str) -> Weighting:
    if name not in WEIGHTINGS:
        raise CoreError(f"No weighting is called “{name}”. Known: {', '.join(WEIGHTINGS)}.")
    return WEIGHTINGS[name]


def dense_scores(index: Index, query: Codes) -> Floats:
    """float32 [n], cosine of unit vectors; 0 where the query has no words."""
    if not len(index) or not len(query):
        return np.zeros(len(index), np.float32)
    # Row by row: a product of BLAS gives equal rows scores that differ in the last bit, and ties would be lost.
    return np.asarray(np.vecdot(index.codes.dense, query.dense[0]), dtype=np.float32)


def unit(index: Index, query: Query, codes: Codes) -> float:
    """What a term of weight 1 is worth: as much as the strongest latent of the words, each by its own rarity."""
    if not len(codes.latents):
        return 1.0
    chosen = weighting(query.weighting)
    own = chosen.query_values(index, codes) / np.maximum(chosen.term_values(index, codes.latents), 1e-9)
    return float(own.max())


def query_vector(index: Index, query: Query, codes: Codes) -> tuple[Ints, Floats]:
    """(latents, values) of a query: what its words fire, without the muted ones, and its terms.

    codes: the words' codes, one row in one part; none where the query has no words.
    """
    chosen = weighting(query.weighting)
    if not query.terms and not query.muted:
        return codes.latents, chosen.query_values(index, codes)
    vector = np.zeros(index.codes.n_latents, np.float32)
    if len(codes):
        vector[codes.latents] = chosen.query_values(index, codes)
    vector[list(query.muted)] = 0
    latents = np.asarray([term.latent for term in query.terms], np.int32)
    weights = np.asarray([term.weight for term in query.terms], np.float32)
    np.add.at(vector, latents, unit(index, query, codes) * weights * chosen.term_values(index, latents))
    (fired,) = np.nonzero(vector)
    return fired.astype(np.int32), vector[fired]


def sparse_scores(index: Index, query: Query, codes: Codes) -> Floats:
    """float32 [n], each memory's own score, and a share of those of the memories said around it."""
    own = own_scores(index, query, codes)
    around = context_of(query)
    return own + around * (index.surroundings(KERNEL, SPEAKS_FOR_ITSELF) @ own) if around else own


def context_of(query: Query) -> float:
    """How much of the surroundings counts: a query of latents alone asks for what fires them, not what is near."""
    return query.context if query.text.strip() else 0.0


def own_scores(index: Index, query: Query, codes: Codes) -> Floats:
    """float32 [n], query values · memory values over the latents of both sides, of each memory's best part."""
    chosen = weighting(query.weighting)
    if not len(index):
        return np.zeros(0, np.float32)
    latents, values = query_vector(index, query, codes)
    postings = index.postings(chosen.memory_values)
    of_parts = np.asarray(postings[:, latents] @ values, dtype=np.float32)
    return np.maximum.reduceat(of_parts, index.codes.part_indptr[:-1])
