"""Every pair of n memories compared, ordered, tiled and drawn, beside what the libraries offer for it.

python benchmarks/overlap.py [n ...]      default 300 5000; rows are drawn from the demo with replacement
"""

from __future__ import annotations

import sys
import time

import numpy as np
from common import best_of, certificate
from scipy import sparse
from sklearn.metrics.pairwise import manhattan_distances

from core import open_demo
from core.analysis import overlap as pure
from core.analysis.latents import by_memory
from ui.overlap import charts as charts_overlap

TILES = 100
BASELINE_ROWS = 50
"""Manhattan distances are timed from so many rows to all others, and multiplied."""


def varied(matrix: sparse.csr_array, n: int) -> sparse.csr_array:
    """Rows with the demo's own statistics: drawn with replacement, each keeping nine tenths of its activations."""
    rng = np.random.default_rng(0)
    found = matrix[rng.integers(0, matrix.shape[0], n)].astype(np.float32)
    found.data *= rng.random(found.nnz) < 0.9
    found.eliminate_zeros()
    return sparse.csr_array(found)


def by_scipy(matrix: sparse.csr_array) -> np.ndarray:
    """All dot products in one sparse product."""
    return (matrix @ matrix.T).toarray()


def by_scikit_learn(matrix: sparse.csr_array, rows: int) -> np.ndarray:
    """Σ min = (Σ a + Σ b − Σ |a − b|) / 2, from its exact sparse Manhattan distances."""
    whole = sparse.csr_matrix(matrix.astype(np.float64))
    whole.indices, whole.indptr = whole.indices.astype(np.int32), whole.indptr.astype(np.int32)
    total = np.asarray(matrix.sum(axis=1)).ravel()
    return (total[:rows, None] + total[None] - manhattan_distances(whole[:rows], whole)) / 2


def main() -> None:
    certificate()
    matrix = by_memory(open_demo().index())
    pure.measured(matrix[:3].astype(np.float32), "weighted_jaccard")  # compiles once
    for n in map(int, sys.argv[1:] or ["300", "5000"]):
        rows = varied(matrix, n)
        print(f"{n:,} memories × {rows.nnz / n:.0f} latents")
        some = min(BASELINE_ROWS, n)
        product = best_of(1, lambda: by_scipy(rows))  # noqa: B023
        manhattan = best_of(1, lambda: by_scikit_learn(rows, some)) * n / some  # noqa: B023
        baselines = {
            "jaccard": ("SciPy’s product", product),
            "cosine": ("SciPy’s product", product),
            "weighted_jaccard": (f"scikit-learn’s Manhattan, from {some} rows", manhattan),
        }
        for measure, (name, naive) in baselines.items():
            took = best_of(2, lambda: pure.measured(rows, measure))  # noqa: B023
            print(f"  {measure:17} {took:7.2f} s   {name} {naive:7.2f} s, {naive / took:.1f} times")
        values = pure.measured(rows, "jaccard")
        started = time.perf_counter()
        linkage = pure.tree(values, "jaccard")
        print(f"  tree              {time.perf_counter() - started:7.2f} s")
        order = pure.leaves(linkage)
        shown = pure.tiles(values, order, TILES) if n > 300 else None
        tiled = best_of(3, lambda: pure.tiles(values, order, TILES))  # noqa: B023
        print(f"  tiles             {tiled:7.2f} s")
        cells = values[np.ix_(order, order)] if shown is None else shown.values
        names = [f"m{i}" for i in range(len(cells))]
        branches = pure.branches(linkage, len(cells))
        started = time.perf_counter()
        size = len(
            charts_overlap.heatmap(cells, names, ["a memory’s words " * 5] * len(cells), branches, "J").to_json()
        )
        print(f"  figure of {len(cells)} × {len(cells)} {time.perf_counter() - started:7.2f} s, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
