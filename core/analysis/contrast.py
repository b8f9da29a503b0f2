"""What sets one group of texts apart from another: latents that fire in one more often than in the other.

The estimate is the log-odds ratio with an informative Dirichlet prior, the idea that also names latents
(core.analysis.labels); whether it is more than chance says Fisher's exact test, corrected for looking at every latent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from core.analysis.labels import PRIOR
from core.analysis.latents import by_memory
from core.retrieval.index import Index
from core.types import Ints

Doubles = NDArray[np.float64]
SURE = 0.05
"""Expected share of chance findings among the latents that are called distinguishing."""
MANY = 25
"""Expected memories of each kind from which the normal tail stands in for the exact one."""
Z = 1.959964
"""Half the width of a 95 % interval in standard errors."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """c latents that fire in enough texts of group A or B, those that set the groups apart most surely first.

    ``log_odds`` is natural; above 0 the latent belongs to A.
    """

    n_a: int
    n_b: int
    latents: Ints
    fires_a: Ints
    """Texts of A that fire each."""
    fires_b: Ints
    log_odds: Doubles
    low: Doubles
    high: Doubles
    """The 95 % interval of the log-odds."""
    p: Doubles
    """Fisher's exact test, two-sided by doubling the smaller tail; its normal limit where counts are large."""
    q: Doubles
    """The smallest false discovery rate at which the latent is still called distinguishing."""
    length_ratio: float
    """Mean tokens of a text of A over those of B: a longer text fires more latents."""

    @property
    def sure(self) -> int:
        """How many of them are distinguishing at the rate SURE; they may lie anywhere in the order."""
        return int((self.q <= SURE).sum())

    def top(self, k: int, side: int = 0) -> list[int]:
        """Positions of the k most distinguishing latents that are sure; side +1: those of A alone, −1: those of B."""
        wanted = (self.q <= SURE) & ((side == 0) | (np.sign(self.log_odds) == side))
        return [int(i) for i in np.flatnonzero(wanted)[:k]]


def contrast(fires: csr_array, tokens: Ints, a: Ints, b: Ints, least: int = 1) -> Contrast:
    """Rows a of some texts against rows b, every latent at once. The groups share no row and neither is empty.

    fires: [n, m], an entry where a text (a row) fires a latent. tokens: int [n], of each text. least: texts that must
    fire a latent before it is looked at.
    """
    in_a, in_b = (np.bincount(fires[rows].indices, minlength=fires.shape[1]) for rows in (a, b))
    (latents,) = np.nonzero(in_a + in_b >= least)
    ya, yb = in_a[latents].astype(np.float64), in_b[latents].astype(np.float64)
    odds, error = log_odds(ya, len(a), yb, len(b))
    p = two_sided_p(ya, len(a), yb, len(b))
    q = adjusted(p)
    sureness = np.sign(odds) * np.maximum(np.abs(odds) - Z * error, 0)
    order = np.lexsort((latents, p, -np.abs(sureness), q > SURE))
    return Contrast(
        len(a), len(b), latents[order].astype(np.int32), ya[order].astype(np.int32), yb[order].astype(np.int32),
        odds[order], (odds - Z * error)[order], (odds + Z * error)[order], p[order], q[order],
        float(tokens[a].mean() / max(tokens[b].mean(), 1e-9)),
    )  # fmt: skip


def distinguishing(index: Index, groups: Ints, k: int) -> list[list[int]]:
    """For each group 0 … g − 1 the k latents that most surely set it apart from all other memories.

    groups: int [n], −1 for a memory of none.
    """
    sizes = np.bincount(groups[groups >= 0])
    member = csr_array(
        (np.ones(int(sizes.sum())), (groups[groups >= 0], np.flatnonzero(groups >= 0))), (len(sizes), len(groups))
    )
    fires = by_memory(index)
    ones = csr_array((np.ones(len(fires.data)), fires.indices, fires.indptr), shape=fires.shape)
    inside, everywhere = (member @ ones).toarray(), np.asarray(ones.sum(0), dtype=np.float64)
    found = []
    for y, n in zip(inside, sizes.tolist(), strict=True):
        odds, error = log_odds(y, n, everywhere - y, len(groups) - n)
        best = np.lexsort((np.arange(len(y)), -(odds - Z * error)))[:k]
        found.append([int(i) for i in best if odds[i] - Z * error[i] > 0])
    return found


def log_odds(ya: Doubles, na: int, yb: Doubles, nb: int) -> tuple[Doubles, Doubles]:
    """(log-odds ratio, its standard error) of ya in na against yb in nb.

    Monroe, Colaresi and Quinn 2008: to each group are added PRIOR memories that fire at the rate of both together, so
    that a latent seen twice says little. The variance is Woolf's, 1/y + 1/(n − y) of both sides.
    """
    rate = (ya + yb + 0.5) / (na + nb + 1)
    parts = []
    for y, n in ((ya, na), (yb, nb)):
        fired, silent = y + PRIOR * rate, n - y + PRIOR * (1 - rate)
        parts.append((np.log(fired / silent), 1 / fired + 1 / silent))
    return parts[0][0] - parts[1][0], np.sqrt(parts[0][1] + parts[1][1])


def two_sided_p(ya: Doubles, na: int, yb: Doubles, nb: int) -> Doubles:
    """Two-sided p of each fourfold table, the smaller tail doubled: Fisher's exact test (Fisher 1922).

    Where all four expected counts are at least MANY, the tail is the normal one with Yates' correction, which says the
    same there and takes no longer for a hundred thousand memories than for a hundred.
    """
    from scipy.stats import hypergeom, norm

    n, y = na + nb, ya + yb
    expected = y * na / n
    few = np.minimum.reduce([expected, y - expected, na - expected, nb - (y - expected)]) < MANY
    spread = np.sqrt(np.maximum(expected * nb * (n - y) / (n * max(n - 1, 1)), 1e-12))
    tail = norm.sf(np.maximum(np.abs(ya - expected) - 0.5, 0) / spread)
    margins = (n, y[few], na)
    tail[few] = np.minimum(hypergeom.cdf(ya[few], *margins), hypergeom.sf(ya[few] - 1, *margins))
    return np.asarray(np.clip(2 * tail, 0, 1))


def adjusted(p: Doubles) -> Doubles:
    """Benjamini and Hochberg 1995 over all latents that were looked at."""
    from scipy.stats import false_discovery_control

    return np.asarray(false_discovery_control(p)) if len(p) else p
