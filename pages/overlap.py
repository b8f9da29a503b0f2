"""Which memories, sessions or categories share latents? A clustered heatmap, and two rows latent by latent."""

from __future__ import annotations

import streamlit as st

from ui.kit import choice, prose, states
from ui.kit.page import Body
from ui.overlap import clashes, pair
from ui.overlap import view as overlap
from ui.shell import frame


def zoomed_out(shown: overlap.View) -> None:
    """Where one is after zooming in, and the way back."""
    if st.session_state.get("overlap_zoom"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Back to all", icon=":material/zoom_out:", on_click=overlap.let_go, key="overlap_back")
            prose.small(f"{len(shown.found):,} {overlap.ROWS[shown.found.by]}, zoomed in")


def draw(page: Body) -> None:
    bank = page.bank
    if states.nothing_to_recall(bank):
        return
    kind = overlap.controls(bank)
    shown = overlap.view(bank)
    found = shown.found
    zoomed_out(shown)
    latent = choice.known_latent(bank)
    a, b = pair.chosen_rows(found) if shown.tiles is None else ("", "")
    with st.container(key="overlap_split"):
        left, right = st.columns([7, 5], gap="large")
    with left:
        if len(found) == 1:
            st.write("There is one row alone: choose other rows, or the whole bank, to compare.")
        else:
            places = {found.names[i]: place for place, i in enumerate(found.order)}
            overlap.heatmap(bank, shown, (places[a], places[b]) if shown.tiles is None else None, kind)
        if shown.tiles is None:
            pair.core_and_unique(bank, found, latent, choice.choose_latent)
    with right:
        if shown.tiles is None:
            pair.draw(bank, found, a, b, latent, choice.choose_latent)
        else:
            overlap.tiles(bank, shown)
    confused = clashes.draw(bank, st.session_state.get("conversation") or None)
    page.export("cells", lambda: overlap.export_cells(shown))
    page.export("order", lambda: overlap.export_order(shown))
    if shown.tiles is None and a != b:
        page.export("latents of the pair", lambda: pair.export_rows(bank, found, a, b))
    page.export("interference", lambda: clashes.export_rows(confused))
    page.python = overlap.python(bank, shown, a, b)


frame.enter()
with frame.body("overlap") as body:
    draw(body)
