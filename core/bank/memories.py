"""``bank.memories``: the memories of a bank, the questions about them, and both as tables."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from core.bank.state import BankState
from core.errors import CoreError
from core.store import tables
from core.types import Memory, Question


class Memories:
    """What the file holds, whether an engine has encoded it or not."""

    def __init__(self, state: BankState) -> None:
        self._state = state

    def counts(self) -> dict[str, int]:
        """memories, questions, conversations, sources."""
        with self._state.work() as cursor:
            return tables.counts(cursor)

    def conversations(self) -> list[tuple[str, int]]:
        """(conversation, number of memories), by name."""
        with self._state.work() as cursor:
            return tables.conversations(cursor)

    def of(self, ids: Iterable[str]) -> dict[str, Memory]:
        """The memories of some ids; unknown ids are left out."""
        with self._state.work() as cursor:
            return tables.memories_by_id(cursor, ids)

    def get(self, memory_id: str) -> Memory:
        """One memory. Raises CoreError that names ids near to an unknown one."""
        memory = self.of([memory_id]).get(memory_id)
        if memory is None:
            near = [m.id for m in self.find(memory_id, limit=3)]
            hint = f" Near: {', '.join(near)}." if near else ""
            raise CoreError(f"No memory has the id “{memory_id}” in {self._state.name}.{hint}")
        return memory

    def find(self, text: str = "", conversation: str | None = None, limit: int = 20) -> list[Memory]:
        """Memories whose id or words contain a text."""
        with self._state.work() as cursor:
            return tables.find_memories(cursor, text.strip(), conversation, limit)

    def around(self, memory: Memory, radius: int = 3) -> list[Memory]:
        """What was said just before and after a memory, itself included."""
        if not memory.conversation:
            return [memory]
        with self._state.work() as cursor:
            return tables.around(cursor, memory, radius)

    def speakers(self) -> frozenset[str]:
        """Who speaks in it, roles that are nobody's name included."""
        with self._state.work() as cursor:
            return frozenset(name for name in tables.speakers(cursor, None) if name)

    def questions(self) -> list[Question]:
        """The questions that came with the memories, those with evidence and without."""
        with self._state.work() as cursor:
            return tables.questions(cursor)

    def table(self, what: str = "memories") -> pa.Table:
        """``memories``, or the ``codes`` of the engine in use with a row of lists per memory: for export."""
        engine = self._state.engine
        with self._state.work() as cursor:
            if what == "memories":
                return tables.memory_rows(cursor)
            labels, codes = tables.load_codes(cursor, engine.fingerprint)
        if codes is None:
            raise CoreError(f"{self._state.name} has no codes of engine {engine.name} yet.")
        stamp = pa.array([engine.fingerprint] * len(labels))
        columns = tables.code_table(codes)
        return pa.table({"id": labels["id"], "engine": stamp, **{n: columns[n] for n in columns.column_names}})
