"""Are related texts nearer than unrelated ones? Similarities of lone pairs, and what their differences say.

SEP(C, R, NR) = SIM(C, R) − SIM(C, NR), for a context, a question it answers and one it does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from core.types import Codes, Floats, Ints, Mode

PERMUTATIONS, RESAMPLES = 1000, 1000
SEED = 0
CENTRAL = (2.5, 97.5)
"""Percentiles of every interval here."""
FIGURES = ("share_positive", "effect", "auc")
"""Figures without a unit: those of different modes may be compared."""
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ModeSeparation:
    """One mode over n cases."""

    related: Floats
    """float32 [n], SIM(C, R)"""
    unrelated: Floats
    """float32 [n], SIM(C, NR)"""
    share_positive: float
    """Share of cases with SEP > 0."""
    mean: float
    sd: float
    """Of SEP, n − 1 in the denominator; nan for one case."""
    effect: float
    """mean / sd, nan where sd is 0."""
    auc: float
    """How often a SIM(C, R) of any case exceeds a SIM(C, NR) of any case, ties half."""
    null_mean: float
    """Mean SEP after the questions were dealt to other contexts."""
    null_interval: tuple[float, float]
    """Central 95 % of that mean over the permutations."""
    null_cases: tuple[float, float]
    """Central 95 % of the SEP of a single case after permutation."""
    p: float
    """Share of permutations whose mean reaches the real one, the real one counted among them."""

    @property
    def sep(self) -> Floats:
        return self.related - self.unrelated


@dataclass(frozen=True, slots=True)
class ModeDifference:
    """A figure of one mode minus that of another over the same cases, with its bootstrap interval."""

    first: Mode
    second: Mode
    figure: str
    value: float
    low: float
    high: float


def unit_rows(codes: Codes, weights: Floats) -> sparse.csr_array:
    """[n, m], strongest activations times the latents' weights, each row of length 1; rows without latents stay 0.

    codes: one part a text. weights: float32 [m].
    """
    values = codes.max * weights[codes.latents]
    lengths = np.diff(codes.indptr)
    squared = np.bincount(np.repeat(np.arange(len(codes)), lengths), weights=values**2, minlength=len(codes))
    norm = np.repeat(np.sqrt(np.maximum(squared, 1e-12)), lengths)
    return sparse.csr_array(
        ((values / norm).astype(np.float32), codes.latents, codes.indptr), shape=(len(codes), codes.n_latents)
    )


def rarity(density: Floats) -> Floats:
    """float32 [m], −ln density: inverse document frequency with the tokens of the SAE's statistics as documents.

    density: share of tokens that fire each latent. One that never fired counts as the rarest that did; all weigh 1
    where nothing is known.
    """
    known = density[density > 0]
    if not len(known) or np.isnan(density).any():
        return np.ones(len(density), np.float32)
    return -np.log(np.clip(density, known.min(), 1 - 1e-6)).astype(np.float32)


def combined(dense: Floats, sparse_: Floats) -> Floats:
    """√(max(0, dense)² + sparse²), the study's rule."""
    return np.sqrt(np.maximum(0, dense) ** 2 + sparse_**2).astype(np.float32)


def similarities(
    contexts: Codes, questions: Codes, weights: Floats, words: tuple[sparse.csr_array, sparse.csr_array]
) -> dict[Mode, Floats]:
    """SIM of every context with every question in each mode, float32 [c, q].

    words: unit rows [c, v] and [q, v] over one vocabulary. A long text counts as a whole.
    """
    dense = np.asarray(contexts.dense @ questions.dense.T, np.float32)
    of_latents = _product(unit_rows(contexts.merged(), weights), unit_rows(questions.merged(), weights))
    return {
        "dense": dense,
        "sparse": of_latents,
        "combined": combined(dense, of_latents),
        "lexical": _product(*words),
    }


def _product(a: sparse.csr_array, b: sparse.csr_array) -> Floats:
    return np.asarray((a @ b.T).toarray(), np.float32)


