"""The chosen latent of the session: choosing it, and whether this dictionary has it."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from core import MemoryBank
from ui.address import link


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
