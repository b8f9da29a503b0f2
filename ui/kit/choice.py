"""What is chosen in the session, a latent and a memory: choosing them, and whether they are there."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from core import MemoryBank
from ui.address import link, ways
from ui.kit import components, prose
from ui.kit.tokens import strongest
from ui.session import answers

CHIPS = 8
"""Latents of the chosen memory."""


def choose_latent(latent: int) -> None:
    """From a component, which says −1 for letting go."""
    st.session_state["latent"] = None if latent < 0 else int(latent)


def known_latents(bank: MemoryBank, latents: Iterable[int]) -> list[int]:
    """Those that this dictionary has, in their order; of each other one it is said that there is none."""
    given, n = list(latents), bank.latents.n
    for latent in sorted({i for i in given if i >= n}):
        link.note(f"Latent {latent} does not exist: this dictionary has {n:,} (0–{n - 1}).")
    return [i for i in given if i < n]


def known_latent(bank: MemoryBank) -> int | None:
    """The latent of the link, where this dictionary has it."""
    chosen: int | None = st.session_state.get("latent")
    if chosen is not None and not known_latents(bank, [chosen]):
        chosen = st.session_state["latent"] = None
    return chosen


def memory(bank: MemoryBank, only: str | None = None) -> None:
    """The chosen memory, or the only one selected: its words and its strongest latents."""
    chosen = st.session_state.get("memory") or only
    found = answers.memories(bank, (chosen,)).get(chosen) if chosen else None
    codes = answers.codes(bank, (chosen,)).get(chosen) if chosen else None
    if found is None or codes is None:
        return
    with st.container(border=True, key="atlas_memory"):
        with st.container(horizontal=True, vertical_alignment="center"):
            facts = (found.id, found.role, found.conversation, found.session, found.category)
            prose.small(" · ".join(fact for fact in facts if fact))
            st.button(
                "Open in Memory", icon=":material/notes:", on_click=ways.open_memory,
                args=(found.id, st.session_state.get("latent")),
            )  # fmt: skip
            if st.session_state.get("memory"):
                st.button("Let go", icon=":material/close:", on_click=let_go)
        st.text(found.text)
        first = strongest(codes, found.text)[:CHIPS]
        names = answers.labels(bank, (latent for latent, *_ in first))
        chips = [components.chip(i, word, value, names.get(i)) for i, value, word in first]
        data = {"before": "fires", "chips": chips, "after": "", "latent": st.session_state.get("latent")}
        components.draw("chips", "atlas_memory_chips", data, latent=choose_latent)


def let_go() -> None:
    st.session_state.update(memory=None, _atlas_live=None)
