"""``bank.engines``: codes of several engines in one bank: whose they are, whether more can be made, and their end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from core.bank.state import BankState
from core.encoding.engines import Engine
from core.errors import CoreError, EngineMissing
from core.store import tables

State = Literal["ready", "older", "missing", "unknown"]


@dataclass(frozen=True, slots=True)
class HeldCodes:
    """What a bank holds of one engine."""

    name: str
    fingerprint: str
    memories: int
    """Memories that have its codes."""
    pending: int
    """Memories that do not."""
    n_latents: int
    d: int
    added: datetime
    """UTC."""
    state: State
    """``ready``: the engine of this name gives these codes; ``older``: it gives others now, so these cannot be compared
    with new ones; ``missing``: its files are not here; ``unknown``: no engine of this name is known here."""
    missing: tuple[str, ...]
    """What keeps the engine from reading new texts, as sentences."""
    about: dict[str, Any]


class HeldEngines:
    """The engines that memories of a bank were encoded with."""

    def __init__(self, state: BankState) -> None:
        self._state = state

    def list(self) -> list[HeldCodes]:
        """What the bank holds, the engine whose codes came first before the others."""
        with self._state.work() as cursor:
            rows = [row for row in tables.engines(cursor) if row["n_encoded"]]
            total = tables.counts(cursor)["memories"]
        return [self._held(row, total) for row in rows]

    def forget(self, fingerprint: str) -> int:
        """Delete what can be made again of an engine: codes, measured trust, maps; the number of memories concerned.

        What people made stays for when it is encoded again: labels, bookmarks, compositions, learnt weights, runs.
        """
        held = next((one for one in self.list() if one.fingerprint == fingerprint), None)
        if held is None:
            name = self._state.name
            raise CoreError(f"{name} holds no codes with the fingerprint {fingerprint}. Nothing was deleted.")
        with self._state.write() as cursor:
            tables.forget_codes(cursor, fingerprint)
        return held.memories

    def _held(self, row: dict[str, Any], total: int) -> HeldCodes:
        name, fingerprint = row["name"], row["fingerprint"]
        usable, missing = self._usability(name, fingerprint)
        return HeldCodes(
            name, fingerprint, row["n_encoded"], total - row["n_encoded"], row["n_latents"], row["d"], row["added"],
            usable, missing, row["about"],
        )  # fmt: skip

    def _usability(self, name: str, fingerprint: str) -> tuple[State, tuple[str, ...]]:
        in_use = self._state.engine
        try:
            engine = in_use if name == in_use.name else Engine.named(name)
        except EngineMissing as problem:
            return "unknown", (str(problem),)
        if missing := engine.missing():
            return "missing", tuple(missing)
        return ("ready" if engine.fingerprint == fingerprint else "older"), ()
