"""Rows: fields, aliases, ids, positions, dates, and every way a row is refused."""

import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from core.readers import read
from core.readers.rows import read_rows
from core.types import Memory, Reading, Refusal


def rows(*values: Any, source: str = "notes.jsonl") -> Reading:
    return read_rows(enumerate(values, start=1), source)


def refusal(value: Any) -> Refusal:
    reading = rows(value)
    assert reading.memories == []
    (only,) = reading.refused
    return only


def test_every_field_has_its_place() -> None:
    reading = rows(
        {
            "text": "The lake froze.",
            "id": "a",
            "role": "Ann",
            "conversation": "c",
            "session": "s",
            "position": 7,
            "created": "2023-05-20T14:30:00",
            "category": "weather",
            "mood": "calm",
        }
    )
    assert reading == Reading(
        [
            Memory(
                id="a",
                text="The lake froze.",
                role="Ann",
                conversation="c",
                session="s",
                position=7,
                created=datetime(2023, 5, 20, 14, 30),
                category="weather",
                source="notes.jsonl",
                meta={"mood": "calm"},
            )
        ],
        [],
        [],
    )


@pytest.mark.parametrize("alias", ["text", "content", "memory", "message", "body", "Text", "BODY", " Content "])
def test_text_aliases(alias: str) -> None:
    (memory,) = rows({alias: "The lake froze."}).memories
    assert (memory.text, memory.meta) == ("The lake froze.", {})


@pytest.mark.parametrize(
    ("alias", "field"),
    [
        ("Speaker", "role"),
        ("author", "role"),
        ("conversation_id", "conversation"),
        ("thread", "conversation"),
        ("session", "session"),
        ("LABEL", "category"),
    ],
)
def test_other_aliases(alias: str, field: str) -> None:
    (memory,) = rows({"text": "t", alias: "x"}).memories
    assert (getattr(memory, field), memory.meta) == ("x", {})


@pytest.mark.parametrize("alias", ["created", "timestamp", "date", "created_at", "Date"])
def test_created_aliases(alias: str) -> None:
    assert rows({"text": "t", alias: "2023-05-20"}).memories[0].created == datetime(2023, 5, 20)


def test_the_first_name_of_a_field_wins_and_the_other_is_kept() -> None:
    (memory,) = rows({"content": "other", "text": "words"}).memories
    assert (memory.text, memory.meta) == ("words", {"content": "other"})


def test_ids_are_counted_over_all_rows_so_that_mending_one_moves_none() -> None:
    reading = rows({"text": "a"}, {"text": ""}, {"text": "c"}, {"id": 12, "text": "d"}, source="my.notes.jsonl.gz")
    assert [memory.id for memory in reading.memories] == ["my.notes/1", "my.notes/3", "12"]


def test_positions_run_within_their_conversation() -> None:
    reading = rows(
        {"text": "a", "thread": "x"},
        {"text": "b", "thread": "y"},
        {"text": "c", "thread": "x"},
        {"text": "d", "thread": "x", "position": 10},
        {"text": "e", "thread": "x"},
        {"text": "f"},
    )
    assert [memory.position for memory in reading.memories] == [0, 0, 1, 10, 11, 0]


def test_same_row_again_is_kept_and_equal() -> None:
    row = {"id": "a", "text": "same"}
    reading = rows({"text": "before"}, row, {"id": "b", "text": "between"}, row, {"id": "c", "text": "after"})
    assert reading.refused == []
    assert reading.memories[3] == reading.memories[1]
    assert [memory.position for memory in reading.memories] == [0, 1, 2, 1, 3]


def test_an_id_that_an_earlier_row_has_is_not_a_rows_own_but_its_text_is_kept() -> None:
    reading = rows({"id": "a", "text": "one"}, {"id": "a", "text": "two"}, {"id": "a", "text": "one", "role": "Ann"})
    assert [(m.id, m.text, m.role) for m in reading.memories] == [
        ("a", "one", ""),
        ("notes/2", "two", ""),
        ("notes/3", "one", "Ann"),
    ]
    assert (reading.refused, reading.emptied) == ([], {"id": 2})
    assert "notes.jsonl: 2 × “id” could not be understood" in reading.said[0]
    assert "line 2: “a” names an earlier row already" in reading.said[0]


