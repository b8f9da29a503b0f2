"""Labels as files, and their trust measured in this bank."""

from __future__ import annotations

import shutil
from functools import partial

import streamlit as st

from core import MemoryBank
from ui.kit import export, prose, reports, states
from ui.kit.uploads import uploaded
from ui.session import jobs


def take(bank: MemoryBank, key: str) -> None:
    """Store the labels of an uploaded file as your own."""
    file = st.session_state[key]
    if file is None:
        return
    scratch = uploaded([file])
    try:
        with states.kept_problem():
            stored = bank.latents.import_labels(next(scratch.glob("*/*")))
            said = "1 label was" if stored == 1 else f"{stored:,} labels were"
            st.session_state["_labels_told"] = f"{said} stored as your own; equal ones were left alone."
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    st.session_state["latents_uploads"] = st.session_state.get("latents_uploads", 0) + 1


def told() -> None:
    if sentence := st.session_state.pop("_labels_told", ""):
        st.success(prose.plain(sentence), icon=":material/check_circle:")


def whole(bank: MemoryBank, kind: str) -> bytes:
    return export.table_file(bank.latents.export_labels(), kind)


def files(bank: MemoryBank) -> None:
    """Labels out, and in again."""
    with st.popover("Labels", icon=":material/label:", key="latents_label_files"):
        st.caption("Every latent with its label and figures: number, label, source, trust, density, memories.")
        with st.container(horizontal=True):
            for kind in ("csv", "parquet"):
                st.download_button(
                    export.KINDS[kind], data=partial(whole, bank, kind), file_name=f"{bank.name}-labels.{kind}",
                    on_click="ignore", key=f"latents_labels_{kind}",
                )  # fmt: skip
        key = f"latents_upload_{st.session_state.get('latents_uploads', 0)}"
        st.file_uploader(
            "Your labels from a CSV with the columns latent and label", type=["csv"], key=key, on_change=take,
            args=(bank, key), help="They are kept in this bank as your own and shown before all others. An empty "
            "label takes yours away.",
        )  # fmt: skip


def measure(bank: MemoryBank) -> None:
    with states.kept_problem():
        jobs.start(str(bank.path), f"Measuring trust in {bank.name}", bank.trust.measure(), "trust")


def trust(bank: MemoryBank) -> None:
    """The button, the running task with Stop, and how it ended."""
    job = jobs.of(bank)
    if job is not None and job.running:
        prose.small(job.title)
        reports.watch(job)
        return
    st.button(
        "Measure trust in this bank", icon=":material/verified:", on_click=measure, args=(bank,), key="latents_measure",
        help="Encodes every label once, then asks how well it tells the memories that fire its latent strongly from "
        "similar ones that do not.",
    )  # fmt: skip
    if job is not None and job.kind == "trust":
        reports.outcome(bank, job)
        st.button("Close this report", key="latents_dismiss", on_click=jobs.dismiss, args=(str(bank.path),))
