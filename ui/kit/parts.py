"""Small drawn pieces that every page uses. Memories' words reach the page escaped, or not at all."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from core import CoreError, MemoryBank
from ui.address import link, ways
from ui.kit.colours import ACCENTS
from ui.kit.export import KINDS, file_of
from ui.kit.fields import FORMATS
from ui.session import answers, banks

if TYPE_CHECKING:
    from ui.shell.frame import Body

STYLE = Path(__file__).parent / "web" / "frame.css"


def style() -> None:
    st.html(STYLE)


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


def plain(text: str) -> str:
    """Any text as Markdown that shows just these characters."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=])", r"\\\1", text).replace("\n", " ")


def short(text: str, width: int = 90) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def number(value: float) -> str:
    """As many digits as a score deserves: .525, 9.81, 81.8, 1,204"""
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 1 else f"{value:.3f}".replace("0.", ".", 1)


def percent(share: float) -> str:
    """41 %, 6.4 %"""
    return f"{100 * share:.0f}\u202f%" if share >= 0.0995 or share == 0 else f"{100 * share:.1f}\u202f%"


def small(text: str) -> None:
    st.html(f'<div class="mn-small">{html.escape(text)}</div>')


def facts(pairs: dict[str, str]) -> None:
    """Names and values, the values as they are."""
    rows = "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in pairs.items() if v)
    st.html(f'<dl class="mn-facts">{rows}</dl>')


def foot(provenance: dict[str, Any]) -> None:
    """Where the numbers of this page come from."""
    said = " · ".join(f"{name.replace('_', ' ')} {value}" for name, value in provenance.items() if value != "")
    st.html(f'<div class="mn-foot">{html.escape(said)}</div>')


def actions(address: str, page: Body | None) -> None:
    """Link, Export, Copy as Python."""
    with st.popover("Link", icon=":material/link:"):
        st.caption("Opens exactly this view, wherever this app runs with the same bank.")
        st.code(address, language=None, wrap_lines=True)
    if page is None:
        return
    if page.exports:
        with st.popover("Export", icon=":material/download:"):
            stamp = answers.provenance(page.bank, page.query)
            for name, rows in page.exports:
                st.caption(f"{name.capitalize()}, each file with its provenance")
                with st.container(horizontal=True):
                    for kind in KINDS:
                        st.download_button(
                            KINDS[kind],
                            data=partial(_file, rows, stamp, kind),
                            file_name=f"{page.bank.name}-{name.replace(' ', '-')}.{kind}",
                            on_click="ignore",
                            key=f"export_{name}_{kind}",
                        )
    if page.python:
        with st.popover("Copy as Python", icon=":material/code:"):
            st.code(page.python, language="python")


def _file(rows: Callable[[], list[dict[str, Any]]], stamp: dict[str, Any], kind: str) -> bytes:
    return file_of(rows(), stamp, kind)


def conversation_select(bank: MemoryBank, width: int | Literal["stretch"] = "stretch") -> str | None:
    """The shared filter: one conversation, or None for the whole bank."""
    names = answers.conversations(bank)
    chosen = st.session_state.get("conversation")
    if chosen and chosen not in names:
        link.note(f"{bank.name} has no conversation “{chosen[:80]}”; this is the whole bank.")
        st.session_state["conversation"] = ""
    picked: str = st.selectbox(
        "Conversation",
        ["", *names],
        format_func=lambda name: f"{name} ({names[name]:,})" if name else "all",
        key="conversation",
        persist_state="session",
        width=width,
        disabled=not names,
    )
    return picked or None


def theme() -> str:
    """``light`` or ``dark``, as the visitor's browser shows the page."""
    return "dark" if st.context.theme.type == "dark" else "light"


def accent() -> str:
    return ACCENTS[theme()]


def picture_format() -> str:
    """What Plotly's camera makes of the figures of a page."""
    chosen = st.segmented_control(
        "Picture as", FORMATS, key="picture_format", format_func=str.upper, persist_state="session", required=True,
        help="What the camera above a figure saves.",
    )  # fmt: skip
    return chosen or FORMATS[0]


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
