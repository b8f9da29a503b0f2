"""The page's style, and the theme that the visitor's browser shows it in."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui.kit.colours import ACCENTS

STYLE = Path(__file__).parent / "web" / "frame.css"


def style() -> None:
    st.html(STYLE)


def theme() -> str:
    """``light`` or ``dark``, as the visitor's browser shows the page."""
    return "dark" if st.context.theme.type == "dark" else "light"


def accent() -> str:
    return ACCENTS[theme()]
