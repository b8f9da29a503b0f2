"""Compositions kept in the bank: save, open, delete, and put back."""

from __future__ import annotations

import streamlit as st

from core import MemoryBank, Query
from ui import banks, composer, labels, parts, tray


def draw(bank: MemoryBank, query: Query) -> None:
    """Save, open and delete compositions of this bank."""
    kept = bank.compositions.saved()
    with st.popover(f"Saved ({len(kept)})" if kept else "Save", icon=":material/bookmarks:"):
        name = st.text_input("Name", key="compose_name", placeholder="my mixture", max_chars=80)
        there = " ".join(name.split()) in kept
        st.button(
            "Save in its place" if there else "Save",
            type="primary",
            key="compose_save",
            on_click=_save,
            args=(bank, query),
            disabled=not name.strip() or not (query.terms or query.text),
        )
        if kept:
            chosen = st.selectbox("Saved in this bank", list(kept), key="compose_saved")
            parts.small(summary(bank, kept[chosen]))
            with st.container(horizontal=True):
                st.button("Open", on_click=composer.use, args=(kept[chosen], chosen), key="compose_open")
                st.button("Delete", on_click=_delete, args=(bank, chosen), key="compose_delete")


def told(bank: MemoryBank) -> None:
    """What became of saving and deleting."""
    if sentence := st.session_state.pop("_compose_told", ""):
        st.success(parts.plain(sentence), icon=":material/check:")
    if deleted := st.session_state.get("_compose_deleted"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Deleted “{parts.plain(deleted[0])}”.")
            st.button("Put it back", icon=":material/undo:", on_click=_put_back, args=(bank,), key="compose_put_back")


def _save(bank: MemoryBank, query: Query) -> None:
    with parts.kept_problem():
        name = bank.compositions.save(st.session_state["compose_name"], query)
        st.session_state.update(compose_name="", compose_saved=name, _compose_told=f"Saved as “{name}” in {bank.name}.")


def _delete(bank: MemoryBank, name: str) -> None:
    with parts.kept_problem():
        st.session_state["_compose_deleted"] = (name, bank.compositions.delete(name), str(bank.path))


def _put_back(bank: MemoryBank) -> None:
    name, query, _ = st.session_state.pop("_compose_deleted")
    with parts.kept_problem():
        bank.compositions.save(name, query)


def summary(bank: MemoryBank, query: Query) -> str:
    """+1 “phone” −0.5 “battery”, in words"""
    names = banks.labels(bank, [term.latent for term in query.terms])
    said = [f"{tray.signed(term.weight)} {labels.said(term.latent, names)}" for term in query.terms]
    words_first = [f"“{parts.short(query.text, 80)}”"] if query.text else []
    return "  ".join([*words_first, *said])
