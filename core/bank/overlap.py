"""Memories, sessions, conversations and categories compared by the latents they share: ``bank.overlap``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from scipy import sparse

from core.analysis import latents as here
from core.analysis import overlap as pure
from core.analysis.overlap import MEASURES, Measure
from core.analysis.separability import unit_rows
from core.bank.state import BankState
from core.errors import CoreError
from core.retrieval.explain import NOWHERE
from core.retrieval.index import Index
from core.retrieval.lexical import content_words
from core.retrieval.similarity import inverse_document_frequency
from core.store import tables
from core.types import Floats, Interference, Ints, OverlapLatent, Span

Grouping = Literal["memory", "session", "conversation", "category"]
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)
MOST_ROWS = 6000
"""A matrix of them takes 144 MB; more are not compared at once."""
DENSE_BELOW, MOST_WORDS = 0.3, 0
"""What counts as saying different things."""


@dataclass(frozen=True)
class Overlap:
    """g rows compared in one measure."""

    by: Grouping
    measure: Measure
    quantile: float
    threshold: float
    """What a value must exceed to count."""
    names: tuple[str, ...]
    """Memory ids, or names of groups."""
    members: tuple[tuple[str, ...], ...]
    """Memory ids of each row."""
    codes: sparse.csr_array
    """[g, m], values above the threshold."""
    values: Floats
    """float32 [g, g]"""

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def tree(self) -> np.ndarray | None:
        """SciPy's linkage; None of a single row."""
        return pure.tree(self.values, self.measure) if len(self) > 1 else None

    @cached_property
    def order(self) -> Ints:
        """int32 [g], rows as the tree puts them."""
        return np.zeros(len(self), np.int32) if self.tree is None else pure.leaves(self.tree)

    @property
    def latents(self) -> Ints:
        """int32 [g], latents of each row above the threshold."""
        return np.asarray(np.diff(self.codes.indptr), np.int32)

    def tiles(self, most: int) -> pure.Tiles:
        return pure.tiles(self.values, self.order, most)

    def branches(self, most: int) -> tuple[np.ndarray, np.ndarray]:
        """(places, heights), float64 [b, 4] each: the upper branches of the tree, with at most so many leaves."""
        return (np.zeros((0, 4)), np.zeros((0, 4))) if self.tree is None else pure.branches(self.tree, most)

    def pairs(self, k: int | None = None) -> list[dict[str, Any]]:
        """The k nearest two different rows with their measure, nearest first; all of them without k."""
        i, j = np.triu_indices(len(self), 1)
        values = self.values[i, j]
        away = values if self.measure == "euclidean" else -values
        some = np.arange(len(away)) if k is None or k >= len(away) else np.argpartition(away, k)[:k]
        order = some[np.lexsort((some, away[some]))]
        return [
            {"a": self.names[a], "b": self.names[b], self.measure: float(value)}
            for a, b, value in zip(i[order].tolist(), j[order].tolist(), values[order].tolist(), strict=True)
        ]

    def core_and_unique(self) -> tuple[Ints, Ints, Ints]:
        """(latents of every row, latents of a single row, that row), strongest first."""
        return pure.core_and_unique(self.codes)

    def row(self, name: str) -> int | None:
        return self.names.index(name) if name in self.names else None


@dataclass(frozen=True, slots=True)
class OverlapPair:
    """Two rows, latent by latent."""

    a: str
    b: str
    shared: tuple[OverlapLatent, ...]
    """By the product of both values, largest first."""
    only_a: tuple[OverlapLatent, ...]
    only_b: tuple[OverlapLatent, ...]
    figures: dict[str, float]
    """The measures of these two; ``cosine_scaled``, which depends on all rows, only where it is the one compared by."""


