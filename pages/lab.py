"""How does a small dictionary learn? Train the narrative SAEs phase by phase, and compare runs side by side."""

from __future__ import annotations

import streamlit as st

from core import Lab
from ui.kit import states, widgets
from ui.kit.page import Body
from ui.lab import form as lab
from ui.lab import views as lab_views
from ui.lab.fields import VIEWS
from ui.shell import frame


def draw(page: Body) -> None:
    bank = page.bank
    states.told_problem()
    lab.form(bank)
    busy = lab.progress()
    heads = Lab().list()
    if not heads:
        if not busy:
            st.write(
                "Nothing was trained here yet. A run takes seconds: it learns a few episodes whose structure is known, "
                "and shows which latents each kind of episode keeps. Train, or begin with the source’s three β."
            )
        return
    runs = lab.chosen(heads)
    if not runs:
        st.write("Choose at least one run.")
        return
    view = st.segmented_control(
        "Look at", list(VIEWS), format_func=lambda name: VIEWS[name], key="lab_view",
        persist_state="session", required=True, label_visibility="collapsed",
    )  # fmt: skip
    lab_views.VIEWS[view or "sparsity"](runs)
    widgets.picture_format()
    page.export("figures", lambda: lab_views.figure_rows(runs))
    page.export("traces", lambda: lab_views.trace_rows(runs))
    page.export("latents by category", lambda: lab_views.latent_rows(runs))
    page.export("losses", lambda: lab_views.loss_rows(runs))
    page.python = lab_views.python(bank, runs)


frame.enter()
with frame.body("lab") as body:
    draw(body)
