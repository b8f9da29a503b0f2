"""Maps of memories: PCA and UMAP of their dense vectors, of their latents, or of both, and where new codes belong.

Every map is made of unit rows whose dot products are cosines. Formulas and their sources: docs/semantics.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_array, hstack, issparse

from core.errors import CoreError
from core.retrieval.index import Index
from core.retrieval.similarity import inverse_document_frequency
from core.types import Codes, Floats, Ints

Kind = Literal["dense", "sparse", "combined"]
KINDS: tuple[Kind, ...] = ("dense", "sparse", "combined")
AXES = 3
"""Components that are computed: a map has two or three."""
FEWEST = 4
"""Memories that a map needs."""
HEAVIEST = 128
"""Latents of a memory that its neighbours are found by: of the demo's and of LoCoMo's rows they hold nine tenths of the
squared length, and nine in ten of the fifteen nearest memories stay the same, ten times as fast.
"""
SMALL = 64
"""Up to so many memories the singular values are computed whole: ARPACK wants more rows than it finds values."""
PLACED_BY = 5
"""Neighbours whose places say where a new code belongs: memories left out of a map came nearest to their own place."""
SAME = 1e-5
"""Distances below this are two copies of one text."""
HALF = np.float32(0.5**0.5)
"""What each side of combined rows is scaled by."""
_AT_ONCE = 512
_STRETCH = 64


@dataclass(frozen=True, slots=True)
class Rows:
    """n unit rows: dense [n, d], sparse [n, m], or both, whose cosine is then the mean of the two."""

    dense: Floats | None
    sparse: csr_array | None

    def __len__(self) -> int:
        return int(self.matrix().shape[0])

    def take(self, rows: np.ndarray | slice) -> Rows:
        return Rows(
            None if self.dense is None else self.dense[rows],
            None if self.sparse is None else self.sparse[rows],
        )

    def cosines(self, other: Rows) -> Floats:
        """float32 [n, n of the other]."""
        found = []
        if self.dense is not None and other.dense is not None:
            found.append(self.dense @ other.dense.T)
        if self.sparse is not None and other.sparse is not None:
            found.append((self.sparse @ other.sparse.T).toarray())
        return np.asarray(sum(found) / len(found), dtype=np.float32)

    def matrix(self) -> Any:
        """The same rows side by side in one array or CSR array, each of length 1."""
        if self.sparse is None:
            return self.dense
        if self.dense is None:
            return self.sparse
        return hstack([csr_array(self.dense), self.sparse], format="csr") * HALF

    def onto(self, axes: Floats) -> Floats:
        """float32 [n, a], dot products with axes [a, width] of the matrix, which is not built for it."""
        if self.sparse is None or self.dense is None:
            return np.asarray(self.matrix() @ axes.T, dtype=np.float32)
        d = self.dense.shape[1]
        return np.asarray((self.dense @ axes[:, :d].T + self.sparse @ axes[:, d:].T) * HALF, dtype=np.float32)


def rows_of(index: Index, codes: Codes, kind: Kind) -> Rows:
    """The rows of some texts, weighted by the latents' rarity in an index.

    A sparse row holds max · idf of each latent, scaled to length 1: its dot products are the ``cosine_idf`` weighting
    over whole memories.
    """
    return Rows(
        codes.dense if kind != "sparse" else None,
        weighted(index, codes) if kind != "dense" else None,
    )


def rows(index: Index, kind: Kind) -> Rows:
    """The rows of every memory of an index."""
    if kind == "dense":
        return Rows(index.codes.dense, None)
    return Rows(index.codes.dense if kind == "combined" else None, latent_rows(index))


def latent_rows(index: Index) -> csr_array:
    """[n, m] the sparse rows of every memory."""
    return index.derived("weighted rows", lambda: weighted(index, index.codes))


def weighted(index: Index, codes: Codes) -> csr_array:
    """[n, m] unit rows of max · idf; a text that fires nothing is an empty row."""
    codes = codes.merged()
    values = codes.max * inverse_document_frequency(index)[codes.latents]
    return _unit(csr_array((values, codes.latents, codes.indptr), shape=(len(codes), index.codes.n_latents)))


def heaviest(whole: Rows, n: int = HEAVIEST) -> Rows:
    """The same rows with the n largest latents of each (and those as large as the last), of length 1 again."""
    if whole.sparse is None:
        return whole
    x = whole.sparse
    kept = np.ones(len(x.data), bool)
    for start in range(0, x.shape[0], _AT_ONCE):
        span = slice(x.indptr[start], x.indptr[min(start + _AT_ONCE, x.shape[0])])
        lengths = np.diff(x.indptr[start : start + _AT_ONCE + 1])
        if lengths.max() > n:
            row = np.repeat(np.arange(len(lengths)), lengths)
            padded = np.zeros((len(lengths), int(lengths.max())), np.float32)
            padded[row, np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)] = x.data[span]
            kept[span] = x.data[span] >= np.partition(padded, -n, axis=1)[row, -n]
    indptr = np.concatenate([[0], np.cumsum(kept)])[x.indptr]
    return Rows(whole.dense, _unit(csr_array((x.data[kept], x.indices[kept], indptr), shape=x.shape)))


def _unit(x: csr_array) -> csr_array:
    lengths = np.diff(x.indptr)
    squared = np.bincount(np.repeat(np.arange(len(lengths)), lengths), weights=x.data**2, minlength=len(lengths))
    norm = np.repeat(np.sqrt(np.maximum(squared, 1e-12)), lengths)
    return csr_array(((x.data / norm).astype(np.float32), x.indices, x.indptr), shape=x.shape)


# --- PCA --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Components:
    """The directions of largest variance, and where every row lies on them."""

    mean: Floats
    """[width] of the rows it was fitted on."""
    axes: Floats
    """[AXES, width], unit rows, by variance; the sign makes each one's largest entry positive."""
    explained: tuple[float, ...]
    """Share of the variance of the fitted rows along each axis, 0–1."""

    def coordinates(self, of: Rows) -> Floats:
        """float32 [n, AXES]"""
        return of.onto(self.axes) - self.mean @ self.axes.T


