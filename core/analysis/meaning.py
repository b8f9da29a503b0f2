"""What a latent means, as a direction among embeddings of texts: to those that fire it, from those that do not.

A latent's own texts are few and say it badly; its decoder's direction says it well, in another space. Laid beside what
the texts of all latents say, the directions of all latents tell what a direction means.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from core.analysis.trust import Sides
from core.types import Floats, Ints

OWN = 0.3
"""Weight of a latent's own texts beside what its direction tells."""
SHRINK = 1.0
"""Of the texts' mean variance, added to every direction: their covariance is never inverted where it is thin."""
RIDGE = 0.1
"""Of the mean square along a direction."""
_TINY = 1e-9


def meanings(texts: Floats, drawn: Sides, directions: Floats) -> Floats:
    """float32 [m, d], unit rows; 0 where a latent has no text.

    texts: unit rows [n, d]. directions: the decoder's rows [m, d_in].

    A latent's own meaning is the regularised linear discriminant of its two sides, (Σ + σ²I)⁻¹ (mean of strong texts
    − mean of silent ones), Σ the covariance of all texts and σ² the mean of its diagonal (Friedman 1989). What its
    direction tells is ridge regression of these on all directions, each counted by its texts (Hoerl and Kennard 1970).
    """
    texts = texts.astype(np.float32)
    apart = _means(texts, drawn.positive) - _means(texts, drawn.negative)
    spread = np.cov(texts, rowvar=False).astype(np.float32)
    own = np.linalg.solve(_thicker(spread, SHRINK), apart.T).T
    count = drawn.count.astype(np.float32)[:, None]
    along = unit(directions.astype(np.float32))
    learnt = np.linalg.solve(_thicker(along.T @ (count * along), RIDGE), along.T @ (count * own))
    return np.where(count > 0, unit(unit(along @ learnt) + OWN * unit(own)), 0).astype(np.float32)


def _means(texts: Floats, side: Ints) -> Floats:
    """float32 [m, d], of the texts on one side; 0 where there is none."""
    row, column = np.nonzero(side >= 0)
    taken = sparse.csr_array((np.ones(len(row), np.float32), (row, side[row, column])), shape=(len(side), len(texts)))
    return np.asarray(taken @ texts / np.maximum(np.bincount(row, minlength=len(side)), 1)[:, None], dtype=np.float32)


def _thicker(square: Floats, share: float) -> Floats:
    """Invertible: ``share`` of the diagonal's mean added to it."""
    added = max(share * np.trace(square) / len(square), _TINY)
    return np.asarray(square + added * np.eye(len(square), dtype=np.float32))


def unit(rows: Floats) -> Floats:
    """Rows of length 1; zeros stay zeros."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _TINY), dtype=np.float32)
