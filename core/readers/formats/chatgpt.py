"""ChatGPT's account export: every conversation is a tree; the branch that was kept ends at ``current_node``."""

from __future__ import annotations

from collections.abc import Iterator

from core.readers.content import NOT_SAID, spoken
from core.readers.formats.base import Format, Object, Place, each, listed, mapped, texts
from core.readers.rows import Item, Row


def branch(nodes: Object, last: object, parent: str = "parent") -> list[str]:
    """Ids from the root to a leaf; without one, to the leaf that was written last."""
    if not isinstance(last, str) or last not in nodes:
        parents = {mapped(node).get(parent) for node in nodes.values()}
        leaves = [name for name in nodes if name not in parents] or list(nodes)
        last = max(leaves, key=lambda name: _written(nodes[name]), default=None)
    path: list[str] = []
    seen: set[object] = set()
    while isinstance(last, str) and last in nodes and last not in seen:
        seen.add(last)
        path.append(last)
        last = mapped(nodes[last]).get(parent)
    return path[::-1]


def _written(node: object) -> float:
    message = mapped(mapped(node).get("message") or node)
    when = message.get("create_time", message.get("timestamp"))
    return float(when) if isinstance(when, int | float) and abs(when) < 1e18 else 0.0


def _turns(line: int, value: Object, place: Place) -> Iterator[Item]:
    nodes = mapped(value.get("mapping"))
    kept = branch(nodes, value.get("current_node"))
    said = sum(bool(mapped(node).get("message")) for node in nodes.values())
    title = texts(value.get("title"))
    conversation = value.get("conversation_id") or value.get("id") or title or place.stem
    on_branch = 0
    for name in kept:
        message = mapped(mapped(nodes[name]).get("message"))
        on_branch += bool(message)
        if message and (row := _turn(line, name, message, place)):
            row.conversation = conversation
            row.meta = {"title": title} if title else {}
            yield row
    if other := said - on_branch:
        place.leave_out("messages of other branches", other)


def _turn(line: int, name: str, message: Object, place: Place) -> Row | None:
    role = texts(mapped(message.get("author")).get("role"))
    content, about = mapped(message.get("content")), mapped(message.get("metadata"))
    kind = NOT_SAID.get(role)
    if kind is None and about.get("is_visually_hidden_from_conversation"):
        kind = "system notes"
    elif kind is None and message.get("recipient") not in (None, "all"):
        kind = "tool calls"
    elif kind is None and content.get("content_type") not in (None, "text", "multimodal_text"):
        kind = {"thoughts": "thoughts", "reasoning_recap": "thoughts", "code": "tool calls"}.get(
            texts(content.get("content_type")), "system notes"
        )
    if kind is None:
        words = spoken(listed(content.get("parts")) or content.get("text"), place.ledger)
        if words.strip():
            return Row(
                line, words, id=message.get("id") or name, role=role, created=message.get("create_time"), cut=True,
                names={"text": f"mapping.{name}.message.content"},
            )  # fmt: skip
        kind = "" if listed(content.get("parts")) not in ([], [""]) else "messages without words"
    if kind:
        place.leave_out(kind)
    return None


FORMAT = Format(
    "chatgpt",
    "ChatGPT account export",
    "conversations.json, or the zip as it arrives",
    "speaker, time, conversation, title, session; the branch that was kept",
    "other branches, tool calls, images, thoughts, system notes",
    lambda v: isinstance(v.get("mapping"), dict),
    each(_turns),
)
