"""Laying a UMAP out in the background: the button, the progress with Stop, and what became of it."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import streamlit as st

from core import MapPlan, MemoryBank, Progress
from ui.kit import states, task
from ui.session import jobs
from ui.session.jobs import duration


def key(bank: MemoryBank) -> str:
    """Beside the bank's import, which is a job of its own."""
    return f"{bank.path} map"


def laying(bank: MemoryBank, plans: Sequence[MapPlan]) -> Generator[Progress, None, int]:
    """One map after the other, as one task."""
    for i, plan in enumerate(plans):
        fitting = bank.maps.fit(plan)
        for step in fitting:
            yield Progress(i * step.total + step.done, len(plans) * step.total, f"{plan.codes}: {step.note}")
    return len(plans)


def start(bank: MemoryBank, plans: Sequence[MapPlan]) -> None:
    with states.kept_problem():
        jobs.start(key(bank), f"Laying out maps of {bank.name}", laying(bank, plans))


def offer(bank: MemoryBank, missing: Sequence[MapPlan]) -> None:
    """Said where a UMAP is not there yet."""
    n = len(bank.index())
    seconds = 15 + n * len(missing) / 600
    kinds = " and the ".join(plan.codes for plan in missing)
    with st.container(horizontal=True, vertical_alignment="center", key="atlas_offer"):
        st.write(
            f"The {kinds} UMAP of these {n:,} memories with these settings is not laid out yet. It takes about "
            f"{duration(seconds)}, once; then it is kept in the bank."
        )
        st.button(
            "Lay it out" if len(missing) == 1 else "Lay them out", type="primary", icon=":material/scatter_plot:",
            on_click=start, args=(bank, tuple(missing)), key="atlas_lay_out",
        )  # fmt: skip


def progress(bank: MemoryBank) -> bool:
    """The running task, or how it ended; whether it is running."""
    return task.panel(key(bank), "atlas_stop", "Nothing was changed.")


def newer(bank: MemoryBank, since: dict[MapPlan, int]) -> None:
    """Memories that came after a map was laid out: they are placed on it, and a click lays it out anew."""
    stale = {plan: n for plan, n in since.items() if n}
    if not stale:
        return
    n = max(stale.values())
    memories = "One memory was" if n == 1 else f"{n:,} memories were"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{memories} placed since this map was laid out; everything else stayed where it was.")
        st.button("Lay it out anew", icon=":material/refresh:", on_click=start, args=(bank, tuple(stale)))
