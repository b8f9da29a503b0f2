"""Pure builders: core's numbers in, a figure out. No Streamlit here; colours come from one place."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from ui.kit.colours import ACTIVATION, MODE_COLOURS

NO_LABELS: Mapping[int, str] = {}
BAR = 23
"""Pixels a bar takes."""
LINEAR = 50
"""Counts above this are drawn on a logarithmic axis, where single ones stay visible."""


def latent_bars(
    latents: Sequence[int],
    values: Sequence[float],
    words: Sequence[str],
    chosen: int | None,
    labels: Mapping[int, str] = NO_LABELS,
) -> go.Figure:
    """Strongest latents of one memory, longest bar on top. A click gives the latent, from ``customdata``."""
    shown = [escaped(word, 40) for word in words]
    names = [escaped(labels.get(latent, ""), 34) for latent in latents]
    ticks = [
        f"{name} <span style='font-size:10px'>{latent}</span>" if name else f"{latent}  {word}"
        for latent, name, word in zip(latents, names, shown, strict=True)
    ]
    said = [
        f"{name} (latent {latent})" if name else f"latent {latent}" for latent, name in zip(latents, names, strict=True)
    ]
    outlined = [2.5 if latent == chosen else 0 for latent in latents]
    figure = go.Figure(
        go.Bar(
            x=np.asarray(values, dtype=float),
            y=ticks,
            orientation="h",
            customdata=[[int(latent), *both] for latent, *both in zip(latents, shown, said, strict=True)],
            marker={"color": ACTIVATION, "line": {"color": MODE_COLOURS["dense"], "width": outlined}},
            hovertemplate="%{customdata[2]}<br>strongest at “%{customdata[1]}”: %{x:.2f}<extra></extra>",
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


def named(latent: int, label: str) -> str:
    """A tick: the label with its number, which keeps two latents of one label apart."""
    number = f"<span style='font-size:10px'>{latent}</span>"
    return f"{escaped(label, 34)} {number}" if label else f"latent {number}"


def escaped(text: str, width: int) -> str:
    """Any text as one short line that Plotly shows as it is."""
    flat = " ".join(text.split())
    return html.escape(flat if len(flat) <= width else flat[: width - 1] + "…", quote=False)


def activation_steps(counts: Sequence[int], top: float, what: str) -> go.Figure:
    """How many tokens or memories fire a latent how strongly, in equal steps from 0 to ``top``."""
    n, step = len(counts), top / max(len(counts), 1)
    wide = max(counts, default=0) > LINEAR
    figure = go.Figure(
        go.Bar(
            x=[step * (i + 0.5) for i in range(n)],
            y=list(counts),
            width=[0.92 * step] * n,
            customdata=[[step * i, step * (i + 1)] for i in range(n)],
            marker={"color": ACTIVATION, "line": {"width": 0}},
            hovertemplate=f"%{{y:,}} {what} from %{{customdata[0]:.2f}} to %{{customdata[1]:.2f}}<extra></extra>",
        )
    )
    figure.update_layout(
        height=138,
        margin={"l": 0, "r": 6, "t": 4, "b": 34},
        bargap=0,
        dragmode=False,
        showlegend=False,
        xaxis={"title": {"text": "activation"}, "range": [0, top], "fixedrange": True, "nticks": 6},
        yaxis={
            "title": {"text": f"{what}, log" if wide else what},
            "type": "log" if wide else "linear",
            "rangemode": "tozero",
            "fixedrange": True,
            "nticks": 4,
            **({"dtick": 1} if wide else {"tickformat": ",d"}),
        },
    )
    return figure
