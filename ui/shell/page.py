"""The actions above a page, and where its numbers come from below it."""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from ui.kit.export import KINDS, file_of
from ui.kit.page import Body
from ui.session import answers


def actions(address: str, page: Body | None) -> None:
    """Link, Export, Copy as Python."""
    with st.popover("Link", icon=":material/link:"):
        st.caption("Opens exactly this view, wherever this app runs with the same bank.")
        st.code(address, language=None, wrap_lines=True)
    if page is None:
        return
    if page.exports:
        with st.popover("Export", icon=":material/download:"):
            stamp = answers.provenance(page.bank, page.query)
            for name, rows in page.exports:
                st.caption(f"{name.capitalize()}, each file with its provenance")
                with st.container(horizontal=True):
                    for kind in KINDS:
                        st.download_button(
                            KINDS[kind],
                            data=partial(_file, rows, stamp, kind),
                            file_name=f"{page.bank.name}-{name.replace(' ', '-')}.{kind}",
                            on_click="ignore",
                            key=f"export_{name}_{kind}",
                        )
    if page.python:
        with st.popover("Copy as Python", icon=":material/code:"):
            st.code(page.python, language="python")


def _file(rows: Callable[[], list[dict[str, Any]]], stamp: dict[str, Any], kind: str) -> bytes:
    return file_of(rows(), stamp, kind)


def foot(provenance: dict[str, Any]) -> None:
    """Where the numbers of this page come from."""
    said = " · ".join(f"{name.replace('_', ' ')} {value}" for name, value in provenance.items() if value != "")
    st.html(f'<div class="mn-foot">{html.escape(said)}</div>')
