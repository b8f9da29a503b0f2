"""One file is a bank: opened for a unit of work, migrated, and every trouble said in a sentence."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from core import MemoryBank, Query
from core.errors import BankBusy, CoreError
from core.progress import finish
from core.store import Database, opening, schema
from core.types import Memory, Reading
from tests.handmade import python

HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""
"""Another program that keeps the bank's file open until it gets a line."""

WRITE = """
import duckdb, sys
with duckdb.connect(sys.argv[1]) as connection:
    connection.execute("update bank set version = version + 1")
print("written", flush=True)
"""


def version(database: Database) -> int:
    with database.work() as cursor:
        return int(cursor.execute("select version from bank").fetchall()[0][0])


def write_and_raise(database: Database, problem: Exception) -> None:
    with database.write() as cursor:
        cursor.execute("insert into engines (fingerprint, name, d, n_latents, about) values ('f', 'x', 1, 1, '')")
        raise problem


def content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def more_steps(folder: Path, monkeypatch: pytest.MonkeyPatch, **steps: str) -> None:
    """The steps of the schema, and some after them: 9001, 9002, …"""
    shutil.copytree(schema.MIGRATIONS, folder)
    for number, (name, step) in enumerate(steps.items(), 9001):
        (folder / f"{number}_{name}.sql").write_text(step)
    monkeypatch.setattr(schema, "MIGRATIONS", folder)


def together(task: Callable[[int], object], n: int) -> list[str]:
    """Run a task in n threads that start at the same moment; what went wrong."""
    problems: list[str] = []
    barrier = threading.Barrier(n)

    def run(i: int) -> None:
        barrier.wait()
        try:
            task(i)
        except Exception as problem:
            problems.append(f"{type(problem).__name__}: {problem}")

    threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return problems


# --- opening ----------------------------------------------------------------------------------------------------------


def test_a_new_file_gets_the_whole_schema(tmp_path: Path) -> None:
    database = Database(tmp_path / "deep" / "new.duckdb")
    with database.work() as cursor:
        tables = {r[0] for r in cursor.execute("select table_name from duckdb_tables()").fetchall()}
        applied = [r[0] for r in cursor.execute("select number from schema_migrations order by 1").fetchall()]
    assert {"memories", "questions", "engines", "codes", "query_codes", "bank"} <= tables
    assert applied == sorted(int(p.name[:4]) for p in schema.MIGRATIONS.glob("*.sql"))


def test_migrations_run_once(database: Database) -> None:
    before = content(database.path)
    Database(database.path)
    assert content(database.path) == before


