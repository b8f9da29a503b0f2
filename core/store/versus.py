"""Comparisons of engines that a bank keeps: settings and report as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.store.tables import Cursor

_ROW = ("id", "created", "engines", "source", "categories", "settings", "report")


def add(cursor: Cursor, row: Mapping[str, Any]) -> None:
    """row: every column of the table but the time; settings and report as objects."""
    written = {name: json.dumps(row[name], ensure_ascii=False, default=str) for name in ("settings", "report")}
    values = {**row, **written, "created": datetime.now(UTC).replace(tzinfo=None)}
    cursor.execute(f"insert into versus ({', '.join(_ROW)}) values ({', '.join('?' * len(_ROW))})",
                   [values[name] for name in _ROW])  # fmt: skip


def find(cursor: Cursor, versus: str | None = None) -> list[dict[str, Any]]:
    """The row of one comparison, or those of all, newest first; settings and report as objects."""
    rows = cursor.execute(
        f"select {', '.join(_ROW)} from versus where ?1 is null or id = ?1 order by created desc, id", [versus]
    ).fetchall()
    found = [dict(zip(_ROW, row, strict=True)) for row in rows]
    return [row | {name: json.loads(row[name]) for name in ("settings", "report")} for row in found]


def delete(cursor: Cursor, versus: str) -> None:
    cursor.execute("delete from versus where id = ?", [versus])
