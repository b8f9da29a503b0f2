"""What comes back for a mixture of latents? Each with a slider from minus to plus, and its part in every hit."""

from __future__ import annotations

import streamlit as st

from core import Query
from ui.compose import adding, composer, mixer, mixture, saved
from ui.kit import states
from ui.kit.page import Body
from ui.query import marks
from ui.session import answers
from ui.shell import frame


def show(page: Body, query: Query) -> None:
    """Right: the memories, with what each latent added; below them the mixture as an equation and as Python."""
    bank = page.bank
    page.python = mixture.python(bank, query)
    if not query.text and not query.terms:
        mixture.examples(bank)
        return
    page.query = query
    if query.text and not bank.knows_query(query.text):
        states.waiting_for_model("these words are answered")
        return
    found = answers.search(bank, query)
    best = tuple(found.ids[i] for i in found.top("sparse"))
    names = answers.labels(bank, [term.latent for term in query.terms])
    if best:
        shares, memories = bank.recall.contributions(query, best), answers.memories(bank, best)
        mixture.draw(bank, found, shares, memories)
        page.export("hits", lambda: mixture.export_rows(found, shares, memories, names))
        if answers.marks(bank, query.text):
            page.export("marks", lambda: marks.export_rows(bank))
    else:
        mixture.nothing(query)
    mixture.equation(query, names)
    st.code(page.python, language="python")


def draw(page: Body) -> None:
    bank = page.bank
    states.told_problem()
    if states.nothing_to_recall(bank):
        return
    query = mixer.query_form(bank)
    saved.told(bank)
    composer.likes(bank)
    with st.container(key="compose_split"):
        left, right = st.columns([5, 7], gap="medium")
    with left:
        mixer.acts(bank, query)
        mixer.liking(bank, query)
        mixer.words(bank, query)
        mixer.sliders(bank)
        adding.draw(bank)
    with right:
        show(page, query)


frame.enter()
with frame.body("compose") as body:
    draw(body)
