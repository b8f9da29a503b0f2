"""When does a latent fire over a dialogue? Turns across, latents down: what enters, stays, returns, drifts."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core import MemoryBank, Timeline
from ui.address import ways
from ui.kit import choice, labels, prose, states, tray
from ui.kit import contrast as contrasts
from ui.kit.page import Body
from ui.session import answers
from ui.shell import frame
from ui.timeline import view as timeline


def choose_cell(found: Timeline, turn: int, latent: int) -> None:
    st.session_state.update(memory=found.ids[turn], latent=latent)


def choose_latent(found: Timeline, key: str) -> None:
    picked = st.session_state[key].selection.rows
    if picked:
        st.session_state["latent"] = int(found.latents[picked[0]])


COLUMNS = {
    "latent": st.column_config.NumberColumn("latent", format="%d", width=55),
    "label": st.column_config.TextColumn("label", width=135),
    "trust": labels.trust_column("trust", 50),
    "turns": st.column_config.NumberColumn("turns", width=50, help="Turns that fire it."),
    "enters": st.column_config.NumberColumn("enters", width=55, help="The first turn that fires it."),
    "returns": st.column_config.NumberColumn("returns", width=60, help="Stays after the first."),
    "longest stay": st.column_config.NumberColumn("stay", width=45, help="The longest, in turns."),
    "longest absence": st.column_config.NumberColumn("absence", width=60, help="The longest, in turns."),
}


def read_turn(found: Timeline) -> None:
    turn = st.session_state["timeline_turn"]
    st.session_state["memory"] = None if turn is None else found.ids[turn]


def latents(bank: MemoryBank, found: Timeline, latent: int | None) -> None:
    """One row a latent; a click chooses it."""
    key = f"timeline_table_{found.conversation}_{hash(found.latents.tobytes()) & 0xFFFFFF}"
    names = answers.labels(bank, found.latents.tolist())
    rows = [row | labels.cells(row["latent"], names) for row in timeline.rows(bank, found)]
    st.dataframe(
        rows, key=key, on_select=partial(choose_latent, found, key), selection_mode="single-row", hide_index=True,
        height=min(38 + 35 * len(rows), 388), column_order=list(COLUMNS), column_config=COLUMNS,
        placeholder="–",
        alt=f"{len(rows)} latents: when each enters, how often it returns, its longest stay and absence.",
    )  # fmt: skip
    prose.small("Stays and absences in turns; a silence of more than four turns ends a stay.")


def chosen(bank: MemoryBank, found: Timeline, latent: int | None, memory: str | None) -> None:
    """The chosen latent's story, and the chosen turn."""
    if latent is None:
        st.caption("Choose a row, or a cell of the map, to follow one latent.")
    else:
        contrasts.chosen(bank, latent)
        st.write(prose.plain(timeline.told(found, latent)))
        turns = found.turns(latent)
        texts = answers.memories(bank, tuple(found.ids[t] for t in turns))
        st.session_state["timeline_turn"] = found.ids.index(memory) if memory in texts else None
        st.selectbox(
            f"Read one of its {len(turns):,} turns", turns, key="timeline_turn", on_change=read_turn, args=(found,),
            format_func=lambda t: f"{t + 1}: {prose.short(texts[found.ids[t]].text)}", index=None,
            placeholder="choose a turn",
        )  # fmt: skip
    choice.memory(bank)


def draw(page: Body) -> None:
    bank = page.bank
    states.told_problem()
    if states.nothing_to_recall(bank):
        return
    if not answers.conversations(bank):
        st.write("The memories of this bank stand alone: only a dialogue has a timeline.")
        st.button("Look at them in the Atlas", icon=":material/scatter_plot:", on_click=ways.to, args=("atlas",))
        return
    conversation = timeline.form(bank)
    tray.draw(bank, "timeline_tray")
    found = timeline.line(bank, conversation)
    if found is None:
        return
    if not len(found.latents):
        st.write("No latent of this choice fires in this dialogue. Choose another dialogue, or other latents.")
        return
    state = st.session_state
    latent = state.get("latent") if state.get("latent") in found.latents.tolist() else None
    memory = state.get("memory")
    timeline.figure(bank, found, latent, memory, partial(choose_cell, found))
    with st.container(key="timeline_split"):
        left, right = st.columns([6, 5], gap="large")
    with left:
        latents(bank, found, latent)
    with right:
        chosen(bank, found, latent, memory)
    page.export("latents", lambda: timeline.rows(bank, found))
    page.export("firings", lambda: timeline.cell_rows(bank, found))
    if len(found.sessions) > 1:
        page.export("drift", lambda: timeline.drift_rows(found))
    page.python = timeline.python(bank, found)


frame.enter()
with frame.body("timeline") as body:
    draw(body)
