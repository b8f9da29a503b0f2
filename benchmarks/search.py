"""Queries over n memories with the default engine's real number of latents, the sparse side beside SciPy's CSR product.

python benchmarks/search.py [n ...]      default 6000 100000
"""

from __future__ import annotations

import sys

import numpy as np
from common import best_of, certificate
from scipy import sparse

from core import DEMO_QUERY, Query, open_demo
from core.retrieval.index import Index
from core.retrieval.rank import rank
from core.retrieval.similarity import sparse_scores, weighting

TURNS = 500
"""Memories of one conversation: their neighbours take part in each score."""


def grown(index: Index, n: int) -> Index:
    """The demo's codes drawn n times with replacement: real rows, real overlaps."""
    rows = np.random.default_rng(0).integers(0, len(index), n)
    names = [f"m{i:07}" for i in range(n)]
    talks = [f"talk {i // TURNS}" for i in range(n)]
    return Index.build(
        names, names, talks, [""] * n, index.codes.take(rows), index.fingerprint, 0, [""] * n, range(n), index.learnt
    )


def main() -> None:
    certificate()
    bank = open_demo()
    query, codes = Query(DEMO_QUERY), bank.encode_query(DEMO_QUERY)
    for n in map(int, sys.argv[1:] or ["6000", "100000"]):
        index = grown(bank.index(), n)
        chosen = weighting(query.weighting)
        values = chosen.memory_values(index, index.codes)
        matrix = sparse.csr_array(
            (values, index.codes.latents, index.codes.indptr), shape=(index.codes.n_parts, index.codes.n_latents)
        )
        vector = np.zeros(index.codes.n_latents, np.float32)
        vector[codes.latents] = chosen.query_values(index, codes)
        sparse_scores(index, query, codes)  # builds the postings once
        product = best_of(5, lambda: matrix @ vector)  # noqa: B023
        postings = best_of(5, lambda: sparse_scores(index, query, codes))  # noqa: B023
        asked = [
            (Query(text), one)
            for text, one in bank.state.store_queries([q.text for q in bank.memories.questions()]).items()
        ]
        took = [best_of(1, lambda: rank(index, q, one)) for q, one in asked for _ in range(2)]  # noqa: B023
        p50, p95 = np.percentile(took, [50, 95])
        per = len(index.codes.latents) / n
        print(f"{n:8,} memories × {per:.0f} latents, query of {len(codes.latents)}")
        print(f"  CSR product {product * 1e3:8.2f} ms")
        print(f"  postings    {postings * 1e3:8.2f} ms   {product / postings:.1f} times faster")
        print(f"  dense + sparse + combined, ranked   p50 {p50 * 1e3:.1f} ms, p95 {p95 * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
