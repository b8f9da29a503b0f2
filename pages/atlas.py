"""Which memories lie near each other? PCA and UMAP of their codes, and what sets a selection apart."""

from __future__ import annotations

import streamlit as st

from core import MemoryBank, MemoryMap
from ui.address import link
from ui.atlas import data as map_data
from ui.atlas import form as atlas_form
from ui.atlas import laying
from ui.atlas import map as atlas
from ui.atlas import panel as atlas_panel
from ui.kit import choice, pictures, states, tray
from ui.kit.page import Body
from ui.shell import frame


def known(bank: MemoryBank) -> None:
    """The latent and the memory of the link, where they exist."""
    state = st.session_state
    choice.known_latent(bank)
    if state.get("memory") and bank.index().row(state["memory"]) is None:
        link.note(f"{bank.name} has no encoded memory “{state['memory'][:80]}”, so none is chosen.")
        state["memory"] = None


def maps(bank: MemoryBank, asked: atlas_form.Asked) -> dict[str, MemoryMap] | None:
    """The maps by their codes, or None while one has to be laid out."""
    busy = laying.progress(bank)
    found = {plan: map_data.memory_map(bank, plan) for plan in asked.plans}
    missing = [plan for plan, there in found.items() if there is None]
    if missing:
        if not busy:
            laying.offer(bank, missing)
        return None
    there = {plan: one for plan, one in found.items() if one is not None}
    if not busy:
        laying.newer(bank, {plan: one.since for plan, one in there.items()})
    return {plan.codes: one for plan, one in there.items()}


def figures(bank: MemoryBank, found: dict[str, MemoryMap], asked: atlas_form.Asked) -> atlas.Selection | None:
    """One map, or two with one selection."""
    selected = atlas.selection(bank, found, asked)
    if len(found) == 1:
        drawn = {codes: atlas.draw(bank, one, asked, selected, height=620) for codes, one in found.items()}
    else:
        with st.container(key="atlas_maps_split"):
            columns = st.columns([10, 13])
        drawn = {}
        for column, (codes, one) in zip(columns, found.items(), strict=True):
            with column:
                drawn[codes] = atlas.draw(bank, one, asked, selected, height=580, legend=codes == "sparse")
    pictures.row({f"{bank.name}-{codes}": figure for codes, figure in drawn.items()})
    return selected


def draw(page: Body) -> None:
    bank = page.bank
    states.told_problem()
    if states.nothing_to_recall(bank):
        return
    known(bank)
    asked = atlas_form.form(bank)
    tray.draw(bank, "atlas_tray")
    found = maps(bank, asked)
    if found is None:
        return
    if asked.text and not bank.knows_query(asked.text):
        with states.problems():
            states.waiting_for_model("the text is placed")
    columns = atlas.grouped(bank, found, asked)
    atlas_form.settle(bank, columns)
    selected = figures(bank, found, asked)
    first = next(iter(found.values()))
    atlas_panel.legend(bank, found, asked)
    atlas_form.select(columns)
    alone = None if selected is None or len(selected.rows) > 1 else first.ids[selected.rows[0]]
    choice.memory(bank, alone)
    for codes, one in found.items():
        page.export(f"{codes} map", lambda one=one: atlas.map_rows(bank, one, asked, selected))  # type: ignore[misc]
    if first.explained:
        page.export("axes", lambda: atlas.axis_rows(bank, first))
    if selected is not None:
        atlas_panel.selected(page, bank, first, selected, choice.choose_latent)
    page.python = atlas_panel.python(bank, first, selected)


frame.enter()
with frame.body("atlas") as body:
    draw(body)
