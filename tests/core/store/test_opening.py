"""How a file becomes a bank, and stays one: made whole or not at all, upgraded as a copy, never adopted."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from core.errors import BankDamaged, CoreError
from core.store import Database, opening, schema
from tests.core.store.test_database import content, version


def older(path: Path, until: int = 3) -> None:
    """A bank as an older Mnemoscope left it, with a memory in it."""
    with duckdb.connect(str(path)) as connection:
        schema.apply(connection, [number for number in schema.steps() if number <= until])
        connection.execute("insert into memories values ('m', 'h', 'kept', '', '', '', 0, null, '', '', '{}')")


# --- a new bank -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 12, 4096, 10_000])
def test_an_empty_file_and_a_stub_become_a_bank(tmp_path: Path, size: int) -> None:
    path = tmp_path / "stub.duckdb"
    Database(tmp_path / "whole.duckdb")
    path.write_bytes((tmp_path / "whole.duckdb").read_bytes()[:size])
    with pytest.raises(CoreError, match="is empty: it becomes a bank when you import a file into it"):
        Database(path, create=False)
    assert version(Database(path)) == 1


def test_a_short_file_of_somebody_else_is_no_stub(tmp_path: Path) -> None:
    path = tmp_path / "notes.duckdb"
    path.write_bytes(b"Dear diary, today")
    with pytest.raises(CoreError, match="is not a bank"):
        Database(path)
    assert path.read_bytes() == b"Dear diary, today"


@pytest.mark.parametrize("moment", ["schema.apply", "_sync", "_name"])
def test_cut_off_while_it_is_made_leaves_no_bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    path = tmp_path / "new.duckdb"

    def cut(*_: object) -> None:
        raise OSError(28, "No space left on device")

    owner, _, name = moment.rpartition(".")
    monkeypatch.setattr(schema if owner else opening, name, cut)
    with pytest.raises(CoreError, match=r"new.duckdb cannot be made: No space left on device"):
        Database(path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    assert version(Database(path)) == 1


def test_somebody_else_was_quicker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new.duckdb"
    naming = opening._name

    def after_another(new: Path, to: Path) -> None:
        shutil.copy(new, to)
        with duckdb.connect(str(to)) as other:
            other.execute("update bank set version = 7")
        naming(new, to)

    monkeypatch.setattr(opening, "_name", after_another)
    assert version(Database(path)) == 7
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_left_behind_long_ago_is_removed(tmp_path: Path) -> None:
    old, fresh = tmp_path / ".mnemoscope-1-ab.new", tmp_path / ".mnemoscope-2-cd.new"
    old.touch()
    fresh.touch()
    os.utime(old, (1, 1))
    Database(tmp_path / "new.duckdb")
    assert fresh.exists()
    assert not old.exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("~nobody-of-that-name/x.duckdb", "is no path that a file could have"),
        ("a\0b.duckdb", "is no path that a file could have"),
        ("half\ud800.duckdb", "is no path that a file could have"),
        ("x" * 300 + ".duckdb", "cannot be opened: File name too long"),
    ],
)
@pytest.mark.parametrize("create", [True, False])
def test_names_that_no_file_can_have(name: str, said: str, create: bool) -> None:
    with pytest.raises(CoreError, match=said):
        Database(name, create)


# --- upgrades ---------------------------------------------------------------------------------------------------------


def test_an_older_bank_is_upgraded_in_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "older.duckdb"
    older(path)
    path.chmod(0o640)
    inode = path.stat().st_ino
    with Database(path).work() as cursor:
        assert cursor.execute("select text from memories").fetchall() == [("kept",)]
        assert schema.lacking(cursor) == []
    assert path.stat().st_ino != inode
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_what_lies_in_the_journal_is_upgraded_too(tmp_path: Path) -> None:
    path = tmp_path / "older.duckdb"
    older(path)
    connection = duckdb.connect(str(path))
    connection.execute("insert into memories values ('n', 'i', 'in the journal', '', '', '', 1, null, '', '', '{}')")
    shutil.copy(path, tmp_path / "killed.duckdb")
    shutil.copy(tmp_path / "older.duckdb.wal", tmp_path / "killed.duckdb.wal")
    connection.close()
    with Database(tmp_path / "killed.duckdb").work() as cursor:
        assert cursor.execute("select text from memories order by id").fetchall() == [("kept",), ("in the journal",)]


@pytest.mark.parametrize("moment", ["_sync", "shutil.copyfileobj"])
def test_an_upgrade_that_is_cut_off_leaves_the_bank_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = tmp_path / "older.duckdb"
    older(path)
    before = content(path)

    def cut(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(opening.shutil if "." in moment else opening, moment.split(".")[-1], cut)
    with pytest.raises(CoreError, match=r"could not be made: No space left on device. The bank was left as it is."):
        Database(path)
    assert content(path) == before
    assert list(tmp_path.iterdir()) == [path]


# --- files that are none ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "foreign",
    [
        "create table schema_migrations (version varchar)",
        "create table schema_migrations (number integer, applied timestamp); create table sales (x integer)",
        "create table schema_migrations (number integer, applied timestamp); insert into schema_migrations "
        "values (1, current_timestamp)",
    ],
)
def test_another_programs_migrations_are_not_ours(tmp_path: Path, foreign: str) -> None:
    path = tmp_path / "theirs.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(foreign)
    before = content(path)
    with pytest.raises(CoreError, match="a DuckDB file of another program, not a bank"):
        Database(path)
    assert content(path) == before


def test_a_dropped_table_is_named(tmp_path: Path) -> None:
    database = Database(tmp_path / "bank.duckdb")
    with database.work() as cursor:
        cursor.execute("drop table codes")
    with pytest.raises(BankDamaged, match=r"it lacks codes.dense, "), database.work() as cursor:
        cursor.execute("select * from codes")
    with pytest.raises(BankDamaged, match=r"bank.duckdb is damaged \(it lacks the table codes\)"):
        Database(database.path)


def test_another_file_in_its_place_is_noticed(tmp_path: Path) -> None:
    database = Database(tmp_path / "bank.duckdb")
    first = database.stamp()
    other = Database(tmp_path / "other.duckdb")
    with other.write():
        pass
    other.path.replace(database.path)
    assert database.stamp() != first
    assert version(database) == 2
    with duckdb.connect(str(tmp_path / "sales.duckdb")) as connection:
        connection.execute("create table sales (x integer)")
    (tmp_path / "sales.duckdb").replace(database.path)
    with pytest.raises(CoreError, match="a DuckDB file of another program"):
        version(database)


# --- read alone -------------------------------------------------------------------------------------------------------


def read_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a read-only file system, also for root."""
    allowed = os.access

    def access(asked: Any, mode: int) -> bool:
        return allowed(asked, mode) and not (mode & os.W_OK and Path(asked) in (path, path.parent))

    monkeypatch.setattr(os, "access", access)


