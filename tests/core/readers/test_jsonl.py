"""JSON lines and JSON lists."""

import gzip
import json
from pathlib import Path

import pytest

from core.errors import CoreError
from core.readers import limits, read


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
        ("notes/6", "ab", ""),
        ("notes/8", "t", ""),
        ("notes/9", "t", ""),
        ("notes/10", "last 🦊", ""),
    ]
    assert [(refused.line, refused.field) for refused in reading.refused] == [
        (3, ""),
        (4, "text"),
        (5, "text"),
        (6, ""),
        (8, "text"),
        (12, ""),
    ]
    assert reading.emptied == {"date": 1, "position": 1}
    reasons = {refused.line: refused.reason for refused in reading.refused}
    assert reasons[3] == "is not valid JSON (expecting value, column 1); one object per line is expected"
    assert reasons[4] == "is not UTF-8 text (it holds U+DCE9); save the file as UTF-8"
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
    assert places(write(tmp_path / "a.jsonl", '{"a": 1}\n{"text": "x"}\n{"b": 2}\n')) == [(1, "text"), (3, "text")]


@pytest.mark.parametrize("name", ["notes.json", "notes.jsonl"])
def test_a_list_of_rows_with_the_lines_they_begin_on(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, '[\n {"text": "one"},\n {\n  "text": ""\n },\n 7,\n {"text": "four"}\n]\n')
    assert [(memory.id, memory.text) for memory in read(path).memories] == [("notes/1", "one"), ("notes/4", "four")]
    assert places(path) == [(3, "text"), (6, "")]


def test_a_list_on_one_line_in_another_encoding(tmp_path: Path) -> None:
    path = write(tmp_path / "notes.json.gz", gzip.compress(b'[{"text": "one"}, {"text": "caf\xe9 noir"}]'))
    reading = read(path)
    assert [memory.text for memory in reading.memories] == ["one", "café noir"]
    assert reading.said == (
        "notes.json.gz: read as Windows-1252 (Western); choose the encoding if letters look wrong.",
    )


def test_one_object_is_one_row(tmp_path: Path) -> None:
    for content in ('{"text": "one"}', '{\n  "text": "one"\n}\n'):
        assert [memory.id for memory in read(write(tmp_path / "notes.json", content)).memories] == ["notes/1"]


def test_json_lines_that_are_called_json(tmp_path: Path) -> None:
    path = write(tmp_path / "notes.json", '{"text": "one"}\n{"text": ""}\n{"text": "three"}\n')
    assert [memory.text for memory in read(path).memories] == ["one", "three"]
    assert places(path) == [(2, "text")]


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ('[{"text": "one"},\n{"text": "two"}\n', ["one", "two"]),
        ('[\n{"text": "one"},\n{"text": "tw', ["one"]),
        ('[{"text": "one"},]', ["one"]),
        ('[{"text": "one"}] x', ["one"]),
        ('[{"text": "one"} {"text": "two"}]', ["one"]),
    ],
)
def test_json_that_is_cut_or_wrong_is_read_up_to_there(tmp_path: Path, content: str, kept: list[str]) -> None:
    reading = read(write(tmp_path / "notes.json", content))
    assert [memory.text for memory in reading.memories] == kept
    (refused,) = reading.refused
    assert refused.reason.startswith("is not valid JSON (")
    assert refused.reason.endswith("; the rest of the file was not read")


@pytest.mark.parametrize("content", ["[", '{"text": "one",\n', '{"text": oops}'])
def test_json_of_which_nothing_can_be_read(tmp_path: Path, content: str) -> None:
    with pytest.raises(CoreError, match=r"^notes\.json (is not valid JSON \(|is empty)"):
        read(write(tmp_path / "notes.json", content))


def test_where_json_is_wrong(tmp_path: Path) -> None:
    path = write(tmp_path / "notes.json", '[\n{"text": "one"},\n{"text": oops}\n]')
    assert "(expecting value, line 3, column 10)" in read(path).refused[0].reason


def test_objects_one_after_another_pretty_or_joined(tmp_path: Path) -> None:
    pretty = write(tmp_path / "pretty.jsonl", '{\n "text": "one"\n}\n{\n "text": ""\n}\n')
    assert ([m.text for m in read(pretty).memories], places(pretty)) == (["one"], [(4, "text")])
    joined = write(tmp_path / "joined.json", '{"text":"one"}{"text":"two"}')
    assert [m.text for m in read(joined).memories] == ["one", "two"]


def test_an_object_too_large_to_be_held_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_LINE", 2_000_000)
    said = [{"role": "user", "content": f"turn {i} " + "x" * 1000} for i in range(4000)]
    path = write(tmp_path / "long.json", json.dumps({"id": "chat", "messages": said}))
    memories = read(path).memories
    assert len(memories) == 4000
    assert [m.text.split(" x")[0] for m in memories[::1000]] == ["turn 0", "turn 1000", "turn 2000", "turn 3000"]
    assert {m.conversation for m in memories} == {"chat"}
    assert [m.position for m in memories] == list(range(4000))


@pytest.mark.parametrize("content", ['[{"words": "one"}]', '{\n "name": "a",\n "version": 1\n}'])
def test_json_without_text_anywhere(tmp_path: Path, content: str) -> None:
    with pytest.raises(CoreError, match=r"^package\.json has no field “text” .*it has (words|name, version)\."):
        read(write(tmp_path / "package.json", content))


@pytest.mark.parametrize("content", ["[]", " [ ] \n", "[1, 2]", '"text"', "null", "  \n\n"])
def test_json_without_rows(tmp_path: Path, content: str) -> None:
    with pytest.raises(CoreError, match=r"^notes\.json (is empty|holds no)"):
        read(write(tmp_path / "notes.json", content))
