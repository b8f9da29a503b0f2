"""LoCoMo dialogues."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from core.errors import CoreError
from core.readers import read
from core.readers.locomo import evidence, spoken_on
from core.types import Memory, Question, Reading


def sample(**changes: Any) -> dict[str, Any]:
    conversation = {
        "speaker_a": "Ann",
        "speaker_b": "Bo",
        "session_10": [{"speaker": "Bo", "dia_id": "D10:1", "text": "Last."}],
        "session_10_date_time": "in spring",
        "session_1_date_time": "4:04 pm on 20 January, 2023",
        "session_1": [
            {"speaker": "Ann", "dia_id": "D1:1", "text": "Look!", "blip_caption": "a lake", "img_url": ["u"]},
            {"speaker": "Bo", "dia_id": "D1:2", "text": "Cold."},
        ],
        "session_2_date_time": "12:30 am on 1 May, 2023",
        "session_2": [{"speaker": "Ann", "dia_id": "D2:1", "text": "Warm."}],
    }
    qa = [
        {"question": "What was shown?", "answer": "A lake", "evidence": ["D1:1"], "category": 4},
        {"question": "Who swam?", "adversarial_answer": "Bo", "evidence": ["D1:2; D2:01", "D1:2"], "category": 5},
        {"question": "How many?", "answer": 3, "evidence": ["D9:9"], "category": 1},
    ]
    return {"sample_id": "conv-1", "conversation": conversation, "qa": qa, **changes}


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value, indent=1))
    return path


def test_turns_and_questions(tmp_path: Path) -> None:
    reading = read(write(tmp_path / "dialogues.json", [sample()]))
    afternoon, night = datetime(2023, 1, 20, 16, 4), datetime(2023, 5, 1, 0, 30)

    def turn(id: str, text: str, role: str, session: int, position: int, when: datetime | None, **meta: str) -> Memory:
        return Memory(
            id, text, role, "conv-1", f"session_{session}", position, when, source="dialogues.json", meta=meta
        )  # fmt: skip

    def question(n: int, text: str, *evidence: str, answer: str, category: str) -> Question:
        return Question(f"conv-1/q{n}", text, "conv-1", evidence, answer, category, "dialogues.json")

    assert reading == Reading(
        memories=[
            turn("conv-1/D1:1", "Ann: Look! [a lake]", "Ann", 1, 0, afternoon, caption="a lake"),
            turn("conv-1/D1:2", "Bo: Cold.", "Bo", 1, 1, afternoon),
            turn("conv-1/D2:1", "Ann: Warm.", "Ann", 2, 2, night),
            turn("conv-1/D10:1", "Bo: Last.", "Bo", 10, 3, None),
        ],
        questions=[
            question(1, "What was shown?", "conv-1/D1:1", answer="A lake", category="4"),
            question(2, "Who swam?", "conv-1/D1:2", "conv-1/D2:1", answer="Bo", category="5"),
            question(3, "How many?", answer="3", category="1"),
        ],
        refused=[],
        left_out={"questions without evidence, which are stored and not measured": 1},
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["D8:6; D9:17"], ["D8:6", "D9:17"]),
        (["D9:1 D4:4 D4:6"], ["D9:1", "D4:4", "D4:6"]),
        (["D:11:26"], ["D11:26"]),
        (["D30:05"], ["D30:5"]),
        (["D08:06,D9:17"], ["D8:6", "D9:17"]),
        (["D9:17", "D8:6", "D9:17"], ["D9:17", "D8:6"]),
        (["D", "D8:7", "", None, 5], []),
        (["D8:60"], []),
        ("D8:6", ["D8:6"]),
        (["turn seven"], ["turn seven"]),
        (None, []),
    ],
)
def test_evidence(written: object, expected: list[str]) -> None:
    known = {"D8:6", "D9:17", "D9:1", "D4:4", "D4:6", "D11:26", "D30:5", "turn seven"}
    assert evidence(written, known) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("4:04 pm on 20 January, 2023", datetime(2023, 1, 20, 16, 4)),
        ("12:05 pm on 3 Sep 2022", datetime(2022, 9, 3, 12, 5)),
        ("12:05 AM on 31 December, 2022", datetime(2022, 12, 31, 0, 5)),
        ("4:04 pm on 31 February, 2023", None),
        ("4:04 pm on 20 Brumaire, 2023", None),
        ("13:99 pm on 20 May, 2023", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_session_dates(written: object, expected: datetime | None) -> None:
    assert spoken_on(written) == expected


def test_bad_turns_and_questions(tmp_path: Path) -> None:
    turns = [
        {"speaker": "Ann", "dia_id": "D1:1", "text": " "},
        {"speaker": "Ann", "dia_id": "D1:2", "text": "a\0b"},
        {"speaker": "Ann", "dia_id": "D1:3", "text": "Fine."},
        {"speaker": "Bo", "dia_id": "D1:3", "text": "Again."},
        "nonsense",
        {"speaker": "Bo", "text": "", "blip_caption": "a dog"},
        {"dia_id": "D1:7", "text": "Nobody said this."},
    ]
    qa = [{"question": "", "evidence": []}, "nonsense", {"question": "Good?", "evidence": ["D1:1", "D1:3"]}]
    good = sample(sample_id="first")
    reading = read(write(tmp_path / "d.json", [good, sample(conversation={"session_1": turns}, qa=qa)]))
    mine = [memory for memory in reading.memories if memory.conversation == "conv-1"]
    assert [(memory.id, memory.text, memory.position) for memory in mine] == [
        ("conv-1/D1:2", "Ann: ab", 1),
        ("conv-1/D1:3", "Ann: Fine.", 2),
        ("conv-1/D1:6", "Bo: [a dog]", 5),
        ("conv-1/D1:7", "Nobody said this.", 6),
    ]
    assert [(q.id, q.evidence) for q in reading.questions[3:]] == [("conv-1/q3", ("conv-1/D1:3",))]
    line = json.dumps([good], indent=1).count("\n") + 1
    assert [(refused.line, refused.field) for refused in reading.refused] == [
        (line, "text"),
        (line, "dia_id"),
        (line, "text"),
        (line, "question"),
        (line, "question"),
    ]
    assert reading.refused[0].reason == "is blank; a memory needs words (turn D1:1 of conv-1)"
    assert reading.refused[3].reason.endswith("(question conv-1/q1)")


def test_samples_that_are_bad_or_nameless(tmp_path: Path) -> None:
    nameless = sample()
    del nameless["sample_id"]
    parts = [sample(), nameless, 7, sample(conversation=[]), sample(sample_id="x", qa=None), sample()]
    reading = read(write(tmp_path / "d.json", parts))
    assert {memory.conversation for memory in reading.memories} == {"conv-1", "d-2", "x"}
    assert [refused.field for refused in reading.refused] == ["", "conversation", "sample_id"]
    assert len({memory.id for memory in reading.memories}) == len(reading.memories) == 12


@pytest.mark.parametrize("layout", ["object.json", "lines.jsonl", "lines.json", "list.jsonl"])
def test_one_object_or_one_per_line_is_found_too(tmp_path: Path, layout: str) -> None:
    path = tmp_path / layout
    if layout.startswith("lines"):
        path.write_text(json.dumps(sample()) + "\n" + json.dumps(sample(sample_id="conv-2")) + "\n")
    else:
        write(path, sample() if layout.startswith("object") else [sample()])
    reading = read(path)
    names = ["conv-1", "conv-2"] if layout.startswith("lines") else ["conv-1"]
    assert [question.id for question in reading.questions] == [f"{name}/q{n}" for name in names for n in (1, 2, 3)]
    assert len(reading.memories) == 4 * len(names)


def test_asked_for_by_name_but_something_else(tmp_path: Path) -> None:
    path = write(tmp_path / "notes.json", [{"text": "one"}])
    with pytest.raises(CoreError) as caught:
        read(path, "locomo")
    assert str(caught.value) == (
        "notes.json is not LoCoMo: its fields are text."
    )  # fmt: skip
