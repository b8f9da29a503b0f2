"""Dense and sparse made one. The study's rule: sqrt(dense² + sparse²); the choices differ in what enters it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core.errors import CoreError
from core.types import Floats


def _raw(scores: Floats) -> Floats:
    return np.maximum(scores, 0)


def _by_maximum(scores: Floats) -> Floats:
    """Scaled so that the best candidate has 1."""
    top = scores.max(initial=0)
    return np.maximum(scores, 0) / top if top > 0 else np.zeros_like(scores)


def _z(scores: Floats) -> Floats:
    """Standard deviations above the mean of the candidates."""
    spread = scores.std() if len(scores) else 0
    return (scores - scores.mean()) / spread if spread > 0 else np.zeros_like(scores)


def _root_of_squares(a: Floats, b: Floats) -> Floats:
    return np.sqrt(a * a + b * b)


FUSIONS: dict[str, tuple[str, Callable[[Floats], Floats], Callable[[Floats, Floats], Floats]]] = {
    "scaled": ("√(d² + s²), each scaled by its best", _by_maximum, _root_of_squares),
    "study": ("√(d² + s²), raw (the study’s)", _raw, _root_of_squares),
    "z": ("Sum of z-scores", _z, np.add),
}
"""label, what is done to each side over the candidates, how the two become one"""


def fuse(dense: Floats, sparse: Floats, name: str, balance: float = 1.0) -> tuple[Floats, Floats, Floats]:
    """(combined, dense part, sparse part), float32 [n] each, over the candidates of one query.

    balance: weight of the dense part. The study's own rule has none.
    """
    if name not in FUSIONS:
        raise CoreError(f"No combination is called “{name}”. Known: {', '.join(FUSIONS)}.")
    _, prepare, join = FUSIONS[name]
    d, s = prepare(dense) * (1.0 if name == "study" else balance), prepare(sparse)
    return join(d, s).astype(np.float32), d, s
