"""Open WebUI's export of chats: a history that is a tree, with the leaf in view as ``currentId``."""

from __future__ import annotations

from collections.abc import Iterator

from core.readers.formats.base import Format, Object, Place, each, mapped, texts
from core.readers.formats.chatgpt import branch
from core.readers.formats.messages import first_of, turn
from core.readers.rows import Item


def _history(value: Object) -> Object:
    chat = mapped(value.get("chat")) or value
    return mapped(chat.get("history"))


def _turns(line: int, value: Object, place: Place) -> Iterator[Item]:
    chat = mapped(value.get("chat")) or value
    nodes = mapped(_history(value).get("messages"))
    kept = branch(nodes, _history(value).get("currentId"), "parentId")
    title = texts(value.get("title")) or texts(chat.get("title"))
    conversation = value.get("id") or chat.get("id") or title or place.stem
    if other := len(nodes) - len(kept):
        place.leave_out("messages of other branches", other)
    for name in kept:
        row = turn(line, mapped(nodes[name]), place, conversation, name, f"chat.history.messages.{name}")
        if row is not None:
            row.meta = {"title": title} if title else {}
            row.created = row.created if row.created is not None else first_of(value, ("created_at",))
            yield row


FORMAT = Format(
    "openwebui",
    "Open WebUI chats",
    "chat-export-….json",
    "speaker, time, conversation, title, session; the branch in view",
    "other branches, tool calls, images, system notes",
    lambda v: isinstance(_history(v).get("messages"), dict),
    each(_turns),
)
