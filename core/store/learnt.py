"""Weights of latents that a bank learnt from its own cases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.store.tables import Cursor
from core.types import Floats


def load(cursor: Cursor, engine: str) -> tuple[Floats, tuple[str, ...]] | None:
    """(float32 [m] logarithms, what they were learnt on), or None."""
    row = cursor.execute("select theta, learnt_on from learnt where engine = ?", [engine]).fetchone()
    return None if row is None else (np.asarray(row[0], np.float32), tuple(row[1]))


def store(cursor: Cursor, engine: str, theta: Floats, learnt_on: Sequence[str], questions: int) -> None:
    forget(cursor, engine)
    cursor.execute(
        "insert into learnt (engine, theta, learnt_on, questions) values (?, ?, ?, ?)",
        [engine, theta.tolist(), list(learnt_on), questions],
    )


def forget(cursor: Cursor, engine: str) -> None:
    cursor.execute("delete from learnt where engine = ?", [engine])
