"""Which rows of latents overlap, and by how much: memories, or groups of them by their mean code.

A *row* is one memory or one group. Every measure takes what lies above a threshold and leaves the rest out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
from scipy import sparse

from core.types import Floats, Ints, Offsets

Measure = Literal["jaccard", "shared", "weighted_jaccard", "cosine", "cosine_scaled", "euclidean"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
BLOCK = 512
"""Rows multiplied at once: their dense side takes 512 · m numbers."""
ORDERED_BEST = 500
"""Up to so many rows, branches are turned so that neighbours are as near as can be; that takes O(g²) more work."""


def grouped(matrix: sparse.csr_array, group: Ints, n_groups: int) -> sparse.csr_array:
    """[g, m], the mean code of each group; a memory that does not fire a latent counts as 0.

    matrix: [n, m]. group: int32 [n], below 0 for memories that belong to none.
    """
    (rows,) = np.nonzero(group >= 0)
    sizes = np.bincount(group[rows], minlength=n_groups)
    share = (1 / np.maximum(sizes, 1))[group[rows]].astype(np.float32)
    which = sparse.csr_array((share, (group[rows], rows)), shape=(n_groups, matrix.shape[0]))
    return sparse.csr_array(which @ matrix)


def above(matrix: sparse.csr_array, quantile: float) -> tuple[sparse.csr_array, float]:
    """(the matrix without values at or below the threshold, the threshold).

    The threshold is a quantile of the matrix's positive values; 0 keeps all of them.
    """
    threshold = float(np.quantile(matrix.data, quantile)) if quantile > 0 and matrix.nnz else 0.0
    kept = matrix.copy()
    kept.data = np.where(kept.data > threshold, kept.data, 0)
    kept.eliminate_zeros()
    kept.sort_indices()
    return kept, threshold


def measured(matrix: sparse.csr_array, measure: Measure) -> Floats:
    """float32 [g, g], symmetric. Two rows without latents have nothing in common: 0, and distance 0.

    matrix: [g, m], values above 0.
    """
    matrix = sparse.csr_array(matrix, dtype=np.float32)
    if measure == "weighted_jaccard":
        least, total = _least(matrix), np.asarray(matrix.sum(axis=1)).ravel()
        return _share(least, total[:, None] + total[None] - least)
    if measure in ("shared", "jaccard"):
        fired = matrix.copy()
        fired.data = np.ones_like(fired.data)
        both, sizes = _products(fired), np.diff(fired.indptr)
        return both if measure == "shared" else _share(both, sizes[:, None] + sizes[None] - both)
    if measure == "cosine_scaled":
        matrix = _scaled(matrix)
    dots = _products(matrix)
    squares = np.diag(dots).copy()
    if measure == "euclidean":
        apart: Floats = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * dots, 0))
        np.fill_diagonal(apart, 0)
        return apart
    norms = np.sqrt(squares)
    return np.minimum(_share(dots, norms[:, None] * norms[None]), 1)


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _scaled(matrix: sparse.csr_array) -> sparse.csr_array:
    """Each latent divided by its strongest value, so that all count alike."""
    top = np.zeros(matrix.shape[1], np.float32)
    np.maximum.at(top, matrix.indices, matrix.data)
    return sparse.csr_array((matrix.data / top[matrix.indices], matrix.indices, matrix.indptr), shape=matrix.shape)


def _products(matrix: sparse.csr_array) -> Floats:
    """float32 [g, g], all dot products, exactly symmetric: the lower triangle by blocks, then mirrored."""
    n = matrix.shape[0]
    used = np.unique(matrix.indices)
    narrow = sparse.csr_array((matrix.data, np.searchsorted(used, matrix.indices), matrix.indptr), shape=(n, len(used)))
    out = np.zeros((n, n), np.float32)
    for start in range(0, n, BLOCK):
        block = np.ascontiguousarray(narrow[start : start + BLOCK].toarray().T)
        out[start:, start : start + BLOCK] = narrow[start:] @ block
    return _mirrored(out)


def _mirrored(lower: Floats) -> Floats:
    """The lower triangle on both sides."""
    low = np.tril(lower)
    return low + np.tril(lower, -1).T


def _least(matrix: sparse.csr_array) -> Floats:
    """float32 [g, g], Σ min of both rows: no product of matrices gives a minimum, so this loop is compiled."""
    columns = matrix.tocsc()
    columns.sort_indices()
    out = np.zeros((matrix.shape[0], matrix.shape[0]), np.float32)
    _compiled()(matrix.indptr, matrix.indices, matrix.data, columns.indptr, columns.indices, columns.data, out)
    return _mirrored(out)


_kept: dict[str, Callable[..., None]] = {}


def _compiled() -> Callable[..., None]:
    if "least" not in _kept:
        from numba import njit

        _kept["least"] = njit(_sum_of_minima, nogil=True, cache=True)
    return _kept["least"]


def _sum_of_minima(
    indptr: Any, latents: Any, values: Any, of_latent: Any, rows: Any, their_values: Any, out: Any
) -> None:
    """The lower triangle with its diagonal, row by row along the postings of its latents."""
    for i in range(len(indptr) - 1):
        for k in range(indptr[i], indptr[i + 1]):
            latent, value = latents[k], values[k]
            for p in range(of_latent[latent], of_latent[latent + 1]):
                j = rows[p]
                if j > i:
                    break
                other = their_values[p]
                out[i, j] += min(value, other)


# --- order and tiles --------------------------------------------------------------------------------------------------


def tree(values: Floats, measure: Measure) -> np.ndarray:
    """float64 [g − 1, 4], SciPy's linkage, by average linkage (UPGMA, Sokal and Michener 1958).

    Similarities up to 1 become 1 − s, counts the largest count − s. Needs two rows at least.
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    if measure == "euclidean":
        distance = values.astype(np.float64)
    else:
        top = 1.0 if measure != "shared" else float(values.max(initial=0))
        distance = np.maximum(top - values.astype(np.float64), 0)
    np.fill_diagonal(distance, 0)
    found: np.ndarray = linkage(
        squareform(distance, checks=False), method="average", optimal_ordering=len(values) <= ORDERED_BEST
    )
    return found


