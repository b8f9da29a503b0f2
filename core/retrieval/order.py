"""Order and rank of scores. Equal scores keep their order, which is that of the ids."""

from __future__ import annotations

import numpy as np

from core.types import Floats, Ints, Offsets


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
