"""Generated inputs: whatever comes, a reader gives memories, refusals or one sentence, and every text can be stored."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import CoreError
from core.readers import FORMATS, read
from core.readers.formats import KNOWN

NAMES = sorted(
    {
        "text",
        "content",
        "role",
        "id",
        "messages",
        "mapping",
        "chat_messages",
        "current_node",
        "parts",
        "author",
        "message",
        "results",
        "memory",
        "fact",
        "ts",
        "user",
        "subtype",
        "chats",
        "list",
        "session_1",
        "conversation",
        "qa",
        "clean_text",
        "haystack_sessions",
        "haystack_session_ids",
        "turns",
        "batch_number",
        "caseId",
        "expect",
        "history",
        "payload",
        "type",
        "sessionId",
        "timestamp",
        "namespace",
        "key",
        "value",
        "agents",
        "blocks",
        "created",
        "Contents",
        "Timestamp",
        "channel",
        "guild",
        "summary",
        "labels",
        "parent",
        "position",
        "uuid",
        "name",
        "date_unixtime",
        "from",
        "epistemic_status",
    }
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(codec=None), max_size=20)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=24,
)
FREELY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def check(path: Path, format: str = "auto") -> None:
    try:
        reading = read(path, format)
    except CoreError:
        return
    for memory in reading.memories:
        assert memory.text.strip()
        f"{memory.id}{memory.text}{memory.role}{memory.conversation}{memory.session}{memory.category}".encode()
        json.dumps(memory.meta, allow_nan=False, ensure_ascii=False).encode()
        assert 0 <= memory.position < 2**31
    for refusal in reading.refused:
        str(refusal).encode()


@FREELY
@given(value=VALUES)
def test_json_of_any_shape(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([value, value]), encoding="utf-8")
    check(path)
    path.write_text(json.dumps(value), encoding="utf-8")
    check(path)


@FREELY
@given(value=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8), known=st.sampled_from(KNOWN))
def test_every_reader_on_objects_it_did_not_expect(tmp_path: Path, value: Any, known: Any) -> None:
    from pathlib import PurePosixPath

    from core.readers import rows
    from core.readers.formats.base import Place
    from core.readers.ledger import Ledger

    ledger = Ledger("a.json")
    place = Place(ledger, "a", PurePosixPath("x/a.json"))
    known.is_it(value)
    rows.merged(rows.gathered(known.read(iter([(1, value), (2, value)]), place), ledger, "a"))


@FREELY
@given(
    content=st.binary(max_size=400),
    name=st.sampled_from(["a.jsonl", "a.json", "a.csv", "a.txt", "a.md", "a.parquet", "a.xlsx"]),
)
def test_bytes_of_any_kind(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    check(path)


@FREELY
@given(
    content=st.text(st.sampled_from("ab,;|\t\"'\\\n\r ={}[]:é中\u200e/1.-"), max_size=200),
    name=st.sampled_from(["a.csv", "a.txt", "a.md", "a.jsonl"]),
)
def test_texts_that_are_nearly_something(tmp_path: Path, content: str, name: str) -> None:
    path = tmp_path / name
    path.write_text(f"text,role\n{content}" if name == "a.csv" else content, encoding="utf-8", newline="")
    check(path)


@pytest.mark.parametrize("format", FORMATS)
def test_a_format_asked_for_by_name_on_something_else(tmp_path: Path, format: str) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"nothing": 1}]')
    check(path, format)
