"""Are related texts nearer than unrelated ones? Distributions with a null, and the latents behind one case."""

from __future__ import annotations

import streamlit as st

from ui.kit import choice, states
from ui.kit.page import Body
from ui.separability import cases
from ui.separability import view as separability
from ui.session import answers
from ui.shell import frame


def draw(page: Body) -> None:
    bank = page.bank
    states.told_problem()
    cases.told()
    source, similarity, easy, kind = cases.controls(bank)
    if not cases.ready(bank, source):
        return
    found = answers.separation(bank, source, similarity)
    if easy and not found.cases_easy:
        st.write("None of these cases has a question about another dialogue: compare within the same one.")
        return
    if similarity == "cosine_idf" and not found.weighted:
        st.caption("This dictionary comes without training statistics, so every latent weighs the same.")
    chosen = separability.chosen_case(found, easy)
    modes, shown = separability.sides(found, easy)
    with st.container(key="sep_figures"):
        left, right = st.columns([3, 2], gap="large")
    with left:
        separability.violins(bank, found, easy, chosen, kind, source)
    with right:
        compared = found.differences_easy if easy else found.differences
        separability.compared(bank, compared, kind, len(shown))
    separability.table(modes)
    st.subheader("One case: click a point, or choose it here", anchor=False)
    separability.case(bank, found, easy, chosen, choice.choose_latent, choice.known_latent(bank))
    page.export("figures", lambda: separability.export_modes(found, easy))
    page.export("cases", lambda: separability.export_cases(found, easy))
    page.export("latents of the case", lambda: separability.export_latents(bank, found, easy, chosen))
    page.python = separability.python(bank, source, similarity, chosen)


frame.enter()
with frame.body("separability") as body:
    draw(body)
