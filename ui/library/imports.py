"""Memories into a bank: uploads and paths, the running task, and its report."""

from __future__ import annotations

import streamlit as st

from core import FORMATS, CoreError, MemoryBank
from ui.kit import states
from ui.kit.uploads import reading, uploaded
from ui.session import access, jobs

FORMAT_WORDS = {
    "auto": "recognise it",
    "jsonl": "JSON Lines or JSON, one memory per object",
    "csv": "CSV, one memory per row",
    "parquet": "Parquet, one memory per row",
    "locomo": "LoCoMo dialogues",
    "longmemeval": "LongMemEval cases",
}


def start(bank: MemoryBank) -> None:
    """Begin to import what the form names, in the background."""
    state = st.session_state
    uploads, path, format = state.get(_upload_key()) or [], state["library_path"].strip(), state["library_format"]
    with states.kept_problem():
        if not uploads and not path:
            raise CoreError("Choose a file, or type the path of one.")
        scratch = uploaded(uploads) if uploads else None
        files = sorted(scratch.glob("*/*"), key=lambda f: int(f.parent.name)) if scratch else [access.server_path(path)]
        jobs.start(str(bank.path), f"Importing into {bank.name}", reading(bank, files, format, scratch), "intake")
        state["library_uploads"] = state.get("library_uploads", 0) + 1


def encode(bank: MemoryBank) -> None:
    with states.kept_problem():
        jobs.start(str(bank.path), f"Encoding {bank.name}", bank.encode(), "intake")


def _upload_key() -> str:
    """A new key empties the uploader after each import."""
    return f"library_upload_{st.session_state.get('library_uploads', 0)}"


def form(bank: MemoryBank) -> None:
    """Upload or path, format, Import."""
    job = jobs.of(bank)
    busy = job is not None and job.running
    st.file_uploader("Files", accept_multiple_files=True, key=_upload_key(), disabled=busy)
    st.text_input(
        "or a path on this machine", key="library_path", placeholder="~/conversations/locomo10.json", disabled=busy
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):  # wraps where the page is narrow
        st.selectbox(
            "Format",
            FORMATS,
            format_func=lambda f: FORMAT_WORDS.get(f, f),
            key="library_format",
            disabled=busy,
            width=260,
        )
        st.button(
            "Import", type="primary", icon=":material/upload_file:", disabled=busy, width="content",
            on_click=start, args=(bank,),
        )  # fmt: skip
