"""What makes a memory the same memory, and the order in which memories were said."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from core.bank.bank import MemoryBank
from core.progress import finish
from core.store import Database, intake
from core.types import ImportReport, Memory
from tests.fakes import FakeEncoder


@pytest.fixture
def bank(tmp_path: Path) -> MemoryBank:
    return MemoryBank.open(tmp_path / "bank.duckdb", FakeEncoder())


def put(path: Path, *rows: dict[str, Any]) -> Path:
    import json

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def imported(bank: MemoryBank, *files: Path, **choices: Any) -> ImportReport:
    return finish(bank.import_files(files, encode=False, **choices))


def said(bank: MemoryBank, conversation: str) -> list[str]:
    found = [m for m in bank.memories.find(limit=99) if m.conversation == conversation]
    return [m.text for m in sorted(found, key=lambda m: m.position)]


def turn(text: str, day: str = "", **more: Any) -> dict[str, Any]:
    return {"conversation": "c", "role": "Ana", "text": text, **({"created": day} if day else {}), **more}


def test_files_called_alike_in_two_folders_are_both_stored(bank: MemoryBank, tmp_path: Path) -> None:
    files = [put(tmp_path / folder / "d.jsonl", {"id": "1", "text": f"of {folder}"}) for folder in ("x", "y")]
    assert imported(bank, *files).added == 2
    assert imported(bank, *files).already_there == 2
    one = put(tmp_path / "z" / "d.jsonl", {"text": "without an id"})
    assert imported(bank, one).added == 1


def test_a_file_that_grew_in_front_or_behind_adds_what_is_new(bank: MemoryBank, tmp_path: Path) -> None:
    assert imported(bank, put(tmp_path / "n.jsonl", turn("alpha"), turn("beta"))).added == 2
    grown = put(tmp_path / "n.jsonl", turn("front"), turn("alpha"), turn("beta"), turn("behind"))
    report = imported(bank, grown)
    assert (report.added, report.already_there) == (2, 2)
    assert imported(bank, grown).already_there == 4
    assert said(bank, "c") == ["front", "alpha", "beta", "behind"]


def test_the_same_words_twice_in_a_dialogue_are_two_turns_and_stay_two(bank: MemoryBank, tmp_path: Path) -> None:
    file = put(tmp_path / "n.jsonl", turn("ok"), turn("So?"), turn("ok"), {"text": "alone"}, {"text": "alone"})
    assert imported(bank, file).added == 4
    assert imported(bank, file).added == 0
    assert imported(bank, put(tmp_path / "renamed.jsonl", turn("ok"), turn("ok"))).added == 0


def test_a_corrected_text_is_offered_and_the_old_one_kept(bank: MemoryBank, tmp_path: Path) -> None:
    imported(bank, put(tmp_path / "a.jsonl", {"id": "1", "text": "tea"}, {"id": "2", "text": "second"}))
    file = put(tmp_path / "a.jsonl", {"id": "1", "text": "green tea"}, {"id": "2", "text": "second"})
    report = imported(bank, file)
    assert [(r.id, r.old, r.new) for r in report.offered] == [("1", "tea", "green tea")]
    assert (report.added, report.already_there, bank.memory("1").text) == (0, 1, "tea")
    report = imported(bank, file, replace=True)
    assert (report.replaced, bank.memory("1").text) == (1, "green tea")
    with bank.state.work() as cursor:
        assert [text for text, _ in intake.versions(cursor, "1")] == ["tea"]
    other = imported(bank, put(tmp_path / "b.jsonl", {"id": "1", "text": "coffee"}))
    assert (other.added, bank.memory("b/1").text) == (1, "coffee")


MAY = [turn("one", "2024-05-01"), turn("two", "2024-05-02")]
JUNE = [turn("three", "2024-06-01"), turn("four", "2024-06-02")]


@pytest.mark.parametrize("files", [[MAY, JUNE], [JUNE, MAY], [MAY[::-1], JUNE[::-1]], [[*JUNE[::-1], *MAY[::-1]]]])
def test_times_decide_over_files_also_newest_first(bank: MemoryBank, tmp_path: Path, files: list[Any]) -> None:
    for i, rows in enumerate(files):
        imported(bank, put(tmp_path / f"{i}.jsonl", *rows))
    assert said(bank, "c") == ["one", "two", "three", "four"]
    second = next(m for m in bank.memories.find(limit=9) if m.text == "two")
    assert [m.text for m in bank.memories.around(second, 1)] == ["one", "two", "three"]


def test_files_without_times_follow_one_another(bank: MemoryBank, tmp_path: Path) -> None:
    imported(bank, put(tmp_path / "1.jsonl", turn("a"), turn("b")))
    imported(bank, put(tmp_path / "2.jsonl", turn("c"), turn("d")))
    assert said(bank, "c") == ["a", "b", "c", "d"]


def test_places_that_are_in_order_are_left_alone(bank: MemoryBank, tmp_path: Path) -> None:
    imported(bank, put(tmp_path / "1.jsonl", turn("a", position=3), turn("b", position=7)))
    assert [m.position for m in bank.memories.find(limit=9)] == [3, 7]


def test_content_leaves_out_where_a_memory_came_from() -> None:
    one = Memory("a", "t", "Ana", "c", "s", 1, datetime(2024, 5, 1), source="x")
    assert intake.content_of(one) == intake.content_of(
        Memory("b", "t", "Ana", "c", "", 9, datetime(2024, 5, 1), source="y")
    )
    assert intake.content_of(one) != intake.content_of(Memory("a", "t", "Ana", "c", "s", 1, None, source="x"))


def test_sql_and_python_agree_on_what_a_content_is(tmp_path: Path) -> None:
    database = Database(tmp_path / "b.duckdb")
    memory = Memory("é", "naïve 🙂 text", "Ana", "c", created=datetime(2024, 5, 1, 1, 2, 3, 456), source="x")
    with database.write() as cursor:
        intake.add(cursor, [memory, Memory("b", "no time", source="x")])
        rows = cursor.execute(
            """select hash, left(sha256(concat_ws(chr(31), conversation, role,
                   coalesce(strftime(created, '%Y-%m-%dT%H:%M:%S.%f'), ''), text)), 32) || ':1' from memories"""
        ).fetchall()
    assert all(one == other for one, other in rows)


def test_a_bank_of_before_is_put_right_on_opening_and_keeps_its_codes(tmp_path: Path) -> None:
    import duckdb

    from core.store import schema

    path = tmp_path / "old.duckdb"
    with duckdb.connect(str(path)) as old:
        schema.apply(old, [number for number in schema.steps() if number < 10])
        for i, (text, day, file) in enumerate(
            [("three", 3, "june"), ("four", 4, "june"), ("one", 1, "may"), ("two", 2, "may")]
        ):
            old.execute(
                """insert into memories values (?, ?, ?, 'Ana', 'c', '', ?, ?, '', ?, '{}')""",
                [f"{file}/{i % 2 + 1}", f"old{i}", text, i % 2, datetime(2024, 5, day), file + ".jsonl"],
            )
        code = "[0.5], [0], [1], [1], [1.0], [1.0], [0], [0], [1], 1, 0, 1"
        old.execute(f"insert into codes select 'e', id, {code} from memories")
    bank = MemoryBank.open(path, FakeEncoder())
    assert said(bank, "c") == ["one", "two", "three", "four"]
    with bank.state.work() as cursor:
        assert cursor.execute("select count(*) from codes").fetchall() == [(4,)]
    rows = [turn("one", "2024-05-01"), turn("two", "2024-05-02"), turn("new", "2024-05-05")]
    assert imported(bank, put(tmp_path / "may.jsonl", *rows)).added == 1


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_a_banks_own_export_comes_back_equal(bank: MemoryBank, tmp_path: Path, kind: str) -> None:
    from ui.kit.export import table_file

    imported(
        bank,
        put(
            tmp_path / "a.jsonl",
            {"id": "1", "text": 'tea\r\nwith "quotes", and ;', "role": "user", "conversation": "c,1", "session": "s1",
             "position": 3, "created": "2023-05-20T14:30:00+02:00", "category": "x", "tags": ["a"],
             "nested": {"k": None}},
            {"id": "2", "text": "=SUM(A1:A2)"},
            {"id": "3", "text": "  leading spaces kept  ", "created": 1684592400.5},
            {"id": "4", "text": "na\u00efve 🙂 \u2028 line", "conversation": "d", "created": "2024-01-01"},
            {"id": "5", "text": "next", "conversation": "d", "created": "2024-01-02"},
        ),
    )  # fmt: skip
    (tmp_path / f"export.{kind}").write_bytes(table_file(bank.memories.table("memories"), kind))
    other = MemoryBank.open(tmp_path / "other.duckdb", FakeEncoder())
    report = imported(other, tmp_path / f"export.{kind}")
    assert (report.added, report.refused, report.emptied) == (5, (), {})
    assert other.memories.of("12345") == bank.memories.of("12345")