def test_an_explicit_id_that_looks_like_a_counted_one() -> None:
    reading = rows({"id": "notes/2", "text": "one"}, {"text": "two"})
    assert [memory.id for memory in reading.memories] == ["notes/2", "notes/2~"]


def test_ids_that_the_reader_gave_are_told_with_the_occurrence_of_the_words() -> None:
    said = {"text": "ok", "conversation": "c", "role": "Ann"}
    reading = rows(said, {"id": "x", "text": "named"}, said, {"text": "alone"}, {"text": "alone"})
    assert reading.generated == {"notes/1": 1, "notes/3": 2, "notes/4": 1, "notes/5": 1}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "missing"),
        (math.nan, "missing"),
        ("", "blank"),
        (" \n\t", "blank"),
        (3, "a number"),
        (True, "true or false"),
        ("\u200b \u0001", "blank"),
        ([], "a list"),
        ({"a": 1}, "an object"),
        ("byte \udce9", "not UTF-8 text (it holds U+DCE9)"),
        ("x" * 1_000_001, "1,000,001 characters"),
    ],
)
def test_refused_texts(text: object, found: str) -> None:
    refused = refusal({"text": text})
    assert (refused.source, refused.line, refused.field) == ("notes.jsonl", 1, "text")
    assert found in refused.reason


@pytest.mark.parametrize(
    ("text", "kept", "said"),
    [
        ("a\0b", "ab", "NUL characters, which were taken out"),
        ("half \ud83d", "half \ufffd", "half of an emoji, shown as \ufffd"),
    ],
)
def test_mended_texts(text: str, kept: str, said: str) -> None:
    reading = rows({"text": text})
    assert [memory.text for memory in reading.memories] == [kept]
    assert reading.said == (f"notes.jsonl: 1 texts had {said}.",)


def test_a_text_in_blocks_is_joined() -> None:
    reading = rows(
        {"text": ["one", {"type": "text", "text": "two"}, {"type": "image_url"}]}, {"text": {"content": "three"}}
    )
    assert [memory.text for memory in reading.memories] == ["one\ntwo", "three"]
    assert reading.left_out == {"images": 1}


def test_the_longest_text_is_read() -> None:
    assert len(rows({"text": "x" * 1_000_000}).memories[0].text) == 1_000_000


def test_a_refusal_names_the_field_as_the_file_does() -> None:
    assert refusal({"Body": ""}).field == "Body"


def test_a_row_without_text() -> None:
    assert refusal({"words": "a"}) == Refusal(
        "notes.jsonl", 1, "text", "is missing; one of text, content, memory, message, body, memory_text is expected"
    )


@pytest.mark.parametrize("value", [3, "text", None, [{"text": "a"}]])
def test_a_row_that_is_no_object(value: object) -> None:
    refused = refusal(value)
    assert (refused.field, "an object with a field “text” is expected" in refused.reason) == ("", True)


def emptied(row: dict[str, Any], field: str) -> Memory:
    """The memory of a row whose field nobody understands: counted, and kept beside it where it can be."""
    reading = rows(row)
    (memory,) = reading.memories
    assert (reading.refused, reading.emptied) == ([], {field: 1})
    return memory


@pytest.mark.parametrize("position", ["two", "1.5", -1, "-1", 1.5, True, [1], 2**31, "٣"])
def test_positions_nobody_understands(position: object) -> None:
    memory = emptied({"text": "a", "position": position}, "position")
    assert (memory.position, memory.meta) == (0, {"position": position})


