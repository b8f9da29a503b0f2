"""The schema that a bank has: the numbered steps that make it, and what a file lacks of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import duckdb

from core.errors import CoreError
from core.store import faults

MIGRATIONS = Path(__file__).parent / "migrations"
TABLE = re.compile(r"^create table (?:if not exists )?(\w+)", re.IGNORECASE | re.MULTILINE)


def steps() -> dict[int, Path]:
    """The .sql files by number, in their order."""
    return {int(p.name[:4]): p for p in sorted(MIGRATIONS.glob("[0-9][0-9][0-9][0-9]_*.sql"))}


def pending(cursor: duckdb.DuckDBPyConnection, path: Path) -> list[int]:
    """The numbers of the steps that a file has not seen; all of them where it is empty.

    Raises CoreError for a file of another program, a damaged bank and one that a newer Mnemoscope wrote.
    """
    known = steps()
    columns = _columns(cursor)
    tables = {table for table, _ in columns}
    if not tables:
        return list(known)
    foreign = CoreError(f"{path} is a DuckDB file of another program, not a bank. It was left as it is.")
    if not {("schema_migrations", "number"), ("schema_migrations", "applied")} <= columns:
        raise foreign
    done = {int(row[0]) for row in cursor.execute("select number from schema_migrations").fetchall()}
    made = {name for number in sorted(done & known.keys()) for name in _makes(known[number])}
    if not made & tables:
        raise foreign
    if made - tables:
        raise faults.damaged(path, f"it lacks the table {', '.join(sorted(made - tables))}")
    if max(done, default=0) > max(known):
        raise CoreError(
            f"The bank {path.name} was written by a newer Mnemoscope (schema {max(done)}, this one knows "
            f"{max(known)}). Update Mnemoscope; the bank was not changed."
        )
    return sorted(known.keys() - done)


def apply(cursor: duckdb.DuckDBPyConnection, numbers: Iterable[int]) -> None:
    """Take some steps, each in one transaction."""
    known = steps()
    for number in numbers:
        cursor.begin()
        cursor.execute("create table if not exists schema_migrations (number integer primary key, applied timestamp)")
        cursor.execute(known[number].read_text(encoding="utf-8"))
        cursor.execute("insert into schema_migrations values (?, current_timestamp)", [number])
        cursor.commit()


def lacking(cursor: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables and columns that every bank of this version has, and this one does not, as ``table.column``."""
    try:
        missing = whole() - _columns(cursor)
    except duckdb.Error:
        return ["its list of tables"]
    return sorted(f"{table}.{column}" for table, column in missing)


@lru_cache(maxsize=1)
def whole() -> frozenset[tuple[str, str]]:
    """(table, column) of all that the steps make."""
    with duckdb.connect(":memory:") as scratch:
        apply(scratch, steps())
        return frozenset(_columns(scratch))


def _makes(step: Path) -> list[str]:
    return TABLE.findall(step.read_text(encoding="utf-8"))


def _columns(cursor: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    return set(cursor.execute("select table_name, column_name from duckdb_columns() where not internal").fetchall())
