"""Open the bank's file for a unit of work, bring its schema up to date, and say in words what went wrong."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from core.errors import BankBusy, CoreError

MIGRATIONS = Path(__file__).parent / "migrations"
SECONDS_TO_WAIT_FOR_A_LOCK = 5.0


@dataclass(slots=True)
class _Shared:
    """The one connection this process has to a file, while somebody works with it."""

    connection: duckdb.DuckDBPyConnection | None = None
    users: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    writing: threading.Lock = field(default_factory=threading.Lock)
    """Held during a transaction: DuckDB refuses the second of two that change the same row."""
    commits: int = 0


_shared: dict[Path, _Shared] = {}
_registry_lock = threading.Lock()


class Database:
    """A DuckDB file that is open only while it is worked with, so that another program may have it in between."""

    def __init__(self, path: Path, create: bool = True) -> None:
        self.path = path.expanduser().resolve()
        if not self.path.exists() and not create:
            raise CoreError(f"There is no bank at {path}. Import a file to make one.")
        if self.path.is_dir():
            raise CoreError(f"{path} is a folder; a bank is one file, for example {path}/memories.duckdb.")
        if not _may_be_duckdb(self.path):
            raise CoreError(f"{path} is not a bank: DuckDB cannot read it. It was left as it is.")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise CoreError(f"{path} cannot be made: {problem.strerror}. Choose a folder of your own.") from problem
        with _registry_lock:
            self._shared = _shared.setdefault(self.path, _Shared())
        self._opened = False
        with self._shared.writing, self.work() as cursor:
            _migrate(cursor, self.path)
        self._opened = True

    @contextmanager
    def work(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for one unit of work. The file is closed again when the last unit ends."""
        shared = self._shared
        with shared.lock:
            if shared.connection is None:
                if self._opened:
                    self.stamp()  # a bank that was deleted is not made anew, empty, behind the user's back
                shared.connection = _connect(self.path)
            cursor = shared.connection.cursor()
            shared.users += 1
        try:
            yield cursor
        except duckdb.OutOfMemoryException as problem:
            raise CoreError(f"The bank {self.path.name} needs more memory than there is: {problem}") from problem
        except duckdb.Error as problem:
            if isinstance(problem, duckdb.IOException) or "No space left" in str(problem):
                raise _in_words(problem, self.path) from problem
            raise
        finally:
            cursor.close()
            with shared.lock:
                shared.users -= 1
                if shared.users == 0 and shared.connection is not None:
                    shared.connection.close()
                    shared.connection = None

    @contextmanager
    def write(self, new_version: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction: all of it is stored, or nothing; the bank's version goes up by one.

        new_version: False for what changes no result, so that neither the index nor any cache is made anew.
        """
        with self._shared.writing, self.work() as cursor:
            cursor.begin()
            try:
                yield cursor
                if new_version:
                    cursor.execute("update bank set version = version + 1")
                cursor.commit()
                self._shared.commits += 1
            except BaseException:
                with suppress(duckdb.Error):  # a failed commit has already rolled back
                    cursor.rollback()
                raise

    def stamp(self) -> tuple[int, int, int]:
        """The same stamp means nobody wrote to the bank: size and time of change of its file, and our own commits.

        While several units of work overlap, commits lie in a journal beside the file and do not change it.
        """
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            raise CoreError(f"The bank {self.path} is gone: it was moved or deleted.") from None
        return stat.st_size, stat.st_mtime_ns, self._shared.commits


def _may_be_duckdb(path: Path) -> bool:
    """Whether a file is absent, empty or marked as DuckDB's: DuckDB itself takes JSON and CSV files for databases."""
    try:
        with path.open("rb") as stream:
            return stream.read(12)[8:] in (b"", b"DUCK")
    except OSError:
        return True  # opening it says what is wrong


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + SECONDS_TO_WAIT_FOR_A_LOCK
    while True:
        try:
            connection = duckdb.connect(str(path), config={"enable_external_access": "false"})
            connection.execute("set lock_configuration = true")
            return connection
        except duckdb.IOException as problem:
            if "Could not set lock" not in str(problem):
                raise _in_words(problem, path) from problem
            if time.monotonic() > deadline:
                holder = re.search(r"PID (\d+)", str(problem))
                who = f"process {holder[1]}" if holder else "another process"
                raise BankBusy(
                    f"The bank {path.name} is being written by {who}. "
                    "Nothing was changed; try again when it has finished."
                ) from problem
            time.sleep(0.05)
        except duckdb.Error as problem:
            raise _in_words(problem, path) from problem


def _in_words(problem: Exception, path: Path) -> CoreError:
    text = str(problem)
    if "No space left" in text:
        return CoreError(
            f"The disk is full: the last step was not stored in {path.name}; everything before it is safe."
        )
    if "not a valid DuckDB" in text or "Serialization Error" in text or "corrupt" in text.lower():
        return CoreError(f"{path} is not a bank: DuckDB cannot read it. It was left as it is.")
    if "Permission denied" in text:
        return CoreError(f"{path} cannot be written: permission denied. Choose a folder of your own.")
    return CoreError(f"The bank {path.name} could not be read or written: {text.splitlines()[0]}")


def _migrate(cursor: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Apply the numbered .sql files that the bank has not seen, each in one transaction."""
    steps = {int(p.name[:4]): p for p in sorted(MIGRATIONS.glob("[0-9][0-9][0-9][0-9]_*.sql"))}
    tables = {row[0] for row in cursor.execute("select table_name from duckdb_tables()").fetchall()}
    if tables and "schema_migrations" not in tables:
        raise CoreError(f"{path} is a DuckDB file of another program, not a bank. It was left as it is.")
    done: set[int] = set()
    if tables:
        done = {row[0] for row in cursor.execute("select number from schema_migrations").fetchall()}
    if max(done, default=0) > max(steps):
        raise CoreError(
            f"The bank {path.name} was written by a newer Mnemoscope (schema {max(done)}, this one knows "
            f"{max(steps)}). Update Mnemoscope; the bank was not changed."
        )
    for number in sorted(steps.keys() - done):
        cursor.begin()
        cursor.execute("create table if not exists schema_migrations (number integer primary key, applied timestamp)")
        cursor.execute(steps[number].read_text(encoding="utf-8"))
        cursor.execute("insert into schema_migrations values (?, current_timestamp)", [number])
        cursor.commit()
