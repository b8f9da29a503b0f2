"""PrecisionMemBench: beliefs as memories, retrieval cases as questions with what must come back."""

from __future__ import annotations

from collections.abc import Iterator

from core.readers.formats.base import Format, Object, Place, each, listed, mapped, rest, texts
from core.readers.ledger import Fault
from core.readers.rows import Item, Row
from core.readers.values import label, words
from core.types import Question, Refusal


def _is_belief(value: Object) -> bool:
    return "epistemic_status" in value and "content" in value


def _beliefs(line: int, value: Object, place: Place) -> Iterator[Item]:
    yield Row(
        line,
        value.get("content"),
        id=value.get("_id") or value.get("id"),
        created=value.get("created_at"),
        category=value.get("type"),
        meta=rest(value, "_id", "id", "content", "created_at", "type"),
        names={"text": "content"},
    )


def _is_case(value: Object) -> bool:
    return "caseId" in value and ("expect" in value or "turns" in value)


def _cases(line: int, value: Object, place: Place) -> Iterator[Item]:
    turns = listed(value.get("turns"))
    query = value.get("query") or mapped(turns[-1] if turns else None).get("userMessage")
    try:
        expect = mapped(value.get("expect")) or mapped(mapped(turns[-1] if turns else None).get("expect"))
        yield Question(
            id=label(value.get("caseId"), "caseId"),
            text=words(query, "query"),
            conversation="",
            evidence=tuple(_wanted(expect)),
            answer=texts(value.get("description")),
            category=label(value.get("category"), "category"),
            source=place.source,
        )
    except Fault as fault:
        yield Refusal(place.source, line, fault.field, fault.reason)


def _wanted(expect: Object) -> list[str]:
    """Ids of all beliefs that must come back, in whatever part."""
    found = [id for part in expect.values() for id in listed(mapped(part).get("mustInclude")) if isinstance(id, str)]
    return list(dict.fromkeys(found))


BELIEFS = Format(
    "precision",
    "PrecisionMemBench: beliefs",
    "beliefs.seed.json",
    "text, time, type; scope, status, superseded_by as fields",
    "",
    _is_belief,
    each(_beliefs),
    is_store=True,
)
CASES = Format(
    "precision_cases",
    "PrecisionMemBench: cases",
    "retrieval.cases.json",
    "questions with the beliefs that must come back",
    "what must not come back",
    _is_case,
    each(_cases),
)
