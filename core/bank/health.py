"""How well an engine's dictionary fits a bank, and where it does not."""

from __future__ import annotations

import numpy as np

from core.bank.memories import Memories
from core.bank.state import BankState
from core.errors import CoreError
from core.store import tables
from core.types import Health, Memory


def health(state: BankState) -> Health:
    """How well the dictionary fits this bank. An engine that cannot be opened is reported, not raised."""
    engine = state.engine
    try:
        fingerprint = engine.fingerprint
    except CoreError as problem:
        waiting = Memories(state).counts()["memories"]
        return Health(engine.name, "", 0, waiting, 0, 0, 0, 0, 0, None, (str(problem),))
    with state.work() as cursor:
        sums = tables.code_sums(cursor, fingerprint)
        total = tables.counts(cursor)["memories"]
        width = next((e["n_latents"] for e in tables.engines(cursor) if e["fingerprint"] == fingerprint), 0)

    def per(a: str, b: str) -> float:
        return sums[a] / sums[b] if sums[b] else 0.0

    return Health(
        engine.name,
        fingerprint,
        int(sums["memories"]),
        total - int(sums["memories"]),
        int(sums["tokens"]),
        per("active", "tokens"),
        per("residual", "variance"),
        per("postings", "memories"),
        1 - sums["alive"] / width if width else 0.0,
        engine.about.get("training"),
        tuple(engine.missing()),
    )


def blind_spots(state: BankState, limit: int = 10) -> list[tuple[Memory, float]]:
    """The memories whose tokens the dictionary reconstructs worst, with the FVU of each; none without codes."""
    index = state.index()
    left_out = index.codes.residual / np.maximum(index.codes.variance, 1e-12)
    worst = np.argsort(-left_out, kind="stable")[:limit]
    memories = Memories(state).of(index.ids[i] for i in worst)
    return [(memories[index.ids[i]], float(left_out[i])) for i in worst]
