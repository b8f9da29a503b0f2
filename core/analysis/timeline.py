"""A dialogue turn by turn: its topics, when each enters, stays and returns, and how sessions drift."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from core.types import Floats, Ints

SOON = 4
"""Turns within which a topic is taken up again; a longer silence ends an episode."""
FEWEST = 4
"""A latent that fires in fewer turns is no topic."""
ALIKE = 0.5
"""Latents whose turns overlap more than this (cosine) tell one story: the more persistent one is shown."""
CANDIDATES = 400
Doubles = NDArray[np.float64]


def persistence(fires: csr_array) -> Doubles:
    """float64 [m] in bits, how much more often a latent fires again soon than if its turns were dealt by chance.

    fires: [t, m], above 0 where a latent fires in a turn. J pairs of its turns lie at most SOON apart (a join count,
    Moran 1948); by chance E = pairs of places · n (n − 1) / t (t − 1) would. The measure is the Poisson log-likelihood
    ratio J log₂(J / E) − (J − E) / ln 2, and 0 where J is not above E or n below FEWEST.
    """
    t, m = fires.shape
    ones = csr_array((np.ones(len(fires.data)), fires.indices, fires.indptr), shape=fires.shape)
    n = np.asarray(ones.sum(0), dtype=np.float64)
    joined, places = np.zeros(m), 0
    for apart in range(1, min(SOON, t - 1) + 1):
        joined += np.asarray(ones[:-apart].multiply(ones[apart:]).sum(0), dtype=np.float64)
        places += t - apart
    expected = places * n * (n - 1) / max(t * (t - 1), 1)
    above = (joined > expected) & (n >= FEWEST)
    bits = joined * np.log2(np.where(above, joined, 1) / np.where(above, expected, 1)) - (joined - expected) / np.log(2)
    return np.where(above, np.maximum(bits, 0), 0)


def topics(fires: csr_array, k: int) -> tuple[Ints, Doubles]:
    """(latents, bits) of the k most persistent latents that do not repeat one another, most persistent first."""
    bits = persistence(fires)
    order = np.lexsort((np.arange(len(bits)), -bits))[:CANDIDATES]
    order = order[bits[order] > 0]
    turns = (fires[:, order] > 0).toarray().astype(np.float64)
    turns /= np.maximum(np.linalg.norm(turns, axis=0), 1e-9)
    overlap = turns.T @ turns
    chosen: list[int] = []
    for i in range(len(order)):
        if len(chosen) == k:
            break
        if not chosen or overlap[i, chosen].max() <= ALIKE:
            chosen.append(i)
    return order[chosen].astype(np.int32), bits[order[chosen]]


def episodes(turns: Ints) -> list[tuple[int, int, int]]:
    """(first turn, last turn, turns in which it fires) of each stretch without a silence of more than SOON turns.

    turns: ascending.
    """
    if not len(turns):
        return []
    cuts = np.flatnonzero(np.diff(turns) > SOON) + 1
    return [(int(part[0]), int(part[-1]), len(part)) for part in np.split(turns, cuts)]


def drift(rows: Floats | csr_array, sessions: Sequence[int] | np.ndarray) -> Doubles:
    """float64 [s − 1], the cosine between the mean rows of consecutive sessions; 0 where one is empty.

    rows: [t, width]. sessions: int [t], 0 … s − 1, ascending.
    """
    sessions = np.asarray(sessions)
    s = int(sessions.max()) + 1 if len(sessions) else 0
    member = csr_array((np.ones(len(sessions)), (sessions, np.arange(len(sessions)))), shape=(s, len(sessions)))
    means = member @ rows
    means = means.toarray() if hasattr(means, "toarray") else np.asarray(means)
    norm = np.linalg.norm(means, axis=1)
    dots = np.einsum("ij,ij->i", means[:-1], means[1:])
    return np.asarray(dots / np.maximum(norm[:-1] * norm[1:], 1e-12), dtype=np.float64)
