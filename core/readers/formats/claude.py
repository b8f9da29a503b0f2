"""Claude's account export: conversations with ``chat_messages``, whose words stand in content blocks."""

from __future__ import annotations

from collections.abc import Iterator

from core.readers.content import spoken
from core.readers.formats.base import Format, Object, Place, each, listed, mapped, texts
from core.readers.formats.messages import CALLED
from core.readers.rows import Item, Row


def _turns(line: int, value: Object, place: Place) -> Iterator[Item]:
    title = texts(value.get("name"))
    conversation = value.get("uuid") or title or place.stem
    for i, entry in enumerate(_kept(listed(value.get("chat_messages")), value.get("current_leaf_message_uuid"), place)):
        message = mapped(entry)
        before = place.ledger.left_out.total()
        words = spoken(listed(message.get("content")), place.ledger).strip() or texts(message.get("text"))
        if files := len(listed(message.get("attachments"))) + len(listed(message.get("files"))):
            place.leave_out("files", files)
        if not words.strip():
            if place.ledger.left_out.total() == before:
                place.leave_out("messages without words")
            continue
        sender = texts(message.get("sender"))
        yield Row(
            line, words, id=message.get("uuid"), role=CALLED.get(sender, sender), conversation=conversation,
            created=message.get("created_at") or value.get("created_at"), meta={"title": title} if title else {},
            cut=True, names={"text": f"chat_messages[{i}].content"},
        )  # fmt: skip


def _kept(messages: list[object], last: object, place: Place) -> list[object]:
    """The branch that ends at a leaf, where the export says parents; else all, in their order."""
    by_id = {mapped(m).get("uuid"): m for m in messages}
    if not any(mapped(m).get("parent_message_uuid") in by_id for m in messages):
        return messages
    last = last if last in by_id else mapped(messages[-1]).get("uuid")
    path: list[object] = []
    seen: set[object] = set()
    while last in by_id and last not in seen:
        seen.add(last)
        path.append(by_id[last])
        last = mapped(by_id[last]).get("parent_message_uuid")
    if other := len(messages) - len(path):
        place.leave_out("messages of other branches", other)
    return path[::-1]


FORMAT = Format(
    "claude",
    "Claude account export",
    "conversations.json, or the zip as it arrives",
    "speaker, time, conversation, title, session; the branch that was kept",
    "other branches, tool calls, thoughts, files",
    lambda v: isinstance(v.get("chat_messages"), list),
    each(_turns),
)
