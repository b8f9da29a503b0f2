"""How far a label may be believed: does its meaning tell texts that fire the latent from texts that do not?

Trust is the AUROC of cosine(embedding of the label, embedding of a text), strong firing against none, the two sides
matched by where the texts come from and how long they are. 0.5 is chance: a label that says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from core.types import Floats, Ints

A_SIDE = 24
"""Texts a side, where there are as many."""
ENOUGH = 20
"""Fewer a side say too little for a figure of the dictionary."""
ENOUGH_HERE = 8
"""A bank is small: fewer a side than this are not shown."""
STRONG = 4
"""Strong firing: the strongest one in so many texts that fire the latent."""
_REDRAWS = 12
_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Sides:
    """For each latent the texts that fire it strongly, and matched ones that do not fire it; −1 where there is none."""

    positive: Ints
    """int32 [m, a]"""
    negative: Ints
    """int32 [m, a]; place j is matched to place j of the other side."""

    @property
    def count(self) -> Ints:
        """int32 [m], pairs that are complete."""
        both = (self.positive >= 0) & (self.negative >= 0)
        return np.asarray(both.sum(1), dtype=np.int32)


def sides(fires: sparse.csc_array, strata: Ints, a_side: int = A_SIDE, seed: int = 0) -> Sides:
    """Draw both sides from n texts.

    fires: [n, m], each text's strongest activation. strata: int [n], texts of one stratum may be matched. Positives
    are spread evenly over the strongest quarter (at least ``a_side`` texts); each negative is drawn from the stratum
    of its positive among the texts with no activation.
    """
    n, m = fires.shape
    texts, counts = fires.indices.astype(np.int64), np.diff(fires.indptr).astype(np.int64)
    latents = np.repeat(np.arange(m), counts)
    strongest = texts[np.lexsort((texts, -fires.data, latents))]
    limit = np.minimum(counts, np.maximum(-(-counts // STRONG), a_side))
    place = np.arange(a_side)
    step = np.maximum(limit - 1, 0)[:, None] / max(a_side - 1, 1)
    rank = np.where(limit[:, None] >= a_side, np.floor(place * step), place)
    real = place < limit[:, None]
    at = np.minimum(fires.indptr[:-1][:, None] + rank.astype(np.int64), max(len(strongest) - 1, 0))
    positive = np.where(real, strongest[at] if len(strongest) else 0, -1)
    return Sides(positive.astype(np.int32), _matched(positive, latents * n + texts, strata, n, seed))


def _matched(positive: np.ndarray, firing: np.ndarray, strata: Ints, n: int, seed: int) -> Ints:
    """A text of the same stratum for each positive that does not fire its latent; −1 where no draw found one."""
    rng = np.random.default_rng(seed)
    by_stratum = np.argsort(strata, kind="stable")
    names, start, size = np.unique(strata[by_stratum], return_index=True, return_counts=True)
    stratum = np.searchsorted(names, strata)
    firing = np.sort(firing)
    negative = np.full(positive.shape, -1, np.int32)
    row, column = np.nonzero(positive >= 0)
    for _ in range(_REDRAWS):
        if not len(row):
            break
        of = stratum[positive[row, column]]
        drawn = by_stratum[start[of] + rng.integers(0, size[of])]
        key = row * n + drawn
        found = np.minimum(np.searchsorted(firing, key), len(firing) - 1)
        silent = firing[found] != key
        negative[row[silent], column[silent]] = drawn[silent]
        row, column = row[~silent], column[~silent]
    return negative


def auroc(positive: Floats, negative: Floats) -> Floats:
    """float32 [...]: how often a value of [..., a] exceeds one of [..., b], ties half; nan values are left out.

    Mann and Whitney 1947: the area under the ROC curve is this share. nan where a side is empty.
    """
    both = ~np.isnan(positive)[..., :, None] & ~np.isnan(negative)[..., None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        above = (positive[..., :, None] > negative[..., None, :]) & both
        equal = (positive[..., :, None] == negative[..., None, :]) & both
        share = (above.sum((-1, -2)) + 0.5 * equal.sum((-1, -2))) / both.sum((-1, -2))
    return np.asarray(share, dtype=np.float32)


def trust(labels: Floats, texts: Floats, drawn: Sides) -> Floats:
    """float32 [l], the AUROC of each label; nan where a side has no text.

    labels: unit rows [l, d], one for each row of ``drawn``. texts: unit rows [n, d].
    """
    out = np.full(len(labels), np.nan, np.float32)
    for start in range(0, len(labels), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        mine = labels[rows]
        out[rows] = auroc(_near(mine, texts, drawn.positive[rows]), _near(mine, texts, drawn.negative[rows]))
    return out


def _near(labels: Floats, texts: Floats, which: Ints) -> Floats:
    """[l, a], cosines of labels with their own texts, nan where there is none."""
    if not len(texts):
        return np.full(which.shape, np.nan, np.float32)
    values = (texts[np.maximum(which, 0)] @ labels[:, :, None])[:, :, 0]
    return np.where(which >= 0, values, np.nan).astype(np.float32)


def shuffled(count: Ints, seed: int = 0) -> np.ndarray:
    """int [l], a label of another latent for each: the control, which should come out at 0.5."""
    order = np.random.default_rng(seed).permutation(len(count))
    out = np.empty(len(count), np.int64)
    out[order] = np.roll(order, 1)
    return out
