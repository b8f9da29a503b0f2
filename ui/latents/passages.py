"""Texts in which one latent fires, as tinted pieces around the token of its peak."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from core import Context, LatentInfo, MemoryBank
from core.types import Span
from ui.kit import components, prose
from ui.kit.tokens import TokenValues
from ui.session import answers

AROUND = 150
"""Characters shown on each side of the peak."""
TRACED = 4000
"""Characters of a text up to which every token is computed."""
Token = tuple[int, int, float]
"""First character, end, activation."""


def pieces(text: str, tokens: Iterable[Token], peak: int, top: float) -> list[tuple[str, float | None]]:
    """The words around the peak in order: tokens with their strength 0–1, what lies between them with None."""
    low, high = max(0, peak - AROUND), min(len(text), peak + AROUND)
    low = 0 if low < AROUND // 3 else text.find(" ", low, peak) + 1 or low
    high = len(text) if len(text) - high < AROUND // 3 else max(text.rfind(" ", peak, high), 0) or high
    found: list[tuple[str, float | None]] = [("… ", None)] if low else []
    cursor = low
    for first, last, value in sorted(tokens):
        start, end = max(first, cursor), min(last, high)
        if end <= start or value <= 0:
            continue
        found += [(text[cursor:start], None)] if start > cursor else []
        found.append((text[start:end], round(min(1.0, value / max(top, 1e-9)), 3)))
        cursor = end
    found += [(text[cursor:high], None)] if high > cursor else []
    return [*found, (" …", None)] if high < len(text) else found


def tokens_of(bank: MemoryBank, text: str, latent: int, peak: Span, value: float) -> list[Token]:
    """Every token that fires it when the model is warm, else the peak."""
    trace = answers.trace(bank, text) if len(text) <= TRACED else None
    if trace is not None:
        tokens = TokenValues.of_trace(trace)
        everywhere = [(int(tokens.start[t]), int(tokens.end[t]), v) for t, v in tokens.of(latent).items()]
        if everywhere:
            return everywhere
    return [(peak.start, peak.end, value)] if peak.end > peak.start else []


def top(bank: MemoryBank, info: LatentInfo, shown: int) -> list[dict[str, Any]]:
    """The memories of the bank that fire it most."""
    first = info.top[:shown]
    memories = answers.memories(bank, tuple(name for name, _, _ in first))
    rows = []
    for name, value, span in first:
        text = memories[name].text
        found = tokens_of(bank, text, info.label.latent, span, value)
        rows.append(
            {"id": name, "value": prose.number(value), "pieces": pieces(text, found, span.start, info.memory_max)}
        )
    return rows


def groups(contexts: Iterable[Context], peak: float) -> list[dict[str, Any]]:
    """Contexts by where they come from and how strong they are, in the order they came."""
    found: dict[str, list[dict[str, Any]]] = {}
    for context in contexts:
        where = "this bank" if context.memory else "texts that described the dictionary"
        which = "strongest" if context.interval == "top" else f"{context.interval} of its activations"
        token = [(context.start, context.end, context.activation)]
        row = {"id": context.memory, "value": prose.number(context.activation),
               "pieces": pieces(context.text, token, context.start, peak)}  # fmt: skip
        found.setdefault(f"{which}, {where}", []).append(row)
    return [{"title": title, "rows": rows} for title, rows in found.items()]


def draw(key: str, shown: list[dict[str, Any]], open_memory: Callable[[str], None]) -> None:
    components.draw("passages", key, {"groups": shown}, open=open_memory)
