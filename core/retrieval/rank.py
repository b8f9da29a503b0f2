"""Scores to ranks to hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.retrieval.fusion import fuse
from core.retrieval.index import Index
from core.retrieval.lexical import lexical_scores
from core.retrieval.similarity import dense_scores, sparse_scores
from core.types import Codes, Floats, Hits, Ints, Mode, Offsets, Query


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
    combined, dense_part, sparse_part = fuse(dense, sparse, query.fusion, query.balance) if both else (none, none, none)
    known: dict[Mode, Floats] = {"dense": dense, "sparse": sparse, "combined": combined}
    scores = {mode: known[mode] for mode in modes if mode in known}
    if query.lexical:
        scores["lexical"] = lexical_scores(index, query.text)[rows]
    return Scored(rows, scores, dense_part, sparse_part)


def order(scores: Floats, k: int | None = None) -> Offsets:
    """Positions of the k best, best first; equal scores keep their order, which is that of the ids."""
    if k is None or k >= len(scores):
        return np.argsort(-scores, kind="stable")
    if k < 1:
        return np.zeros(0, np.int64)
    line = np.partition(scores, len(scores) - k)[len(scores) - k]
    above = np.flatnonzero(scores > line)
    ties = np.flatnonzero(scores == line)[: k - len(above)]
    chosen = np.sort(np.concatenate([above, ties]))
    return chosen[np.argsort(-scores[chosen], kind="stable")]


def ranks_of(scores: Floats, positions: Offsets) -> Ints:
    """1-based rank of some candidates among all: how many score higher, or as high with a smaller id."""
    ascending = np.sort(scores)
    higher = len(scores) - np.searchsorted(ascending, scores[positions], side="right")
    ties_before = np.zeros(len(positions), np.int64)
    tied = np.searchsorted(ascending, scores[positions], side="left") + 1 < len(scores) - higher
    for i in np.flatnonzero(tied):
        ties_before[i] = np.count_nonzero(scores[: positions[i]] == scores[positions[i]])
    return (higher + ties_before + 1).astype(np.int32)


def rank(index: Index, query: Query, codes: Codes, also: tuple[str, ...] = ()) -> Hits:
    """The first k of every mode, and the memories named in ``also``, with their place in every mode."""
    scored = score(index, query, codes)
    tops = [order(values, query.k) for values in scored.scores.values()]
    rows = [r for r in map(index.row, also) if r is not None]
    named = np.flatnonzero(np.isin(scored.rows, rows))
    positions = np.unique(np.concatenate([*tops, named])).astype(np.int64)
    return Hits(
        query,
        tuple(index.ids[r] for r in scored.rows[positions]),
        {mode: values[positions] for mode, values in scored.scores.items()},
        {mode: ranks_of(values, positions) for mode, values in scored.scores.items()},
        len(scored.rows),
        codes,
    )
