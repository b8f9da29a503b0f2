"""Maps of memories, as a bank keeps them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from core.codes import Floats
from core.store.tables import Cursor


def maps(cursor: Cursor, engine: str) -> list[tuple[str, dict[str, Any], dict[str, Any], int, int]]:
    """(id, plan, about, bank version when it was fitted, memories on it) of every map, latest first."""
    rows = cursor.execute(
        """select id, plan, about, bank_version, (select count(*) from map_points p where p.map = m.id)
           from maps m where engine = ? order by added desc, id""",
        [engine],
    ).fetchall()
    return [(r[0], json.loads(r[1]), json.loads(r[2]), int(r[3]), int(r[4])) for r in rows]


def points(cursor: Cursor, map_id: str) -> tuple[int, list[str], Floats, np.ndarray]:
    """(bank version, ids ascending, float32 [n, 3], bool [n] whether the map was fitted to them) of one map.

    Memories that no longer exist are left out.
    """
    version = cursor.execute("select bank_version from maps where id = ?", [map_id]).fetchall()[0][0]
    table = cursor.sql(
        """select memory, x, y, coalesce(z, 0::float) as z, fitted from map_points semi join memories on id = memory
           where map = ? order by memory""",
        params=[map_id],
    ).to_arrow_table()
    places = np.stack([table[name].to_numpy() for name in ("x", "y", "z")], axis=1).astype(np.float32)
    return int(version), table["memory"].to_pylist(), places, table["fitted"].to_numpy()


def add_map(
    cursor: Cursor,
    map_id: str,
    engine: str,
    plan: dict[str, Any],
    about: dict[str, Any],
    ids: Sequence[str],
    places: Floats,
    fitted: np.ndarray,
) -> None:
    """Store a map; one of the same id is replaced. places: float32 [n, 2 or 3]."""
    remove_map(cursor, map_id)
    cursor.execute(
        """insert into maps (id, engine, plan, about, bank_version)
           select ?, ?, ?, ?, version + 1 from bank""",  # the version that this very transaction makes
        [map_id, engine, json.dumps(plan, sort_keys=True), json.dumps(about, sort_keys=True)],
    )
    z = pa.array(places[:, 2]) if places.shape[1] > 2 else pa.nulls(len(ids), pa.float32())
    columns = {"memory": list(ids), "x": places[:, 0], "y": places[:, 1], "z": z, "fitted": fitted}
    cursor.register("incoming", pa.table(columns))
    cursor.execute("insert into map_points select ?, memory, x, y, z, fitted from incoming", [map_id])
    cursor.unregister("incoming")


def remove_map(cursor: Cursor, map_id: str) -> None:
    cursor.execute("delete from map_points where map = ?", [map_id])
    cursor.execute("delete from maps where id = ?", [map_id])


def facts(cursor: Cursor, engine: str) -> pa.Table:
    """id, role, conversation, session, position, created, category, source of every encoded memory, by id."""
    return cursor.sql(
        """select id, role, conversation, session, position, created, category, source
           from memories semi join (select memory from codes where engine = ?) on id = memory order by id""",
        params=[engine],
    ).to_arrow_table()
