"""JSON lines and JSON lists."""

import gzip
import json
from pathlib import Path

import pytest

from core.errors import CoreError
from core.readers import read


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def places(path: Path) -> list[tuple[int, str]]:
    return [(refused.line, refused.field) for refused in read(path).refused]


def test_good_and_bad_rows(tmp_path: Path) -> None:
    path = write(
        tmp_path / "notes.jsonl",
        b'{"text": "one", "role": "Ann"}\n'
        b"\n"
        b"not json\n"
        b'{"text": "caf\xe9"}\n'
        b'{"text": ""}\n'
        b'["a", "list"]\n'
        b'{"text": "a\\u0000b"}\n'
        b'{"text": "\\ud83d"}\n'
        b'{"text": "t", "date": "soon"}\n'
        b'{"text": "t", "position": "first"}\n'
        b'{"text": "last \xf0\x9f\xa6\x8a"}\n'
        b'{"text": "cut of',
    )
    reading = read(path)
    assert [(memory.id, memory.text, memory.role) for memory in reading.memories] == [
        ("notes/1", "one", "Ann"),
        ("notes/10", "last 🦊", ""),
    ]
    assert [(refused.line, refused.field) for refused in reading.refused] == [
        (3, ""),
        (4, ""),
        (5, "text"),
        (6, ""),
        (7, "text"),
        (8, "text"),
        (9, "date"),
        (10, "position"),
        (12, ""),
    ]
    reasons = {refused.line: refused.reason for refused in reading.refused}
    assert reasons[3] == "is not valid JSON (expecting value, column 1); one object per line is expected"
    assert reasons[4] == "is not UTF-8 text; save the file as UTF-8"
    assert {refused.source for refused in reading.refused} == {"notes.jsonl"}


def test_bom_and_crlf(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'\xef\xbb\xbf{"text": "one"}\r\n\r\n{"text": "two"}\r\n{"text": 3}\r\n')
    assert [memory.text for memory in read(path).memories] == ["one", "two"]
    assert places(path) == [(4, "text")]


def test_bom_on_a_line_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'\xef\xbb\xbf\n{"text": "one"}\n')
    assert ([memory.text for memory in read(path).memories], places(path)) == (["one"], [])


def test_separators_inside_a_text_do_not_end_the_line(tmp_path: Path) -> None:
    text = "one\u2028two\u0085three\x0bfour"
    path = write(tmp_path / "a.jsonl", json.dumps({"text": text}, ensure_ascii=False) + '\n{"text": 1}\n')
    assert [memory.text for memory in read(path).memories] == [text]
    assert places(path) == [(2, "text")]


def test_gzip_under_any_name(tmp_path: Path) -> None:
    packed = gzip.compress(b'{"text": "one"}\n{"text": 2}\n')
    for name in ("notes.jsonl.gz", "notes.jsonl"):
        reading = read(write(tmp_path / name, packed))
        assert [memory.id for memory in reading.memories] == ["notes/1"]
        assert [refused.line for refused in reading.refused] == [2]


def test_truncated_gzip(tmp_path: Path) -> None:
    rows = "".join(f'{{"text": "number {i * i}"}}\n' for i in range(5000))
    path = write(tmp_path / "notes.jsonl.gz", gzip.compress(rows.encode())[:-500])
    with pytest.raises(CoreError, match=r"^notes\.jsonl\.gz is cut short or damaged"):
        read(path)


@pytest.mark.parametrize("place", [-5, 10], ids=["checksum", "content"])
def test_damaged_gzip(tmp_path: Path, place: int) -> None:
    packed = bytearray(gzip.compress(b'{"text": "one"}\n'))
    packed[place] = 255 - packed[place]
    with pytest.raises(CoreError, match="cut short or damaged"):
        read(write(tmp_path / "notes.jsonl.gz", bytes(packed)))


def test_a_first_line_that_is_broken_does_not_lose_the_rest(tmp_path: Path) -> None:
    for first in ('{"text": "cut', "[1, 2", "[1, 2]", "nonsense", "{"):
        path = write(tmp_path / "a.jsonl", f'{first}\n{{"text": "two"}}\n{{"text": "three"}}\n')
        assert [memory.text for memory in read(path).memories] == ["two", "three"], first
        assert places(path) == [(1, "")], first