def pca(fitted: Rows) -> Components:
    """Principal components of centred rows (Hotelling 1933); sparse rows stay sparse.

    Values are found by ARPACK from a fixed start, or whole where the matrix is small: the same rows give the same axes.
    """
    from sklearn.decomposition import PCA

    x = fitted.matrix()
    mean = np.asarray(x.mean(0), dtype=np.float32).ravel()
    if float((x**2).sum()) / len(fitted) - float(mean @ mean) < SAME:  # all the same: there is no direction to find
        return Components(mean, np.zeros((AXES, x.shape[1]), np.float32), (0.0,) * AXES)
    if len(fitted) <= SMALL and issparse(x):
        x = x.toarray()
    n_axes = min(AXES, len(fitted) - 1, x.shape[1])
    solver = "arpack" if issparse(x) else "full" if len(fitted) <= SMALL else "covariance_eigh"
    found = PCA(n_axes, svd_solver=solver, random_state=0).fit(x)
    axes = np.zeros((AXES, x.shape[1]), np.float32)
    axes[:n_axes] = found.components_
    largest = np.abs(axes).argmax(1)
    axes *= np.where(axes[np.arange(AXES), largest] < 0, -1, 1)[:, None]
    shares = np.zeros(AXES)
    shares[:n_axes] = np.nan_to_num(found.explained_variance_ratio_)
    return Components(mean, axes, tuple(float(s) for s in shares))


def loadings(latents: csr_array, coordinates: Floats) -> Floats:
    """float32 [m, axes], how much each latent defines each axis: its covariance with the coordinate in units of the
    coordinate's standard deviation.

    Of PCA on the latents themselves these are the component loadings, axis entry · √variance; of a map of dense vectors
    they name the axes in latents all the same.
    """
    z = coordinates - coordinates.mean(0)
    spread = z.std(0)
    z = z / np.where(spread > 0, spread, 1)
    return np.asarray(latents.T @ z / max(len(z), 1), dtype=np.float32)


def strongest_loadings(found: Floats, k: int) -> list[tuple[list[int], list[int]]]:
    """For each axis the k latents that pull most towards its positive and its negative end."""
    sides = []
    for axis in found.T:
        order = np.lexsort((np.arange(len(axis)), -axis))
        up, down = order[:k], order[::-1][:k]
        sides.append(([int(i) for i in up if axis[i] > 0], [int(i) for i in down if axis[i] < 0]))
    return sides


# --- neighbours, UMAP, placing ----------------------------------------------------------------------------------------


def nearest(asked: Rows, among: Rows, k: int) -> Iterator[tuple[Ints, Floats]]:
    """(int32 [b, k], float32 [b, k]): the k nearest of ``among`` and their cosines, best first, block by block."""
    k = min(k, len(among))
    for start in range(0, len(asked), _AT_ONCE):
        cosines = asked.take(slice(start, start + _AT_ONCE)).cosines(among)
        best = _largest(cosines, k)
        near = np.take_along_axis(cosines, best, 1)
        order = np.lexsort((best, -near), axis=1)
        yield np.take_along_axis(best, order, 1).astype(np.int32), np.take_along_axis(near, order, 1)


