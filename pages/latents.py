"""What does a latent stand for? The dictionary, one latent from top to bottom, two texts under the microscope."""

from __future__ import annotations

import streamlit as st

from ui.kit import choice, states, tray
from ui.kit.export import notebook
from ui.kit.page import Body
from ui.latents import card as latent_card
from ui.latents import dictionary, health, label_files, learnt, microscope
from ui.latents.fields import VIEWS
from ui.session import answers
from ui.shell import frame


def show_dictionary(page: Body, latent: int | None) -> None:
    """Left the search and what it finds, right one latent."""
    bank = page.bank
    with st.container(key="latents_split"):
        left, right = st.columns([5, 6], gap="medium")
    with left:
        shown = dictionary.draw(bank, latent, choice.choose_latent)
    if shown is None:
        with right:
            st.caption("Choose a latent on the left to see what it stands for.")
        return
    with right:
        latent_card.draw(bank, shown, choice.choose_latent)
    page.export("latents", lambda: dictionary.export_rows(bank))
    page.python = dictionary.python(bank, shown)


def show_pair(page: Body, latent: int | None) -> None:
    bank = page.bank
    pair = microscope.draw(bank, latent, choice.choose_latent)
    if pair is not None:
        page.export("pair", lambda: microscope.export_rows(bank, pair))
        page.python = microscope.python(bank, pair)


def show_weights(page: Body) -> None:
    """What learning made of the latents."""
    bank = page.bank
    rows = learnt.draw(bank)
    if rows:
        page.export("learnt weights", lambda: rows)
    page.python = notebook(bank, "print(bank.learning.table().to_pandas())")


def show_health(page: Body) -> None:
    """How well the dictionary fits this bank, and how far its labels may be believed."""
    bank = page.bank
    found, here = answers.health(bank), answers.trust_figures(bank)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("The dictionary on this bank", anchor=False)
        health.card(found)
    with right:
        st.subheader("Trust in its labels", anchor=False)
        health.trust_card(found, here)
        label_files.trust(bank)
    health.blind_spots(answers.blind_spots(bank))
    page.export("health", lambda: health.rows(found) + health.trust_rows(found.training or {}, here))
    page.python = notebook(bank, "print(bank.health())", "for progress in bank.trust.measure():", "    print(progress)")


def draw(page: Body) -> None:
    bank = page.bank
    states.told_problem()
    label_files.told()
    if not bank.latents.n and states.nothing_to_recall(bank):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        view = st.segmented_control(
            "View", list(VIEWS), format_func=lambda v: VIEWS[v], key="latents_view",
            label_visibility="collapsed", persist_state="session", required=True,
        )  # fmt: skip
        if view == "dictionary":
            label_files.files(bank)
    tray.draw(bank, "latents_tray")
    latent = choice.known_latent(bank)
    if view == "health":
        show_health(page)
    elif view == "weights":
        show_weights(page)
    elif view == "pair":
        show_pair(page, latent)
    else:
        show_dictionary(page, latent)


frame.enter()
with frame.body("latents") as body:
    draw(body)
