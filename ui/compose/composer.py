"""What a session composes: latents with weights, memories to be more or less like, words to begin with; and undo.

Everything lies in the session, and so in the address. The terms and muted latents are those of the tray.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from core import MemoryBank, Query
from ui.address import link, ways
from ui.kit import states, tray
from ui.query.fields import DEFAULTS, MOST_LIKED
from ui.session import answers

UNDONE = ("compose_text", "compose_weighting", "terms", "muted", "liked", "disliked")
MOST_STEPS = 30
STEP = 0.05
"""Of a slider; every weight lies on it, so that what one sees is what is asked."""
LATENTS_FROM_LIKES = 12
"""Latents that likes become, and the weight of the largest beside words; alone, any scale ranks the same."""


def query(bank: MemoryBank, conversation: str | None, k: int) -> Query:
    """What the session asks for. Latents alone are scored by their activations, as in the classic calls."""
    state = st.session_state
    text = state["compose_text"].strip()
    terms, muted = tray.known(bank)
    scored = state["compose_weighting"] or (DEFAULTS.weighting if text else "activation")
    return Query(text, conversation, k, weighting=scored, terms=terms, muted=muted)


# --- undo -------------------------------------------------------------------------------------------------------------


def remember(what: str) -> None:
    """Before a change: keep how things are now, and what the change is called."""
    state = st.session_state
    kept = {key: state[key] for key in UNDONE if key in state}
    state["compose_past"] = [*state.get("compose_past", []), (what, kept)][-MOST_STEPS:]


def past() -> str:
    """What the last change was called; empty where there is none."""
    steps = st.session_state.get("compose_past", [])
    return steps[-1][0] if steps else ""


def undo() -> None:
    state = st.session_state
    *before, (_, kept) = state["compose_past"]
    state.update(kept)
    state["compose_past"] = before


def step(what: str, act: Callable[[Any], None]) -> Callable[[Any], None]:
    """A callback that can be undone."""

    def run(value: Any) -> None:
        remember(what)
        act(value)

    return run


# --- latents ----------------------------------------------------------------------------------------------------------


def weigh(change: dict[str, Any]) -> None:
    """A slider was let go: ``{"latent": 15, "weight": -0.5}``."""
    tray.weigh(int(change["latent"]), float(change["weight"]))


def put(latent: int) -> None:
    """A chip of the adding panel: into the mixture, or out of it."""
    if int(latent) in dict(tray.terms()):
        tray.remove(f"term {int(latent)}")
    else:
        tray.weigh(int(latent), 1.0)


def clear() -> None:
    remember("clear")
    st.session_state.update(compose_text="", compose_weighting="", terms=[], muted=[], liked=[], disliked=[])


def use(asked: Query, name: str) -> None:
    """Take a saved composition, or an example, in the place of what is there."""
    remember(f"open {name}")
    usual = DEFAULTS.weighting if asked.text else "activation"
    st.session_state.update(
        compose_text=asked.text,
        compose_weighting="" if asked.weighting == usual else asked.weighting,
        terms=[(term.latent, term.weight) for term in asked.terms],
        muted=list(asked.muted),
        liked=[],
        disliked=[],
    )


def to_recall() -> None:
    st.session_state["recall_text"] = st.session_state["compose_text"]
    ways.to("recall")


# --- likes ------------------------------------------------------------------------------------------------------------


def likes(bank: MemoryBank) -> tuple[list[str], list[str]]:
    """Memories to be more like and less like; those that this bank does not have are left out, and said."""
    state = st.session_state
    known = answers.memories(bank, (*state["liked"], *state["disliked"]))
    for key in ("liked", "disliked"):
        for memory in state[key]:
            if memory not in known:
                link.note(f"{bank.name} has no memory “{memory[:80]}” to be more or less like; it is left out.")
        state[key] = [memory for memory in state[key] if memory in known]
    return list(state["liked"]), list(state["disliked"])


def like(memory: str, key: str = "liked") -> None:
    """Into one of the two lists, or out of it; never in both."""
    state = st.session_state
    other = "disliked" if key == "liked" else "liked"
    if memory in state[key]:
        state[key] = [one for one in state[key] if one != memory]
    elif len(state[key]) < MOST_LIKED:
        state[key] = [*state[key], memory]
        state[other] = [one for one in state[other] if one != memory]


def dislike(memory: str) -> None:
    like(memory, "disliked")


def drop(key: str) -> None:
    """What a chip of the likes stands for: ``liked ID`` or ``disliked ID``."""
    name, _, memory = str(key).partition(" ")
    if name in ("liked", "disliked") and memory in st.session_state[name]:
        like(memory, name)


def take_marks(bank: MemoryBank, text: str) -> None:
    """What is marked right for these words is liked, what is marked wrong is not."""
    remember("use the marks")
    for memory, right in answers.marks(bank, text).items():
        key = "liked" if right else "disliked"
        if memory not in st.session_state[key]:
            like(memory, key)


def turn(bank: MemoryBank, asked: Query) -> None:
    """Likes and dislikes become latents with weights, added to those that are there."""
    with states.kept_problem():
        liked, disliked = likes(bank)
        found = bank.more_like(liked, disliked, LATENTS_FROM_LIKES, asked.weighting)
        remember("turn into weights")
        weights = dict(tray.terms())
        for term in found:
            tray.weigh(term.latent, STEP * round((weights.get(term.latent, 0.0) + term.weight) / STEP))
        st.session_state.update(liked=[], disliked=[])
