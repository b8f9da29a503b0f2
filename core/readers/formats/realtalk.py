"""REALTALK: chats between real people, a file a chat, in LoCoMo's manner with its own names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from core.readers.formats.base import Format, Object, Place, each, listed, mapped, texts
from core.readers.ledger import Fault
from core.readers.locomo import evidence
from core.readers.rows import Item, Row
from core.readers.values import label, words
from core.types import Question, Refusal

_SESSION = re.compile(r"session_(\d+)")


def _sessions(value: Object) -> list[tuple[int, list[object]]]:
    found = [(int(m[1]), listed(turns)) for name, turns in value.items() if (m := _SESSION.fullmatch(str(name)))]
    return sorted(found, key=lambda one: one[0])


def is_chat(value: Object) -> bool:
    """Whether an object is one chat: its sessions stand at its top, with ``clean_text`` in them."""
    return any("clean_text" in mapped(turn) for _, turns in _sessions(value) for turn in turns[:3])


def _read(line: int, value: Object, place: Place) -> Iterator[Item]:
    known: set[str] = set()
    for number, turns in _sessions(value):
        for count, entry in enumerate(turns, start=1):
            turn = mapped(entry)
            key = texts(turn.get("dia_id")) or f"D{number}:{count}"
            said = texts(turn.get("clean_text")).strip()
            caption = turn.get("blip_caption")
            caption = (
                " ".join(c for c in caption if isinstance(c, str)) if isinstance(caption, list) else texts(caption)
            )
            name = texts(turn.get("speaker"))
            if not said and not caption:
                place.leave_out("images" if turn.get("img_url") or turn.get("img_file") else "messages without words")
                continue
            text = " ".join(
                [*([f"{name}:"] if name else []), *([said] if said else []), *([f"[{caption}]"] if caption else [])]
            )
            known.add(key)
            yield Row(
                line, text, id=f"{place.stem}/{key}", role=name, conversation=place.stem, session=f"session_{number}",
                created=turn.get("date_time"), meta={"caption": caption} if caption else {}, order=True,
                names={"text": f"session_{number}[{count - 1}].clean_text"},
            )  # fmt: skip
    for number, asked in enumerate(listed(value.get("qa")), start=1):
        yield question(f"{place.stem}/q{number}", line, mapped(asked), place, known)


def question(key: str, line: int, asked: Object, place: Place, known: Collection[str]) -> Question | Refusal:
    """A question with the turns of its chat that answer it."""
    try:
        answer = asked.get("answer")
        return Question(
            id=key, text=words(asked.get("question"), "question"), conversation=place.stem,
            evidence=tuple(f"{place.stem}/{turn}" for turn in evidence(asked.get("evidence"), known)),
            answer=", ".join(map(str, answer)) if isinstance(answer, list) else label(answer, "answer"),
            category=label(asked.get("category"), "category"), source=place.source,
        )  # fmt: skip
    except Fault as fault:
        return Refusal(place.source, line, fault.field, f"{fault.reason} (question {key})")


FORMAT = Format(
    "realtalk", "REALTALK", "a JSON file a chat", "speaker, time, session, captions; questions with their evidence",
    "images without a caption, events", is_chat, each(_read),
)  # fmt: skip
