"""Groups of memories, and what sets one apart from another. ``bank.groups`` is the way here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from core.analysis.contrast import Contrast, contrast
from core.analysis.latents import by_memory
from core.bank.state import BankState
from core.errors import CoreError
from core.store import maps as stored

FIELDS = ("category", "role", "session", "conversation", "source")
"""What memories may be grouped by."""


class Groups:
    """The encoded memories of a bank, by category, role, session, conversation or source."""

    def __init__(self, state: BankState) -> None:
        self._state = state

    def facts(self) -> pa.Table:
        """id and FIELDS with position and created, a row for each row of the index, in its order."""

        def load() -> pa.Table:
            with self._state.work() as cursor:
                return stored.facts(cursor, self._state.engine.fingerprint)

        return self._state.index().derived("facts", load)

    def ids(self, **conditions: str) -> tuple[str, ...]:
        """Encoded memories that fulfil every condition: ``ids(conversation="conv-30", session="session_4")``.

        Raises CoreError where no memory does.
        """
        facts = self.facts()
        keep = np.ones(len(facts), bool)
        for field, value in conditions.items():
            if field not in FIELDS:
                raise CoreError(f"Memories are grouped by {', '.join(FIELDS)}; not by “{field}”.")
            column = np.asarray(facts[field].to_pylist(), dtype=object)
            keep &= column == value
            if not (column == value).any():
                known = sorted({str(v) for v in column if v})
                there = f"Known: {', '.join(known[:8])}{' …' if len(known) > 8 else ''}." if known else "None has one."
                raise CoreError(f"No encoded memory of {self._state.name} has {field} “{value}”. {there}")
        if not keep.any():
            said = " and ".join(f"{field} “{value}”" for field, value in conditions.items())
            raise CoreError(f"No encoded memory of {self._state.name} has {said}.")
        return tuple(np.asarray(facts["id"].to_pylist(), dtype=object)[keep])

    def rows(self, ids: Iterable[str]) -> np.ndarray:
        """int64, ascending: where encoded memories stand in the index; others are left out."""
        index = self._state.index()
        found = {index.row(i) for i in ids} - {None}
        return np.asarray(sorted(row for row in found if row is not None), dtype=np.int64)

    def contrast(self, a: Iterable[str], b: Iterable[str] | None = None) -> Contrast:
        """The latents that set memories a apart from memories b, or from all the others.

        Raises CoreError where a group is empty or both share a memory.
        """
        mine = self.rows(a)
        rest = np.setdiff1d(np.arange(len(self._state.index())), mine) if b is None else self.rows(b)
        both = np.intersect1d(mine, rest)
        if len(both):
            count = "one memory" if len(both) == 1 else f"{len(both):,} memories"
            raise CoreError(f"The two groups share {count}: a contrast needs groups that have none in common.")
        if not len(mine) or not len(rest):
            raise CoreError("A contrast needs two groups with at least one encoded memory each.")
        index = self._state.index()
        tokens = np.diff(index.codes.token_indptr).astype(np.int32)
        return contrast(by_memory(index), tokens, mine.astype(np.int32), rest.astype(np.int32))


def condition(text: str) -> tuple[str, str]:
    """``category=Routine`` as (field, value). Raises CoreError for anything else."""
    field, equals, value = text.partition("=")
    if not equals or field.strip() not in FIELDS or not value.strip():
        raise CoreError(f"“{text}” names no group: write {', '.join(f'{f}=…' for f in FIELDS)}.")
    return field.strip(), value.strip()


def conditions(texts: Iterable[str]) -> Mapping[str, str]:
    """Several of them, all of which must hold."""
    return dict(condition(text) for text in texts)
