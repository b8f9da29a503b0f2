"""Where Compose takes latents from: labels, memories, typed texts, bookmarks. Each offers chips to be clicked."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import streamlit as st

from core import Codes, MemoryBank
from ui.address import ways
from ui.compose import composer
from ui.kit import components, prose, states, tray
from ui.session import answers

SOURCES = {"label": "by label", "memory": "from a memory", "text": "from a text", "bookmarks": "bookmarks"}
OFFERED = 16
"""Latents offered to be added."""
FOUND = 20


def draw(bank: MemoryBank) -> None:
    st.subheader("Add latents", anchor=False)
    source = st.segmented_control(
        "Add latents", list(SOURCES), format_func=lambda s: SOURCES[s].capitalize(), key="compose_source",
        default="label", label_visibility="collapsed", required=True, persist_state="session", wrap=True,
    )  # fmt: skip
    {"label": by_label, "memory": by_memory, "text": by_text, "bookmarks": by_bookmark}[source](bank)


def by_label(bank: MemoryBank) -> None:
    search = st.text_input(
        "Label, word or number", key="compose_find", persist_state="session", placeholder="phone, or 15"
    ).strip()  # fmt: skip
    if not search:
        st.caption("Type a word: the latents that are called so, or fire on it, are listed here.")
        return
    table = answers.latent_table(bank, search=search, live=True, sort="memories", limit=OFFERED)
    if not len(table):
        st.write("No latent that fires in this bank is called so, or fires on it.")
        return
    counted = dict(zip(table["latent"].to_pylist(), table["memories"].to_pylist(), strict=True))
    names = answers.labels(bank, counted)
    offered = [
        components.chip(latent, "", None, names.get(latent)) | {"value": f"{n:,}"} for latent, n in counted.items()
    ]
    more = int((table.schema.metadata or {}).get(b"found", 0)) - len(table)
    _offer(offered, f"and {more:,} more; the number counts memories" if more > 0 else "the number counts memories")


def by_memory(bank: MemoryBank) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.text_input("Words or id", key="compose_memory_find", persist_state="session").strip()
        found = {
            memory.id: memory
            for memory in bank.memories.find(wanted, st.session_state.get("conversation") or None, FOUND)
        }
        if not found:
            st.caption("No memory has these words.")
            return
        stamp = hashlib.sha256(wanted.encode()).hexdigest()[:8]
        memory = st.selectbox(
            f"Memory ({len(found)}{'+' if len(found) == FOUND else ''} found)", list(found),
            key=f"compose_memory_{stamp}",
            format_func=lambda name: f"{name} — {prose.short(found[name].text, 70)}",
        )  # fmt: skip
    codes = bank.codes(memory)
    if codes is None:
        st.caption("This memory has no latents of this engine yet: encode it in the Library.")
        return
    _offer(chips(bank, codes, found[memory].text, strongest(codes)), "strongest first")
    st.button("More like all of it", icon=":material/thumb_up:", on_click=composer.step("more like", composer.like),
              args=(memory,), disabled=memory in st.session_state["liked"], key="compose_like_memory")  # fmt: skip


def by_text(bank: MemoryBank) -> None:
    text = st.text_input("Any text", key="compose_add_text", persist_state="session",
                         placeholder="The battery died on the train.").strip()  # fmt: skip
    if not text:
        st.caption("Type a sentence: the latents it fires are listed here.")
        return
    if not bank.knows_query(text):
        states.waiting_for_model("the latents of this text are listed")
        return
    codes = bank.encode_query(text)
    _offer(chips(bank, codes, text, strongest(codes)), "strongest first")


def by_bookmark(bank: MemoryBank) -> None:
    marked = bank.latents.bookmarks()
    if not marked:
        st.caption("No latent is bookmarked in this bank yet.")
        st.button("Open Latents", icon=":material/grain:", on_click=ways.to, args=("latents",))
        return
    names = answers.labels(bank, marked)
    _offer([components.chip(latent, note, None, names.get(latent)) for latent, note in marked.items()], "")


def strongest(codes: Codes) -> np.ndarray:
    return np.argsort(-codes.max, kind="stable")[:OFFERED]


def chips(bank: MemoryBank, codes: Codes, text: str, places: np.ndarray) -> list[dict[str, Any]]:
    """Some latents of one text, with their activations and the tokens they peak at."""
    names, found = answers.labels(bank, codes.latents[places]), []
    for i in places:
        latent, start, end = int(codes.latents[i]), codes.token_start[codes.peak[i]], codes.token_end[codes.peak[i]]
        word = text[int(start) : int(end)]
        found.append(components.chip(latent, word, float(codes.max[i]), names.get(latent)))
    return found


def _offer(offered: list[dict[str, Any]], after: str) -> None:
    """Chips that a click puts into the mixture, or takes out."""
    there = dict(tray.terms())
    shown = [
        chip | {"pressed": chip["latent"] in there,
                "aria": f"{chip['aria']}: {'take it out' if chip['latent'] in there else 'add it'}"}
        for chip in offered
    ]  # fmt: skip
    data = {"before": "", "chips": shown, "after": after, "latent": None}
    components.draw("chips", "compose_add", data, latent=composer.step("add or take out", composer.put))
