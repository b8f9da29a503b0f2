"""What a researcher keeps in a bank: saved compositions, and marks on hits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from core.store.tables import Cursor
from core.types import Mark, Query, Term

_FIELDS = {field.name for field in fields(Query)}


def compositions(cursor: Cursor, engine: str) -> dict[str, Query]:
    """Saved queries by name, in alphabetical order."""
    rows = cursor.execute(
        "select name, query from compositions where engine = ? order by lower(name), name", [engine]
    ).fetchall()
    return {name: query_of(json.loads(written)) for name, written in rows}


def set_composition(cursor: Cursor, engine: str, name: str, query: Query | None) -> None:
    """Save a query under a name, in the place of what was there; None deletes it."""
    cursor.execute("delete from compositions where engine = ? and name = ?", [engine, name])
    if query is not None:
        cursor.execute(
            "insert into compositions (engine, name, query) values (?, ?, ?)",
            [engine, name, json.dumps(asdict(query), ensure_ascii=False)],
        )


def query_of(written: Mapping[str, Any]) -> Query:
    """A query as a bank keeps it: what another version of the program knew and this one does not is left out."""
    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in written.items() if name in _FIELDS
    }
    terms = tuple(Term(term["latent"], term["weight"]) for term in written.get("terms", ()))
    return Query(**plain | {"terms": terms})


def marks(cursor: Cursor, text: str | None = None) -> list[Mark]:
    """The marks of one question, or all of them, oldest first."""
    rows = cursor.execute(
        """select k.text, k.memory, m.conversation, k.correct, k.marked from marks k join memories m on m.id = k.memory
           where ?1::varchar is null or k.text = ?1 order by k.marked, k.text, k.memory""",
        [text],
    ).fetchall()
    return [Mark(*row) for row in rows]


def set_mark(cursor: Cursor, text: str, memory: str, right: bool | None) -> None:
    """None takes the mark away."""
    cursor.execute("delete from marks where text = ? and memory = ?", [text, memory])
    if right is not None:
        cursor.execute("insert into marks (text, memory, correct) values (?, ?, ?)", [text, memory, right])
