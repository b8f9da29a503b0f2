"""CSV and Parquet."""

import gzip
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import CoreError
from core.readers import read


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def places(path: Path) -> list[tuple[int, str]]:
    return [(refused.line, refused.field) for refused in read(path).refused]


def test_csv(tmp_path: Path) -> None:
    path = write(
        tmp_path / "notes.csv",
        "id,Text,Speaker,thread,position,date,label,mood\n"
        "a,The lake froze.,Ann,c,4,2023-05-20,weather,calm\n"
        ",No id,,,,,,\n",
    )
    first, second = read(path).memories
    assert (first.id, first.text, first.role, first.conversation, first.position) == (
        "a",
        "The lake froze.",
        "Ann",
        "c",
        4,
    )
    assert (first.created, first.category, first.meta) == (datetime(2023, 5, 20), "weather", {"mood": "calm"})
    assert (second.id, second.role, second.position, second.created, second.meta) == ("notes/2", "", 0, None, {})


def test_bad_csv_rows_and_their_physical_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path / "notes.csv",
        b"text,position,date\r\n"
        b'"one\r\ntwo, ""quoted""\r\nthree",0,\r\n'
        b",1,\r\n"
        b"\r\n"
        b"caf\xe9,2,\r\n"
        b"NUL \0 here,3,\r\n"
        b"fox \xf0\x9f\xa6\x8a,x,\r\n"
        b"late,,tomorrow\r\n"
        b"too,1,,many cells\r\n"
        b'"a"b,1,\r\n'
        b'"spans\r\nlines",-1,\r\n'
        b"short\r\n"
        b"fox \xf0\x9f\xa6\x8a,9,\r\n",
    )
    reading = read(path)
    assert [(memory.text, memory.position) for memory in reading.memories] == [
        ('one\r\ntwo, ""quoted""\r\nthree'.replace('""', '"'), 0),
        ("NUL  here", 3),
        ("fox 🦊", 4),
        ("late", 5),
        ("spans\r\nlines", 6),
        ("short", 7),
        ("fox 🦊", 9),
    ]
    assert [(refused.line, refused.field) for refused in reading.refused] == [
        (5, "text"),
        (7, "text"),
        (11, ""),
        (12, ""),
    ]
    assert reading.emptied == {"position": 2, "date": 1}
    reasons = {refused.line: refused.reason for refused in reading.refused}
    assert "is not UTF-8 text" in reasons[7]
    assert reasons[11] == "has 4 cells where the header has 3; put cells that hold a comma in quotation marks"


def test_csv_with_bom_and_gzip(tmp_path: Path) -> None:
    path = write(tmp_path / "notes.csv.gz", gzip.compress(b"\xef\xbb\xbftext,role\none,Ann\n,Bo\n"))
    assert [(memory.id, memory.text, memory.role) for memory in read(path).memories] == [("notes/1", "one", "Ann")]
    assert places(path) == [(3, "text")]


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ";"), ("a.csv", "\t"), ("a.tsv", "\t")])
def test_other_delimiters(tmp_path: Path, name: str, mark: str) -> None:
    path = write(tmp_path / name, f"text{mark}role\none, two{mark}Ann\n")
    assert [(memory.text, memory.role) for memory in read(path).memories] == [("one, two", "Ann")]


def test_empty_lines_before_the_header_are_counted(tmp_path: Path) -> None:
    assert places(write(tmp_path / "a.csv", "\n\ntext,role\nwords,Ann\n,Bo\n")) == [(5, "text")]


def test_a_quotation_mark_that_is_never_closed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'text,role\none,Ann\n"two,Bo\nthree,Ann\n')
    reading = read(path)
    assert [memory.text for memory in reading.memories] == ["one", "three"]
    assert [(refused.line, refused.field) for refused in reading.refused] == [(3, "")]
    assert "never closed" in reading.refused[0].reason


def test_a_huge_cell_costs_one_row_only(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"text,note\n{'x' * 2_000_000},a\nsmall,{'y' * 200_000}\n")
    reading = read(path)
    assert [(memory.text, memory.meta) for memory in reading.memories] == [("small", {"note": "y" * 200_000})]
    assert [(refused.line, refused.field) for refused in reading.refused] == [(2, "text")]


