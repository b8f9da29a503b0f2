"""What the memories of a bank say of a latent: how many fire it, how strongly, and which latents fire with it."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from core.analysis.trust import ENOUGH_HERE, Sides, sides, trust
from core.retrieval.index import Index
from core.types import Floats, Ints

BINS = 20
LENGTH_STEP = 1.5
"""Memories whose lengths differ by less than this factor may be matched."""


def by_latent(index: Index) -> sparse.csc_array:
    """[n, m] by column: the strongest activation of each latent in each memory."""

    def make() -> sparse.csc_array:
        codes = index.codes.merged()
        shape = (len(codes), codes.n_latents)
        return sparse.csr_array((codes.max, codes.latents, codes.indptr), shape=shape).tocsc()

    return index.derived("by latent", make)


def by_memory(index: Index) -> sparse.csr_array:
    """The same by row."""
    return index.derived("by memory", lambda: by_latent(index).tocsr())


def firing(index: Index, latent: int, among: np.ndarray | None = None) -> tuple[Ints, Floats]:
    """(rows, strongest activations) of the memories that fire a latent, strongest first, ties by id.

    among: bool [n], the memories that are asked; None asks all.
    """
    matrix = by_latent(index)
    span = slice(matrix.indptr[latent], matrix.indptr[latent + 1])
    rows, values = matrix.indices[span], matrix.data[span]
    if among is not None:
        rows, values = rows[among[rows]], values[among[rows]]
    order = np.argsort(-values, kind="stable")
    return rows[order].astype(np.int32), values[order]


def counts(index: Index) -> Ints:
    """int32 [m], memories that fire each latent."""
    return index.derived("memories by latent", lambda: np.diff(by_latent(index).indptr).astype(np.int32))


def strongest(index: Index) -> Floats:
    """float32 [m], the strongest activation of each latent in the bank; 0 where none fires it."""

    def make() -> Floats:
        matrix, out = by_latent(index), np.zeros(index.codes.n_latents, np.float32)
        fired = np.diff(matrix.indptr) > 0
        if fired.any():
            out[fired] = np.maximum.reduceat(matrix.data, matrix.indptr[:-1][fired])
        return out

    return index.derived("strongest by latent", make)


def histogram(values: Floats, top: float, bins: int = BINS) -> tuple[int, ...]:
    """How many values lie in each of equal steps from 0 to ``top``."""
    if not len(values) or top <= 0:
        return (0,) * bins
    found, _ = np.histogram(values, bins=bins, range=(0.0, float(top)))
    return tuple(int(n) for n in found)


def coactive(index: Index, latent: int, k: int = 12) -> list[tuple[int, float, float, int]]:
    """Latents that share memories with one, by Jaccard: (latent, Jaccard, PMI in bits, memories with both).

    One row of XᵀX. Jaccard = both / either; PMI = log2 p(both) / (p(a) p(b)), Church and Hanks 1990.
    """
    rows, _ = firing(index, latent)
    if not len(rows):
        return []
    both = np.bincount(by_memory(index)[rows].indices, minlength=index.codes.n_latents)
    both[latent] = 0
    df, n = counts(index).astype(np.float64), len(index)
    (others,) = np.nonzero(both)
    together = both[others]
    jaccard = together / (df[others] + df[latent] - together)
    pmi = np.log2(together * n / (df[others] * df[latent]))
    best = np.lexsort((others, -jaccard))[:k]
    return [(int(others[i]), float(jaccard[i]), float(pmi[i]), int(together[i])) for i in best]


def drawn_here(index: Index) -> Sides:
    """Memories of the bank that fire each latent strongly, and as long ones that do not."""

    def make() -> Sides:
        tokens = np.maximum(np.diff(index.codes.token_indptr), 1)
        return sides(by_latent(index), np.floor(np.log(tokens) / np.log(LENGTH_STEP)).astype(np.int32))

    return index.derived("sides", make)


def trust_here(index: Index, latents: Ints, labels: Floats) -> tuple[Floats, Ints]:
    """(AUROC, memories a side) of labels among the memories of the bank; nan where too few fire the latent.

    labels: unit rows [l, d] in the space of the bank's dense vectors.
    """
    if not len(index) or not len(latents):
        return np.full(len(latents), np.nan, np.float32), np.zeros(len(latents), np.int32)
    drawn = drawn_here(index)
    mine = Sides(drawn.positive[latents], drawn.negative[latents])
    count = mine.count
    found = trust(labels, index.codes.dense, mine)
    return np.where(count >= ENOUGH_HERE, found, np.nan).astype(np.float32), count
