"""Which reader a file gets, and files that no reader can take."""

from pathlib import Path

import pytest

from core.errors import CoreError
from core.readers import FORMATS, read
from core.readers.files import stem


def test_formats() -> None:
    assert FORMATS[:8] == ("auto", "jsonl", "csv", "parquet", "xlsx", "whatsapp", "markdown", "txt")
    assert {"locomo", "longmemeval", "chatgpt", "claude", "slack"} < set(FORMATS)


def test_the_given_name_is_source_stem_and_kind(tmp_path: Path) -> None:
    path = tmp_path / "upload-1234"
    path.write_text("text\none\n")
    (memory,) = read(path, name="Notes.CSV").memories
    assert (memory.id, memory.source) == ("Notes/1", "Notes.CSV")


def test_the_path_tells_the_kind_when_the_name_does_not(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text\none\n")
    (memory,) = read(path, name="my notes").memories
    assert (memory.id, memory.source) == ("my notes/1", "my notes")


def test_a_chosen_format_needs_no_extension(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text('{"text": "one"}\n[0]\n')
    reading = read(path, "jsonl")
    assert ([memory.id for memory in reading.memories], [r.line for r in reading.refused]) == (["notes/1"], [2])


def test_unknown_extension_and_unknown_format(tmp_path: Path) -> None:
    path = tmp_path / "notes.docx"
    path.write_text("words")
    with pytest.raises(CoreError, match=r"^notes\.docx is of no known kind: give a file that ends in \.jsonl"):
        read(path)
    with pytest.raises(CoreError, match=r"^There is no format “xml”: choose one of auto, jsonl, csv"):
        read(path, "xml")


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.parquet", "a.jsonl.gz"])
def test_absent_empty_and_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(CoreError, match=f"^{name} does not exist: check the path"):
        read(path)
    path.touch()
    with pytest.raises(CoreError, match=f"^{name} is empty"):
        read(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(CoreError, match=f"^{name} holds no rows"):
        read(path)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 8,
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0",
        b"\0" * 100,
    ],
)
def test_binary_files(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CoreError, match=f"^{name} is binary or in an unknown encoding: save it as UTF-8"):
        read(path)


def test_a_path_the_system_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(CoreError, match=r"^a\.csv (does not exist|cannot be read)"):
        read(tmp_path / "file" / "a.csv")
    with pytest.raises(CoreError, match="cannot be read"):
        read(tmp_path / ("a" * 300 + ".csv"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("notes.jsonl", "notes"),
        ("notes.json.gz", "notes"),
        ("Notes.CSV", "Notes"),
        ("my.notes.v2.parquet", "my.notes.v2"),
        ("notes", "notes"),
        (".jsonl", ".jsonl"),
    ],
)
def test_stem(name: str, expected: str) -> None:
    assert stem(name) == expected


def test_the_table_of_formats_is_the_readers_own() -> None:
    import runpy

    made = runpy.run_path(str(Path(__file__).resolve().parents[3] / "docs" / "formats.py"))
    assert made["PAGE"].read_text(encoding="utf-8").endswith(made["BEGIN"] + made["table"]())
