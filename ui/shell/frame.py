"""What stands around every page: the list of pages, the sidebar, the head with its actions, the foot.

``app.py`` opens the frame; each page begins with ``enter()`` and draws inside ``with body(...)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from core import HOME
from ui.address import link
from ui.kit import look, prose, states
from ui.kit.page import Body
from ui.session import access, answers, banks
from ui.shell import addresses, sidebar
from ui.shell import page as page_parts


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the page list. The file's stem is also the name in the URL."""

    group: str
    stem: str
    title: str
    icon: str
    question: str
    """The question the page answers: its headline."""


ENTRIES = (
    Entry("Ask", "recall", "Recall", "manage_search", "Which memories come back, and why?"),
    Entry("Ask", "compose", "Compose", "tune", "What comes back for a mixture of latents?"),
    Entry("Ask", "context", "Context", "inventory_2", "What would an assistant be given?"),
    Entry("Look", "memory", "Memory", "notes", "What fired while this memory was read?"),
    Entry("Look", "latents", "Latents", "grain", "What does a latent stand for?"),
    Entry("Look", "atlas", "Atlas", "scatter_plot", "Which memories lie near each other?"),
    Entry("Look", "overlap", "Overlap", "join_inner", "Which memories share latents?"),
    Entry("Look", "timeline", "Timeline", "timeline", "When does a latent fire over a dialogue?"),
    Entry("Measure", "separability", "Separability", "splitscreen", "Are related texts nearer than unrelated ones?"),
    Entry("Measure", "evaluate", "Evaluate", "fact_check", "How often does the evidence come back?"),
    Entry("Make", "library", "Library", "library_books", "Which memories are in this bank, and is it healthy?"),
    Entry("Make", "lab", "Lab", "science", "How does a small dictionary learn?"),
)
"""Every page there will be; those whose file does not exist are left out."""


def entries() -> list[Entry]:
    return [e for e in ENTRIES if (HOME / "pages" / f"{e.stem}.py").is_file()]


def pages() -> list[StreamlitPage]:
    """The first one also answers at the bare address. An icon here would be fetched from a host of fonts."""
    first, *_ = known = entries()
    home = st.Page(f"pages/{first.stem}.py", title=first.title, url_path="home", default=True)
    return [home, *(st.Page(f"pages/{e.stem}.py", title=e.title, url_path=e.stem) for e in known)]


def enter() -> None:
    """Each page's first line: a deep link into a fresh server runs the page alone, without the frame around it."""
    if not st.session_state.get("_framed"):
        st.navigation(pages(), position="hidden")
        st.rerun()


def open_app() -> StreamlitPage:
    """Everything before the page: configuration, style, the address, the sidebar."""
    listed = pages()
    page = st.navigation(listed, position="hidden")
    icon = str(HOME / "assets" / "logo-mark.svg")
    st.set_page_config(f"{page.title} · Mnemoscope", icon, layout="wide", initial_sidebar_state="auto")
    stem = page.url_path or entries()[0].stem
    if target := st.session_state.pop("_go", None):
        st.switch_page(next(p for p in listed if p.url_path == target))
    access.gate()
    dark = st.context.theme.type == "dark"
    st.logo(str(HOME / "assets" / ("logo-dark.svg" if dark else "logo.svg")), size="large", link=None)
    look.style()
    with states.problems():
        link.adopt(stem, addresses.of(stem))
    groups: dict[str, list[tuple[StreamlitPage, str]]] = {}
    by_stem = {p.url_path: p for p in listed}
    for entry in entries():
        shown = page if entry.stem == stem else by_stem[entry.stem]
        groups.setdefault(entry.group, []).append((shown, f":material/{entry.icon}:"))
    with st.sidebar, states.problems():
        sidebar.draw(groups)
    return page


@contextmanager
def drawing(page: StreamlitPage) -> Iterator[None]:
    """Around ``page.run()``: the page knows that it stands in the frame, and its address is written afterwards."""
    st.session_state["_framed"] = True
    try:
        yield
        link.publish(addresses.of(page.url_path or entries()[0].stem))
    finally:
        st.session_state["_framed"] = False


@contextmanager
def body(stem: str) -> Iterator[Body]:
    """The head, then the page, then the foot. A CoreError becomes one sentence; anything else stays loud."""
    entry = next(e for e in ENTRIES if e.stem == stem)
    with st.container(horizontal=True, vertical_alignment="center", key="page_head"):
        st.title(entry.question, anchor=False)
        actions = st.container(horizontal=True, horizontal_alignment="right", width="content")
    notices = st.container()
    opened, page = ExitStack(), None
    with states.problems():
        bank = banks.current()
        opened.enter_context(bank.kept_open())
        page = Body(bank)
    if page is None:
        st.stop()  # the sentence is all there is to show
    with opened, states.problems():
        yield page
    for sentence in page.bank.notices:
        notices.warning(prose.plain(sentence), icon=":material/history:")
    for sentence in link.notes():
        notices.warning(prose.plain(sentence), icon=":material/link_off:")
    with actions:
        page_parts.actions(link.address(stem, addresses.of(stem), addresses.PAGES), page)
    with states.problems():
        page_parts.foot(answers.provenance(page.bank, page.query))
