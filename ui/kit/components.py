"""The inline components (no iframe): hit columns, the why table, the token strip, latent chips, tables of latents,
tinted passages, latents with sliders, and what their mixture brings.

Their scripts build nodes and set text, so a memory's words are never read as HTML. What is clicked arrives as a
trigger, once, and is handed to a callback before the page runs again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from core import Label
from ui.kit import labels, prose

WEB = Path(__file__).parent / "web"
Click = Callable[[Any], None]


def _component(name: str) -> Any:
    def read(suffix: str) -> str:
        return "\n".join((WEB / f"{part}.{suffix}").read_text(encoding="utf-8") for part in ("common", name))

    return st.components.v2.component(
        f"mnemoscope_{name}", html='<div class="root"></div>', css=read("css"), js=read("js")
    )


_NAMES = ("hits", "why", "threads", "strip", "chips", "dictionary", "passages", "mixer", "mixture")
_RENDERERS = {name: _component(name) for name in _NAMES}


def draw(name: str, key: str, data: dict[str, Any], **clicks: Click) -> None:
    """Mount a component. clicks: trigger name -> what to do with the value."""

    def relay(trigger: str, act: Click) -> Callable[[], None]:
        def on_change() -> None:
            value = st.session_state.get(key, {}).get(trigger)
            if value is not None:
                act(value)

        return on_change

    callbacks = {f"on_{trigger}_change": relay(trigger, act) for trigger, act in clicks.items()}
    _RENDERERS[name](key=key, data=data, **callbacks)


def chip(latent: int, word: str, value: float | None, label: Label | None = None) -> dict[str, Any]:
    """One latent as a chip: its label and how far to trust it, or without one the token it peaked at; its number and
    its value."""
    said = "" if value is None else prose.number(value)
    at = f" at “{word}”" if word else ""
    text = label.text if label else ""
    named = f"Latent {latent}{f' “{text}”' if text else ''}"
    return {
        "latent": latent,
        "name": str(latent),
        "label": text,
        "word": word,
        "value": said,
        "aria": f"{named}, {said}{at}" if said else f"{named}{at}",
        "trust": labels.trust_words(label) if label else "",
        "doubtful": labels.doubtful(label),
    }
