"""What can be read of a damaged bank is in the new one; the damaged one is not touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from core import MemoryBank
from core.__main__ import main
from core.errors import CoreError
from core.progress import finish
from core.store import Database
from core.store import repair as repairing
from core.store.repair import HEADER, Repaired, repair
from tests.core.store.test_database import content
from tests.handmade import python

N = 3000


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A bank of 3000 long memories over several blocks, written in two checkpoints."""
    path = Database(tmp_path / "filled.duckdb").path
    with duckdb.connect(str(path)) as connection:
        connection.execute("set threads = 1")
        connection.execute("insert into questions values ('q', 'where?', '', ['m1'], '', '', '')")
        connection.execute("checkpoint")
        connection.execute(
            f"""insert into memories select 'm' || i, 'h' || i, string_agg(md5(i || '-' || j), ''), '', '', '', i, null,
                '', '', '{{}}', i from range({N}) r(i), range(40) s(j) group by i order by i"""
        )
    return path


def repaired(path: Path, harm: Callable[[bytearray], None]) -> tuple[Repaired, dict[str, tuple[int, int]]]:
    damaged = bytearray(path.read_bytes())
    harm(damaged)
    path.write_bytes(damaged)
    done = finish(repair(path))
    assert path.read_bytes() == damaged
    return done, {one.table: (one.copied, one.rows) for one in done.tables if one.rows}


def texts(path: Path) -> dict[str, str]:
    with Database(path, create=False).work() as cursor:
        return dict(cursor.execute("select id, text from memories").fetchall())


def test_a_whole_bank_is_copied_whole(filled: Path) -> None:
    before = texts(filled)
    done, counts = repaired(filled, lambda _: None)
    assert done.path == filled.with_name("filled-repaired.duckdb")
    assert done.how == "as it is"
    assert counts == {"bank": (1, 1), "memories": (N, N), "questions": (1, 1)}
    assert texts(done.path) == before
    assert len(list(filled.parent.iterdir())) == 2


def test_one_damaged_block_costs_its_rows(filled: Path) -> None:
    before = texts(filled)

    def flip(damaged: bytearray) -> None:
        damaged[len(damaged) // 2] ^= 1

    done, counts = repaired(filled, flip)
    copied, rows = counts["memories"]
    assert rows == N
    assert 0 < copied < N
    kept = texts(done.path)
    assert len(kept) == copied
    assert kept.items() <= before.items()
    (memories,) = (one for one in done.tables if one.table == "memories")
    assert "checksum" in memories.why


@pytest.mark.parametrize("header", [0, 1, 2])
def test_a_damaged_header_is_replaced(filled: Path, header: int) -> None:
    def flip(damaged: bytearray) -> None:
        damaged[header * HEADER + 9] ^= 1

    done, counts = repaired(filled, flip)
    assert counts["questions"] == (1, 1)
    assert done.how != "as it is"
    if "earlier" not in done.how:
        assert counts["memories"] == (N, N)


def test_a_file_that_was_cut_gives_what_is_left(filled: Path) -> None:
    def cut(damaged: bytearray) -> None:
        del damaged[-300_000:]

    _, counts = repaired(filled, cut)
    assert sum(copied for copied, _ in counts.values()) > 0


def test_rows_about_lost_memories_are_left_out(filled: Path) -> None:
    with duckdb.connect(str(filled)) as connection:
        connection.execute("insert into marks (text, memory, correct) values ('q', 'm1', true), ('q', 'gone', true)")
    done, _ = repaired(filled, lambda _: None)
    assert done.dropped == 1


def test_a_process_that_ends_costs_one_table(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repairing, "copy", _ends_over_questions)
    done, counts = repaired(filled, lambda _: None)
    assert counts == {"bank": (1, 1), "memories": (N, N)}
    assert {one.why for one in done.tables if one.table == "questions"} == {"DuckDB ended while it read this table"}


def _ends_over_questions(source: Path, new: Path, table: str) -> repairing.Saved:
    import os

    from core.store.repair import copy

    if table == "questions":
        os._exit(11)
    return copy(source, new, table)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"Dear diary", "Nothing could be read of"), (b"", "Nothing could be read of"), (None, "There is no file at")],
)
def test_what_is_no_bank_gives_none(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "x.duckdb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CoreError, match=said):
        finish(repair(path))
    assert [p for p in tmp_path.iterdir() if p != path] == []


def test_nothing_is_written_over(filled: Path) -> None:
    taken = filled.with_name("taken.duckdb")
    taken.write_text("mine")
    with pytest.raises(CoreError, match="exists already: name another file with --into"):
        finish(repair(filled, taken))
    assert taken.read_text() == "mine"


def test_a_bank_at_work_is_not_repaired(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repairing.opening, "SECONDS_TO_WAIT_FOR_A_LOCK", 0.05)
    with python("import duckdb, sys\nc = duckdb.connect(sys.argv[1])\nprint('held', flush=True)\nsys.stdin.readline()",
                filled) as other:  # fmt: skip
        assert other.stdout
        other.stdout.readline()
        with pytest.raises(CoreError, match="is being written by process"):
            finish(repair(filled))
        other.communicate("\n")


@pytest.mark.lets_go
def test_the_command_says_counts(
    make_bank: Callable[..., MemoryBank], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bank = make_bank("one", "two")
    before = content(bank.path)
    assert main(["repair", str(bank.path), "--into", str(tmp_path / "new.duckdb")]) == 0
    said = capsys.readouterr().out
    assert "memories           2 of 2 rows\n" in said
    assert "Nothing is missing.\n" in said
    assert content(bank.path) == before
    again = MemoryBank.open(tmp_path / "new.duckdb", bank.engine)
    assert len(again.index()) == 2


def test_the_command_says_that_a_journal_was_left_out(
    make_bank: Callable[..., MemoryBank], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Here the file stays open: what was written last stands in its journal alone, which repair cannot read."""
    bank = make_bank("one", "two")
    assert Path(f"{bank.path}.wal").exists()
    assert main(["repair", str(bank.path), "--into", str(tmp_path / "new.duckdb")]) == 0
    said = capsys.readouterr().out
    assert "What stood in its journal alone is not in it.\n" in said
    assert "Nothing is missing" not in said
