"""Weights of latents: which ones learning raises and silences, and learning from this bank's own questions."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import WEIGHTINGS, MemoryBank
from ui.address import ways
from ui.kit import labels, prose, reports, states
from ui.query import marks
from ui.session import answers, jobs
from ui.session.jobs import Job

SHOWN = 14
NAMES = {"learnt": "Came with the dictionary", "yours": "Learnt in this bank"}


def draw(bank: MemoryBank) -> list[dict[str, Any]]:
    """What was learnt, as two tables; the rows for export."""
    known = [name for name in NAMES if name in bank.index().learnt]
    job = jobs.of(bank)
    if job is not None and job.kind == "learn":
        watch(bank, job)
    rows = shown(bank, known) if known else []
    if not known:
        st.write("Nothing was learnt for this engine yet: every latent counts by its rarity alone.")
    learn_here(bank, "yours" in known)
    return rows


def shown(bank: MemoryBank, known: list[str]) -> list[dict[str, Any]]:
    name = known[0]
    if len(known) > 1:
        name = st.segmented_control(
            "Weights", known, format_func=NAMES.__getitem__, default=known[-1], key="learnt_name", required=True
        )
    st.write(
        "A score is a sum over latents. Learning multiplies each latent of a query by one number: above 1, sharing it "
        "tells more than its rarity says; below 1, less."
    )
    st.caption(prose.plain(f"Learnt on {'; '.join(bank.learning.learnt_on(name))}."))
    rows: list[dict[str, Any]] = bank.learning.table(name, SHOWN).to_pylist()
    names = answers.labels(bank, (row["latent"] for row in rows))
    half = (len(rows) + 1) // 2
    left, right = st.columns(2, gap="large")
    with left:
        table("Raised most", rows[:half], names)
    with right:
        table("Silenced most", rows[half:][::-1], names)
    return [{"weights": name} | row | labels.columns(row["latent"], names) for row in rows]


def table(title: str, rows: list[dict[str, Any]], names: labels.Names) -> None:
    """A row opens its latent."""
    st.subheader(title, anchor=False)
    key = f"learnt_{title.split(maxsplit=1)[0].lower()}"

    def chosen() -> None:
        picked = st.session_state[key].selection.rows
        if picked:
            ways.open_latent(rows[picked[0]]["latent"])

    st.dataframe(
        [row | labels.cells(row["latent"], names) for row in rows], hide_index=True, key=key, on_select=chosen,
        selection_mode="single-row", height="content", placeholder="–",
        alt=f"{title}: {len(rows)} latents with label, trust and weight; a row opens its latent.",
        column_order=("label", "weight", "trust", "memories", "latent"),
        column_config={  # what a reader needs first stays in sight where the window is narrow
            "label": st.column_config.TextColumn("Label", width=110),
            "weight": st.column_config.NumberColumn("Weight", format="%.2f", width=55),
            "trust": labels.trust_column(width=50),
            "memories": st.column_config.NumberColumn(
                "Memories", format="localized", width=75, help="Of this bank that fire it."
            ),
            "latent": st.column_config.NumberColumn("Latent", format="%d", width=60),
        },
    )  # fmt: skip


def learn_here(bank: MemoryBank, has_own: bool) -> None:
    """Learn from the questions of this bank, or forget what was learnt."""
    cases = marks.cases(bank)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Learn from this bank’s questions and marks ({len(cases):,})", icon=":material/school:", on_click=start,
            args=(bank,), disabled=not cases, key="learnt_start",
            help=f"Starts from the weights above and adds “{WEIGHTINGS['yours'].label}” to the choices on Recall.",
        )  # fmt: skip
        if has_own:
            st.button("Forget them", icon=":material/undo:", on_click=bank.learning.forget, key="learnt_forget")
        if not cases:
            prose.small("It has none with evidence: mark hits as right on Recall, or import a file with questions.")


def start(bank: MemoryBank) -> None:
    cases = marks.cases(bank)
    learnt_on = sorted({q.source or "questions" for q in cases})
    with states.kept_problem():
        jobs.start(str(bank.path), f"Learning weights in {bank.name}", bank.learning.learn(cases, learnt_on), "learn")


def watch(bank: MemoryBank, job: Job) -> None:
    """Progress while it learns; afterwards what came of it."""
    if job.running:
        reports.watch(job)
        return
    reports.outcome(bank, job)
    st.button("Close this report", key="learnt_dismiss", on_click=jobs.dismiss, args=(str(bank.path),))
