"""Which latents tell two groups of texts apart, answered questions and missed ones for instance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from core.types import Ints

Doubles = NDArray[np.float64]
LEAST = 5
"""Texts that must fire a latent before it is looked at: of fewer, no test can be sure."""
Z = 1.959964


@dataclass(frozen=True, slots=True)
class Audit:
    """c latents, those most surely of group A first, those most surely of group B last."""

    n_a: int
    n_b: int
    latents: Ints
    fires_a: Ints
    """Texts of A that fire each."""
    fires_b: Ints
    log_odds: Doubles
    """Natural; above 0 the latent belongs to A."""
    low: Doubles
    high: Doubles
    """The 95 % interval."""
    q: Doubles
    """The smallest false discovery rate at which the latent still counts as found."""


def audit(fires: csr_array, a: NDArray[np.bool_], b: NDArray[np.bool_]) -> Audit:
    """Group a of some texts against group b. fires: [n, m], not 0 where a text (a row) fires a latent.

    Log-odds ratio with ½ added to each cell (Haldane 1956, Anscombe 1956), its interval by Woolf's variance; Fisher's
    exact test, the smaller tail doubled; false discovery rate of Benjamini and Hochberg 1995.
    """
    from scipy.stats import false_discovery_control, hypergeom

    n_a, n_b, m = int(a.sum()), int(b.sum()), fires.shape[1]
    in_a, in_b = (np.bincount(fires[rows].indices, minlength=m) for rows in (a, b))
    (latents,) = np.nonzero(in_a + in_b >= LEAST)
    ya, yb = in_a[latents], in_b[latents]
    cells = np.stack([ya, n_a - ya, yb, n_b - yb]) + 0.5
    odds, error = np.log(cells[0] * cells[3] / (cells[1] * cells[2])), np.sqrt((1 / cells).sum(axis=0))
    margins = (n_a + n_b, ya + yb, n_a)
    tail = np.minimum(hypergeom.cdf(ya, *margins), hypergeom.sf(ya - 1, *margins))
    q = false_discovery_control(np.clip(2 * tail, 0, 1)) if len(latents) else np.zeros(0)
    side = np.sign(odds)
    order = np.lexsort((latents, -side * np.maximum(np.abs(odds) - Z * error, 0), side * q, -side))
    return Audit(
        n_a, n_b, latents[order].astype(np.int32), ya[order].astype(np.int32), yb[order].astype(np.int32),
        odds[order], (odds - Z * error)[order], (odds + Z * error)[order], q[order],
    )  # fmt: skip