class Overlaps:
    """Which memories, or groups of them, share latents."""

    def __init__(self, state: BankState) -> None:
        self._state = state

    def matrix(
        self,
        by: Grouping = "memory",
        measure: Measure = "jaccard",
        quantile: float = 0.0,
        conversation: str | None = None,
        memories: Sequence[str] | None = None,
    ) -> Overlap:
        """Every row compared with every other.

        by: what a row is; memories that belong to no group are left out. quantile: activations at or below this
        quantile of the rows' positive values do not count; 0 counts all. conversation, memories: only these.
        """
        if by not in GROUPINGS or measure not in MEASURES:
            raise CoreError(
                f"Rows are {', '.join(GROUPINGS)}; measures are {', '.join(MEASURES)}. Not “{by}” by “{measure}”."
            )
        if not 0 <= quantile < 1:
            raise CoreError(f"The threshold is a quantile from 0 to below 1; not {quantile:g}.")
        index = self._state.index()
        keep = self._kept(index, conversation, memories)
        found = self._groups(index, by)
        names = sorted({found[i] for i in keep if found[i]})
        if len(names) > MOST_ROWS:
            raise CoreError(
                f"{len(names):,} rows are too many to compare at once: choose a conversation, or compare sessions."
            )
        if not names:
            what = "memory with codes" if by == "memory" else by
            raise CoreError(f"{self._state.name} has no {what} here to compare.")
        place = {name: i for i, name in enumerate(names)}
        group = np.asarray([place.get(found[i], -1) for i in keep], np.int32)
        codes = sparse.csr_array(here.by_memory(index)[keep])
        if by == "memory":
            codes = sparse.csr_array(codes[np.argsort(group, kind="stable")])
        else:
            codes = pure.grouped(codes, group, len(names))
        kept, threshold = pure.above(codes, quantile)
        members: list[list[str]] = [[] for _ in names]
        for i, g in zip(keep, group.tolist(), strict=True):
            if g >= 0:
                members[g].append(index.ids[i])
        return Overlap(
            by, measure, quantile, threshold, tuple(names), tuple(map(tuple, members)), kept,
            pure.measured(kept, measure),
        )  # fmt: skip

    def _kept(self, index: Index, conversation: str | None, memories: Sequence[str] | None) -> np.ndarray:
        """Rows of the index that take part."""
        rows = index.candidates(conversation)
        if memories is None:
            return rows
        asked = {row for row in map(index.row, memories) if row is not None}
        return rows[np.isin(rows, np.asarray(sorted(asked), np.int64))]

    def _groups(self, index: Index, by: Grouping) -> Sequence[str]:
        """The row that each memory of the index belongs to; empty where it belongs to none."""
        if by == "memory":
            return index.ids
        if by == "category":
            return index.categories
        if by == "conversation":
            return index.conversations
        with self._state.work() as cursor:
            table = tables.groups(cursor)
        session = {
            memory: f"{conversation} · {session}" if conversation else session
            for memory, conversation, session in zip(
                *(table[name].to_pylist() for name in ("id", "conversation", "session")), strict=True
            )
            if session
        }
        return [session.get(name, "") for name in index.ids]

    def groupings(self) -> dict[str, int]:
        """What rows can be in this bank, with their number; groupings of fewer than two groups are left out."""
        index = self._state.index()
        counts = {by: len(set(self._groups(index, by)) - {""}) for by in GROUPINGS}
        return {by: n for by, n in counts.items() if by == "memory" or n > 1}

    # --- two rows -----------------------------------------------------------------------------------------------------

    def pair(self, found: Overlap, a: str, b: str) -> OverlapPair:
        """The latents that two rows share and do not, with the tokens they peak at. Needs no model."""
        places = [found.row(name) for name in (a, b)]
        for name, place in zip((a, b), places, strict=True):
            if place is None:
                raise CoreError(f"There is no row “{name}” here: it was left out, or does not exist.")
        rows = np.asarray(places, np.int64)
        both = sparse.csr_array(found.codes[rows]).toarray()
        (latents,) = np.nonzero(both.any(axis=0))
        first, second = (self._strongest(found.members[row]) for row in rows)
        none = ("", NOWHERE)

        def line(latent: int) -> OverlapLatent:
            value_a, value_b = map(float, both[:, latent])
            memory_a, token_a = first[latent] if value_a else none
            memory_b, token_b = second[latent] if value_b else none
            return OverlapLatent(latent, value_a, value_b, token_a, token_b, memory_a, memory_b)

        lines = [line(latent) for latent in latents.tolist()]
        return OverlapPair(
            a,
            b,
            tuple(sorted((x for x in lines if x.a and x.b), key=lambda x: -x.a * x.b)),
            tuple(sorted((x for x in lines if not x.b), key=lambda x: -x.a)),
            tuple(sorted((x for x in lines if not x.a), key=lambda x: -x.b)),
            self._figures(found, rows),
        )

    def _figures(self, found: Overlap, rows: np.ndarray) -> dict[str, float]:
        two = sparse.csr_array(found.codes[rows])
        alone = {m: float(pure.measured(two, m)[0, 1]) for m in MEASURES if m != "cosine_scaled"}
        return alone | {found.measure: float(found.values[rows[0], rows[1]])}

    def _strongest(self, members: Sequence[str]) -> dict[int, tuple[str, Span]]:
        """Of each latent that some memories fire, the one that fires it most, and its token there."""
        index = self._state.index()
        rows = np.asarray([index.row(name) for name in members], np.int64)
        some = index.derived("merged", index.codes.merged).take(rows)
        row = np.repeat(np.arange(len(some)), np.diff(some.indptr))
        order = np.lexsort((row, -some.max, some.latents))
        first = order[np.flatnonzero(np.diff(some.latents[order], prepend=-1))]
        token = some.token_indptr[row[first]] + some.peak[first]
        places = zip(row[first].tolist(), some.token_start[token].tolist(), some.token_end[token].tolist(), strict=True)
        return {
            latent: (members[i], Span(start, end, index.texts[rows[i]][start:end]))
            for latent, (i, start, end) in zip(some.latents[first].tolist(), places, strict=True)
        }

    # --- interference -------------------------------------------------------------------------------------------------

    def interference(
        self,
        k: int = 20,
        conversation: str | None = None,
        dense_below: float = DENSE_BELOW,
        most_words: int = MOST_WORDS,
    ) -> list[Interference]:
        """Pairs of memories that fire the same latents and say different things, most alike in latents first.

        Rare latents count more than common ones, since what every memory fires makes no two of them alike.
        """
        index = self._state.index()
        rows = index.candidates(conversation)
        if len(rows) < 2:
            return []
        merged = index.derived("merged", index.codes.merged).take(rows)
        first, second, alike, near, words = pure.interference(
            unit_rows(merged, inverse_document_frequency(index)),
            index.codes.dense[rows],
            content_words([index.texts[row] for row in rows]),
            k,
            dense_below,
            most_words,
        )
        return [
            Interference(index.ids[rows[i]], index.ids[rows[j]], float(s), float(d), int(w))
            for i, j, s, d, w in zip(first, second, alike, near, words, strict=True)
        ]
