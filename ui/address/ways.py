"""Ways to other pages, banks and engines, for callbacks: what is chosen goes along, or is let go of."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ui.address.fields import Field, Scope, Value, declared
from ui.address.link import forget

LEFT = Value(key="_left", default=dict, scope=Scope.BANK)
"""What was chosen under engines that one has left, by their names."""


def to(page: str) -> None:
    """Show another page next, with the session as it is."""
    st.session_state["_go"] = page


def use_bank(name: str) -> None:
    """Look into another bank."""
    if st.session_state.get("bank") != name:
        st.session_state["bank"] = name
        forget(Scope.BANK)


def use_engine(name: str) -> None:
    """See the bank through another engine. What was chosen under one waits until it is used again: latents of one are
    none of another’s."""
    state, before = st.session_state, st.session_state.get("_engine")
    left: dict[str, dict[str, Any]] = state.setdefault(LEFT.key, {})
    chosen = [value.key for value in declared(Scope.ENGINE) if isinstance(value, Field)]
    left[str(before)] = {key: state.get(key) for key in chosen}
    state["engine"] = name
    forget(Scope.ENGINE)
    state.update(left.get(name, {}))


def open_latent(latent: int) -> None:
    """Show one latent on its page."""
    st.session_state.update(latent=int(latent), latents_view="dictionary")
    to("latents")


def open_pair(a: str, b: str) -> None:
    """Two texts under the microscope."""
    st.session_state.update(pair_a=a, pair_b=b, latents_view="pair")
    to("latents")


def open_memory(memory: str, latent: int | None = None) -> None:
    """Show one memory on its page, tinted by a latent."""
    st.session_state.update(memory=memory, latent=latent, token=None)
    to("memory")
