"""LoCoMo: long dialogues in sessions, with questions and the turns that answer them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

from core.readers import dates
from core.readers.formats.base import Format, Place
from core.readers.ledger import Fault
from core.readers.rows import Record
from core.readers.values import kind_of, label, words
from core.types import Memory, Question, Refusal

_SESSION = re.compile(r"session_(\d+)")
_PHOTO_OF = re.compile(r"^(an? )?(photo|photography|photograph|picture|image) of ", re.IGNORECASE)
"""What nearly every caption begins with; it says nothing of the picture and would make turns with pictures alike."""
# Also "D:11:26" and "D30:05", which the published file has where it means D11:26 and D30:5.
_TURN = re.compile(r"D:?0*(\d+):0*(\d+)")


def is_sample(value: Mapping[str, object]) -> bool:
    """Whether an object is one LoCoMo dialogue, with questions or without."""
    turns = value.get("conversation")
    return isinstance(turns, Mapping) and ("qa" in value or any(_SESSION.fullmatch(str(name)) for name in turns))


def _read(records: Iterable[Record], place: Place) -> Iterator[Memory | Question | Refusal]:
    """The turns and questions of every dialogue; a refusal stands on the line its dialogue begins on."""
    taken: set[str] = set()
    source = place.source
    for number, (line, sample) in enumerate(records, start=1):
        try:
            conversation, turns, questions = _parts(sample, f"{place.stem}-{number}")
            if conversation in taken:
                raise Fault("sample_id", f"“{conversation}” stands in the file twice; ids must be unique")
        except Fault as fault:
            yield Refusal(source, line, fault.field, fault.reason)
            continue
        taken.add(conversation)
        known: set[str] = set()
        yield from _memories(turns, conversation, source, line, known)
        for item in _questions(questions, conversation, source, line, known):
            if isinstance(item, Question) and not item.evidence:
                place.leave_out("questions without evidence, which are stored and not measured")
            yield item


def _parts(sample: object, fallback: str) -> tuple[str, Mapping[str, object], list[object]]:
    """A dialogue's id, its sessions and its questions."""
    if isinstance(sample, Fault):
        raise sample
    if not isinstance(sample, Mapping):
        raise Fault("", f"is {kind_of(sample)}; an object with “conversation” and “qa” is expected")
    turns, questions = sample.get("conversation"), sample.get("qa")
    questions = [] if questions is None else questions
    if not isinstance(turns, Mapping):
        raise Fault("conversation", f"is {kind_of(turns)}; an object with “session_1” and so on is expected")
    if not isinstance(questions, list):
        raise Fault("qa", f"is {kind_of(questions)}; a list of questions is expected")
    return label(sample.get("sample_id"), "sample_id") or fallback, turns, questions


def _memories(
    sessions: Mapping[str, object], conversation: str, source: str, line: int, known: set[str]
) -> Iterator[Memory | Refusal]:
    """The turns in the order they were spoken; ``known`` receives the ids of those that could be read."""
    for position, (session, counted_id, turn) in enumerate(_turns(sessions)):
        dia_id = counted_id
        try:
            dia_id = label(turn.get("dia_id"), "dia_id") or counted_id
            name, caption, text = _spoken(turn)
            if dia_id in known:
                raise Fault("dia_id", "stands in the dialogue twice; ids must be unique")
        except Fault as fault:
            yield Refusal(source, line, fault.field, f"{fault.reason} (turn {dia_id} of {conversation})")
            continue
        known.add(dia_id)
        yield Memory(
            id=f"{conversation}/{dia_id}",
            text=text,
            role=name,
            conversation=conversation,
            session=session,
            position=position,
            created=spoken_on(sessions.get(f"{session}_date_time")),
            source=source,
            meta={"caption": caption} if caption else {},
        )


def _turns(sessions: Mapping[str, object]) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    """Session name, id by counting, and turn; sessions by their number, so that 10 comes after 9."""
    numbers = [int(found[1]) for name in sessions if (found := _SESSION.fullmatch(name))]
    for number in sorted(numbers):
        turns = sessions[f"session_{number}"]
        for count, turn in enumerate(turns if isinstance(turns, list) else [], start=1):
            yield f"session_{number}", f"D{number}:{count}", turn if isinstance(turn, Mapping) else {}


def _spoken(turn: Mapping[str, object]) -> tuple[str, str, str]:
    """Speaker, image caption, and the text to remember, which holds both."""
    name = label(turn.get("speaker"), "speaker")
    shown = turn.get("blip_caption")
    caption = label(shown, "blip_caption") if isinstance(shown, str) else ""
    said = turn.get("text")
    is_image_alone = bool(caption) and (said is None or (isinstance(said, str) and not said.strip()))
    parts = [f"{name}:"] if name else []
    parts += [] if is_image_alone else [words(said)]
    parts += [f"[{_PHOTO_OF.sub('', caption)}]"] if caption else []
    return name, caption, words(" ".join(parts))


def spoken_on(written: object) -> datetime | None:
    """The date of a session, such as “4:04 pm on 20 January, 2023”; None when nobody can read it."""
    try:
        return dates.read(written).moment if isinstance(written, str) else None
    except ValueError:
        return None


def _questions(
    questions: list[object], conversation: str, source: str, line: int, known: Collection[str]
) -> Iterator[Question | Refusal]:
    for number, entry in enumerate(questions, start=1):
        key = f"{conversation}/q{number}"
        asked = entry if isinstance(entry, Mapping) else {}
        try:
            answer = asked.get("answer", asked.get("adversarial_answer"))
            yield Question(
                id=key,
                text=words(asked.get("question"), "question"),
                conversation=conversation,
                evidence=tuple(f"{conversation}/{turn}" for turn in evidence(asked.get("evidence"), known)),
                answer=answer_of(answer),
                category=label(asked.get("category"), "category"),
                source=source,
            )
        except Fault as fault:
            yield Refusal(source, line, fault.field, f"{fault.reason} (question {key})")


def answer_of(value: object) -> str:
    """An answer as text: a number written out, the parts of a list after one another."""
    return ", ".join(answer_of(part) for part in value) if isinstance(value, list) else label(value, "answer")


def evidence(written: object, known: Collection[str]) -> list[str]:
    """The turns a question names, mended where the form is plain, without those that do not exist."""
    found: list[str] = []
    for entry in written if isinstance(written, list) else [written]:
        if isinstance(entry, str):
            found += [entry] if entry in known else [f"D{session}:{turn}" for session, turn in _TURN.findall(entry)]
    return list(dict.fromkeys(turn for turn in found if turn in known))


FORMAT = Format(
    "locomo",
    "LoCoMo",
    "locomo10.json; one dialogue or many, with questions or without",
    "speaker, time, session, captions; questions with their evidence",
    "questions without evidence are stored and not measured",
    is_sample,
    _read,
)
