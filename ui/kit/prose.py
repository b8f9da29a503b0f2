"""How words and numbers are written on the screen. Memories' words reach the page escaped, or not at all."""

from __future__ import annotations

import html
import re

import streamlit as st


def plain(text: str) -> str:
    """Any text as Markdown that shows just these characters."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=])", r"\\\1", text).replace("\n", " ")


def short(text: str, width: int = 90) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def number(value: float) -> str:
    """As many digits as a score deserves: .525, 9.81, 81.8, 1,204"""
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 1 else f"{value:.3f}".replace("0.", ".", 1)


def percent(share: float) -> str:
    """41 %, 6.4 %"""
    return f"{100 * share:.0f}\u202f%" if share >= 0.0995 or share == 0 else f"{100 * share:.1f}\u202f%"


def small(text: str) -> None:
    st.html(f'<div class="mn-small">{html.escape(text)}</div>')


def facts(pairs: dict[str, str]) -> None:
    """Names and values, the values as they are."""
    rows = "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in pairs.items() if v)
    st.html(f'<dl class="mn-facts">{rows}</dl>')
