"""The searchable form of a bank's codes: immutable, swapped whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np
from scipy import sparse

from core.types import Codes, Floats, Ints, Offsets

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Index:
    """n encoded memories in ascending order of their ids, so that a stable sort breaks ties by id."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    conversations: tuple[str, ...]
    categories: tuple[str, ...]
    codes: Codes
    fingerprint: str
    version: int
    document_frequency: Ints
    """int32 [m], parts of memories in which a latent fires."""
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
    ) -> Index:
        frequency = np.bincount(codes.latents, minlength=codes.n_latents).astype(np.int32)
        return Index(
            tuple(ids), tuple(texts), tuple(conversations), tuple(categories), codes, fingerprint, version, frequency
        )

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, memory_id: str) -> int | None:
        """Position of a memory, or None where it has no codes."""
        return self.derived("rows", lambda: {name: i for i, name in enumerate(self.ids)}).get(memory_id)

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
            self.codes.take(rows), self.fingerprint, self.version,
        )  # fmt: skip

    def postings(self, name: str, values: Callable[[], Floats]) -> sparse.csc_array:
        """The parts of each latent, [r, m] by column, with one weighting's value of each activation."""

        def make() -> sparse.csc_array:
            shape = (self.codes.n_parts, self.codes.n_latents)
            return sparse.csr_array((values(), self.codes.latents, self.codes.indptr), shape=shape).tocsc()

        return self.derived(f"postings {name}", make)

    def derived(self, name: str, make: Callable[[], T]) -> T:
        """What follows from the codes alone, computed once. Two threads may compute it twice; both get the same."""
        if name not in self._derived:
            self._derived[name] = make()
        return cast(T, self._derived[name])