@pytest.mark.parametrize("how", ["folder", "mode"])
def test_a_bank_that_cannot_be_written_is_read(database: Database, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "folder":
        read_alone(database.path, monkeypatch)
    else:
        monkeypatch.setenv("MNEMOSCOPE_READ_ONLY", "1")
    before = content(database.path)
    again = Database(database.path, create=False)
    assert not again.writable
    assert version(again) == 1
    with pytest.raises(CoreError, match="can be read here, but not changed: nothing was stored"), again.write():
        pass
    with pytest.raises(CoreError, match="open for reading only"), again.work() as cursor:
        cursor.execute("update bank set version = 2")
    assert content(database.path) == before


def test_an_older_bank_that_cannot_be_written_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older(tmp_path / "older.duckdb")
    read_alone(tmp_path / "older.duckdb", monkeypatch)
    with pytest.raises(CoreError, match=r"written by an older Mnemoscope .* Copy it to a folder of your own"):
        Database(tmp_path / "older.duckdb")


def test_no_bank_is_made_in_read_only_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMOSCOPE_READ_ONLY", "1")
    with pytest.raises(CoreError, match=r"new.duckdb was not made: Mnemoscope runs in read-only mode here"):
        Database(tmp_path / "new.duckdb")
    assert list(tmp_path.iterdir()) == []
