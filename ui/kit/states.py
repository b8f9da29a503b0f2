"""What a page says instead of its numbers: a problem, an empty bank, a model that is not loaded yet."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core import CoreError, MemoryBank
from ui.address import ways
from ui.kit.prose import plain
from ui.session import answers, banks


@contextmanager
def problems() -> Iterator[None]:
    """A CoreError is a sentence for the reader; any other exception is ours, and stays loud."""
    try:
        yield
    except CoreError as problem:
        st.error(plain(str(problem)), icon=":material/error:")


@contextmanager
def kept_problem() -> Iterator[None]:
    """In a callback nothing can be drawn: keep the sentence for ``told_problem``."""
    try:
        yield
    except CoreError as problem:
        st.session_state["_problem"] = str(problem)


def told_problem() -> None:
    if sentence := st.session_state.pop("_problem", ""):
        st.error(plain(sentence), icon=":material/error:")


def to_library(sentence: str, label: str = "Open the Library") -> None:
    """An empty state: what is missing, and the next click."""
    st.html(f"<p>{html.escape(sentence)}</p>")
    st.button(label, icon=":material/library_books:", on_click=ways.to, args=("library",), type="primary")


def nothing_to_recall(bank: MemoryBank) -> bool:
    """Says so, and what to do, where a bank has no codes to look at."""
    sizes = answers.counts(bank)
    if not sizes["memories"]:
        to_library(
            f"The bank “{bank.name}” is empty. Import memories in the Library, or choose the demo in the sidebar."
        )
    elif sizes["pending"] == sizes["memories"]:
        held = answers.held_codes(bank)
        older = any(one.name == bank.engine.name for one in held)
        to_library(
            f"The codes of “{bank.name}” were made by another version of {bank.engine.name}, with which its latents "
            "cannot be compared: encode it anew in the Library."
            if older
            else f"None of the {sizes['memories']:,} memories of “{bank.name}” has latents of engine "
            f"{bank.engine.name} yet. Encode them in the Library."
        )
        for name in dict.fromkeys(one.name for one in held if one.name != bank.engine.name):
            st.button(f"Look through {plain(name)}", icon=":material/visibility:", on_click=ways.use_engine,
                      args=(name,), key=f"look_through_{name}")  # fmt: skip
    return bool(sizes["pending"] == sizes["memories"])


def waiting_for_model(what: str) -> None:
    """Said while the model is being loaded; the page comes back by itself. Without its files, what to do instead."""
    bank, warmer = banks.current(), banks.warmer()
    if warmer.problems and answers.counts(bank)["pending"] < answers.counts(bank)["memories"]:
        st.warning(
            plain(f"New words need the model of {bank.engine.name}, which cannot work here: "
                  f"{' '.join(warmer.problems)} Its stored codes answer everything else."),
            icon=":material/cloud_off:",
        )  # fmt: skip
        return
    if warmer.problems:
        raise CoreError(" ".join(warmer.problems))
    st.status(f"The model is warming up: {what} when it is ready, usually within ten seconds.", state="running")
