"""A map of 100,000 memories: PCA, UMAP of a sample with the others placed, clusters, a contrast, the figure.

The memories are crossed from the demo's: each fires a part of what two of them fire, so that latents keep their rates
and activations. The baseline is umap-learn alone on the same sample, which searches its neighbours itself.

python benchmarks/atlas.py [n]      default 100000
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from common import certificate

from core import DEMO_QUERY, MapPlan, Memory, MemoryBank, open_demo
from core.codes import Codes
from core.progress import finish
from core.retrieval.index import Index
from core.types import Reading
from ui.atlas import charts as charts_map
from ui.atlas import cluster_names
from ui.kit.figures import Frame

T = TypeVar("T")
KEPT = 0.35
"""Share of each parent's latents that a child fires."""

AT_ONCE = 10_000
SECONDS: dict[str, float] = {}
"""Of the processor, by what was timed."""


def crossed(known: Codes, n: int, seed: int) -> Codes:
    """n codes, each of two parents: a share of the latents of both, and a vector between theirs with some noise."""
    rng = np.random.default_rng(seed)
    known = known.merged()
    parents = rng.integers(0, len(known), (n, 2))
    both = known.take(parents.ravel())
    kept = rng.random(len(both.latents)) < KEPT
    child = np.repeat(np.repeat(np.arange(n), 2), np.diff(both.indptr))
    key = child[kept] * known.n_latents + both.latents[kept]
    key, first = np.unique(key, return_index=True)
    at = np.flatnonzero(kept)[first]
    share = rng.random((n, 1)).astype(np.float32)
    dense = share * known.dense[parents[:, 0]] + (1 - share) * known.dense[parents[:, 1]]
    dense += rng.normal(scale=0.5 / np.sqrt(known.d), size=dense.shape).astype(np.float32)
    one = known.take(parents[:, 0])
    return replace(
        one,
        dense=dense / np.linalg.norm(dense, axis=1, keepdims=True),
        indptr=np.searchsorted(key // known.n_latents, np.arange(n + 1)).astype(np.int64),
        latents=both.latents[at],
        max=both.max[at],
        sum=both.sum[at],
        peak=np.zeros(len(at), np.int32),
    )


def timed(what: str, task: Callable[[], T]) -> T:
    started, worked = time.perf_counter(), time.process_time()
    found = task()
    passed, worked = time.perf_counter() - started, time.process_time() - worked
    print(f"  {what:58} {passed:8.2f} s  {worked:8.2f} s", flush=True)
    SECONDS[what] = worked
    return found


def main() -> None:
    certificate()
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    demo = open_demo()
    parts = [crossed(demo.index().codes, min(AT_ONCE, n - i), i) for i in range(0, n, AT_ONCE)]
    codes = Codes.concat(parts)
    names = [f"m{i:07}" for i in range(n)]
    index = Index.build(names, names, [""] * n, [""] * n, codes, demo.engine.fingerprint, 1)
    print(f"{n:,} memories × {len(codes.latents) / n:.0f} latents of {codes.n_latents:,}, {codes.d} dense numbers")
    print(
        f"load {os.getloadavg()[0]:.1f}; seconds that passed, and of the processor: other programs lengthen the first"
    )
    with tempfile.TemporaryDirectory() as folder:
        bank = MemoryBank.open(Path(folder) / "large.duckdb", demo.engine)
        finish(bank.add(Reading([Memory(m, m, position=i) for i, m in enumerate(names)], [], []), encode=False))
        bank.index = lambda: index  # type: ignore[method-assign]
        bank.encode_query = demo.encode_query  # type: ignore[method-assign]
        timed("weighting every latent, once", lambda: bank.maps.similarity("sparse", DEMO_QUERY))
        for kind in ("dense", "sparse", "combined"):
            timed(f"PCA, {kind}", lambda kind=kind: bank.maps.pca(kind, 3))  # type: ignore[misc]
        timed("compiling UMAP, once", lambda: umap_alone(codes.dense[:5000]))
        maps = {}
        for kind in ("dense", "sparse"):
            plan = MapPlan("umap", kind)  # type: ignore[arg-type]
            maps[kind] = timed(f"UMAP, {kind}: laid out, placed, stored", lambda p=plan: finish(bank.maps.fit(p)))  # type: ignore[misc]
            timed("  found again", lambda p=plan: bank.maps.get(p))  # type: ignore[misc]
        fitted = maps["dense"].fitted
        alone = f"baseline: umap-learn on the dense {int(fitted.sum()):,} alone"
        timed(alone, lambda: umap_alone(codes.dense[fitted]))
        ratio = SECONDS["UMAP, dense: laid out, placed, stored"] / SECONDS[alone]
        print(f"  {ratio:.1f} times the baseline, for {n / int(fitted.sum()):.1f} times the memories")
        found = maps["dense"]
        timed("one text placed", lambda: bank.maps.place(found, DEMO_QUERY))
        clusters = timed("HDBSCAN", lambda: found.clusters(200))
        timed("names of the clusters", lambda: cluster_names.named(bank, clusters))
        left = [i for i, (x, _) in zip(found.ids, found.places.tolist(), strict=True) if x < found.places[:, 0].mean()]
        timed(f"contrast of {len(left):,} with the rest, latents counted once", lambda: bank.groups.contrast(left))
        timed("the same again", lambda: bank.groups.contrast(left))
        colour = charts_map.Groups(clusters, [str(i) for i in range(int(clusters.max()) + 1)])
        frame = Frame("100k", ("x", "y"), "benchmark")
        figure = timed("figure", lambda: charts_map.scatter(found.places, colour, (), charts_map.Marks(), frame))
        spec = timed("figure as JSON", figure.to_json)
        print(f"  {len(spec) / 1e6:.1f} MB go to the browser")


def umap_alone(rows: np.ndarray) -> np.ndarray:
    import warnings

    import umap

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(umap.UMAP(metric="cosine", random_state=0, n_jobs=1).fit_transform(rows))


if __name__ == "__main__":
    main()
