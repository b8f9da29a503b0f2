"""Copy what can still be read of a damaged bank to a new one, a table at a time.

DuckDB may end the whole process over a damaged file, so that the copying is done in another one.
"""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
from collections.abc import Generator, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import duckdb
import pyarrow as pa

from core.errors import BankBusy, CoreError
from core.paths import given_path
from core.store import opening, schema
from core.types import Progress

ROWS = 2048
"""Read at once; where that fails, half of them, down to FEWEST."""
FEWEST = 16
HEADER = 4096
"""Bytes of each of the three headers of a DuckDB file: the file's own, and two of which the newer one counts."""
BLOCK = 262_144
BLOCKS = struct.Struct("<32xQ")
"""Number of blocks, in a header that counts: after its checksum, its number, and where two lists begin."""
MOST_LENGTHENED = 100
"""Times the size of what is left; a header that says more is not believed."""
OF_MEMORIES = ("codes", "map_points", "marks")
"""Tables whose rows are about a memory, and go where it is lost."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of one table."""

    table: str
    rows: int
    """As many as the damaged file says the table has; 0 where it does not say."""
    copied: int
    why: str = ""
    """What DuckDB said where not all could be read."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """A bank made of what could be read."""

    path: Path
    tables: tuple[Saved, ...]
    how: str
    """Which state of the file was read: as it is, without its journal, an earlier state."""
    dropped: int
    """Rows that belonged to memories which are lost."""


def repair(path: str | Path, into: str | Path | None = None) -> Generator[Progress, None, Repaired]:
    """Copy every readable row of a damaged bank into a new file; the damaged one is not touched.

    into: the new file, ``NAME-repaired.duckdb`` beside the old one unless given. Raises CoreError where it exists, or
    where nothing can be read.
    """
    source = given_path(path)
    target = given_path(into or source.with_name(f"{source.stem}-repaired.duckdb"))
    if not source.is_file():
        raise CoreError(f"There is no file at {path} that could be repaired.")
    if target.exists():
        raise CoreError(f"{target} exists already: name another file with --into. Nothing was changed.")
    with tempfile.TemporaryDirectory(prefix=".mnemoscope-repair-", dir=target.parent) as scratch:
        new = Path(scratch) / "new.duckdb"
        opening.make(new)
        readable, how = _readable(source, new, Path(scratch))
        saved = yield from _copy_all(readable, new)
        if not any(one.copied for one in saved):
            raise CoreError(f"Nothing could be read of {source}: no new file was made.")
        dropped = _close_gaps(new)
        new.rename(target)
    return Repaired(target, tuple(saved), how, dropped)


def _copy_all(source: Path, new: Path) -> Generator[Progress, None, list[Saved]]:
    names = sorted({table for table, _ in schema.whole()} - {"schema_migrations"})
    saved: list[Saved] = []
    other = _another()
    try:
        for i, table in enumerate(names):
            yield Progress(i, len(names), table)
            try:
                saved.append(other.submit(copy, source, new, table).result())
            except BrokenProcessPool:
                saved.append(Saved(table, 0, 0, "DuckDB ended while it read this table"))
                other = _another()
    finally:
        other.shutdown()
    return saved


def _another() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, get_context("spawn"))


def _readable(source: Path, sound: Path, scratch: Path) -> tuple[Path, str]:
    """A state of the file that DuckDB opens, and which one that is."""
    problem: CoreError | duckdb.Error | None = None
    for file, how in _states(source, sound, scratch):
        try:
            with opening.connect(file, for_reading=True) as connection:
                if _tables(connection):
                    return file, how
        except BankBusy:
            raise
        except (CoreError, duckdb.Error) as found:
            problem = problem or found
    raise CoreError(f"Nothing could be read of {source}: no new file was made.") from problem


def _states(source: Path, sound: Path, scratch: Path) -> Iterator[tuple[Path, str]]:
    """The file as it is; copies without its journal, as long as they should be, with whole headers for damaged ones."""
    yield source, "as it is"
    content = scratch / "copy.duckdb"
    shutil.copyfile(source, content)
    with content.open("rb") as stream:
        own, first, second = (stream.read(HEADER).ljust(HEADER, b"\0") for _ in range(3))
    sane = sound.read_bytes()[:HEADER]
    _lengthen(content, first, second)
    for how, heads in (
        ("without its journal", own + first + second),
        ("with a new header, without its journal", sane + first + second),
        ("as it was at an earlier checkpoint", own + first + first),
        ("as it was at an earlier checkpoint", own + second + second),
        ("with a new header, as it was at an earlier checkpoint", sane + first + first),
        ("with a new header, as it was at an earlier checkpoint", sane + second + second),
    ):
        with content.open("r+b") as stream:
            stream.write(heads)
        yield content, how


def _lengthen(content: Path, *headers: bytes) -> None:
    """A file that was cut short is as long as its headers say, so that the blocks that are there can be read."""
    size = content.stat().st_size
    blocks = [BLOCKS.unpack_from(header)[0] for header in headers]
    wanted = max((3 * HEADER + n * BLOCK for n in blocks if 0 < n * BLOCK < MOST_LENGTHENED * size), default=0)
    if wanted > size:
        os.truncate(content, wanted)


def _tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    found = connection.execute("select table_name from duckdb_tables() where not internal").fetchall()
    return {str(row[0]) for row in found} & {table for table, _ in schema.whole()} - {"schema_migrations"}


def copy(source: Path, new: Path, table: str) -> Saved:
    """Copy the readable rows of one table; columns that only one side has are left out."""
    with opening.connect(new) as target:
        reading = _Reading(source, table)
        columns = reading.columns & {name for known, name in schema.whole() if known == table}
        if not columns:
            return Saved(table, 0, 0, reading.why or "it is not there")
        listed = ", ".join(f'"{name}"' for name in sorted(columns))
        if table == "bank" and reading.rows:
            target.execute("delete from bank")
        copied = 0
        for start in range(0, reading.last, ROWS):
            for rows in reading.between(start, start + ROWS, listed):
                target.register("incoming", rows)
                target.execute(f'insert into "{table}" ({listed}) select {listed} from incoming')
                target.unregister("incoming")
                copied += len(rows)
        if table == "bank" and not target.execute("select 1 from bank").fetchall():
            target.execute("insert into bank values (uuid()::varchar, 1)")
        return Saved(table, max(reading.rows, copied), copied, reading.why)


class _Reading:
    """One table of the damaged file, opened anew after each failure: DuckDB gives a connection up then."""

    def __init__(self, source: Path, table: str) -> None:
        self._source, self._table = source, table
        self._connection: duckdb.DuckDBPyConnection | None = None
        self.why = ""
        self.columns = {
            str(row[0]) for row in self._ask("select column_name from duckdb_columns() where table_name = ?", [table])
        }
        size = self._ask("select estimated_size from duckdb_tables() where table_name = ?", [table])
        counted = self._ask(f'select count(*), coalesce(max(rowid) + 1, 0) from "{table}"') if self.columns else []
        self.rows = int(counted[0][0] if counted else size[0][0] if size else 0)
        self.last = int(counted[0][1]) if counted else self.rows

    def between(self, start: int, stop: int, columns: str) -> Iterator[pa.Table]:
        """Arrow tables of the rows from start to stop that can be read."""
        try:
            asked = f'select {columns} from "{self._table}" where rowid >= {start} and rowid < {stop}'
            yield self._connected().sql(asked).to_arrow_table()
        except (duckdb.Error, CoreError) as problem:
            self._failed(problem)
            if stop - start > FEWEST:
                middle = (start + stop) // 2
                yield from self.between(start, middle, columns)
                yield from self.between(middle, stop, columns)

    def _ask(self, statement: str, values: list[str] | None = None) -> list[tuple[int | str, ...]]:
        try:
            return self._connected().execute(statement, values or []).fetchall()
        except (duckdb.Error, CoreError) as problem:
            self._failed(problem)
            return []

    def _connected(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            self._connection = opening.connect(self._source, for_reading=True)
        return self._connection

    def _failed(self, problem: Exception) -> None:
        self.why = self.why or str(problem).partition("\n")[0][:300]
        if self._connection is not None:
            with suppress(duckdb.Error):
                self._connection.close()
        self._connection = None


def _close_gaps(new: Path) -> int:
    """Drop what belonged to memories that are lost; the number of rows. Writes everything into the file."""
    dropped = 0
    with opening.connect(new) as connection:
        for table in OF_MEMORIES:
            gone = connection.execute(
                f"delete from {table} where memory not in (select id from memories) returning 1"
            ).fetchall()
            dropped += len(gone)
        connection.execute("checkpoint")
    return dropped
