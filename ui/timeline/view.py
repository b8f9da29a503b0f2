"""The timeline's widgets, its words, and its table."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import streamlit as st

from core import MemoryBank, Timeline
from ui.address import link
from ui.kit import choice, labels, pictures, prose, states
from ui.kit.export import notebook
from ui.kit.figures import Frame
from ui.session import answers
from ui.timeline import charts as charts_timeline
from ui.timeline.fields import CHOICES

COLUMNS = 400
"""More turns than this are drawn a few to a column."""
TOLD = 8
"""Returns that are told one by one."""


def line(bank: MemoryBank, conversation: str) -> Timeline | None:
    """What the widgets ask for; None while the model warms up, or nothing is asked yet."""
    state = st.session_state
    by, text, k = state["timeline_by"], state["timeline_text"].strip(), int(state["timeline_k"])
    if by == "text":
        if not text:
            st.write("Type a text: the latents that it fires are followed through the dialogue.")
            return None
        if not bank.knows_query(text):
            states.waiting_for_model("its latents are followed")
            return None
        return _line(bank, conversation, text, (), k)
    if by == "picked":
        picked = _known(bank, state["timeline_latents"])
        if not picked:
            st.write("Pick latents by their label, word or number.")
            return None
        return _line(bank, conversation, "", tuple(picked), k)
    return _line(bank, conversation, "", (), k)


@answers.remembered(32, "Reading the dialogue")
def _line(bank: MemoryBank, conversation: str, text: str, latents: tuple[int, ...], k: int) -> Timeline:
    return bank.timeline(conversation, text, latents, k)


def _known(bank: MemoryBank, picked: list[int]) -> list[int]:
    kept = choice.known_latents(bank, picked)
    if kept != picked:
        st.session_state["timeline_latents"] = kept
    return kept


def form(bank: MemoryBank) -> str:
    """The controls in one row; returns the dialogue."""
    names, state = answers.conversations(bank), st.session_state
    if state["timeline_of"] not in names:
        if state["timeline_of"]:
            link.note(f"{bank.name} has no conversation “{state['timeline_of'][:80]}”; this is another one.")
        wanted = state.get("conversation", "")
        state["timeline_of"] = wanted if wanted in names else next(iter(names))
    with st.container(horizontal=True, vertical_alignment="bottom", key="timeline_row"):
        conversation: str = st.selectbox(
            "Dialogue", list(names), format_func=lambda name: f"{name} ({names[name]:,})", key="timeline_of",
            persist_state="session", width=220,
        )  # fmt: skip
        by = st.segmented_control(
            "Latents", list(CHOICES), format_func=lambda b: CHOICES[b], key="timeline_by",
            persist_state="session", required=True, width="content",
            help="Recurring: those that most often fire again within a few turns, against chance.",
        )  # fmt: skip
        if by == "text":
            st.text_input("Whose latents?", key="timeline_text", persist_state="session", placeholder="the lake house")
        elif by == "picked":
            _pick(bank)
        if by != "picked":
            st.number_input("How many", 4, 60, key="timeline_k", persist_state="session", width=110)
    return conversation


def _pick(bank: MemoryBank) -> None:
    """Latents found by label, added to those picked before."""
    state = st.session_state
    words = st.text_input("Find a latent", key="timeline_find", persist_state="session", placeholder="phone", width=170)
    table = answers.latent_table(bank, search=words.strip(), live=True, sort="memories", limit=60)
    picked = [i for i in state["timeline_latents"] if i < bank.latents.n]
    offered = list(dict.fromkeys([*picked, *table["latent"].to_pylist()]))
    names = answers.labels(bank, offered)
    state["timeline_picks"] = picked
    st.multiselect(
        "Picked", offered, key="timeline_picks", on_change=_picked, placeholder="choose latents",
        format_func=lambda i: labels.option(i, names),
    )  # fmt: skip


def _picked() -> None:
    st.session_state["timeline_latents"] = list(st.session_state["timeline_picks"])


def figure(
    bank: MemoryBank, found: Timeline, latent: int | None, memory: str | None, choose: Callable[[int, int], None]
) -> None:
    """The map; a click gives (turn, latent)."""
    state, stamp = st.session_state, answers.provenance(bank)
    titles = {
        "recurring": f"Which topics come and go in {found.conversation}?",
        "text": f"When does {found.conversation} touch on “{prose.short(state['timeline_text'], 40)}”?",
        "picked": f"When do these latents fire in {found.conversation}?",
    }
    frame = Frame(
        titles[state["timeline_by"]], ("turn", ""),
        f"{stamp['bank']} · {found.conversation} · {len(found.ids):,} turns · {stamp['engine']} "
        f"{stamp['fingerprint'][:8]}",
        st.context.theme.type == "dark", revision="timeline",
    )  # fmt: skip
    names = {i: labels.marked(one) for i, one in answers.labels(bank, found.latents.tolist()).items()}
    texts = bank.index().texts
    rows = [bank.index().row(i) for i in found.ids]
    words = [texts[row] if row is not None else "" for row in rows]
    at = found.ids.index(memory) if memory in found.ids else None
    drawn = charts_timeline.heatmap(found, charts_timeline.cells(found, COLUMNS), names, words, latent, at, frame)
    key = "timeline_map"

    def on_select() -> None:
        points = state[key].selection.points
        if points and points[0].get("customdata"):
            turn, clicked, _ = points[0]["customdata"]
            choose(int(turn), int(clicked))

    st.plotly_chart(
        drawn, key=key, on_select=on_select, selection_mode="points", alt=frame.title,
        config=pictures.config(f"{bank.name}-timeline"),
    )  # fmt: skip
    pictures.row({f"{bank.name}-timeline": drawn})
    wide = -(-len(found.ids) // COLUMNS)
    prose.small(
        "Colour: share of the latent's strongest activation in this dialogue. Click a cell to read its turn."
        + (f" Each column is {wide} turns, of which the strongest is shown." if wide > 1 else "")
        + (
            " Below: how much each session resembles the one before; a dip is a drift."
            if len(found.sessions) > 2
            else ""
        )
    )


def told(found: Timeline, latent: int) -> str:
    """When a latent enters, stays and returns, in sentences."""
    (row,) = np.flatnonzero(found.latents == latent)
    spells = found.episodes[row]
    if not spells:
        return "It never fires in this dialogue."
    (first, last, n), rest = spells[0], spells[1:]
    said = [f"Enters at turn {first + 1}{_session(found, first)}{_stays(first, last, n)}."]
    before = last
    for first, last, n in rest[:TOLD]:
        gap = first - before - 1
        said.append(f"Returns after {gap} turns at {first + 1}{_session(found, first)}{_stays(first, last, n)}.")
        before = last
    if len(rest) > TOLD:
        said.append(f"Returns {len(rest) - TOLD} more times, last at turn {spells[-1][0] + 1}.")
    if not rest:
        said.append("It does not return.")
    return " ".join(said)


def _session(found: Timeline, turn: int) -> str:
    name = found.sessions[found.session_of[turn]]
    return f" ({name})" if name and len(found.sessions) > 1 else ""


def _stays(first: int, last: int, n: int) -> str:
    return "" if last == first else f" and stays until {last + 1}, in {n} of {last - first + 1} turns"


def rows(bank: MemoryBank, found: Timeline) -> list[dict[str, Any]]:
    """One row a latent: when it enters, how often it returns, its longest stay and absence, in turns."""
    names = answers.labels(bank, found.latents.tolist())
    out = []
    for latent, weight, spells, values in zip(
        found.latents.tolist(), found.weight.tolist(), found.episodes, found.values, strict=True
    ):
        gaps = [b[0] - a[1] - 1 for a, b in pairwise(spells)]
        out.append(
            {
                **labels.columns(latent, names), "turns": int((values > 0).sum()),
                "enters": spells[0][0] + 1 if spells else None, "returns": max(len(spells) - 1, 0),
                "longest stay": max((last - first + 1 for first, last, _ in spells), default=0),
                "longest absence": max(gaps, default=0), "weight": None if np.isnan(weight) else round(weight, 2),
            }
        )  # fmt: skip
    return out


def cell_rows(bank: MemoryBank, found: Timeline) -> list[dict[str, Any]]:
    """Every firing of a shown latent, for export."""
    names = answers.labels(bank, found.latents.tolist())
    row, turn = np.nonzero(found.values)
    return [
        {"conversation": found.conversation, "turn": t + 1, "session": found.sessions[found.session_of[t]],
         "memory": found.ids[t], **labels.columns(int(found.latents[r]), names),
         "activation": float(found.values[r, t])}
        for r, t in zip(row.tolist(), turn.tolist(), strict=True)
    ]  # fmt: skip


def drift_rows(found: Timeline) -> list[dict[str, Any]]:
    return [
        {"conversation": found.conversation, "session": name, "before": before, "dense": float(dense),
         "sparse": float(sparse)}
        for before, name, dense, sparse in zip(
            found.sessions, found.sessions[1:], found.drift["dense"], found.drift["sparse"], strict=False
        )
    ]  # fmt: skip


def python(bank: MemoryBank, found: Timeline) -> str:
    """The same in a notebook."""
    state, by = st.session_state, st.session_state["timeline_by"]
    more = f", text={state['timeline_text'].strip()!r}" if by == "text" else ""
    more += f", latents={found.latents.tolist()}" if by == "picked" else f", k={int(state['timeline_k'])}"
    return notebook(
        bank,
        f"line = bank.timeline({found.conversation!r}{more})",
        "for latent, episodes in zip(line.latents, line.episodes):",
        "    print(latent, [(first + 1, last + 1) for first, last, _ in episodes])",
    )
