"""BEAM: a folder a chat, ``chat.json`` with its turns and ``probing_questions/probing_questions.json`` beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from core.readers.formats.base import Format, Object, Place, each, listed, mapped
from core.readers.ledger import Fault
from core.readers.rows import Item, Record, Row
from core.readers.values import label, words
from core.types import Question, Refusal

ANSWERS = ("ideal_response", "ideal_answer", "answer", "ideal_summary")
PROBES = "probing_questions/probing_questions.json"


def is_batch(value: Object) -> bool:
    return "turns" in value and ("batch_number" in value or "time_anchor" in value)


def is_probes(value: Object) -> bool:
    """Whether an object is a chat's questions by kind; they are read with their chat, not alone."""
    return any("rubric" in mapped(q) for kind in value.values() for q in listed(kind)[:1])


def _read(records: Iterable[Record], place: Place) -> Iterator[Item]:
    folder = place.inner.parent
    conversation = folder.name or place.stem
    known: set[str] = set()

    def of_batch(line: int, batch: Object, place: Place) -> Iterator[Item]:
        anchor: object = batch.get("time_anchor")
        for exchange in listed(batch.get("turns")):
            for entry in exchange if isinstance(exchange, list) else [exchange]:
                turn = mapped(entry)
                anchor = turn.get("time_anchor") or anchor
                key = label_or(turn.get("id"))
                known.add(key)
                yield Row(
                    line, turn.get("content"), id=f"{conversation}/{key}" if key else None, role=turn.get("role"),
                    conversation=conversation, session=f"batch_{label_or(batch.get('batch_number'))}", created=anchor,
                    category=turn.get("question_type"), names={"text": f"turns[{key}].content"},
                )  # fmt: skip

    yield from each(of_batch)(records, place)
    probes = mapped(place.box.load(str(folder / PROBES)) if place.box else None)
    for kind, asked in probes.items():
        for number, entry in enumerate(listed(asked), start=1):
            yield _question(f"{conversation}/{kind}/{number}", str(kind), mapped(entry), conversation, place, known)


def label_or(value: object) -> str:
    try:
        return label(value, "")
    except Fault:
        return ""


def _question(
    key: str, kind: str, asked: Object, conversation: str, place: Place, known: set[str]
) -> Question | Refusal:
    try:
        answer = next((asked[name] for name in ANSWERS if asked.get(name) is not None), None)
        return Question(
            id=key, text=words(asked.get("question"), "question"), conversation=conversation,
            evidence=tuple(f"{conversation}/{turn}" for turn in _ids(asked.get("source_chat_ids")) if turn in known),
            answer=", ".join(map(str, answer)) if isinstance(answer, list) else label(answer, "answer"),
            category=kind, source=place.source,
        )  # fmt: skip
    except Fault as fault:
        return Refusal(place.source, 0, fault.field, f"{fault.reason} (question {key})")


def _ids(value: object, depth: int = 0) -> list[str]:
    """Ids in a list, or in an object of lists by part."""
    if depth > 4:
        return []
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return list(dict.fromkeys(id for part in value for id in _ids(part, depth + 1)))
    found = label_or(value)
    return [found] if found else []


FORMAT = Format(
    "beam",
    "BEAM",
    "a folder a chat, with chat.json and probing_questions",
    "speaker, time, batch; questions with their evidence",
    "rubrics",
    is_batch,
    _read,
)
PROBES_FORMAT = Format(
    "beam_questions", "BEAM's questions alone", "probing_questions.json", "nothing: they are read with their chat",
    "all", is_probes, lambda records, place: iter(()),
)  # fmt: skip
