"""Latents put aside by hand: terms with a weight and muted ones, kept in the session and in the address."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import CoreError, MemoryBank, Term
from ui.address import link, ways
from ui.kit import choice, components, labels, states
from ui.kit.fields import HEAVIEST, MOST_TERMS
from ui.session import answers

Terms = list[tuple[int, float]]


def terms() -> Terms:
    return list(st.session_state.get("terms", []))


def muted() -> list[int]:
    return list(st.session_state.get("muted", []))


def add(latent: int, step: float) -> None:
    """Change a latent's weight; at 0 it is gone."""
    weight = round(dict(terms()).get(int(latent), 0.0) + step, 3)
    if weight:
        weigh(latent, weight)
    else:
        remove(f"term {int(latent)}")


def weigh(latent: int, weight: float) -> None:
    """Give a latent a weight; one of 0 keeps its place."""
    weights = dict(terms())
    if int(latent) not in weights and len(weights) >= MOST_TERMS:
        with states.kept_problem():
            raise CoreError(f"A query takes at most {MOST_TERMS} latents: latent {latent} was not added.")
        return
    weights[int(latent)] = max(-HEAVIEST, min(HEAVIEST, round(float(weight), 3)))
    st.session_state["terms"] = list(weights.items())


def mute(latent: int) -> None:
    """Mute a latent, or let it count again."""
    names, latent = muted(), int(latent)
    known = [name for name in names if name != latent]
    st.session_state["muted"] = known if latent in names else [*known, latent][-MOST_TERMS:]


def remove(key: str) -> None:
    """What a chip of the tray stands for."""
    kind, _, latent = str(key).partition(" ")
    if kind == "mute" and latent.isdigit() and int(latent) in muted():
        mute(int(latent))
    elif kind == "mask" and latent.isdigit() and int(latent) in masked():
        mask(int(latent))
    elif kind == "term":
        st.session_state["terms"] = [one for one in terms() if str(one[0]) != latent]


def masked() -> list[int]:
    """Tokens of the query that do not count."""
    return list(st.session_state.get("masked", []))


def mask(token: int) -> None:
    """Leave a word of the query out, or let it count again."""
    known, token = masked(), int(token)
    st.session_state["masked"] = [t for t in known if t != token] if token in known else sorted([*known, token])


def unmask() -> None:
    """Other words are asked: their tokens are not those that were masked."""
    st.session_state["masked"] = []


def clear() -> None:
    st.session_state.update(terms=[], muted=[], masked=[])


def known(bank: MemoryBank) -> tuple[tuple[Term, ...], tuple[int, ...]]:
    """What the tray holds, as a query wants it; latents that this dictionary does not have are left out.

    Nor does a query want weights of 0.
    """
    held = [*(latent for latent, _ in terms()), *muted()]
    there = set(choice.known_latents(bank, held))
    if there != set(held):
        st.session_state.update(terms=[one for one in terms() if one[0] in there],
                                muted=[i for i in muted() if i in there])  # fmt: skip
    return tuple(Term(latent, weight) for latent, weight in terms() if weight), tuple(muted())


def words(bank: MemoryBank, text: str) -> list[str]:
    """The tokens of a query; none that the link masks and the text does not have."""
    if not masked() or not text or not bank.knows_query(text):
        return []
    codes = bank.encode_query(text)
    found = [text[a:b] for a, b in zip(codes.token_start, codes.token_end, strict=True)]
    if any(token >= len(found) for token in masked()):
        link.note(f"The query has {len(found)} tokens (0–{len(found) - 1}); the link masks others, too.")
        st.session_state["masked"] = [token for token in masked() if token < len(found)]
    return found


def chips(bank: MemoryBank, text: str = "") -> list[dict[str, Any]]:
    said = words(bank, text)
    names = answers.labels(bank, [*(latent for latent, _ in terms()), *muted()])
    found = []
    for latent, weight in terms():
        sign = signed(weight)
        chip = components.chip(latent, "", None, names.get(latent))
        aria = f"{sign} {labels.said(latent, names)}: take it out"
        off = {"off": True} if not weight else {}
        found.append(
            chip | {"key": f"term {latent}", "sign": sign, "minus": weight < 0, "drop": True, "aria": aria} | off
        )
    return [*found, *muted_chips(names), *(_masked_chip(token, said[token]) for token in masked() if said)]


def muted_chips(names: labels.Names) -> list[dict[str, Any]]:
    found = []
    for latent in muted():
        chip = components.chip(latent, "", None, names.get(latent))
        aria = f"muted {labels.said(latent, names)}: let it count again"
        found.append(chip | {"key": f"mute {latent}", "sign": "muted", "off": True, "drop": True, "aria": aria})
    return found


def _masked_chip(token: int, word: str) -> dict[str, Any]:
    return {"key": f"mask {token}", "sign": "without", "label": word, "name": "", "off": True, "drop": True,
            "aria": f"without the word {word}: let it count again"}  # fmt: skip


def signed(weight: float) -> str:
    """+1.5, −2, 0"""
    return f"{'+' if weight > 0 else '−' if weight < 0 else ''}{abs(weight):g}"


def to_compose(words: bool) -> None:
    """Go on mixing; words: with what is asked on Recall."""
    if words:
        st.session_state["compose_text"] = st.session_state["recall_text"]
    ways.to("compose")


def draw(bank: MemoryBank, key: str, on_recall: bool = False, text: str = "") -> None:
    """The tray, where something lies in it. text: the query whose words may be masked."""
    known(bank)
    shown = chips(bank, text)
    if not shown:
        return
    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}_row"):
        data = {"before": "with" if on_recall else "to compose", "chips": shown, "after": "", "latent": None}
        with st.container(width="stretch"):
            components.draw("chips", key, data, latent=remove)
        st.button("Open in Compose", icon=":material/tune:", on_click=to_compose, args=(on_recall,))
        if not on_recall:
            st.button("Ask with these on Recall", type="tertiary", on_click=ways.to, args=("recall",))
        st.button("Clear", on_click=clear, key=f"{key}_clear")
