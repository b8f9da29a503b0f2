"""Distributions of SEP in every mode, drawn from core's numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from core import Case, Mode, ModeSeparation
from ui.kit.charts import escaped
from ui.kit.colours import ACCENTS, MODE_COLOURS

HALF = 0.4
"""Half the width of a mode's column, whose distance is 1."""
JITTER = 0.11
MANY = 400
"""More cases than this are drawn on the graphics card, and smaller."""
GREY = "rgba(127, 127, 127, 0.2)"


def violins(
    modes: Mapping[Mode, ModeSeparation],
    cases: Sequence[Case],
    others: Sequence[str],
    chosen: int | None,
    accent: str = ACCENTS["light"],
) -> go.Figure:
    """SEP by mode: the density, every case as a point, the mean with one sd, and the null as a grey band.

    others: the unrelated question of each case. chosen: the case that is outlined. ``customdata`` holds a point's case.
    """
    figure = go.Figure()
    said = [_said(case, other) for case, other in zip(cases, others, strict=True)]
    aside = np.random.default_rng(0).uniform(-JITTER, JITTER, len(cases))
    for place, (mode, found) in enumerate(modes.items()):
        colour, sep = MODE_COLOURS[mode], found.sep.astype(float)
        low, high = found.null_cases
        figure.add_shape(
            type="rect",
            x0=place - HALF,
            x1=place + HALF,
            y0=low,
            y1=high,
            fillcolor=GREY,
            line={"width": 0},
            layer="below",
        )
        figure.add_trace(
            go.Violin(
                y=sep,
                x0=place,
                width=2 * HALF,
                points=False,
                line={"color": colour, "width": 1.2},
                fillcolor=colour,
                opacity=0.28,
                hoverinfo="skip",
                showlegend=False,
                scalemode="width",
                spanmode="hard",
            )
        )
        dots = go.Scattergl if len(cases) > MANY else go.Scatter
        figure.add_trace(
            dots(
                x=place + aside,
                y=sep,
                mode="markers",
                name=mode,
                showlegend=False,
                text=said,
                customdata=[[i] for i in range(len(cases))],
                marker={
                    "color": colour,
                    "size": 4 if len(cases) > MANY else 6.5,
                    "opacity": 0.85,
                    "line": {"width": 0.4, "color": "rgba(255, 255, 255, 0.7)"},
                },
                selected={"marker": {"opacity": 0.85}},
                unselected={"marker": {"opacity": 0.85}},
                hovertemplate=f"%{{text}}<br>{mode} SEP %{{y:.3f}}<extra></extra>",
            )
        )
        figure.add_trace(
            go.Scatter(
                x=[place + HALF - 0.06],
                y=[found.mean],
                mode="markers",
                showlegend=False,
                marker={"symbol": "diamond", "size": 10, "color": colour},
                error_y={"type": "data", "array": [found.sd], "color": colour, "thickness": 2, "width": 5},
                hovertemplate=f"{mode}: mean {found.mean:.3f}, sd {found.sd:.3f}<extra></extra>",
            )
        )
    if chosen is not None:
        figure.add_trace(
            go.Scatter(
                x=np.arange(len(modes)) + aside[chosen],
                y=[float(found.sep[chosen]) for found in modes.values()],
                mode="markers",
                hoverinfo="skip",
                showlegend=False,
                marker={"symbol": "circle-open", "size": 15, "color": accent, "line": {"width": 2.5}},
            )
        )
    figure.add_hline(y=0, line={"width": 1, "dash": "dot", "color": "rgba(127, 127, 127, 0.9)"})
    figure.update_layout(
        height=520,
        margin={"l": 64, "r": 12, "t": 46, "b": 96},
        dragmode=False,
        hovermode="closest",
        violinmode="overlay",
        uirevision="separability",
        clickmode="event+select",
        xaxis={
            "tickvals": list(range(len(modes))),
            "ticktext": [_tick(mode, found) for mode, found in modes.items()],
            "range": [-0.55, len(modes) - 0.45],
            "fixedrange": True,
            "zeroline": False,
            "showgrid": False,
        },
        yaxis={
            "title": {"text": "SEP = SIM(C, R) − SIM(C, NR), in units of cosine"},
            "zeroline": False,
            "fixedrange": True,
        },
    )
    return figure


def _tick(mode: Mode, found: ModeSeparation) -> str:
    return f"<b>{mode}</b><br>{100 * found.share_positive:.0f} % of cases above 0"


def _said(case: Case, other: str) -> str:
    """The words of a case, escaped."""
    lines = (
        ("", escaped(case.id, 60)),
        ("C: ", escaped(case.context, 90)),
        ("R: ", escaped(case.related, 90)),
        ("NR: ", escaped(other, 90)),
    )
    return "<br>".join(f"{name}{text}" for name, text in lines)


def intervals(differences: Sequence[tuple[str, float, float, float]]) -> go.Figure:
    """Differences between modes as points with their 95 % intervals; a line at 0. Each: (name, value, low, high)."""
    names = [name for name, *_ in differences]
    values = np.asarray([row[1:] for row in differences], float).reshape(-1, 3)
    clear = (values[:, 1] > 0) | (values[:, 2] < 0)
    figure = go.Figure(
        go.Scatter(
            x=values[:, 0],
            y=names,
            mode="markers",
            marker={"size": 9, "color": [MODE_COLOURS["dense"] if c else MODE_COLOURS["lexical"] for c in clear]},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": values[:, 2] - values[:, 0],
                "arrayminus": values[:, 0] - values[:, 1],
                "thickness": 2,
                "width": 4,
                "color": MODE_COLOURS["lexical"],
            },
            customdata=values[:, 1:],
            hovertemplate="%{y}: %{x:+.3f} (%{customdata[0]:+.3f} to %{customdata[1]:+.3f})<extra></extra>",
        )
    )
    figure.add_vline(x=0, line={"width": 1, "dash": "dot", "color": "rgba(127, 127, 127, 0.9)"})
    figure.update_layout(
        height=34 * max(len(names), 2) + 150,
        margin={"l": 130, "r": 12, "t": 46, "b": 106},
        dragmode=False,
        showlegend=False,
        uirevision="intervals",
        yaxis={"autorange": "reversed", "type": "category", "fixedrange": True, "ticksuffix": "  ", "title": None},
        xaxis={"fixedrange": True, "zeroline": False},
    )
    return figure
