"""Pure builders: core's numbers in, a figure out. No Streamlit here; colours come from one place."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from ui.colours import ACTIVATION, MODE_COLOURS

BAR = 23
"""Pixels a bar takes."""


def latent_bars(latents: Sequence[int], values: Sequence[float], words: Sequence[str], chosen: int | None) -> go.Figure:
    """Strongest latents of one memory, longest bar on top. A click gives the latent, from ``customdata``."""
    shown = [html.escape(" ".join(word.split()))[:40] for word in words]
    outlined = [2.5 if latent == chosen else 0 for latent in latents]
    figure = go.Figure(
        go.Bar(
            x=np.asarray(values, dtype=float),
            y=[f"{latent}  {word}" for latent, word in zip(latents, shown, strict=True)],
            orientation="h",
            customdata=[[int(latent), word] for latent, word in zip(latents, shown, strict=True)],
            marker={"color": ACTIVATION, "line": {"color": MODE_COLOURS["dense"], "width": outlined}},
            hovertemplate="latent %{customdata[0]}<br>strongest at “%{customdata[1]}”: %{x:.2f}<extra></extra>",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    )
    figure.update_layout(
        height=BAR * max(len(latents), 2) + 46,
        margin={"l": 0, "r": 12, "t": 4, "b": 36},
        bargap=0.28,
        dragmode=False,
        showlegend=False,
        uirevision="latents",
        xaxis={"title": {"text": "strongest activation"}, "rangemode": "tozero", "fixedrange": True},
        yaxis={"autorange": "reversed", "type": "category", "fixedrange": True, "ticksuffix": "  ", "title": None},
    )
    return figure
