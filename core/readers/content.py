"""What somebody said, where an assistant's message is a list of blocks: words kept, the rest left out and counted."""

from __future__ import annotations

from collections.abc import Mapping

from core.readers.ledger import Ledger

LEFT_OUT = {
    "tool": "tool calls", "function": "tool calls", "server_tool": "tool calls", "web_search": "tool calls",
    "code": "tool calls", "execution": "tool calls", "image": "images", "photo": "images", "input_image": "images",
    "audio": "audio", "input_audio": "audio", "video": "videos", "file": "files", "document": "files",
    "thinking": "thoughts", "redacted_thinking": "thoughts", "reasoning": "thoughts", "thoughts": "thoughts",
}  # fmt: skip
"""What the type of a block begins with -> what it is called in the report."""
HOLDS_WORDS = ("text", "content", "value", "parts", "result")
MAX_DEPTH = 8


def spoken(content: object, ledger: Ledger, depth: int = 0) -> str:
    """The words of a message's content: a string, a list of blocks, or an object that holds either; may be empty."""
    if isinstance(content, str):
        return content
    if depth > MAX_DEPTH:
        return ""
    if isinstance(content, list):
        said = [spoken(block, ledger, depth + 1) for block in content]
        return "\n".join(part for part in said if part.strip())
    if isinstance(content, Mapping):
        if kind := left_out(content):
            ledger.leave_out(kind)
            return ""
        for name in HOLDS_WORDS:
            if isinstance(content.get(name), str | list | Mapping):
                return spoken(content[name], ledger, depth + 1)
    return ""


def left_out(block: Mapping[str, object]) -> str:
    """What a block is that holds no words of the conversation; empty where it does."""
    kind = str(block.get("type") or block.get("content_type") or "").lower()
    for beginning, name in LEFT_OUT.items():
        if kind.startswith(beginning):
            return name
    return "images" if "image_url" in block or "asset_pointer" in block else ""


NOT_SAID = {"system": "system notes", "developer": "system notes", "tool": "tool calls", "function": "tool calls"}
"""Roles whose messages nobody said."""
