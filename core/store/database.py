"""A bank's file, open for a unit of work at a time, so that another program may have it in between."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from core.errors import CoreError
from core.paths import given_path
from core.store import faults, journal, opening, schema

log = logging.getLogger("mnemoscope")


@dataclass(slots=True)
class _Shared:
    """The one connection this process has to a file, while somebody works with it."""

    connection: duckdb.DuckDBPyConnection | None = None
    users: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    writing: threading.Lock = field(default_factory=threading.Lock)
    """Held during a transaction: DuckDB refuses the second of two that change the same row."""
    commits: int = 0
    admitted: tuple[int, int] | None = None
    """Device and inode of the file that was found to be a bank: another one in its place is looked at anew."""
    notices: list[str] = field(default_factory=list)


_shared: dict[Path, _Shared] = {}
_registry_lock = threading.Lock()


class Database:
    """A DuckDB file that is open only while it is worked with, so that another program may have it in between."""

    def __init__(self, path: str | Path, create: bool = True) -> None:
        self.path = given_path(path)
        if not self.path.exists() and not create:
            raise CoreError(f"There is no bank at {path}. Import a file to make one.")
        if self.path.is_dir():
            raise CoreError(f"{path} is a folder; a bank is one file, for example {path}/memories.duckdb.")
        with _registry_lock:
            self._shared = _shared.setdefault(self.path, _Shared())
        with self._shared.writing:
            if not self.path.exists() or opening.is_stub(self.path):
                if not create:
                    raise CoreError(f"{path} is empty: it becomes a bank when you import a file into it.")
                opening.make(self.path)
            self._shared.admitted = None
            with self.work():
                pass

    @property
    def writable(self) -> bool:
        """Whether the bank can be changed; one that cannot is read all the same."""
        return opening.writable(self.path)

    @property
    def notices(self) -> tuple[str, ...]:
        """What was found lost when the file was opened, in sentences."""
        return tuple(self._shared.notices)

    @contextmanager
    def work(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for one unit of work. The file is closed again when the last unit ends."""
        cursor = self._borrow()
        try:
            yield cursor
        except duckdb.Error as problem:
            told = faults.in_words(problem, self.path, lambda: schema.lacking(cursor))
            if told is None:
                raise
            raise told from problem
        finally:
            self._give_back(cursor)

    @contextmanager
    def write(self, new_version: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction: all of it is stored, or nothing; the bank's version goes up by one.

        new_version: False for what changes no result, so that neither the index nor any cache is made anew.
        """
        if not self.writable:
            raise CoreError(f"The bank {self.path.name} can be read here, but not changed: nothing was stored.")
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

    def stamp(self) -> tuple[int, int, int, int]:
        """The same stamp means nobody wrote to the bank: which file it is, its size and time of change, our commits.

        While several units of work overlap, commits lie in a journal beside the file and do not change it.
        """
        try:
            stat = self.path.stat()
        except OSError:
            raise CoreError(f"The bank {self.path} is gone: it was moved or deleted.") from None
        return stat.st_ino, stat.st_size, stat.st_mtime_ns, self._shared.commits

    def _borrow(self) -> duckdb.DuckDBPyConnection:
        shared = self._shared
        with shared.lock:
            if shared.connection is None:
                shared.connection = self._open()
            try:
                cursor = shared.connection.cursor()
            except duckdb.Error as problem:
                raise faults.in_words(problem, self.path) or problem from problem
            shared.users += 1
            return cursor

    def _give_back(self, cursor: duckdb.DuckDBPyConnection) -> None:
        shared = self._shared
        with suppress(duckdb.Error):
            cursor.close()
        with shared.lock:
            shared.users -= 1
            if shared.users == 0 and shared.connection is not None:
                with suppress(duckdb.Error):  # what it holds was committed, and is in the journal
                    shared.connection.close()
                shared.connection = None

    def _open(self) -> duckdb.DuckDBPyConnection:
        """A bank that was deleted is not made anew, empty; another file in its place is admitted first."""
        file = self._file()
        if file == self._shared.admitted and not journal.beside(self.path).exists():
            return opening.connect(self.path, not self.writable)
        connection, lost = opening.admit(self.path)
        if lost and lost not in self._shared.notices:
            self._shared.notices.append(lost)
            log.warning(lost)
        self._shared.admitted = self._file()
        return connection

    def _file(self) -> tuple[int, int]:
        self.stamp()
        stat = self.path.stat()
        return stat.st_dev, stat.st_ino
