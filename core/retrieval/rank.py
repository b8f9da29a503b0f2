"""Scores to ranks to hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.retrieval.criteria import recalled
from core.retrieval.fusion import fuse
from core.retrieval.index import Index
from core.retrieval.lexical import lexical_scores
from core.retrieval.order import order, ranks_of
from core.retrieval.similarity import dense_scores, query_vector, sparse_scores, weighting
from core.types import Codes, Floats, Hits, Mode, Offsets, Query, Spread

SPREAD_BINS = 40


@dataclass(frozen=True, slots=True)
class Scored:
    """Every mode's score of every candidate of one query."""

    rows: Offsets
    """int64 [c], candidate rows of the index, ascending."""
    scores: Mapping[Mode, Floats]
    dense_part: Floats
    sparse_part: Floats
    """What entered the combination."""


def score(index: Index, query: Query, codes: Codes, modes: Sequence[Mode] = ("dense", "sparse", "combined")) -> Scored:
    """The wanted modes over the candidates; the lexical one also where the query asks for it."""
    rows = index.candidates(query.conversation)
    none = np.zeros(len(rows), np.float32)
    both = "combined" in modes
    dense = dense_scores(index, codes)[rows] if both or "dense" in modes else none
    sparse = sparse_scores(index, query, codes)[rows] if both or "sparse" in modes else none
    balance = index.balance if query.balance is None else query.balance
    combined, dense_part, sparse_part = fuse(dense, sparse, query.fusion, balance) if both else (none, none, none)
    known: dict[Mode, Floats] = {"dense": dense, "sparse": sparse, "combined": combined}
    scores = {mode: known[mode] for mode in modes if mode in known}
    if query.lexical:
        scores["lexical"] = lexical_scores(index, query.text)[rows]
    return Scored(rows, scores, dense_part, sparse_part)


def rank(index: Index, query: Query, codes: Codes, also: tuple[str, ...] = (), scored: Scored | None = None) -> Hits:
    """The first k of every mode, and the memories named in ``also``, with their place in every mode.

    scored: what ``score`` found, where it was asked before.
    """
    scored = scored or score(index, query, codes)
    tops = [order(values, query.k) for values in scored.scores.values()]
    rows = [r for r in map(index.row, also) if r is not None]
    named = np.flatnonzero(np.isin(scored.rows, rows))
    positions = np.unique(np.concatenate([*tops, named])).astype(np.int64)
    fit = fitting(index, query, codes, scored.scores["sparse"])
    lengths = index.lengths()[scored.rows]
    return Hits(
        query if query.balance is not None else replace(query, balance=index.balance),
        tuple(index.ids[r] for r in scored.rows[positions]),
        {mode: values[positions] for mode, values in scored.scores.items()},
        {mode: ranks_of(values, positions) for mode, values in scored.scores.items()},
        len(scored.rows),
        {mode: _spread(values, *recalled(values, lengths, query, fit)) for mode, values in scored.scores.items()},
        fit,
        codes,
        parts={"dense": scored.dense_part[positions], "sparse": scored.sparse_part[positions]},
    )


def fitting(index: Index, query: Query, codes: Codes, sparse: Floats) -> float:
    """The best sparse score over the largest that a memory alone could have, at most 1; nan without such a limit.

    What stands around a memory may lift it above that limit: it fits then as well as anything can.
    """
    limit = weighting(query.weighting).limit(query_vector(index, query, codes)[1]) if len(index) else 0.0
    return min(1.0, float(sparse.max(initial=0)) / limit) if limit > 0 else float("nan")


def _spread(scores: Floats, count: int, line: float) -> Spread:
    if not len(scores):
        return Spread(0, 0, (), 0, 0, line, 0)
    counts, edges = np.histogram(scores, SPREAD_BINS)
    ends = float(edges[0]), float(edges[-1])
    return Spread(*ends, tuple(counts.tolist()), float(scores.mean()), float(scores.std()), line, count)