def test_a_huge_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", json.dumps({"text": "x" * 3_000_000}) + '\n{"text": "small"}\n')
    assert [memory.text for memory in read(path).memories] == ["small"]
    assert places(path) == [(1, "text")]


def test_numbers_and_nesting_that_python_refuses(tmp_path: Path) -> None:
    big = '{"text": "a", "n": ' + "9" * 5000 + "}\n"
    deep = '{"text": "a", "n": ' + "[" * 100_000 + "]" * 100_000 + "}\n"
    path = write(tmp_path / "a.jsonl", '{"text": "one"}\n' + big + deep)
    assert places(path) == [(2, ""), (3, "")]


def test_no_object_on_any_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", "Dear diary,\ntoday it rained.\n")
    with pytest.raises(CoreError) as caught:
        read(path)
    assert str(caught.value) == (
        "a.jsonl holds no JSON object (line 1 is not valid JSON (expecting value, column 1)): "
        "JSONL has one object per line, JSON a list of objects."
    )


def test_rows_without_text_are_refused_one_by_one(tmp_path: Path) -> None:
    assert places(write(tmp_path / "a.jsonl", '{"a": 1}\n{"b": 2}\n')) == [(1, "text"), (2, "text")]


@pytest.mark.parametrize("name", ["notes.json", "notes.jsonl"])
def test_a_list_of_rows_with_the_lines_they_begin_on(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, '[\n {"text": "one"},\n {\n  "text": ""\n },\n 7,\n {"text": "four"}\n]\n')
    assert [(memory.id, memory.text) for memory in read(path).memories] == [("notes/1", "one"), ("notes/4", "four")]
    assert places(path) == [(3, "text"), (6, "")]


def test_a_list_on_one_line_and_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = write(tmp_path / "notes.json.gz", gzip.compress(b'[{"text": "one"}, {"text": "caf\xe9 noir"}]'))
    assert [memory.text for memory in read(path).memories] == ["one"]
    assert places(path) == [(1, "text")]


def test_one_object_is_one_row(tmp_path: Path) -> None:
    for content in ('{"text": "one"}', '{\n  "text": "one"\n}\n'):
        assert [memory.id for memory in read(write(tmp_path / "notes.json", content)).memories] == ["notes/1"]


def test_json_lines_that_are_called_json(tmp_path: Path) -> None:
    path = write(tmp_path / "notes.json", '{"text": "one"}\n{"text": ""}\n{"text": "three"}\n')
    assert [memory.text for memory in read(path).memories] == ["one", "three"]
    assert places(path) == [(2, "text")]


@pytest.mark.parametrize(
    "content",
    [
        '[{"text": "one"},\n{"text": "two"}\n',
        '[\n{"text": "one"},\n{"text": "two"}',
        '[{"text": "one"}',
        '[{"text": "one"},]',
        '[{"text": "one"}] x',
        '[{"text": "one"} {"text": "two"}]',
        "[",
        '{"text": "one",\n',
    ],
)
def test_json_that_is_cut_or_wrong(tmp_path: Path, content: str) -> None:
    with pytest.raises(CoreError, match=r"^notes\.json is not valid JSON \("):
        read(write(tmp_path / "notes.json", content))


def test_where_json_is_wrong(tmp_path: Path) -> None:
    path = write(tmp_path / "notes.json", '[\n{"text": "one"},\n{"text": oops}\n]')
    with pytest.raises(CoreError, match=r"\(expecting value, line 3, column 10\)"):
        read(path)


@pytest.mark.parametrize("content", ['[{"words": "one"}]', '{\n "name": "a",\n "version": 1\n}'])
def test_json_without_text_anywhere(tmp_path: Path, content: str) -> None:
    with pytest.raises(CoreError, match=r"^package\.json has no field “text” .*it has (words|name, version)\."):
        read(write(tmp_path / "package.json", content))


@pytest.mark.parametrize("content", ["[]", " [ ] \n", "[1, 2]", '"text"', "null", "  \n\n"])
def test_json_without_rows(tmp_path: Path, content: str) -> None:
    with pytest.raises(CoreError, match=r"^notes\.json (is empty|holds no)"):
        read(write(tmp_path / "notes.json", content))
