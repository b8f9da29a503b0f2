"""How often does the evidence come back? The study's table with ours beside it, then curves, then the misses."""

from __future__ import annotations

import streamlit as st

from ui.evaluate import engines as versus
from ui.evaluate import misses, proofs, results
from ui.evaluate import runs as evaluation
from ui.evaluate.fields import RUN_VIEWS, VIEWS
from ui.kit import choice, states
from ui.kit.page import Body
from ui.session import answers
from ui.shell import frame


def draw(page: Body) -> None:
    bank = page.bank
    states.told_problem()
    looked = st.segmented_control(
        "What is measured", list(VIEWS), format_func=lambda name: VIEWS[name],
        key="evaluate_view", persist_state="session", required=True, label_visibility="collapsed",
    )  # fmt: skip
    if looked == "engines":
        versus.draw(page)
        return
    evaluation.form(bank)
    busy = evaluation.progress(bank)
    kept = bank.runs.list()
    runs = [run for run in kept if run.engine == bank.engine.fingerprint]
    if not runs:
        if not busy:
            evaluation.nothing_yet(bank)
        return
    run = evaluation.head(bank, runs)
    page.query = run.settings
    cases = answers.run_cases(bank, run.id)
    results.table(run)
    results.curves(cases, run)
    results.gains(run)
    view = st.segmented_control(
        "Look closer", list(RUN_VIEWS), format_func=lambda name: RUN_VIEWS[name], key="run_view",
        persist_state="session", required=True, label_visibility="collapsed",
    )  # fmt: skip
    latent = choice.known_latent(bank)
    page.export("figures", lambda: results.figure_rows(run))
    page.export("criteria", lambda: results.criterion_rows(run))
    page.export("questions", lambda: results.case_rows(run, cases))
    page.python = evaluation.python(bank, run)
    if view == "misses":
        misses.draw(bank, run, cases, latent)
        page.export("missed questions", lambda: misses.export_rows(run, cases, st.session_state["run_mode"]))
    elif view == "compare":
        compared = proofs.compare(bank, run, kept)
        if compared is not None:
            other = st.session_state["run_other"]
            page.export("gains", lambda: proofs.difference_rows(compared, other, run.id))
    elif view == "faithfulness":
        proofs.faithfulness(bank, run)
    else:
        found = proofs.audit(bank, run, latent)
        if found is not None:
            everything = range(len(found.latents))
            names = answers.labels(bank, found.latents)
            page.export("latents", lambda: proofs.audit_rows(found, everything, names))


frame.enter()
with frame.body("evaluate") as body:
    draw(body)
