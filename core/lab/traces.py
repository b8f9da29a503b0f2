"""What the traces of episodes share and do not: sparsity, distinctiveness, overlap.

A *trace* is what an SAE makes of one episode: its m activations after the ReLU. Sparsity counts exact zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

Traces = NDArray[np.float32]
"""float32 [n, m], ≥ 0"""
Z95 = 1.959963984540054
THRESHOLDS = (0.0, 0.01, 0.1, 0.5, 1.0)
"""Activations that a latent must exceed to count, from “fires at all” to “fires strongly”."""


def active(traces: Traces) -> NDArray[np.int64]:
    """int64 [n], latents above 0 of each trace."""
    return np.asarray(np.count_nonzero(traces > 0, axis=1), np.int64)


def sparsity(traces: Traces) -> NDArray[np.float64]:
    """float64 [n], share of latents that are exactly 0, 0–1."""
    return np.asarray(1 - active(traces) / max(traces.shape[1], 1), np.float64)


def means(traces: Traces, categories: Sequence[str]) -> dict[str, Traces]:
    """The mean trace of each category, float32 [m], by the order in which categories first appear."""
    return {name: traces[rows].mean(axis=0) for name, rows in rows_of(categories).items()}


def rows_of(categories: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """Which episodes a category has."""
    each = np.asarray(categories)
    return {name: np.flatnonzero(each == name) for name in dict.fromkeys(categories)}


def normalised(traces: Traces) -> Traces:
    """Each trace divided by its own length; a silent one stays 0."""
    length = np.linalg.norm(traces, axis=-1, keepdims=True)
    return np.asarray(np.divide(traces, length, out=np.zeros_like(traces), where=length > 0), np.float32)


def cosine(a: Traces, b: Traces) -> float:
    """a·b / (‖a‖ ‖b‖); 0 where either is silent."""
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length else 0.0


def euclidean(a: Traces, b: Traces) -> float:
    """‖a − b‖, in units of activation."""
    return float(np.linalg.norm(a - b))


@dataclass(frozen=True, slots=True)
class Distinct:
    """How unlike two mean traces are, raw and after each was divided by its own length."""

    a: str
    b: str
    cosine: float
    cosine_normalised: float
    """Equal to the raw one but for rounding: a length does not turn a vector."""
    euclidean: float
    euclidean_normalised: float
    """√(2 − 2 cos) where neither is silent."""


def distinctiveness(traces: Traces, categories: Sequence[str]) -> tuple[Distinct, ...]:
    """Every pair of categories, by their mean traces."""
    mean = means(traces, categories)
    scaled = {name: normalised(trace) for name, trace in mean.items()}
    return tuple(
        Distinct(
            a,
            b,
            cosine(mean[a], mean[b]),
            cosine(scaled[a], scaled[b]),
            euclidean(mean[a], mean[b]),
            euclidean(scaled[a], scaled[b]),
        )
        for a, b in combinations(mean, 2)
    )


@dataclass(frozen=True, slots=True)
class Shared:
    """Which latents the mean traces of categories have above a threshold."""

    threshold: float
    core: tuple[int, ...]
    """Above it in every category."""
    pairs: dict[tuple[str, str], tuple[int, ...]]
    """Above it in both of two categories, the core included."""
    unique: dict[str, tuple[int, ...]]
    """Above it in this category alone."""


def overlap(traces: Traces, categories: Sequence[str], thresholds: Sequence[float] = THRESHOLDS) -> tuple[Shared, ...]:
    """Core, shared and unique latents at several thresholds, by the categories' mean traces."""
    mean = means(traces, categories)
    names = list(mean)
    stacked = np.stack([mean[name] for name in names])

    def those(mask: Any) -> tuple[int, ...]:
        return tuple(np.flatnonzero(mask).tolist())

    found = []
    for threshold in thresholds:
        above = stacked > threshold
        alone = above.sum(axis=0) == 1
        found.append(
            Shared(
                threshold,
                those(above.all(axis=0)) if len(names) > 1 else (),
                {(names[i], names[j]): those(above[i] & above[j]) for i, j in combinations(range(len(names)), 2)},
                {name: those(above[i] & alone) for i, name in enumerate(names)},
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class CategoryLatents:
    """How strongly and how often the episodes of a category fire each latent; float64 [m], with 95 % intervals."""

    category: str
    n: int
    mean: NDArray[np.float64]
    """Mean activation over all episodes of the category, silent ones included."""
    mean_low: NDArray[np.float64]
    mean_high: NDArray[np.float64]
    rate: NDArray[np.float64]
    """Share of the category's episodes that fire it, 0–1."""
    rate_low: NDArray[np.float64]
    rate_high: NDArray[np.float64]


def by_category(
    traces: Traces, categories: Sequence[str], draws: int = 1000, seed: int = 0
) -> tuple[CategoryLatents, ...]:
    """Activation and firing rate per latent and category.

    Means: percentile bootstrap over the category's episodes (Efron 1979). Rates: Wilson's interval (Wilson 1927).
    """
    rng = np.random.default_rng(seed)
    found = []
    for name, rows in rows_of(categories).items():
        mine, n = traces[rows].astype(np.float64), len(rows)
        counts = rng.multinomial(n, np.full(n, 1 / n), size=draws)
        low, high = np.quantile(counts @ mine / n, (0.025, 0.975), axis=0)
        rate = (mine > 0).mean(axis=0)
        found.append(CategoryLatents(name, n, mine.mean(axis=0), low, high, rate, *wilson(rate, n)))
    return tuple(found)


def wilson(share: NDArray[np.float64], n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % interval of shares of n (Wilson 1927): (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)."""
    scale = 1 + Z95**2 / n
    middle = (share + Z95**2 / (2 * n)) / scale
    half = Z95 * np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)) / scale
    return np.maximum(middle - half, 0), np.minimum(middle + half, 1)