def _largest(values: Floats, k: int) -> np.ndarray:
    """int [b, k], places of the k largest of each row, in any order.

    They lie in the k stretches whose own largest is largest, so that only these are searched: ten times as fast.
    """
    width = values.shape[1] // _STRETCH
    if width < 4 * k:
        return np.argpartition(values, values.shape[1] - k, axis=1)[:, -k:]
    whole, rest = values[:, : width * _STRETCH], np.arange(width * _STRETCH, values.shape[1])
    tops = whole.reshape(len(values), width, _STRETCH).max(2)
    stretch = np.argpartition(tops, width - k, axis=1)[:, -k:]
    places = (stretch[:, :, None] * _STRETCH + np.arange(_STRETCH)).reshape(len(values), -1)
    places = np.concatenate([places, np.broadcast_to(rest, (len(values), len(rest)))], axis=1)
    found = np.take_along_axis(values, places, 1)
    return np.take_along_axis(places, np.argpartition(found, found.shape[1] - k, axis=1)[:, -k:], 1)


def lay_out(near: Ints, cosines: Floats, start: Floats, min_dist: float, seed: int) -> Floats:
    """UMAP (McInnes, Healy and Melville 2018) of a neighbour graph: float32 [n, dims].

    near, cosines: [n, k] as ``nearest`` gives them, a row's own place first. start: [n, dims] to begin from, a map's
    PCA: what is far apart at large stays so (Kobak and Linderman 2021). One thread and one seed: the same input gives
    the same coordinates.
    """
    import warnings

    try:
        import umap
    except ModuleNotFoundError as absent:
        raise CoreError("UMAP is not installed. Run: pip install umap-learn. PCA needs nothing more.") from absent

    scaled = 10 * (start - start.mean(0)) / max(float(start.std(0).max()), 1e-9)
    jitter = np.random.default_rng(seed).normal(scale=1e-3, size=start.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed means one thread, and that the graph has more than one piece
        model = umap.UMAP(
            n_neighbors=near.shape[1], n_components=start.shape[1], min_dist=min_dist, metric="cosine",
            init=(scaled + jitter).astype(np.float32), random_state=seed, n_jobs=1,
            precomputed_knn=(near, np.maximum(1 - cosines, 0).astype(np.float32)),
        )  # fmt: skip
        return np.asarray(model.fit_transform(start), dtype=np.float32)


def between(near: Ints, cosines: Floats, coordinates: Floats) -> Floats:
    """float32 [b, dims], where rows belong on a map that stays as it is: the weighted mean of their neighbours.

    Weights fall with the distance 1 − cosine as UMAP's do, from 1 for the nearest: exp(−(δ − δ₁) / (δ̄ − δ₁)). A row
    that lies on a mapped one (δ₁ = 0) takes its place.
    """
    distance = np.maximum(1 - cosines, 0)
    first = distance[:, :1]
    scale = np.maximum(distance.mean(1, keepdims=True) - first, 1e-9)
    weight = np.exp(-(distance - first) / scale)
    same = distance < SAME
    weight = np.where(same.any(1, keepdims=True), same, weight)
    found = np.einsum("bk,bkd->bd", weight, coordinates[near]) / weight.sum(1, keepdims=True)
    return np.asarray(found, dtype=np.float32)


# --- clusters and selections ------------------------------------------------------------------------------------------


def clusters(coordinates: Floats, smallest: int) -> Ints:
    """int32 [n], the cluster of each place on a map by HDBSCAN (Campello, Moulavi and Sander 2013), largest first;
    −1 belongs to none.
    """
    from sklearn.cluster import HDBSCAN

    if len(coordinates) < max(2 * smallest, FEWEST):
        return np.full(len(coordinates), -1, np.int32)
    found = HDBSCAN(min_cluster_size=smallest, copy=True).fit_predict(coordinates)
    sizes = np.bincount(found[found >= 0])
    rank = np.empty(len(sizes) + 1, np.int32)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    rank[-1] = -1
    return np.asarray(rank[found], dtype=np.int32)


def inside(coordinates: Floats, polygon: Floats) -> np.ndarray:
    """bool [n], places within a polygon [v, 2], by the parity of the edges that a ray to the right crosses."""
    x, y = coordinates[:, 0, None], coordinates[:, 1, None]
    x0, y0 = polygon.T
    x1, y1 = np.roll(polygon, -1, axis=0).T
    spans = (y0 > y) != (y1 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
    return np.asarray((spans & (x < crossing)).sum(1) % 2 == 1)
