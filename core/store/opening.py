"""Open a bank's file: made under another name and renamed when it is whole, upgraded as a copy, never adopted."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from core.errors import BankBusy, CoreError
from core.settings import read_only
from core.store import faults, journal, schema

SECONDS_TO_WAIT_FOR_A_LOCK = 5.0
HEADERS = 3 * 4096
"""Bytes of a DuckDB file that holds nothing: a shorter one was never finished."""
UNFINISHED = ".mnemoscope-*.new*"
SECONDS_UNTIL_LEFT_BEHIND = 600


def writable(path: Path) -> bool:
    """Whether a bank can be changed: its file, the folder its journal needs, and this process allow it."""
    return not read_only() and os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def is_stub(path: Path) -> bool:
    """Whether a file is empty, or the first bytes of a bank that was never finished: nothing can be in it."""
    try:
        if path.stat().st_size >= HEADERS or journal.beside(path).exists():
            return False
        content = path.read_bytes()
    except OSError:
        return False
    return not content or content[8:12] == b"DUCK"


def make(path: Path) -> None:
    """Make an empty bank where there is no file, or a stub. Cut off at any moment, there is a whole bank or none."""
    if read_only():
        raise CoreError(f"{path.name} was not made: Mnemoscope runs in read-only mode here.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        with _unfinished(path) as new:
            connection = connect(new)
            with connection:
                schema.apply(connection, schema.steps())
                connection.execute("checkpoint")
            _sync(new)
            _name(new, path)
    except OSError as problem:
        raise CoreError(f"{path} cannot be made: {problem.strerror}. Choose a folder of your own.") from problem
    except duckdb.Error as problem:
        raise faults.in_words(problem, path) or problem from problem


def admit(path: Path) -> tuple[duckdb.DuckDBPyConnection, str]:
    """A connection to a file that is a bank of this version, upgraded if need be, and what its journal has lost."""
    if not _may_be_duckdb(path):
        raise faults.no_bank(path)
    lost = journal.loss(path)
    connection = connect(path, not writable(path))
    try:
        todo = schema.pending(connection, path)
        if not todo:
            return connection, lost
    except BaseException:
        connection.close()
        raise
    connection.close()
    if not writable(path):
        raise CoreError(
            f"{path.name} was written by an older Mnemoscope and cannot be brought up to date where it lies, for it "
            "cannot be written. Copy it to a folder of your own and open the copy."
        )
    _upgrade(path, todo)
    return connect(path), lost


def connect(path: Path, for_reading: bool = False) -> duckdb.DuckDBPyConnection:
    """A connection that reaches no other file; another program's short work is waited for."""
    deadline = time.monotonic() + SECONDS_TO_WAIT_FOR_A_LOCK
    while True:
        try:
            connection = duckdb.connect(str(path), for_reading, config={"enable_external_access": "false"})
            connection.execute("set lock_configuration = true")
            return connection
        except duckdb.Error as problem:
            if "Could not set lock" not in str(problem):
                if "not a valid DuckDB" in str(problem):
                    raise faults.no_bank(path) from problem
                raise faults.in_words(problem, path) or problem from problem
            if time.monotonic() > deadline:
                holder = re.search(r"PID (\d+)", str(problem))
                who = f"process {holder[1]}" if holder else "another process"
                raise BankBusy(
                    f"The bank {path.name} is being written by {who}. "
                    "Nothing was changed; try again when it has finished."
                ) from problem
            time.sleep(0.05)


def _may_be_duckdb(path: Path) -> bool:
    """Whether a file is marked as DuckDB's, which itself takes JSON and CSV files for databases, or cannot be read.

    Called while this process has no connection to it: closing the file would give up the connection's lock.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(12)[8:] == b"DUCK"
    except OSError:
        return True  # opening it says what is wrong


def _upgrade(path: Path, todo: list[int]) -> None:
    """Take the missing steps in a copy, then let the copy stand in the bank's place: all of them, or none.

    The copy is taken and put in place while a connection for reading keeps other writers out.
    """
    while True:
        with connect(path) as connection:
            connection.execute("checkpoint")
        held = connect(path, for_reading=True)
        if not journal.beside(path).exists():
            break
        held.close()  # somebody wrote in between, and was cut off
    try:
        # Closed last of all: closing any handle of a file gives up this process' locks on it.
        with held, path.open("rb") as source, _unfinished(path) as new:
            with new.open("xb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            shutil.copystat(path, new)
            with connect(new) as connection:
                schema.apply(connection, todo)
                connection.execute("checkpoint")
            _sync(new)
            new.replace(path)
            _sync(path.parent)
    except OSError as problem:
        raise CoreError(
            f"{path.name} was written by an older Mnemoscope, and the copy in which it is brought up to date could not "
            f"be made: {problem.strerror}. The bank was left as it is."
        ) from problem


@contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """A name beside a bank for what is to become it; nothing of that name is left behind."""
    new = path.parent / UNFINISHED.replace("*", f"{os.getpid()}-{secrets.token_hex(4)}", 1).rstrip("*")
    try:
        yield new
    finally:
        for file in (new, journal.beside(new)):
            with suppress(OSError):
                file.unlink(missing_ok=True)


def _name(new: Path, path: Path) -> None:
    """Give a whole file its name, unless somebody else was quicker."""
    if is_stub(path):
        new.replace(path)
    else:
        try:
            os.link(new, path)
        except FileExistsError:
            return
        except OSError:  # a file system without links
            new.rename(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    """Until it has reached the disk; folders cannot be synced everywhere."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        if not path.is_dir():
            raise
    finally:
        os.close(handle)


def _sweep(folder: Path) -> None:
    """Remove what was cut off while a bank was made here, long ago."""
    for file in folder.glob(UNFINISHED):
        with suppress(OSError):
            if time.time() - file.stat().st_mtime > SECONDS_UNTIL_LEFT_BEHIND:
                file.unlink()