def leaves(linkage: np.ndarray) -> Ints:
    """int32 [g], rows in the order of the tree."""
    from scipy.cluster.hierarchy import leaves_list

    return np.asarray(leaves_list(linkage), np.int32)


def branches(linkage: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """(places, heights), float64 [b, 4] each: the upper branches of the tree as SciPy draws them, from leg to leg.

    A place is counted in rows along the order: the first row lies at 0. most: leaves shown; what is below is left out,
    and each of its clusters stands in the middle of its rows.
    """
    from scipy.cluster.hierarchy import dendrogram

    n = len(linkage) + 1
    drawn = dendrogram(linkage, p=most, truncate_mode="lastp" if n > most else None, no_plot=True)
    shown = np.asarray(drawn["leaves"])
    sizes = np.where(shown < n, 1, linkage[np.maximum(shown - n, 0), 3])
    middle = np.cumsum(sizes) - (sizes + 1) / 2
    places = np.interp(np.asarray(drawn["icoord"]), 5 + 10 * np.arange(len(shown)), middle)
    return places, np.asarray(drawn["dcoord"])


@dataclass(frozen=True, slots=True)
class Tiles:
    """Rows along the tree's order in equal runs, and the mean measure between each two."""

    bounds: Offsets
    """int64 [t + 1], the first place of each tile."""
    values: Floats
    """float32 [t, t]; within a tile, of its different rows (of a single row, with itself)."""


def tiles(values: Floats, order: Ints, most: int) -> Tiles:
    """At most ``most`` tiles of about equal size. values: [g, g]. order: a permutation of the rows."""
    n = len(order)
    bounds = np.linspace(0, n, min(n, most) + 1).round().astype(np.int64)
    sizes = np.diff(bounds)
    # Columns first, block by block of rows: the whole matrix is never copied in the new order.
    sums = np.stack(
        [
            np.add.reduceat(values[order[a:b]].sum(axis=0, dtype=np.float64)[order], bounds[:-1])
            for a, b in pairwise(bounds)
        ]
    )
    counts = np.outer(sizes, sizes).astype(np.float64)
    own = np.add.reduceat(np.diag(values)[order].astype(np.float64), bounds[:-1])
    several = sizes > 1
    at = np.flatnonzero(several)
    sums[at, at] -= own[several]
    counts[at, at] -= sizes[several]
    return Tiles(bounds, (sums / counts).astype(np.float32))


# --- latents ----------------------------------------------------------------------------------------------------------


def core_and_unique(matrix: sparse.csr_array) -> tuple[Ints, Ints, Ints]:
    """(latents of every row, latents of a single row, the row each of these belongs to), int32; by their mean or value.

    Strongest first: core latents by their mean, unique ones by their value.
    """
    columns = matrix.tocsc()
    count = np.diff(columns.indptr)
    total = np.asarray(matrix.sum(axis=0)).ravel()
    (core,) = np.nonzero(count == matrix.shape[0]) if matrix.shape[0] else (np.zeros(0, np.int64),)
    (unique,) = np.nonzero(count == 1)
    core = core[np.argsort(-total[core], kind="stable")]
    unique = unique[np.argsort(-total[unique], kind="stable")]
    owner = columns.indices[columns.indptr[unique]]
    return core.astype(np.int32), unique.astype(np.int32), owner.astype(np.int32)


def interference(
    codes: sparse.csr_array, dense: Floats, words: sparse.csr_array, k: int, dense_below: float, most_words: int
) -> tuple[Ints, Ints, Floats, Floats, Ints]:
    """(first, second, cosine of codes, dense cosine, shared words) of k pairs of rows: same latents, different things.

    Those with the highest cosine of codes among pairs below a dense cosine and with few words in common.
    codes: unit rows [n, m]. dense: unit rows [n, d]. words: [n, v], 1 where a text has a word. Exact, block by block.
    """
    n = codes.shape[0]
    best: list[np.ndarray] = []
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        alike = np.asarray(codes @ np.ascontiguousarray(codes[start:stop].toarray().T), np.float32).T
        near = dense[start:stop] @ dense.T
        common = np.asarray((words[start:stop] @ words.T).toarray())
        later = np.arange(n)[None] > np.arange(start, stop)[:, None]
        fits = later & (near < dense_below) & (common <= most_words) & (alike > 0)
        score = np.where(fits, alike, -1).ravel()
        top = np.argpartition(-score, min(k, len(score)) - 1)[:k]
        top = top[score[top] > 0]
        i, j = np.divmod(top, n)
        best.append(np.stack([i + start, j, score[top], near[i, j], common[i, j]]))
    found = np.concatenate([np.zeros((5, 0)), *best], axis=1)
    order = np.lexsort((found[1], found[0], -found[2]))[:k]
    i, j, alike_, near_, common_ = found[:, order]
    return (
        i.astype(np.int32),
        j.astype(np.int32),
        alike_.astype(np.float32),
        near_.astype(np.float32),
        common_.astype(np.int32),
    )
