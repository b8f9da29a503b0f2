"""Codes of several engines in one bank: whose they are, the bank seen through another engine, and their end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from core.encoding.engines import Engine
from core.errors import CoreError, EngineMissing
from core.store import Database, tables

if TYPE_CHECKING:
    from core.bank.bank import MemoryBank

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


def engines(bank: MemoryBank) -> list[HeldCodes]:
    """What the bank holds, the engine whose codes came first before the others."""
    with bank.work() as cursor:
        rows = [row for row in tables.engines(cursor) if row["n_encoded"]]
        total = tables.counts(cursor)["memories"]
    return [_held(bank, row, total) for row in rows]


def _held(bank: MemoryBank, row: dict[str, Any], total: int) -> HeldCodes:
    name, fingerprint = row["name"], row["fingerprint"]
    state, missing = _state(bank, name, fingerprint)
    return HeldCodes(
        name, fingerprint, row["n_encoded"], total - row["n_encoded"], row["n_latents"], row["d"], row["added"],
        state, missing, row["about"],
    )  # fmt: skip


def _state(bank: MemoryBank, name: str, fingerprint: str) -> tuple[State, tuple[str, ...]]:
    try:
        engine = bank.engine if name == bank.engine.name else Engine.named(name)
    except EngineMissing as problem:
        return "unknown", (str(problem),)
    if missing := engine.missing():
        return "missing", tuple(missing)
    return ("ready" if engine.fingerprint == fingerprint else "older"), ()


def latest(database: Database, name: str) -> dict[str, Any] | None:
    """The row of the codes that a bank holds of an engine; the last ones where it holds several versions."""
    with database.work() as cursor:
        return next((row for row in tables.engines(cursor)[::-1] if row["n_encoded"] and row["name"] == name), None)


def forget(bank: MemoryBank, fingerprint: str) -> int:
    """Delete what can be made again of an engine: codes, measured trust, maps; the number of memories concerned.

    What people made stays for when it is encoded again: labels, bookmarks, compositions, learnt weights, runs.
    """
    found = next((held for held in engines(bank) if held.fingerprint == fingerprint), None)
    if found is None:
        raise CoreError(f"{bank.name} holds no codes with the fingerprint {fingerprint}. Nothing was deleted.")
    with bank.write() as cursor:
        tables.forget_codes(cursor, fingerprint)
    return found.memories
