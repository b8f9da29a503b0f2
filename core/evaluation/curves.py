"""Recall as the list grows longer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.evaluation.runner import Outcome
from core.types import Floats, Mode

MOST = 50
"""The longest list that is drawn."""


def recall_curve(cases: Sequence[Outcome], mode: Mode, most: int = MOST) -> Floats:
    """float32 [most], recall@k for k = 1 … most: the mean over questions of the evidence's share among the first k."""
    gained = np.zeros(most + 1)
    for case in cases:
        ranks = [rank for rank in case.ranks[mode] if rank <= most]
        np.add.at(gained, ranks, 1 / len(set(case.question.evidence)))
    return np.asarray(np.cumsum(gained[1:]) / max(len(cases), 1), np.float32)
