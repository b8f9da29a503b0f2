"""What fired while this memory was read? Its tokens, its latents, and the memories around it."""

from __future__ import annotations

import hashlib

import streamlit as st

from core import Codes, Memory, MemoryBank
from ui.address import link, ways
from ui.kit import choice, labels, prose, states, widgets
from ui.kit.page import Body
from ui.kit.tokens import TokenValues, strongest
from ui.memory import about, strip
from ui.session import answers
from ui.shell import frame

FOUND = 50


def choose_memory(memory: str) -> None:
    st.session_state.update(memory=memory, token=None)


def choose_token(token: int) -> None:
    st.session_state["token"] = None if token < 0 else int(token)


def picked() -> None:
    choose_memory(st.session_state["memory_pick"])


def find(bank: MemoryBank) -> Memory | None:
    """Search by words or id; the memory of the link comes first, then what was found."""
    words, where, which = st.columns([2, 1.4, 4], vertical_alignment="bottom")
    with words:
        text = st.text_input(
            "Find by words or id", key="memory_find", persist_state="session", placeholder="any words, or an id"
        )
    with where:
        conversation = widgets.conversation_select(bank)
    found = bank.memories.find(text, conversation, FOUND)
    wanted = st.session_state.get("memory")
    current = answers.memories(bank, (wanted,)).get(wanted) if wanted else None
    if wanted and current is None:
        link.note(f"{bank.name} has no memory “{wanted[:80]}”; this is the first one found.")
    if current is None and not found:
        with which:
            st.write("No memory has these words: try fewer of them.")
        return None
    current = current or found[0]
    listed = {m.id: m for m in [*found, current]}
    st.session_state.update(memory=current.id, memory_pick=current.id)
    more = "+" if len(found) == FOUND else ""
    with which:
        st.selectbox(
            f"Memory ({len(found)}{more} found)", list(listed), key="memory_pick", on_change=picked,
            format_func=lambda name: f"{name} — {prose.short(listed[name].text)}",
        )  # fmt: skip
    return current


def tokens_of(bank: MemoryBank, memory: Memory, codes: Codes) -> TokenValues:
    """Every activation when the model is warm, else the stored peaks."""
    trace = answers.trace(bank, memory.text)
    return TokenValues.of_codes(memory.text, codes) if trace is None else TokenValues.of_trace(trace)


def chosen(bank: MemoryBank, tokens: TokenValues) -> tuple[int | None, int | None]:
    """(latent, token) of the link, where they exist."""
    latent, token = choice.known_latent(bank), st.session_state.get("token")
    if token is not None and token >= len(tokens):
        link.note(f"Token {token} does not exist: this memory has {len(tokens)} (0–{len(tokens) - 1}).")
        token = st.session_state["token"] = None
    return latent, token


def draw(page: Body) -> None:
    bank = page.bank
    if states.nothing_to_recall(bank):
        return
    memory = find(bank)
    if memory is None:
        return
    codes = answers.codes(bank, (memory.id,)).get(memory.id)
    if codes is None:
        st.text(memory.text)
        states.to_library("This memory has no latents of this engine yet. Encode what is pending in the Library.")
        return
    tokens = tokens_of(bank, memory, codes)
    latent, token = chosen(bank, tokens)
    strip.draw(bank, tokens, latent, token, choose_token)
    tinted = "total activation" if latent is None else labels.said(latent, answers.labels(bank, [latent]))
    known = "" if tokens.complete else " Only the peak of each latent is known until the model is warm."
    with st.container(horizontal=True, vertical_alignment="center"):
        prose.small(f"Tinted by {tinted}. Point at a token to see its latents, click to choose it.{known}")
        if latent is not None:
            st.button("Open in Latents", icon=":material/grain:", on_click=ways.open_latent, args=(latent,))
    if token is not None:
        strip.at_token(bank, tokens, token, latent, choice.choose_latent)
    left, right = st.columns(2, gap="medium")
    with left:
        found = strongest(codes, memory.text)
        st.subheader(f"Strongest of {len(found):,} latents", anchor=False)
        stamp = hashlib.sha256(memory.id.encode()).hexdigest()[:12]
        strip.bars(bank, found, latent, f"bars_{stamp}_{latent}", choice.choose_latent)
        about.fingerprint(codes)
        about.facts(memory, codes, about.left_out(bank, codes))
    with right:
        about.neighbours(bank, memory, choose_memory)
    page.export("latents", lambda: strip.export_rows(bank, memory.id, found))
    page.python = strip.python(bank, memory.id)


frame.enter()
with frame.body("memory") as body:
    draw(body)