@pytest.mark.parametrize(("position", "expected"), [(0, 0), ("12", 12), (" 3 ", 3), (4.0, 4), (math.nan, 0), ("", 0)])
def test_positions(position: object, expected: int) -> None:
    assert rows({"text": "a", "position": position}).memories[0].position == expected


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        ("2023-05-20", datetime(2023, 5, 20)),
        ("2023-05-20 14:30", datetime(2023, 5, 20, 14, 30)),
        ("2023-05-20T14:30:00Z", datetime(2023, 5, 20, 14, 30)),
        ("2023-05-20T14:30:00+02:00", datetime(2023, 5, 20, 12, 30)),
        ("20230520", datetime(2023, 5, 20)),
        (20230520, datetime(2023, 5, 20)),
        (1_684_540_800, datetime(2023, 5, 20)),
        (1_684_540_800.5, datetime(2023, 5, 20, 0, 0, 0, 500_000)),
        ("1684540800", datetime(2023, 5, 20)),
        (-86_400, datetime(1969, 12, 31)),
        (0, datetime(1970, 1, 1)),
        ("", None),
        (None, None),
        (math.nan, None),
    ],
)
def test_dates(created: object, expected: datetime | None) -> None:
    assert rows({"text": "a", "created": created}).memories[0].created == expected


@pytest.mark.parametrize("created", ["yesterday", "10:30", True, ["2023-05-20"], "2023-02-30", "0000-00-00", 10**400])
def test_dates_nobody_understands(created: object) -> None:
    memory = emptied({"text": "a", "timestamp": created}, "timestamp")
    assert (memory.created, list(memory.meta)) == (None, ["timestamp"])


@pytest.mark.parametrize(("value", "expected"), [(3, "3"), (3.0, "3"), (0.5, "0.5"), (True, "true"), (None, "")])
def test_labels_become_strings(value: object, expected: str) -> None:
    assert rows({"text": "a", "label": value}).memories[0].category == expected


@pytest.mark.parametrize("field", ["id", "role", "conversation", "session", "category"])
@pytest.mark.parametrize("value", [["a"], {"a": 1}, "a\0b"])
def test_labels_nobody_understands(field: str, value: object) -> None:
    memory = emptied({"text": "a", field: value}, field)
    assert (getattr(memory, field), memory.meta) == ("notes/1" if field == "id" else "", {field: value})


def test_mongodbs_way_to_write_ids_and_dates() -> None:
    (memory,) = rows({"text": "a", "_id": {"$oid": "65a"}, "created": {"$date": "2023-01-01T00:00:00Z"}}).memories
    assert (memory.id, memory.created) == ("65a", datetime(2023, 1, 1))


class Scalar:
    """Looks like a numpy scalar."""

    def tolist(self) -> float:
        return 1.5


def test_meta_can_be_written_as_json() -> None:
    (memory,) = rows(
        {
            "text": "a",
            "nothing": None,
            "nan": math.nan,
            "endless": math.inf,
            "bytes": b"x",
            "day": datetime(2023, 5, 20),
            "scalar": Scalar(),
            "nested": {"list": [1, math.nan, {"deep": True}]},
            "source": "elsewhere",
        }
    ).memories
    expected = {
        "day": "2023-05-20T00:00:00",
        "scalar": 1.5,
        "nested": {"list": [1, None, {"deep": True}]},
        "source": "elsewhere",
    }
    assert memory.meta == expected
    assert json.loads(json.dumps(memory.meta, allow_nan=False)) == expected
    assert memory.source == "notes.jsonl"


def test_meta_that_is_not_utf8_is_left_out() -> None:
    assert emptied({"text": "a", "note": {"deep": ["\ud83d"]}}, "note").meta == {}
    assert emptied({"text": "a", "bad \ud83d": 1}, "").meta == {}


def test_meta_nested_beyond_reason_is_left_out() -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    assert emptied({"text": "a", "deep": deep}, "deep").meta == {}


def test_embeddings_are_no_notes() -> None:
    reading = rows({"text": "a", "embedding": [0.5] * 384, "few": [1, 2]})
    assert (reading.memories[0].meta, reading.left_out) == ({"few": [1, 2]}, {"embeddings": 1})


def test_every_refusal_is_a_sentence_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text('{"text": "good"}\n{"text": " "}\n')
    (refused,) = read(path).refused
    assert str(refused) == "notes.jsonl, line 2, field “text”: is blank; a memory needs words"
