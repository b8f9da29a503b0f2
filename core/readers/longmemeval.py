"""LongMemEval: each question brings its own haystack of chat sessions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from core.readers import dates
from core.readers.formats.base import Format, Place
from core.readers.ledger import Fault
from core.readers.locomo import answer_of
from core.readers.rows import Record
from core.readers.values import kind_of, label, words
from core.types import Memory, Question, Refusal

_ABSTENTION = "_abs"
"""Ending of the ids of questions that the haystack does not answer."""


@dataclass(frozen=True, slots=True)
class _Turn:
    id: str
    session: str
    created: datetime | None
    said: Mapping[str, object]


def is_case(value: Mapping[str, object]) -> bool:
    """Whether an object is one LongMemEval question with its haystack, or with what is left of one."""
    return "haystack_sessions" in value or "haystack_session_ids" in value


def _read(records: Iterable[Record], place: Place) -> Iterator[Memory | Question | Refusal]:
    """One conversation per question; a refusal stands on the line its question begins on."""
    taken: set[str] = set()
    source = place.source
    for number, (line, case) in enumerate(records, start=1):
        try:
            key, fields = _case(case, f"{place.stem}-{number}")
            if key in taken:
                raise Fault("question_id", f"“{key}” stands in the file twice; ids must be unique")
            turns = list(_turns(fields, key))
        except Fault as fault:
            yield Refusal(source, line, fault.field, fault.reason)
            continue
        taken.add(key)
        evidence: list[str] = []
        yield from _memories(turns, key, source, line, evidence)
        if key.endswith(_ABSTENTION):
            evidence.clear()
            place.leave_out("questions without evidence (abstention), which are stored and not measured")
        elif not evidence:
            why = "evidence names only a session" if fields.get("answer_session_ids") else "no evidence"
            place.leave_out(f"questions that cannot be measured ({why}), which are stored")
        yield _question(fields, key, source, line, tuple(evidence))


def _case(case: object, fallback: str) -> tuple[str, Mapping[str, object]]:
    """A question's id and its fields."""
    if isinstance(case, Fault):
        raise case
    if not isinstance(case, Mapping):
        raise Fault("", f"is {kind_of(case)}; an object with “haystack_sessions” is expected")
    if not isinstance(case.get("haystack_sessions"), list):
        found = kind_of(case.get("haystack_sessions"))
        raise Fault("haystack_sessions", f"is {found}; a list of sessions is expected")
    return label(case.get("question_id"), "question_id") or fallback, case


def _turns(fields: Mapping[str, object], key: str) -> Iterator[_Turn]:
    """Every turn of the haystack in its order; a session id that comes again gets ``~2``."""
    sessions, ids, dates = (_listed(fields, name) for name in ("sessions", "session_ids", "dates"))
    seen: Counter[str] = Counter()
    for number, turns in enumerate(sessions):
        name = label(ids[number], "haystack_session_ids") if number < len(ids) else ""
        name = name or f"session_{number + 1}"
        seen[name] += 1
        session = name if seen[name] == 1 else f"{name}~{seen[name]}"
        created = held_on(dates[number]) if number < len(dates) else None
        for count, said in enumerate(turns if isinstance(turns, list) else [], start=1):
            yield _Turn(f"{key}/{session}/{count}", session, created, said if isinstance(said, Mapping) else {})


def _listed(fields: Mapping[str, object], name: str) -> list[object]:
    value = fields.get(f"haystack_{name}")
    return value if isinstance(value, list) else []


def held_on(written: object) -> datetime | None:
    """The date of a session, such as “2023/05/20 (Sat) 02:21”; None when nobody can read it."""
    try:
        return dates.read(written).moment if isinstance(written, str) else None
    except ValueError:
        return None


def _memories(turns: list[_Turn], key: str, source: str, line: int, evidence: list[str]) -> Iterator[Memory | Refusal]:
    """The turns as memories; ``evidence`` receives the ids of those that answer the question."""
    for position, turn in enumerate(turns):
        try:
            memory = Memory(
                id=turn.id,
                text=words(turn.said.get("content"), "content"),
                role=label(turn.said.get("role"), "role"),
                conversation=key,
                session=turn.session,
                position=position,
                created=turn.created,
                source=source,
            )
        except Fault as fault:
            yield Refusal(source, line, fault.field, f"{fault.reason} (turn {turn.id})")
            continue
        if turn.said.get("has_answer") is True:
            evidence.append(turn.id)
        yield memory


def _question(
    fields: Mapping[str, object], key: str, source: str, line: int, evidence: tuple[str, ...]
) -> Question | Refusal:
    try:
        return Question(
            id=key,
            text=words(fields.get("question"), "question"),
            conversation=key,
            evidence=evidence,
            answer=answer_of(fields.get("answer")),
            category=label(fields.get("question_type"), "question_type"),
            source=source,
        )
    except Fault as fault:
        return Refusal(source, line, fault.field, f"{fault.reason} (question {key})")


FORMAT = Format(
    "longmemeval",
    "LongMemEval",
    "JSON or JSONL, one question with its haystack a record",
    "role, time, session; questions with their evidence",
    "questions without evidence are stored and not measured",
    is_case,
    _read,
)
