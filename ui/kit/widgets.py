"""Controls that several pages share."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from core import MemoryBank
from ui.address import link
from ui.kit.fields import FORMATS
from ui.session import answers


def conversation_select(bank: MemoryBank, width: int | Literal["stretch"] = "stretch") -> str | None:
    """The shared filter: one conversation, or None for the whole bank."""
    names = answers.conversations(bank)
    chosen = st.session_state.get("conversation")
    if chosen and chosen not in names:
        link.note(f"{bank.name} has no conversation “{chosen[:80]}”; this is the whole bank.")
        st.session_state["conversation"] = ""
    picked: str = st.selectbox(
        "Conversation",
        ["", *names],
        format_func=lambda name: f"{name} ({names[name]:,})" if name else "all",
        key="conversation",
        persist_state="session",
        width=width,
        disabled=not names,
    )
    return picked or None


def picture_format() -> str:
    """What Plotly's camera makes of the figures of a page."""
    chosen = st.segmented_control(
        "Picture as", FORMATS, key="picture_format", format_func=str.upper, persist_state="session", required=True,
        help="What the camera above a figure saves.",
    )  # fmt: skip
    return chosen or FORMATS[0]