def test_csv_without_a_text_column(tmp_path: Path) -> None:
    with pytest.raises(CoreError) as caught:
        read(write(tmp_path / "a.csv", "id,words\n1,one\n"))
    assert str(caught.value) == (
        "a.csv has no field “text” (or content, memory, message, body, memory_text); it has id, words. "
        "Rename the field that holds the words to “text”, or name it: --text-field NAME."
    )


def test_csv_with_two_columns_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(CoreError, match="two columns named “mood”"):
        read(write(tmp_path / "a.csv", "text,mood,mood\none,a,b\n"))


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"text,role\n", "holds no rows"), (b"\n\n", "is empty"), (gzip.compress(b""), "is empty")],
)
def test_csv_without_rows(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(CoreError, match=rf"^a\.csv {said}"):
        read(write(tmp_path / "a.csv", content))


def table(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)  # type: ignore[no-untyped-call]
    return path


def test_parquet(tmp_path: Path) -> None:
    path = table(
        tmp_path / "notes.parquet",
        content=["one", None, "three", " "],
        id=[1, 2, 3, 4],
        timestamp=pa.array([1_684_540_800_000_000_001, None, None, None], pa.timestamp("ns")),
        position=[2.0, None, None, None],
        score=[0.5, float("nan"), None, 1.0],
        tags=[["a", "b"], [], None, None],
        blob=[b"\xff", None, None, None],
    )
    reading = read(path)
    first, third = reading.memories
    assert (first.id, first.text, first.position, first.created) == ("1", "one", 2, datetime(2023, 5, 20))
    assert type(first.created) is datetime
    assert first.meta == {"score": 0.5, "tags": ["a", "b"]}
    assert (third.id, third.position, third.meta) == ("3", 3, {})
    assert [(refused.line, refused.field) for refused in reading.refused] == [(2, "content"), (4, "content")]


def test_parquet_over_several_batches_and_row_groups(tmp_path: Path) -> None:
    texts = [f"memory {i}" for i in range(70_000)]
    texts[66_000] = ""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": texts}), path, row_group_size=30_000)  # type: ignore[no-untyped-call]
    reading = read(path)
    assert (len(reading.memories), reading.memories[-1].id) == (69_999, "a/70000")
    assert [(refused.line, refused.field) for refused in reading.refused] == [(66_001, "text")]


def test_parquet_dates_with_a_zone_and_days(tmp_path: Path) -> None:
    zoned = table(
        tmp_path / "a.parquet",
        text=["one"],
        date=pa.array([1_684_540_800], pa.timestamp("s", tz="Europe/Paris")),
    )
    assert read(zoned).memories[0].created == datetime(2023, 5, 20)
    days = table(tmp_path / "b.parquet", text=["one"], date=pa.array([19_497], pa.date32()))
    assert read(days).memories[0].created == datetime(2023, 5, 20)


def test_parquet_strings_that_are_not_utf8(tmp_path: Path) -> None:
    broken = pa.array([b"one", b"caf\xe9"], pa.binary()).view(pa.string())
    reading = read(table(tmp_path / "a.parquet", text=broken))
    assert [memory.text for memory in reading.memories] == ["one"]
    assert [(refused.line, "not UTF-8" in refused.reason) for refused in reading.refused] == [(2, True)]


def test_parquet_written_by_pandas_has_no_index_in_meta(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", text=["one"], __index_level_0__=[5])
    assert read(path).memories[0].meta == {}


def test_parquet_without_a_text_column(tmp_path: Path) -> None:
    with pytest.raises(CoreError, match=r"^a\.parquet has no field “text” .*it has words\."):
        read(table(tmp_path / "a.parquet", words=["one"]))


def test_parquet_without_rows(tmp_path: Path) -> None:
    with pytest.raises(CoreError, match="holds no rows"):
        read(table(tmp_path / "a.parquet", text=pa.array([], pa.string())))


def test_parquet_that_is_none_or_cut(tmp_path: Path) -> None:
    whole = table(tmp_path / "a.parquet", text=["one", "two"]).read_bytes()
    for content in (b"text\none\n", whole[:-20], b"PAR1"):
        with pytest.raises(CoreError, match=r"^b\.parquet is not a Parquet file or is damaged"):
            read(write(tmp_path / "b.parquet", content))


def test_a_defused_formula_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("id,text\nm1,'=1+1\nm2,''=x\nm3,'tis\n", encoding="utf-8")
    assert [m.text for m in read(path).memories] == ["=1+1", "'=x", "'tis"]
