"""Two texts under the microscope: the latents they share and do not, with the tokens on both sides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from core import MemoryBank, Pair, PairLatent
from ui.address import ways
from ui.kit import components, labels, prose, states
from ui.kit import shares as why
from ui.kit.export import notebook
from ui.kit.tokens import TokenValues
from ui.session import answers

SHOWN = 14
OWN = 16
"""Latents of one text alone that become chips."""
HEADS = {
    "bar": "share of the sparse cosine",
    "value": "first",
    "pair": "first token → second token",
    "weight": "second",
}


def form() -> None:
    with st.form("pair_form", border=False):
        left, right = st.columns(2, gap="medium")
        with left:
            st.text_area("First text", key="pair_a", persist_state="session", height=88)
        with right:
            st.text_area("Second text", key="pair_b", persist_state="session", height=88)
        st.form_submit_button("Compare", type="primary")


def data(pair: Pair, latent: int | None, shown: int, names: labels.Names) -> dict[str, Any]:
    """What the why component draws: shares are products of both activations."""
    sides = {"query": TokenValues.of_trace(pair.a), "memory": TokenValues.of_trace(pair.b)}
    total = sum(one.a * one.b for one in pair.shared) or 1.0
    largest = max((one.a * one.b for one in pair.shared), default=1.0)
    spread = {one.latent: one.a * one.b for one in pair.shared}
    rows = [
        {
            **why.named(one.latent, names),
            "percent": prose.percent(one.a * one.b / total),
            "width": round(62 * one.a * one.b / largest, 1),
            "minus": False,
            "value": prose.number(one.a),
            "weight": prose.number(one.b),
            "from": one.token_a.text,
            "to": one.token_b.text,
            **{side: tokens.of(one.latent) for side, tokens in sides.items()},
        }
        for i, one in enumerate(pair.shared)
        if i < shown or one.latent == latent
    ]
    drawn: dict[str, Any] = {
        side: {"pieces": tokens.pieces(), "total": why.totals(tokens, spread), "said": said}
        for (side, tokens), said in zip(sides.items(), ("first", "second"), strict=True)
    }
    if latent is not None and latent not in spread:
        drawn["elsewhere"] = {"latent": latent, **{side: tokens.of(latent) for side, tokens in sides.items()}}
    return drawn | {
        "rows": rows, "latent": latent, "heads": HEADS, "even": True, "editing": False,
        "weight_help": "Strongest activation in the second text.", "trust_help": labels.TRUST_HELP,
    }  # fmt: skip


def summary(pair: Pair) -> str:
    """How alike they are, latent by latent and word by word."""
    common = ", ".join(pair.words)
    plural = "" if len(pair.words) == 1 else "s"
    words = f"they share the word{plural} {common}" if common else "they share no content word"
    count = {0: "no latent", 1: "one latent"}.get(len(pair.shared), f"{len(pair.shared)} latents")
    return (
        f"Dense cosine {prose.number(pair.dense)} · sparse cosine {prose.number(pair.sparse)} · they share {count} "
        f"(Jaccard {prose.number(pair.jaccard)}) · {words}"
    )


def own(
    bank: MemoryBank,
    key: str,
    title: str,
    found: Sequence[PairLatent],
    latent: int | None,
    choose: Callable[[int], None],
) -> None:
    """The latents that only one of the texts fires."""
    st.subheader(f"{title}: {len(found):,} latents", anchor=False)
    first = found[:OWN]
    names = answers.labels(bank, (one.latent for one in first))
    chips = [
        components.chip(one.latent, one.token_a.text or one.token_b.text, max(one.a, one.b), names.get(one.latent))
        for one in first
    ]
    more = len(found) - len(first)
    after = f"and {more:,} weaker ones" if more > 0 else "" if found else "none"
    components.draw("chips", key, {"before": "", "chips": chips, "after": after, "latent": latent}, latent=choose)


def draw(bank: MemoryBank, latent: int | None, choose: Callable[[int], None]) -> Pair | None:
    form()
    a, b = st.session_state["pair_a"].strip(), st.session_state["pair_b"].strip()
    if not a or not b:
        st.write("Type or paste two texts above: two memories, or a question and its answer.")
        return None
    if not bank.engine.warm:
        states.waiting_for_model("the two texts are compared")
        return None
    pair = answers.pair(bank, a, b)
    prose.small(summary(pair))
    everything = st.session_state.get("pair_all", False)
    shown = len(pair.shared) if everything else SHOWN
    names = answers.labels(bank, (one.latent for one in pair.shared[:shown]))
    components.draw(
        "why", "pair_why", data(pair, latent, shown, names), latent=choose, open=ways.open_latent
    )  # fmt: skip
    if len(pair.shared) > SHOWN:
        st.toggle(f"Show all {len(pair.shared)} shared latents", key="pair_all")
    if not pair.shared:
        st.write("No latent fires in both texts.")
    left, right = st.columns(2, gap="medium")
    with left:
        own(bank, "pair_only_a", "Only the first fires", pair.only_a, latent, choose)
    with right:
        own(bank, "pair_only_b", "Only the second fires", pair.only_b, latent, choose)
    return pair


def export_rows(bank: MemoryBank, pair: Pair) -> list[dict[str, Any]]:
    """One row per latent of either text."""
    every = {"both": pair.shared, "first": pair.only_a, "second": pair.only_b}
    names = answers.labels(bank, (one.latent for found in every.values() for one in found))
    return [
        {
            "in": where, **labels.columns(one.latent, names), "first": one.a, "second": one.b,
            "first_token": one.token_a.text, "second_token": one.token_b.text,
        }
        for where, found in every.items()
        for one in found
    ]  # fmt: skip


def python(bank: MemoryBank, pair: Pair) -> str:
    return notebook(
        bank,
        f"pair = bank.latents.pair({pair.a.text!r}, {pair.b.text!r})",
        "for one in pair.shared:",
        "    print(one.latent, one.a, one.token_a.text, one.b, one.token_b.text)",
    )
