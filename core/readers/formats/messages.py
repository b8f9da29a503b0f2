"""Lists of messages in any dress: OpenAI's ``messages``, ShareGPT, a column of a table, flat turns, Messenger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from core.readers.content import NOT_SAID, left_out, spoken
from core.readers.formats.base import Format, Object, Place, each, listed, mapped
from core.readers.rows import Item, Record, Row

ROLES = ("role", "from", "speaker", "author", "sender", "sender_name", "name", "type")
WORDS = ("content", "value", "text", "message", "body", "utterance", "parts")
TIMES = ("timestamp", "created_at", "create_time", "timestamp_ms", "created", "date", "time", "ts")
LISTS = ("messages", "conversations", "conversation", "chat", "dialogue", "dialog", "turns", "history", "prompt")
IDS = (
    "conversation_id",
    "id",
    "session_id",
    "sessionId",
    "uuid",
    "conversation_hash",
    "thread_id",
    "title",
    "thread_path",
)
CHAT_ROLES = {
    "user",
    "assistant",
    "system",
    "tool",
    "developer",
    "function",
    "human",
    "ai",
    "gpt",
    "model",
    "bot",
    "chatgpt",
}
CALLED = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bing": "assistant",
    "ai": "assistant",
}
"""What other formats call the two who speak."""


def first_of(value: Object, names: Iterable[str]) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def is_message(value: object) -> bool:
    """Whether an object is one turn: somebody, and words or what stands for them."""
    if not isinstance(value, dict):
        return False
    return any(n in value for n in ROLES[:-1]) and any(n in value for n in (*WORDS, "tool_calls"))


def column(value: Object) -> str:
    """The field of an object that holds its list of messages; empty for none."""
    for name in (*LISTS, *(n for n in value if n not in LISTS)):
        if (found := listed(value.get(name))) and sum(map(is_message, found[:20])) > 0.5 * len(found[:20]):
            return str(name)
    return ""


def turn(
    line: int, message: Object, place: Place, conversation: object, id: object = None, field: str = ""
) -> Row | None:
    """The row of one message; None, counted, where nobody said anything in it."""
    role = message.get("role") if isinstance(message.get("role"), str) else first_of(message, ROLES)
    if isinstance(role, dict):
        role = first_of(role, ("role", "name", "nickname"))
    if kind := NOT_SAID.get(str(role).lower()):
        place.leave_out(kind)
        return None
    if kind := left_out(message):
        place.leave_out(kind)
        return None
    content = first_of(message, WORDS)
    before = place.ledger.left_out.total()
    said = spoken(content, place.ledger) if isinstance(content, str | list | dict) else content
    if not said and not isinstance(said, int | float):
        calls = "tool calls" if message.get("tool_calls") or message.get("function_call") else ""
        media = next(
            (n for n in ("photos", "videos", "audio_files", "files", "sticker", "gifs", "share") if message.get(n)), ""
        )
        if kind := calls or media.replace("_", " "):
            place.leave_out(kind)
            return None
        if place.ledger.left_out.total() > before or content in ([], None):
            if content in ([], None):
                place.leave_out("messages without words")
            return None
    if called := listed(message.get("tool_calls")):
        place.leave_out("tool calls", len(called))
    used = {*ROLES, *WORDS, *TIMES, "tool_calls", "function_call", "weight"}
    return Row(
        line, said, id=id, role=CALLED.get(str(role).lower(), role), conversation=conversation,
        session=message.get("session"), created=first_of(message, TIMES),
        meta={k: v for k, v in message.items() if k not in used and not isinstance(v, list | dict)},
        cut=True, names={"text": f"{field}.content" if field else "content"},
    )  # fmt: skip


def conversation_of(value: Object, place: Place, number: int) -> str:
    """What a record calls its conversation, or the file's name with its number."""
    for name in IDS:
        found = value.get(name)
        if isinstance(found, str | int) and not isinstance(found, bool) and str(found).strip():
            return str(found)
    return f"{place.stem}-{number}"


def _lists(records: Iterable[Record], place: Place) -> Iterator[Item]:
    number = 0

    def of_object(line: int, value: Object, place: Place) -> Iterator[Item]:
        nonlocal number
        number += 1
        name = column(value)
        if not name:
            # An object without messages beside others that have them: an empty conversation, or no row at all.
            place.leave_out("conversations without messages")
            return
        conversation = conversation_of(value, place, number)
        for i, message in enumerate(listed(value[name])):
            field = f"{name}[{i}]"
            if isinstance(message, dict):
                row = turn(line, message, place, conversation, message.get("id") or message.get("uuid"), field)
                if row is not None:
                    row.created = row.created if row.created is not None else first_of(value, TIMES)
                    yield row
            else:
                place.leave_out("messages of an unknown form")

    yield from each(of_object)(records, place)


def _flat(line: int, value: Object, place: Place) -> Iterator[Item]:
    row = turn(
        line,
        value,
        place,
        first_of(value, ("conversation", "conversation_id", "thread_id", "session_id")) or place.stem,
    )
    if row is not None:
        row.id = value.get("id") or value.get("uuid")
        yield row


def _is_flat(value: Object) -> bool:
    known = isinstance(value.get("role"), str) and value["role"].lower() in CHAT_ROLES
    return (known and "text" not in value and ("content" in value or "tool_calls" in value)) or (
        "sender_name" in value and "timestamp_ms" in value
    )


LISTS_FORMAT = Format(
    "messages", "Lists of messages: OpenAI, ShareGPT, any column that holds one",
    "JSON, JSONL or Parquet, one conversation a record", "speaker, time, conversation, session",
    "tool calls, images, thoughts, system notes", lambda v: bool(column(v)) and not _is_other(v), _lists,
)  # fmt: skip
FLAT_FORMAT = Format(
    "turns",
    "Messages one after another",
    "JSON or JSONL, one message a record with role and content",
    "speaker, time, conversation (the file), session",
    "tool calls, images, thoughts, system notes",
    _is_flat,
    each(_flat),
)


def _is_other(value: Object) -> bool:
    return "mapping" in mapped(value)
