"""Separability cases, as a bank keeps them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from core.store.tables import Cursor
from core.types import Case

_CASE = ("id", "context", "related", "unrelated", "elsewhere", "context_id")


def sources(cursor: Cursor) -> dict[str, int]:
    """Number of cases of every file, by its name."""
    return dict(cursor.execute("select source, count(*) from cases group by source order by source").fetchall())


def of_source(cursor: Cursor, source: str) -> list[Case]:
    """The cases of one file, in its order."""
    rows = cursor.execute(
        f"select {', '.join(_CASE)} from cases where source = ? order by position", [source]
    ).fetchall()
    return [Case(*row) for row in rows]


def replace_source(cursor: Cursor, source: str, cases: Sequence[Case]) -> None:
    """Store the cases of a file instead of those it had; none removes it."""
    cursor.execute("delete from cases where source = ?", [source])
    if not cases:
        return
    columns = {name: [getattr(case, name) for case in cases] for name in _CASE}
    cursor.register("incoming", pa.table(columns | {"position": pa.array(range(len(cases)), pa.int32())}))
    cursor.execute("insert into cases by name select ? as source, * from incoming", [source])
    cursor.unregister("incoming")
