"""Which memories are in this bank, and is it healthy? Open, import, encode, check, export."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core import MemoryBank
from ui.address import ways
from ui.kit import export, prose, reports, states
from ui.kit.page import Body
from ui.latents import health
from ui.library import engines, imports
from ui.session import answers, banks, jobs
from ui.shell import frame


def open_or_create() -> None:
    with st.popover("Open or create a bank", icon=":material/folder_open:"):
        st.text_input("A new bank, by name", key="library_name", placeholder="my conversations")
        st.button("Create", on_click=attempt, args=("create",), key="library_create")
        st.caption(f"It is kept as a file in {prose.plain(str(banks.folder()))}.")
        st.text_input("A bank anywhere, by path", key="library_open_path", placeholder="~/research/memories.duckdb")
        with st.container(horizontal=True):
            st.button("Open", on_click=attempt, args=("open",), key="library_open")
            st.button("Create there", on_click=attempt, args=("make",), key="library_make")


def attempt(what: str) -> None:
    """A button of the popover; a problem is told above the page."""
    state = st.session_state
    with states.kept_problem():
        if what == "create":
            ways.use_bank(banks.create(state["library_name"]))
        else:
            ways.use_bank(banks.add_path(state["library_open_path"], make=what == "make"))


def contents(bank: MemoryBank) -> None:
    """What is in the bank, and what can be done with all of it at once."""
    sizes = answers.counts(bank)
    with st.container(horizontal=True, gap="large"):
        for name in ("memories", "conversations", "questions", "sources"):
            st.metric(name.capitalize(), f"{sizes[name]:,}", width="content")
    job = jobs.of(bank)
    busy = job is not None and job.running
    if not sizes["memories"] and not busy:
        st.write("This bank is empty. Import memories below, or look around in the demo first.")
        st.button("Open the demo", on_click=ways.use_bank, args=(banks.DEMO,), icon=":material/auto_awesome:")
    if sizes["pending"] and not busy:
        st.write(f"{sizes['pending']:,} memories have no latents yet, so they cannot be recalled.")
        st.button("Encode them", type="primary", icon=":material/bolt:", on_click=imports.encode, args=(bank,))


def whole(bank: MemoryBank, what: str, kind: str) -> bytes:
    return export.table_file(bank.memories.table(what), kind)


def exports(bank: MemoryBank) -> None:
    """The whole bank as files."""
    sizes = answers.counts(bank)
    st.caption("Memories: id, text, role, conversation, session, position, created, category, source, meta.")
    with st.container(horizontal=True):
        for kind, name in export.WHOLE.items():
            st.download_button(
                f"Memories as {name}",
                data=partial(whole, bank, "memories", kind),
                file_name=f"{bank.name}-memories.{kind}",
                on_click="ignore",
                key=f"library_memories_{kind}",
                disabled=not sizes["memories"],
            )
    st.caption(
        "Codes: the dense vector and every latent with its maximum, sum and peak; "
        "each row carries the engine's fingerprint."
    )
    st.download_button(
        "Codes as Parquet", data=partial(whole, bank, "codes", "parquet"),
        file_name=f"{bank.name}-codes.parquet", on_click="ignore", key="library_codes",
        disabled=sizes["pending"] == sizes["memories"],
    )  # fmt: skip


def draw(page: Body) -> None:
    bank = page.bank
    states.told_problem()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(prose.plain(bank.name), anchor=False, width="content")
        prose.small(str(bank.path))
        open_or_create()
    contents(bank)
    reports.progress(bank)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Import", anchor=False)
        imports.form(bank)
    with right:
        st.subheader("Engine health", anchor=False)
        health.card(answers.health(bank))
    engines.section(bank)
    st.subheader("Export", anchor=False)
    exports(bank)
    page.python = (
        f"from core import MemoryBank\n\nbank = MemoryBank.open({str(bank.path)!r}, {bank.engine.name!r})\n"
        'for progress in bank.import_files(["memories.jsonl"]):\n    print(progress)\nprint(bank.health())'
    )


frame.enter()
with frame.body("library") as body:
    draw(body)
