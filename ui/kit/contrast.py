"""What sets one group of memories apart, on the screen: the figure, the chosen latent's buttons, rows for export."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from core import Contrast, MemoryBank
from ui.address import ways
from ui.kit import contrast_chart as charts_contrast
from ui.kit import labels, pictures, prose, tray
from ui.session import answers

SHOWN = 10
"""Latents of each side."""
ALIKE = 1.25
"""Groups whose mean lengths differ by more than this factor get a word of warning."""


def draw(
    bank: MemoryBank, found: Contrast, sides: tuple[str, str], latent: int | None, source: str, key: str,
    choose: Callable[[int], None],
) -> None:  # fmt: skip
    """The most distinguishing latents of both sides as a figure; a click chooses one."""
    shown = [*found.top(SHOWN, +1), *reversed(found.top(SHOWN, -1))]
    if not shown:
        st.write(
            f"None of {len(found.latents):,} latents sets {prose.plain(sides[0])} apart from {prose.plain(sides[1])} "
            "at a false discovery rate of 5\u202f%. Select more memories, or ones that lie closer together."
        )
        return

    def on_select() -> None:
        points = st.session_state[key].selection.points
        if points:
            choose(int(points[0]["customdata"][0]))

    names = answers.labels(bank, (int(found.latents[i]) for i in shown))
    dark = st.context.theme.type == "dark"
    said = {i: labels.marked(label) for i, label in names.items()}
    figure = charts_contrast.forest(found, shown, said, sides, latent, dark, source)
    st.plotly_chart(
        figure, key=key, on_select=on_select, selection_mode="points", config=pictures.config("contrast"),
        alt=f"Log-odds of {len(shown)} latents that set {sides[0]} apart from {sides[1]}.",
    )  # fmt: skip
    prose.small(
        f"{found.sure:,} of {len(found.latents):,} latents are distinguishing (5\u202f% false discovery rate); "
        f"the surest of each side are shown. Right of 0: more in {sides[0]}. Click one to use it."
    )
    if not 1 / ALIKE < found.length_ratio < ALIKE:
        st.caption(
            f"Memories of {prose.plain(sides[0])} are {found.length_ratio:.1f} times as long as the others, and longer "
            "memories fire more latents: expect a lean to one side."
        )
    if latent is not None:
        chosen(bank, latent)


def chosen(bank: MemoryBank, latent: int) -> None:
    """What can be done with one latent."""
    names = answers.labels(bank, [latent])
    with st.container(horizontal=True, vertical_alignment="center", key="contrast_latent"):
        prose.small(labels.said(latent, names))
        st.button("Open in Latents", icon=":material/grain:", on_click=ways.open_latent, args=(latent,))
        st.button("Compose", icon=":material/add:", on_click=tray.add, args=(latent, 1.0), key="contrast_plus")
        st.button("Compose", icon=":material/remove:", on_click=tray.add, args=(latent, -1.0), key="contrast_minus")
        st.button("On the map", icon=":material/palette:", on_click=colour_by, args=(latent,))


def colour_by(latent: int) -> None:
    """Show a latent on the map, from whichever page."""
    st.session_state.update(latent=latent, atlas_colour="latent")
    if st.session_state.get("_link_page") != "atlas":
        ways.to("atlas")


def export_rows(bank: MemoryBank, found: Contrast, sides: tuple[str, str]) -> list[dict[str, Any]]:
    """Every latent that is distinguishing, the surest first."""
    at = found.top(found.sure)
    names = answers.labels(bank, (int(found.latents[i]) for i in at))
    return [
        {
            **labels.columns(int(found.latents[i]), names), "a": sides[0],
            "b": sides[1], "n_a": found.n_a, "n_b": found.n_b, "fires_a": int(found.fires_a[i]),
            "fires_b": int(found.fires_b[i]), "log_odds": float(found.log_odds[i]), "low": float(found.low[i]),
            "high": float(found.high[i]), "p": float(found.p[i]), "q": float(found.q[i]),
        }
        for i in at
    ]  # fmt: skip
