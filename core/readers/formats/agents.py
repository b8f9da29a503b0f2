"""Sessions of coding agents: JSON Lines of events, of which only what the two said to each other is a memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from core.readers.content import NOT_SAID, spoken
from core.readers.formats.base import Format, Object, Place, each, mapped, texts
from core.readers.rows import Item, Record, Row

SPOKEN = {"user", "assistant", "human"}
NOTES = (
    "<environment_context",
    "<user_instructions",
    "<system-reminder",
    "<command-",
    "<local-command",
    "<permissions",
)
"""What a harness writes in the user's name."""


def _message(event: Object) -> Object:
    """The message in an event, by its role and content; empty where it carries none."""
    inner = mapped(event.get("message")) or mapped(event.get("payload"))
    return inner if "content" in inner and "role" in inner else {}


def is_session(value: Object) -> bool:
    """Whether an object is an event of a session."""
    if isinstance(value.get("payload"), dict) and "type" in value and "timestamp" in value:
        return True
    return (
        ("sessionId" in value or "leafUuid" in value)
        and "type" in value
        and not isinstance(value.get("messages"), list)
    )


def _read(records: Iterable[Record], place: Place) -> Iterator[Item]:
    session = place.stem

    def of_event(line: int, event: Object, place: Place) -> Iterator[Item]:
        nonlocal session
        payload = mapped(event.get("payload"))
        if event.get("type") == "session_meta" and isinstance(payload.get("id"), str):
            session = payload["id"]
        message = _message(event)
        role = texts(message.get("role"))
        if event.get("isSidechain") or event.get("isMeta") or role not in SPOKEN:
            place.leave_out(_kind(event, payload, role))
            return
        before = place.ledger.left_out.total()
        words = spoken(message["content"], place.ledger)
        if words.lstrip().startswith(NOTES):
            place.leave_out("system notes")
        elif words.strip():
            yield Row(
                line, words, id=event.get("uuid"), role=role, conversation=event.get("sessionId") or session,
                created=event.get("timestamp"), meta={k: event[k] for k in ("cwd", "gitBranch") if event.get(k)},
                cut=True, names={"text": "message.content"},
            )  # fmt: skip
        elif place.ledger.left_out.total() == before:
            place.leave_out("messages without words")

    yield from each(of_event)(records, place)


def _kind(event: Object, payload: Object, role: str) -> str:
    if event.get("isSidechain"):
        return "messages of helper agents"
    kind = texts(payload.get("type")) or texts(event.get("type"))
    if "reasoning" in kind:
        return "thoughts"
    return NOT_SAID.get(role) or ("tool calls" if "call" in kind or "tool" in kind else "events of the session")


FORMAT = Format(
    "agent", "Sessions of coding agents", "JSONL, one file a session; folders of them",
    "speaker, time, conversation (the session), session by silence, folder and branch worked in",
    "tool calls and their results, thoughts, helper agents, system notes, events", is_session, _read,
)  # fmt: skip
