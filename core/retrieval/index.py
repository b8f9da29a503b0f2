"""The searchable form of a bank's codes: immutable, swapped whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np
from scipy import sparse

from core.types import Codes, Floats, Ints, Offsets

T = TypeVar("T")
ALONE = -1
"""Position of a memory that stands in no conversation."""


@dataclass(frozen=True, slots=True)
class Index:
    """n encoded memories in ascending order of their ids, so that a stable sort breaks ties by id."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    conversations: tuple[str, ...]
    categories: tuple[str, ...]
    sessions: tuple[str, ...]
    positions: Ints
    """int32 [n], place in the conversation."""
    codes: Codes
    fingerprint: str
    version: int
    document_frequency: Ints
    """int32 [m], parts of memories in which a latent fires."""
    learnt: Mapping[str, Floats] = field(default_factory=dict, repr=False)
    """Weights of latents, float32 [m], by the weighting that uses them."""
    balance: float = 0.25
    """Weight of the dense side where a query states none."""
    _derived: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """What a weighting computes once from the codes; never anything else."""

    @staticmethod
    def build(
        ids: Sequence[str],
        texts: Sequence[str],
        conversations: Sequence[str],
        categories: Sequence[str],
        codes: Codes,
        fingerprint: str,
        version: int,
        sessions: Sequence[str] | None = None,
        positions: Sequence[int] | Ints | None = None,
        learnt: Mapping[str, Floats] | None = None,
        balance: float = 0.25,
    ) -> Index:
        """Without positions every memory stands alone: none is said just before or after another."""
        n = len(ids)
        frequency = np.bincount(codes.latents, minlength=codes.n_latents).astype(np.int32)
        return Index(
            tuple(ids), tuple(texts), tuple(conversations), tuple(categories),
            tuple(sessions if sessions is not None else [""] * n),
            np.asarray(positions if positions is not None else np.full(n, ALONE), np.int32),
            codes, fingerprint, version, frequency, learnt or {}, balance,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, memory_id: str) -> int | None:
        """Position of a memory, or None where it has no codes."""
        return self.derived("rows", lambda: {name: i for i, name in enumerate(self.ids)}).get(memory_id)

    def lengths(self) -> Ints:
        """int32 [n], characters of each memory."""
        return self.derived("lengths", lambda: np.fromiter(map(len, self.texts), np.int32, len(self)))

    def candidates(self, conversation: str | None) -> Offsets:
        """Rows that a query may return: those of one conversation, or all."""
        if conversation is None:
            return np.arange(len(self), dtype=np.int64)
        return self.derived("conversations", self._rows_by_conversation).get(conversation, np.zeros(0, np.int64))

    def _rows_by_conversation(self) -> dict[str, Offsets]:
        names, inverse = np.unique(np.asarray(self.conversations, dtype=object), return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        cuts = np.searchsorted(inverse[order], np.arange(len(names) + 1))
        return {name: order[a:b].astype(np.int64) for name, a, b in zip(names, cuts, cuts[1:], strict=False)}

    def subset(self, conversation: str) -> Index:
        """One conversation as an index of its own, with its own document frequencies."""
        rows = self.candidates(conversation)

        def pick(values: tuple[str, ...]) -> list[str]:
            return [values[i] for i in rows]

        return Index.build(
            pick(self.ids), pick(self.texts), pick(self.conversations), pick(self.categories),
            self.codes.take(rows), self.fingerprint, self.version, pick(self.sessions), self.positions[rows],
            self.learnt, self.balance,
        )  # fmt: skip

    def weights(self, name: str) -> Floats:
        """float32 [m], what was learnt of each latent; ones where nothing was."""
        ones = self.derived("ones", lambda: np.ones(self.codes.n_latents, np.float32))
        return self.learnt.get(name, ones)

    def surroundings(self, kernel: tuple[float, ...], long: int) -> sparse.csr_array:
        """float32 [n, n]: how much of its neighbours in the same session each memory (a row) takes.

        kernel: weight of the memories one, two, … places away among those that are encoded, before as after. long:
        tokens of a memory above which it takes less, by the ratio. The diagonal is empty.
        """

        def make() -> sparse.csr_array:
            known: dict[tuple[str, str], int] = {}
            names = zip(self.conversations, self.sessions, strict=True)
            session = np.fromiter((known.setdefault(name, len(known)) for name in names), np.int64, len(self))
            order = np.lexsort((self.positions, session))
            spoken = (self.positions[order] != ALONE) & (np.asarray(self.conversations, object)[order] != "")
            near: list[tuple[Offsets, Offsets, Floats]] = []
            for distance, weight in enumerate(kernel, 1):
                a, b = order[:-distance], order[distance:]
                same = (session[a] == session[b]) & spoken[:-distance] & spoken[distance:]
                near += [(a[same], b[same], np.full(same.sum(), weight, np.float32))]
            a, b, w = (np.concatenate(column) for column in zip(*near, strict=True))
            rows, columns = np.concatenate([a, b]), np.concatenate([b, a])
            tokens = np.maximum(np.diff(self.codes.token_indptr), 1)
            taken = np.concatenate([w, w]) * np.minimum(1, long / tokens[rows]).astype(np.float32)
            return sparse.csr_array((taken, (rows, columns)), shape=(len(self), len(self)))

        return self.derived(f"surroundings {kernel} {long}", make)

    def postings(self, values: Callable[[Index, Codes], Floats]) -> sparse.csc_array:
        """The parts of each latent, [r, m] by column, with one weighting's value of each activation."""

        def make() -> sparse.csc_array:
            shape = (self.codes.n_parts, self.codes.n_latents)
            return sparse.csr_array((values(self, self.codes), self.codes.latents, self.codes.indptr), shape).tocsc()

        return self.derived(f"postings {values.__name__}", make)

    def derived(self, name: str, make: Callable[[], T]) -> T:
        """What follows from the codes alone, computed once. Two threads may compute it twice; both get the same."""
        if name not in self._derived:
            self._derived[name] = make()
        return cast(T, self._derived[name])
