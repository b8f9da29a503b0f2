"""The names of a map's clusters on the screen: a number, then labels with their trust, or quoted words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core import ClusterName, MemoryBank
from ui.kit import labels, prose

LONGEST = 24
"""Characters of each label or word."""


def named(bank: MemoryBank, clusters: np.ndarray) -> tuple[str, ...]:
    """The name of each cluster of ``MemoryMap.clusters``, with its number in front."""
    return tuple(f"{i}: {said(found)}" for i, found in enumerate(bank.maps.cluster_names(clusters), 1))


def number(name: str) -> str:
    """What of a name stays when labels or their trust change."""
    return name.split(":", maxsplit=1)[0]


def said(found: Sequence[ClusterName]) -> str:
    """phone calls .84, “Radek”"""
    return ", ".join(map(_said, found)) or "nothing sets it apart"


def _said(one: ClusterName) -> str:
    if not one.words:
        return f"latent {one.label.latent}"
    words = prose.short(one.words, LONGEST)
    return f"“{words}”" if one.quoted else f"{words} {labels.trust_short(one.label)}".rstrip()