def separate(sim: Floats, contexts: Ints, related: Ints, unrelated: Ints) -> ModeSeparation:
    """One mode's separation. sim: float32 [c, q]; the three: int32 [n], each case's place among them."""
    near, far = sim[contexts, related], sim[contexts, unrelated]
    means, singles = _permuted(sim, contexts, related, unrelated)
    sep = (near - far).astype(np.float64)
    sd = float(sep.std(ddof=1)) if len(sep) > 1 else float("nan")
    low, high = np.percentile(means, CENTRAL)
    case_low, case_high = np.percentile(singles, CENTRAL)
    return ModeSeparation(
        near,
        far,
        float((sep > 0).mean()),
        float(sep.mean()),
        sd,
        float(sep.mean() / sd) if sd > 0 else float("nan"),
        float(auc(near[None], far[None])[0]),
        float(means.mean()),
        (float(low), float(high)),
        (float(case_low), float(case_high)),
        float((1 + (means >= sep.mean() - 1e-12).sum()) / (1 + len(means))),
    )


def auc(near: Floats, far: Floats) -> Values:
    """float64 [b], for b draws of n cases each: P(near > far) + ½ P(near = far) over all pairs, Mann and Whitney 1947.

    near, far: float32 [b, n].
    """
    from scipy.stats import rankdata

    n = near.shape[1]
    ranks = rankdata(np.concatenate([near, far], axis=1), axis=1)[:, :n]
    return np.asarray((ranks.sum(axis=1) - n * (n + 1) / 2) / n**2, np.float64)


def _permuted(sim: Floats, contexts: Ints, related: Ints, unrelated: Ints) -> tuple[Values, Floats]:
    """(mean SEP of each permutation, every single SEP): each context is dealt the two questions of a case by lot."""
    rng = np.random.default_rng(SEED)
    dealt = rng.permuted(np.tile(np.arange(len(contexts)), (PERMUTATIONS, 1)), axis=1)
    singles = sim[contexts, related[dealt]] - sim[contexts, unrelated[dealt]]
    return singles.mean(axis=1, dtype=np.float64), singles


def differences(modes: Mapping[Mode, ModeSeparation]) -> list[ModeDifference]:
    """Every pair of modes, figure by figure, with percentile bootstrap intervals over the cases (Efron 1979).

    Every mode draws the same cases, so the differences are paired. One case has none.
    """
    if not modes or len(next(iter(modes.values())).related) < 2:
        return []
    names: Sequence[Mode] = ("combined", "sparse", "dense", "lexical")
    drawn = {mode: bootstrap(modes[mode]) for mode in names if mode in modes}
    return [
        ModeDifference(first, second, figure, *gain)
        for first, second in combinations(drawn, 2)
        for figure, gain in apart(drawn[first], drawn[second]).items()
    ]


Drawn = Mapping[str, Values]
"""By figure, float64 [1 + RESAMPLES]: of all cases, then of each draw."""


def bootstrap(one: ModeSeparation) -> Drawn:
    """The comparable figures of a separation and of draws of its cases, the same draws for the same number of cases."""
    n = len(one.related)
    rows = np.random.default_rng(SEED).integers(n, size=(RESAMPLES, n))
    return _figures(one, np.concatenate([np.arange(n)[None], rows]))


def apart(first: Drawn, second: Drawn) -> dict[str, tuple[float, float, float]]:
    """(first − second, low, high) of each figure of two separations of the same cases, of which there are several."""
    found = {}
    for figure in FIGURES:
        gain = first[figure] - second[figure]
        known = gain[1:][np.isfinite(gain[1:])]  # a draw of one case alone has no sd, and so no effect
        low, high = np.percentile(known, CENTRAL) if len(known) else (np.nan, np.nan)
        found[figure] = float(gain[0]), float(low), float(high)
    return found


def _figures(mode: ModeSeparation, rows: NDArray[np.int64]) -> dict[str, Values]:
    """float64 [b] of each comparable figure, for b draws of cases [b, n]."""
    sep = mode.sep[rows].astype(np.float64)
    sd = sep.std(axis=1, ddof=1)
    effect = np.divide(sep.mean(axis=1), sd, out=np.full(len(rows), np.nan), where=sd > 0)
    return {
        "share_positive": (sep > 0).mean(axis=1),
        "effect": effect,
        "auc": auc(mode.related[rows], mode.unrelated[rows]),
    }