def test_later_migrations_are_applied_to_an_older_bank(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as cursor:
        cursor.execute("insert into engines (fingerprint, name, d, n_latents, about) values ('f', 'kept', 1, 1, '{}')")
    more_steps(
        tmp_path / "steps",
        monkeypatch,
        more="create table more (x integer); insert into more values (7);",
        yet="alter table more add column y integer default 8;",
    )
    with Database(database.path).work() as cursor:
        assert cursor.execute("select x, y from more").fetchall() == [(7, 8)]
        assert cursor.execute("select name from engines").fetchall() == [("kept",)]


def test_a_migration_with_a_smaller_number_is_not_left_out(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two lines of work number their files apart; whichever a bank saw first, it gets the other's too."""
    with database.write() as cursor:
        cursor.execute("insert into schema_migrations values (9002, current_timestamp)")
    more_steps(tmp_path / "steps", monkeypatch, late="create table late (x integer)", there="select 1")
    with Database(database.path).work() as cursor:
        assert cursor.execute("select count(*) from late").fetchall() == [(0,)]


def test_a_migration_that_fails_leaves_no_half_of_it(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(database.path)
    more_steps(
        tmp_path / "steps",
        monkeypatch,
        whole="create table more (x integer)",
        broken="create table half (x integer); select * from nowhere;",
    )
    with pytest.raises(duckdb.CatalogException):
        Database(database.path)
    assert content(database.path) == before
    assert [p.name for p in database.path.parent.iterdir() if "mnemoscope" in p.name] == []
    monkeypatch.undo()
    with database.work() as cursor:
        assert not cursor.execute("select 1 from duckdb_tables() where table_name = 'half'").fetchall()


def test_a_newer_schema_is_refused_and_left_alone(database: Database) -> None:
    with duckdb.connect(str(database.path)) as connection:
        connection.execute("insert into schema_migrations values (9999, current_timestamp)")
    before = content(database.path)
    with pytest.raises(CoreError, match=r"written by a newer Mnemoscope \(schema 9999, this one knows \d+\)"):
        Database(database.path)
    assert content(database.path) == before


@pytest.mark.parametrize("name", ["notes.duckdb", "clock.duckdb"])  # DuckDB's message holds the file's name
@pytest.mark.parametrize("rubbish", [b"Dear diary, " * 1000, b"\x00" * 20_000], ids=["text", "zeros"])
def test_a_file_that_is_no_database(tmp_path: Path, name: str, rubbish: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(rubbish)
    with pytest.raises(CoreError, match=r"is not a bank: DuckDB cannot read it. It was left as it is.") as problem:
        Database(path)
    assert not isinstance(problem.value, BankBusy)
    assert path.read_bytes() == rubbish


def test_a_database_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "sales.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table sales (x integer)")
    before = content(path)
    with pytest.raises(CoreError, match="a DuckDB file of another program, not a bank"):
        Database(path)
    assert content(path) == before


def test_a_folder_is_no_bank(tmp_path: Path) -> None:
    with pytest.raises(CoreError, match="is a folder; a bank is one file, for example"):
        Database(tmp_path)


def test_missing_and_not_to_be_made(tmp_path: Path) -> None:
    path = tmp_path / "not" / "there.duckdb"
    with pytest.raises(CoreError, match=r"There is no bank at .*there.duckdb. Import a file to make one."):
        Database(path, create=False)
    assert not path.parent.exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CoreError, match=r"bank.duckdb cannot be made: "):
        Database(tmp_path / "file" / "bank.duckdb")


def test_opened_by_many_threads_at_once(tmp_path: Path) -> None:
    assert together(lambda _: Database(tmp_path / "new.duckdb"), 6) == []


def test_sql_cannot_reach_other_files(database: Database, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with database.work() as cursor:
        with pytest.raises(duckdb.PermissionException):
            cursor.execute(f"select * from '{tmp_path}/secret.csv'")
        with pytest.raises(duckdb.InvalidInputException):
            cursor.execute("set enable_external_access = true")


# --- other programs ---------------------------------------------------------------------------------------------------


def test_held_by_another_program(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "SECONDS_TO_WAIT_FOR_A_LOCK", 0.05)
    with python(HOLD, database.path) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        for attempt in (lambda: Database(database.path), lambda: version(database)):
            with pytest.raises(BankBusy) as problem:
                attempt()
            assert str(problem.value) == (
                f"The bank bank.duckdb is being written by process {other.pid}. "
                "Nothing was changed; try again when it has finished."
            )
        other.communicate("\n")
    assert version(database) == 1


def test_a_short_lock_is_waited_for(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with python(HOLD, database.path) as other:
        assert other.stdout
        other.stdout.readline()
        waited: list[float] = []

        def let_go(seconds: float) -> None:
            waited.append(seconds)
            other.communicate("\n")

        monkeypatch.setattr(opening, "time", SimpleNamespace(sleep=let_go, monotonic=time.monotonic))
        assert version(database) == 1
    assert len(waited) == 1


def test_an_idle_bank_holds_no_lock(database: Database) -> None:
    for _ in range(2):
        with database.work() as cursor:
            cursor.execute("select version from bank").fetchall()
        with python(WRITE, database.path) as other:
            assert other.communicate()[0] == "written\n"
    assert version(database) == 3


def test_a_bank_at_work_holds_the_lock(database: Database) -> None:
    """What makes the test above able to fail."""
    with database.work(), python(WRITE, database.path) as other:
        assert "Could not set lock" in other.communicate()[1]


def test_a_nested_unit_keeps_the_outer_one_alive(database: Database) -> None:
    with database.work() as outer:
        with database.work() as inner:
            inner.execute("select 1").fetchall()
        assert outer.execute("select version from bank").fetchall() == [(1,)]


def test_committed_but_never_closed(database: Database) -> None:
    """A program that dies after its commit leaves a journal beside the file: it is part of the bank."""
    code = """
import duckdb, os, sys
connection = duckdb.connect(sys.argv[1])
connection.execute("update bank set version = 41")
os._exit(9)
"""
    with python(code, database.path) as other:
        other.wait()
    assert database.path.with_name("bank.duckdb.wal").exists()
    assert version(database) == 41


# --- transactions -----------------------------------------------------------------------------------------------------


def test_a_write_is_all_or_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        write_and_raise(database, ZeroDivisionError())
    with database.work() as cursor:
        assert cursor.execute("select count(*) from engines").fetchall() == [(0,)]
    assert version(database) == 1


def test_a_write_raises_the_version_by_one(database: Database) -> None:
    for expected in (2, 3):
        with database.write():
            pass
        assert version(database) == expected


def test_writers_take_turns(database: Database) -> None:
    def write(i: int) -> None:
        for j in range(5):
            with database.write() as cursor:
                values = [f"{i}-{j}", "x", 1, 1, ""]
                cursor.execute(
                    "insert into engines (fingerprint, name, d, n_latents, about) values (?, ?, ?, ?, ?)", values
                )

    assert together(write, 4) == []
    assert version(database) == 21


def test_the_stamp_changes_with_a_write_and_not_with_a_read(database: Database) -> None:
    first = database.stamp()
    assert version(database) == 1
    assert database.stamp() == first
    with database.work():  # the journal holds the write for as long as this unit lasts
        with database.write():
            pass
        assert database.stamp() != first


@pytest.mark.parametrize("use", [version, Database.stamp])
def test_a_deleted_bank_is_not_made_anew(database: Database, use: Callable[[Database], object]) -> None:
    database.path.unlink()
    with pytest.raises(CoreError, match=r"The bank .*bank.duckdb is gone: it was moved or deleted."):
        use(database)
    assert not database.path.exists()


DISK_FULL = "The disk is full: the last step was not stored in bank.duckdb; everything before it is safe."


@pytest.mark.parametrize(
    ("kind", "text", "sentence"),
    [
        pytest.param(
            duckdb.IOException,
            'IO Error: Could not write file "/x/b.duckdb": No space left on device',
            DISK_FULL,
            id="disk full",
        ),
        pytest.param(
            duckdb.TransactionException,
            'TransactionContext Error: Failed to commit: Could not write file "b.duckdb.wal": No space left on device',
            DISK_FULL,
            id="disk full at the commit",
        ),
        pytest.param(
            duckdb.IOException,
            'IO Error: Cannot open file "/x/b.duckdb": Permission denied',
            "cannot be written: permission denied. Choose a folder of your own.",
            id="permission",
        ),
        pytest.param(
            duckdb.IOException,
            "IO Error: Corrupt database file: computed checksum 1 does not match stored checksum 2",
            "bank.duckdb is damaged (IO Error: Corrupt database file: computed checksum 1 does not match stored "
            "checksum 2). It was left as it is; what can be read of it is copied to a new file by: "
            "python -m core repair ",
            id="corrupt",
        ),
        pytest.param(
            duckdb.IOException,
            "IO Error: the cable came loose\nmore lines",
            "The bank bank.duckdb could not be read or written: IO Error: the cable came loose",
            id="other",
        ),
        pytest.param(
            duckdb.OutOfMemoryException,
            "Out of Memory Error: failed to allocate 3 GB",
            "The bank bank.duckdb needs more memory than there is",
            id="memory",
        ),
    ],
)
def test_what_the_disk_says_is_a_sentence(
    database: Database, kind: type[duckdb.Error], text: str, sentence: str
) -> None:
    problem = kind(text)
    with pytest.raises(CoreError) as told:
        write_and_raise(database, problem)
    assert sentence in str(told.value)
    assert told.value.__cause__ is problem
    with database.work() as cursor:
        assert cursor.execute("select count(*) from engines").fetchall() == [(0,)]
    with database.write():
        pass
    assert version(database) == 2


def test_our_own_mistakes_stay_loud(database: Database) -> None:
    with pytest.raises(duckdb.CatalogException), database.work() as cursor:
        cursor.execute("select * from nowhere")


# --- threads ----------------------------------------------------------------------------------------------------------


def test_eight_threads_search_and_read_one_bank(make_bank: Callable[..., MemoryBank]) -> None:
    bank = make_bank(*(f"word{i} common text {'x' * (i % 7)}" for i in range(50)))
    query = Query("word7 common")
    expected = bank.search(query).ids

    def use(i: int) -> None:
        for j in range(40):
            which = (i + j) % 4
            if which == 0:
                assert bank.search(query).ids == expected
            elif which == 1:
                assert bank.memory(f"m{j}").text.startswith(f"word{j} ")
            elif which == 2:
                assert bank.memories.counts()["memories"] == 50
            else:
                assert bank.explain(query, "m7").shares

    assert together(use, 8) == []


def test_reading_while_another_thread_imports(make_bank: Callable[..., MemoryBank]) -> None:
    bank = make_bank("the first text")

    def use(i: int) -> None:
        for j in range(8):
            if i < 2:
                memory = Memory(f"{i}-{j}", f"added {i} {j}", source=f"{i}")
                assert finish(bank.add(Reading([memory], [], []))).added == 1
            else:
                hits = bank.search(Query("the first text added", k=100))
                assert set(hits.ids) == set(bank.memories.of(hits.ids))

    assert together(use, 5) == []
    assert len(bank.index()) == bank.memories.counts()["memories"] == 17
