"""Which separability cases: of the bank, the demo or a file of one's own, and codes for their texts."""

from __future__ import annotations

import shutil

import streamlit as st

from core import SIMILARITIES, CoreError, MemoryBank
from ui.address import link
from ui.kit import prose, reports, states, widgets
from ui.kit.uploads import uploaded
from ui.session import answers, banks, jobs
from ui.session.jobs import Job

AGAINST = {"same": "the same dialogue", "other": "another dialogue"}


def take(bank: MemoryBank, key: str) -> None:
    """Keep the cases of an uploaded file in the bank, and show them."""
    file = st.session_state[key]
    if file is None:
        return
    scratch = uploaded([file])
    try:
        with states.kept_problem():
            path = next(scratch.glob("*/*"))
            n, refused = bank.separability.add(path)
            st.session_state.update(sep_source=path.name, sep_case=None)
            st.session_state["_sep_told"] = (n, path.name, [str(one) for one in refused])
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    st.session_state["sep_uploads"] = st.session_state.get("sep_uploads", 0) + 1


def forget(bank: MemoryBank, source: str) -> None:
    with states.kept_problem():
        bank.separability.remove(source)
        st.session_state.update(sep_source="", sep_case=None)


def told() -> None:
    """What became of an uploaded file, line by line."""
    if found := st.session_state.pop("_sep_told", None):
        n, name, refused = found
        st.success(
            f"{n:,} case{'' if n == 1 else 's'} of {prose.plain(name)} kept in this bank.",
            icon=":material/check_circle:",
        )
        for sentence in refused[:5]:
            st.warning(prose.plain(sentence), icon=":material/report:")
        if len(refused) > 5:
            st.caption(f"{len(refused) - 5:,} more lines were not cases.")


def source_words(source: str, n: int) -> str:
    named = {"questions": "this bank’s questions", "demo": "the demo’s cases"}
    return f"{named.get(source, source)} ({n:,})"


def changed() -> None:
    st.session_state["sep_case"] = None


def controls(bank: MemoryBank) -> tuple[str, str, bool, str]:
    """(source, similarity, whether against another dialogue, format of the picture)"""
    known = answers.case_sources(bank)
    state = st.session_state
    if state["sep_source"] not in known:
        if state["sep_source"]:
            link.note(f"{bank.name} has no cases “{state['sep_source'][:80]}”; these are others.")
        # The demo's own cases are made for this; any other bank is asked its own questions first.
        state["sep_source"] = "demo" if bank.name == banks.DEMO else next(iter(known))
    with st.container(horizontal=True, vertical_alignment="bottom", key="sep_controls"):
        source = st.selectbox("Cases", list(known), key="sep_source", on_change=changed, persist_state="session",
                              format_func=lambda name: source_words(name, known[name]), width=215)  # fmt: skip
        with st.popover("Your own", icon=":material/upload_file:", key="sep_own"):
            own(bank, source)
        similarity = st.selectbox("Sparse similarity", list(SIMILARITIES), key="sep_similarity", width=262,
                                  format_func=lambda name: SIMILARITIES[name], persist_state="session")  # fmt: skip
        against = st.segmented_control("Unrelated question from", list(AGAINST), key="sep_against", required=True,
                                       format_func=lambda name: AGAINST[name], persist_state="session")  # fmt: skip
        kind = widgets.picture_format()
    return source, similarity, against == "other", kind


def own(bank: MemoryBank, source: str) -> None:
    """Cases in, and out again."""
    key = f"sep_upload_{st.session_state.get('sep_uploads', 0)}"
    st.file_uploader("Cases as JSON Lines", type=["jsonl", "ndjson", "json"], key=key, on_change=take, args=(bank, key))
    st.caption("Each line an object with the texts context, related and unrelated; case (its name) and "
               "unrelated_other_dialogue may stand there too. They are kept in this bank.")  # fmt: skip
    st.code('{"context": "…", "related": "…", "unrelated": "…"}', language="json")
    if source not in ("questions", "demo"):
        st.button(f"Forget the cases of {prose.plain(source)}", icon=":material/delete:", key="sep_forget",
                  on_click=forget, args=(bank, source), help="Your file stays as it is.")  # fmt: skip


# --- codes ------------------------------------------------------------------------------------------------------------


def encode(bank: MemoryBank, source: str) -> None:
    with states.kept_problem():
        cases = answers.cases(bank, source)
        jobs.start(str(bank.path), f"Encoding cases of {bank.name}", bank.separability.encode(cases))


def ready(bank: MemoryBank, source: str) -> bool:
    """Whether every text has codes; else the button that makes them, or the task that is at it."""
    missing = answers.case_texts_missing(bank, source)
    job: Job | None = jobs.of(bank)
    if job is not None and job.running:
        prose.small(job.title)
        reports.watch(job)
        return not missing
    if job is not None and missing and job.state == "failed":
        if job.error is not None:
            raise job.error
        raise CoreError(job.problem)
    if missing:
        st.write(f"{missing:,} of the texts in these cases have no codes yet. They are encoded once and kept.")
        st.button("Encode them", type="primary", icon=":material/bolt:", on_click=encode, args=(bank, source),
                  key="sep_encode")  # fmt: skip
    return not missing
