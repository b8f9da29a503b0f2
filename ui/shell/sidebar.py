"""The sidebar: which bank, which engine and its state, which page."""

from __future__ import annotations

import html

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from core import EMBEDDING, CoreError, EngineMissing
from ui.address import link, ways
from ui.address.fields import Scope
from ui.kit import prose
from ui.kit.colours import STATE_COLOURS
from ui.session import answers, banks, jobs

SECONDS_BETWEEN_LOOKS = 1.0
WHOLE = "<br>It reads a memory as one token: its latents have no place in the text."
LOOKS_BEFORE_LOADING = 2
"""The first look is part of the page; by the third the browser has drawn it, and the model may have the processor."""
WORDS = {
    "ready": "ready",
    "warming": "warming up",
    "cold": "not loaded yet",
    "missing": "files missing",
}


def draw(groups: dict[str, list[tuple[StreamlitPage, str]]]) -> None:
    """groups: by heading, each page with its icon."""
    names = list(banks.known())
    if st.session_state["bank"] not in names:
        link.note(f"There is no bank called “{st.session_state['bank']}” any more; this is the demo.")
        ways.use_bank(banks.DEMO)
    st.selectbox(
        "Bank",
        names,
        key="bank",
        on_change=link.forget,
        args=(Scope.BANK,),
        persist_state="session",
        help="Open or make others in the Library.",
    )
    state = st.container()
    for group, listed in groups.items():
        st.html(f'<div class="mn-group">{group}</div>')
        for page, icon in listed:
            st.page_link(page, icon=icon)
    with state:
        try:
            engine()
            _state()
        except CoreError:
            prose.small("This bank cannot be opened.")  # the page says why


def engine() -> None:
    """Which engine the bank is seen through: those that it holds codes of, and those that could encode it."""
    state = st.session_state
    try:
        offered = answers.engines(banks.current())
    except EngineMissing:
        offered = {}
    if state["engine"] not in offered:
        said = state["engine"][:80]
        ways.use_engine(banks.DEFAULT_ENGINE)
        offered = answers.engines(banks.current())
        link.note(f"The engine “{said}” is not here, nor has this bank codes of it. Known: {', '.join(offered)}.")
    st.selectbox(
        "Engine",
        list(offered),
        format_func=lambda name: name if offered[name] else f"{name} · no codes here",
        key="engine",
        on_change=engine_changed,
        persist_state="session",
        help="The model, the SAE and the dense embedder whose codes the pages show. Latents of one say nothing of "
        "another’s. Encode the bank with others in the Library.",
    )
    state["_engine"] = state["engine"]
    banks.use_engine()


def engine_changed() -> None:
    ways.use_engine(st.session_state["engine"])


def _busy() -> bool:
    job = jobs.of(banks.current())
    return banks.warmer().state in ("cold", "warming") or (job is not None and job.running)


def _state() -> None:
    """The bank's size and the engine's dot; looks again every second while something is going on."""
    looking = _busy()
    looks = 0

    @st.fragment(run_every=SECONDS_BETWEEN_LOOKS if looking else None)
    def state() -> None:
        nonlocal looks
        looks += 1
        if looks > LOOKS_BEFORE_LOADING:
            banks.warmer().start()
        if looking and not _busy():
            st.rerun()
        _draw_state()

    state()


def _draw_state() -> None:
    bank = banks.current()
    sizes = answers.counts(bank)
    warmer, job = banks.warmer(), jobs.of(bank)
    words, colour = WORDS[warmer.state], STATE_COLOURS.get(warmer.state, STATE_COLOURS["busy"])
    if job is not None and job.running:
        colour = STATE_COLOURS["busy"]
        words = f"encoding {prose.percent(job.share)}" if job.share else job.progress.note or "importing"
    pending = f" · {sizes['pending']:,} to encode" if sizes["pending"] else ""
    memories = "1 memory" if sizes["memories"] == 1 else f"{sizes['memories']:,} memories"
    st.html(
        f'<div class="mn-state" role="status">{memories}{pending}<br>'
        f'<span class="mn-dot" style="background:{colour}"></span>model {html.escape(words)}'
        f"{WHOLE if bank.engine.about.get('hook') == EMBEDDING else ''}</div>"
    )
