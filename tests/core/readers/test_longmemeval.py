"""LongMemEval questions with their haystacks."""

import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from core.errors import CoreError
from core.readers import read
from core.readers.longmemeval import held_on
from core.types import Memory, Question


def case(**changes: Any) -> dict[str, Any]:
    return {
        "question_id": "e47",
        "question_type": "multi-session",
        "question": "What did I study?",
        "answer": 3,
        "question_date": "2023/05/30 (Tue) 23:40",
        "haystack_dates": ["2023/05/20 (Sat) 02:21", "2023/05/21 (Sun) 14:00", "soon"],
        "haystack_session_ids": ["s", "other", "s"],
        "haystack_sessions": [
            [
                {"role": "user", "content": "I study law.", "has_answer": True},
                {"role": "assistant", "content": "Well done.", "has_answer": False},
            ],
            [{"role": "user", "content": ""}, {"role": "assistant", "content": "Hello?"}],
            [{"role": "user", "content": "Also history.", "has_answer": True}],
        ],
        "answer_session_ids": ["s"],
        **changes,
    }


def write(path: Path, value: object) -> Path:
    path.write_bytes(gzip.compress(json.dumps(value).encode()))
    return path


def test_turns_and_question(tmp_path: Path) -> None:
    reading = read(write(tmp_path / "mini.json.gz", [case()]))

    def turn(id: str, text: str, role: str, position: int, when: datetime | None) -> Memory:
        session = id.split("/")[1]
        return Memory(id, text, role, "e47", session, position, when, source="mini.json.gz")

    night, day = datetime(2023, 5, 20, 2, 21), datetime(2023, 5, 21, 14, 0)
    assert (reading.memories, reading.questions) == (
        [
            turn("e47/s/1", "I study law.", "user", 0, night),
            turn("e47/s/2", "Well done.", "assistant", 1, night),
            turn("e47/other/2", "Hello?", "assistant", 3, day),
            turn("e47/s~2/1", "Also history.", "user", 4, None),
        ],
        [
            Question(
                "e47", "What did I study?", "e47", ("e47/s/1", "e47/s~2/1"), "3", "multi-session", "mini.json.gz"
            )
        ],
    )  # fmt: skip
    (refused,) = reading.refused
    assert (refused.line, refused.field) == (1, "content")
    assert refused.reason == "is blank; a memory needs words (turn e47/other/1)"


def test_abstention_has_no_evidence(tmp_path: Path) -> None:
    (question,) = read(write(tmp_path / "mini.json.gz", [case(question_id="e47_abs")])).questions
    assert (question.id, question.category, question.evidence) == ("e47_abs", "multi-session", ())


def test_a_refused_turn_is_no_evidence(tmp_path: Path) -> None:
    sessions = [
        [{"role": "user", "content": " ", "has_answer": True}],
        "nonsense",
        [7],
        [{"role": "user", "content": "b", "has_answer": "no"}],
    ]
    reading = read(write(tmp_path / "mini.json.gz", [case(haystack_sessions=sessions)]))
    assert reading.questions[0].evidence == ()
    assert [refused.field for refused in reading.refused] == ["content", "content"]


def test_bad_cases(tmp_path: Path) -> None:
    cases = [
        case(),
        case(),
        case(question_id="a", haystack_sessions="none"),
        7,
        case(question_id="b", question=None),
        case(question_id=None),
        case(question_id="c", haystack_session_ids=[], haystack_dates=None),
        case(question_id="d", haystack_session_ids=[["s"], "t", "u"]),
    ]
    path = tmp_path / "mini.json"
    path.write_text("[" + ",\n".join(map(json.dumps, cases)) + "]")
    reading = read(path)
    assert [(refused.line, refused.field) for refused in reading.refused if refused.field != "content"] == [
        (2, "question_id"),
        (3, "haystack_sessions"),
        (4, ""),
        (5, "question"),
        (8, "haystack_session_ids"),
    ]
    assert [question.id for question in reading.questions] == ["e47", "mini-6", "c"]
    assert len({memory.id for memory in reading.memories}) == len(reading.memories) == 16
    nameless = [(memory.id, memory.created) for memory in reading.memories if memory.conversation == "c"]
    assert nameless[0] == ("c/session_1/1", None)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2023/05/20 (Sat) 02:21", datetime(2023, 5, 20, 2, 21)),
        ("2023/05/20", datetime(2023, 5, 20)),
        ("2023/13/20 (Sat) 02:21", None),
        ("May 20", None),
        (None, None),
    ],
)
def test_dates(written: object, expected: datetime | None) -> None:
    assert held_on(written) == expected


def test_asked_for_by_name_but_something_else(tmp_path: Path) -> None:
    path = write(tmp_path / "notes.json.gz", [{"text": "one"}])
    with pytest.raises(CoreError, match=r"^notes\.json\.gz is not LongMemEval: its fields are text\."):
        read(path, "longmemeval")


def test_found_among_lines(tmp_path: Path) -> None:
    path = tmp_path / "mini.jsonl"
    path.write_text(json.dumps(case()) + "\nbroken\n" + json.dumps(case(question_id="z")) + "\n")
    reading = read(path)
    assert [question.id for question in reading.questions] == ["e47", "z"]
    assert [(refused.line, refused.field) for refused in reading.refused] == [(1, "content"), (2, ""), (3, "content")]
