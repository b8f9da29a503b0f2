"""Below the Atlas' maps: what to look at, the chosen memory, the selection and what sets it apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import streamlit as st

from core import MemoryBank, MemoryMap
from ui.address import ways
from ui.atlas import data as map_data
from ui.atlas import map as atlas
from ui.atlas.form import Asked, clear
from ui.kit import contrast as contrasts
from ui.kit import prose
from ui.kit.export import notebook
from ui.kit.page import Body

LISTED = 500
"""Rows of the table; the export has them all."""


def legend(bank: MemoryBank, found: Mapping[str, MemoryMap], asked: Asked) -> None:
    """What the axes and the colours say, in small type; of a PCA the latents at both ends."""
    first = next(iter(found.values()))
    if first.plan.dims == 3:
        prose.small("Drag to turn, scroll to come nearer. Select a group below; the lasso works in two dimensions.")
    else:
        prose.small(
            "Draw around points to select them; with the hand of the figure's corner, click one to read it. "
            "Double-click to let go of all."
        )
    if asked.colour == "cluster":
        prose.small(
            "A cluster is called by labels that its memories bear out, each with its trust (1 is always right, .5 is "
            "chance), or by the “words” that set it apart."
        )
    if first.plan.method == "umap":
        prose.small("Near points are near in the codes; distances between far groups, and the axes, mean little.")
        return
    if len(found) == 1:
        atlas.axes(bank, first)
        return
    for column, one in zip(st.columns(len(found)), found.values(), strict=True):
        with column:
            atlas.axes(bank, one)


def selected(
    page: Body, bank: MemoryBank, found: MemoryMap, chosen: atlas.Selection, choose: Callable[[int], None]
) -> None:
    """The selection as a table on the left, what sets it apart on the right."""
    n, whole = len(chosen.rows), len(bank.index())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(f"{'One memory' if n == 1 else f'{n:,} memories'} selected", anchor=False, width="content")
        st.button("Clear the selection", icon=":material/close:", on_click=clear, key="atlas_clear")
        st.button("Overlap", icon=":material/join_inner:", on_click=ways.to, args=("overlap",))
    with st.container(key="atlas_split"):
        left, right = st.columns([5, 6], gap="large")
    with left:
        table(bank, chosen)
    rows = selection_rows(bank, chosen)
    page.export("selection", lambda: rows)
    if n == whole:
        right.write("Every memory is selected: there is nothing to set it apart from.")
        return
    with right:
        compared = map_data.contrast(bank, chosen.rows, chosen.against)
        sides = (chosen.name, chosen.against_name)
        contrasts.draw(
            bank, compared, sides, st.session_state.get("latent"), atlas.source(bank, found),
            f"atlas_forest_{chosen.token}", choose,
        )  # fmt: skip
    page.export("contrast", lambda: contrasts.export_rows(bank, compared, sides))


def selection_rows(bank: MemoryBank, chosen: atlas.Selection) -> list[dict[str, Any]]:
    """The selected memories with what is known of them."""
    facts = bank.groups.facts().take(chosen.rows).to_pylist()
    texts = bank.index().texts
    return [row | {"text": texts[i]} for i, row in zip(chosen.rows.tolist(), facts, strict=True)]


def table(bank: MemoryBank, chosen: atlas.Selection) -> None:
    """The first of them; a click on a row chooses the memory."""
    rows = selection_rows(bank, chosen)[:LISTED]
    shown = [name for name in ("category", "role", "session", "conversation") if len({r[name] for r in rows}) > 1]
    key = f"atlas_table_{chosen.token}"

    def on_select() -> None:
        picked = st.session_state[key].selection.rows
        if picked:
            st.session_state.update(memory=rows[picked[0]]["id"], _atlas_live=None)

    st.dataframe(
        [{"memory": r["text"], **{name: r[name] for name in shown}, "id": r["id"]} for r in rows],
        key=key, on_select=on_select, selection_mode="single-row", hide_index=True,
        height=min(38 + 35 * len(rows), 420),
        column_config={"memory": st.column_config.TextColumn("memory", width="large")},
    )  # fmt: skip
    if len(chosen.rows) > LISTED:
        prose.small(f"The first {LISTED} are listed; the export has all of them.")


def python(bank: MemoryBank, found: MemoryMap, chosen: atlas.Selection | None) -> str:
    """The same in a notebook."""
    if found.plan.method == "pca":
        lines = [f"found = bank.maps.pca({found.plan.codes!r}, {found.plan.dims})", "print(found.explained)"]
    else:
        lines = [
            f"plan = {found.plan!r}",
            "found = bank.maps.get(plan)",
            "if found is None:",
            "    for progress in bank.maps.fit(plan):",
            "        print(progress.note)",
            "    found = bank.maps.get(plan)",
        ]
    lines += ["print(dict(zip(found.ids, found.places.tolist())))"]
    if chosen is not None:
        if chosen.shape and chosen.shape[0] == found.plan.codes:
            group = f"found.inside({[list(corner) for corner in chosen.shape[1]]})"
        else:
            group = repr([found.ids[i] for i in np.asarray(chosen.rows)[:50]])
        rest = "" if chosen.against is None else ", " + repr([found.ids[i] for i in chosen.against[:50]])
        lines += [
            f"contrast = bank.groups.contrast({group}{rest})",
            "for i in contrast.top(10):",
            "    print(contrast.latents[i], contrast.log_odds[i], contrast.low[i], contrast.high[i])",
        ]
    return notebook(bank, *lines, names="MapPlan, MemoryBank")
