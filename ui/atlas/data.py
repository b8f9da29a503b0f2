"""What the Atlas draws, remembered: maps, clusters with their names, groups of memories."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from core import Contrast, MapPlan, MemoryBank, MemoryMap
from core.types import Floats
from ui.atlas import cluster_names
from ui.session import answers


@dataclass(frozen=True, slots=True)
class Column:
    """The groups of the encoded memories by one field, largest first."""

    of: np.ndarray
    """int32 [n], −1 where the field is empty."""
    names: tuple[str, ...]

    def rows(self, name: str) -> np.ndarray:
        """Rows of one group, ascending; none where it does not exist."""
        return np.flatnonzero(self.of == self.names.index(name)) if name in self.names else np.zeros(0, np.int64)


@answers.remembered(16, "Finding the main axes")
def memory_map(bank: MemoryBank, plan: MapPlan) -> MemoryMap | None:
    """A map, or None where it has to be laid out first."""
    return bank.maps.get(plan)


@answers.remembered(64)
def axes(bank: MemoryBank, found: MemoryMap, k: int = 3) -> list[tuple[list[int], list[int]]]:
    return bank.maps.axes(found, k)


@answers.remembered(64)
def similarity(bank: MemoryBank, codes: str, text: str) -> Floats:
    return bank.maps.similarity(codes, text)  # type: ignore[arg-type]


@answers.remembered(64)
def column(bank: MemoryBank, field: str) -> Column:
    """Memories by category, role, session or conversation; a session of several conversations carries theirs."""
    facts = bank.groups.facts()
    values = facts[field].to_pylist()
    if field == "session" and len(set(facts["conversation"].to_pylist()) - {""}) > 1:
        homes = facts["conversation"].to_pylist()
        values = [f"{home} · {value}" if value and home else value for home, value in zip(homes, values, strict=True)]
    return _ordered(values, by_size=field != "session")


def _ordered(values: list[str], by_size: bool) -> Column:
    """The largest group first, or the one whose name counts lowest: session_2 before session_10."""
    names, inverse, counts = np.unique(np.asarray(values, dtype=object), return_inverse=True, return_counts=True)
    natural = [[int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)] for name in names]
    rising = sorted((i for i, name in enumerate(names) if name), key=lambda i: natural[i])
    order = sorted(rising, key=lambda i: -counts[i]) if by_size else rising
    rank = np.full(len(names), -1, np.int32)
    rank[order] = np.arange(len(order))
    return Column(rank[inverse], tuple(str(names[i]) for i in order))


@answers.remembered(32, "Finding clusters")
def clusters(bank: MemoryBank, found: MemoryMap, smallest: int) -> Column:
    """The clusters of a map, each with a name: its number and what most sets it apart."""
    of = found.clusters(smallest)
    return Column(of, cluster_names.named(bank, of))


@answers.remembered(32, "Comparing every latent")
def contrast(bank: MemoryBank, a: np.ndarray, b: np.ndarray | None) -> Contrast:
    """Rows a against rows b, or against all others."""
    ids = bank.index().ids
    return bank.groups.contrast((ids[i] for i in a), None if b is None else (ids[i] for i in b))
