"""Compositions kept in the bank: save, open, delete, and put back."""

from __future__ import annotations

import streamlit as st

from core import MemoryBank, Query
from ui.compose import composer
from ui.kit import labels, prose, states, tray
from ui.session import answers


def draw(bank: MemoryBank, query: Query) -> None:
    """Save, open and delete compositions of this bank."""
    kept = bank.compositions.saved()
    with st.popover("Saved", icon=":material/bookmarks:", key="compose_kept_menu"):
        with st.form("compose_save_form", border=False, clear_on_submit=True):
            st.text_input("Name", key="compose_name", placeholder="my mixture", max_chars=80)
            st.form_submit_button("Save", type="primary", key="compose_save", on_click=_save, args=(bank, query))
        if kept:
            chosen = st.selectbox(f"Saved in this bank for {bank.engine.name}", list(kept), key="compose_saved")
            prose.small(summary(bank, kept[chosen]))
            with st.container(horizontal=True):
                st.button("Open", on_click=composer.use, args=(kept[chosen], chosen), key="compose_open")
                st.button("Delete", on_click=_delete, args=(bank, chosen), key="compose_delete")


def told(bank: MemoryBank) -> None:
    """What became of saving and deleting; what is gone can be put back."""
    name, sentence = st.session_state.get("compose_kept", ("", ""))
    if not sentence or str(bank.path) != st.session_state["compose_kept_in"]:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(prose.plain(sentence), width="content")
        if st.session_state["compose_gone"] is not None:
            st.button(
                "Put it back", icon=":material/undo:", on_click=_put_back, args=(bank, name), key="compose_put_back"
            )
        st.button("", icon=":material/close:", type="tertiary", help="Close", on_click=_tell, args=(bank, "", ""),
                  key="compose_told")  # fmt: skip


def _tell(bank: MemoryBank, name: str, sentence: str, gone: Query | None = None) -> None:
    st.session_state.update(compose_kept=(name, sentence), compose_kept_in=str(bank.path), compose_gone=gone)


def _save(bank: MemoryBank, query: Query) -> None:
    with states.kept_problem():
        before = bank.compositions.saved()
        name = bank.compositions.save(st.session_state["compose_name"], query)
        st.session_state["compose_saved"] = name
        replaced = f" It took the place of another “{name}”." if name in before else ""
        _tell(bank, name, f"Saved as “{name}” in {bank.name}.{replaced}", before.get(name))


def _delete(bank: MemoryBank, name: str) -> None:
    with states.kept_problem():
        _tell(bank, name, f"Deleted “{name}” from {bank.name}.", bank.compositions.delete(name))


def _put_back(bank: MemoryBank, name: str) -> None:
    with states.kept_problem():
        bank.compositions.save(name, st.session_state["compose_gone"])
        _tell(bank, name, f"“{name}” is what it was.")


def summary(bank: MemoryBank, query: Query) -> str:
    """+1 “phone” −0.5 “battery”, in words"""
    names = answers.labels(bank, [term.latent for term in query.terms])
    said = [f"{tray.signed(term.weight)} {labels.said(term.latent, names)}" for term in query.terms]
    words_first = [f"“{prose.short(query.text, 80)}”"] if query.text else []
    return "  ".join([*words_first, *said])
