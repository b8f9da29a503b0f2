"""Which rows overlap: a heatmap in the order of its tree, the tree beside it. Pure builders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from ui.kit.charts import escaped
from ui.kit.colours import ACCENTS, SEQUENTIAL

NAMED = 60
"""Rows up to which each has its name beside it."""
SIDE = 560
"""Pixels of the square at 1440 pixels: the size of the invisible markers follows from it."""
WORDS = 90
TREE = 0.13
"""Share of the width that the tree takes."""
LONGEST_NAME = 24


def heatmap(
    values: NDArray[np.float32],
    names: Sequence[str],
    words: Sequence[str],
    branches: tuple[NDArray[np.float64], NDArray[np.float64]],
    unit: str,
    near_is_small: bool = False,
    chosen: tuple[int, int] | None = None,
    theme: str = "light",
) -> go.Figure:
    """values: [r, r] of r rows or tiles in their order, nan where there is nothing to say.

    names, words: of each. branches: places and heights of the tree, places counted in rows or tiles. unit: what a value
    is. A click gives the cell: x and y of an invisible square, since a heatmap's own clicks reach nobody.
    """
    n = len(values)
    said = [f"<b>{escaped(name, 60)}</b> {escaped(text, WORDS)}" for name, text in zip(names, words, strict=True)]
    seen = values[np.isfinite(values)]
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 1.0)
    rows, columns = np.divmod(np.arange(n * n, dtype=np.int32), max(n, 1))
    figure = go.Figure(
        [
            go.Heatmap(
                z=values,
                x=np.arange(n),
                y=np.arange(n),
                xaxis="x2",
                yaxis="y2",
                hoverinfo="skip",
                zmin=low,
                zmax=high if high > low else low + 1,
                colorscale=_scale(theme, near_is_small),
                colorbar={"title": {"text": unit, "side": "right"}, "thickness": 12, "len": 0.8, "outlinewidth": 0},
            ),
            # Beyond 20 pixels from its middle, a large square would answer no pointer on the graphics card.
            (go.Scatter if n <= NAMED else go.Scattergl)(
                x=columns,
                y=rows,
                xaxis="x3",
                yaxis="y3",
                mode="markers",
                showlegend=False,
                customdata=values.ravel().astype(np.float32),
                marker={"symbol": "square", "size": max(2.0, 0.96 * SIDE / max(n, 1)), "color": "#000", "opacity": 0},
                selected={"marker": {"opacity": 0}},
                unselected={"marker": {"opacity": 0}},
                hovertemplate=f"%{{y}}<br>%{{x}}<br>{unit}: %{{customdata:.3~f}}<extra></extra>",
            ),
            _tree(branches, theme),
        ]
    )
    if chosen is not None:
        for i, j in {chosen, chosen[::-1]}:
            figure.add_shape(
                type="rect",
                xref="x2",
                yref="y2",
                x0=j - 0.5,
                x1=j + 0.5,
                y0=i - 0.5,
                y1=i + 0.5,
                line={"color": ACCENTS[theme], "width": 2.5},
            )
    few = n <= NAMED
    margin = 7.0 * min(max((len(name) for name in names), default=0), LONGEST_NAME) + 10 if few else 8
    ticks = {"tickvals": list(range(n)) if few else [], "ticktext": [escaped(name, LONGEST_NAME) for name in names]}
    spoken = {
        "tickmode": "array",
        "tickvals": list(range(n)),
        "ticktext": said,
        "showticklabels": False,
        "ticks": "",
        "showgrid": False,
        "zeroline": False,
        "showline": False,
        "fixedrange": True,
    }
    plain = {"showgrid": False, "zeroline": False, "fixedrange": True, "ticks": ""}
    below = int(96 + (0.75 * margin if few else 0))
    heights = branches[1][:, 1]
    legs = [float(heights.max()) * 1.02, float(heights.min()) * 0.98] if len(heights) else [1, 0]
    beside = _after_names(few, margin)
    across, down = [-0.5, n - 0.5], [n - 0.5, -0.5]
    figure.update_layout(
        height=SIDE + 46 + below,
        margin={"l": 8, "r": 8, "t": 46, "b": below}, plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False, hovermode="closest", uirevision="overlap", clickmode="event+select",
        xaxis={**plain, "domain": [0, TREE], "range": legs, "nticks": 3, "title": {"text": "distance"}},
        yaxis={**plain, "range": down, "showticklabels": False, "domain": [0, 1]},
        xaxis2={**plain, **ticks, "domain": [beside, 1], "range": across, "anchor": "y2", "tickangle": -60},
        yaxis2={**plain, **ticks, "range": down, "anchor": "x2", "domain": [0, 1]},
        xaxis3={**spoken, "overlaying": "x2", "range": across, "anchor": "y3"},
        yaxis3={**spoken, "overlaying": "y2", "range": down, "anchor": "x3"},
    )  # fmt: skip
    return figure


def _after_names(few: bool, margin: float) -> float:
    """Where the heatmap begins: the names of its rows stand between the tree and it."""
    return TREE + 0.02 + (margin / 540 if few else 0)


def _scale(theme: str, near_is_small: bool) -> list[list[Any]]:
    """From the surface to what overlaps most."""
    colours = SEQUENTIAL[theme][::-1] if near_is_small else SEQUENTIAL[theme]
    return [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)]


def _tree(branches: tuple[NDArray[np.float64], NDArray[np.float64]], theme: str) -> go.Scatter:
    """All branches as one line with gaps, leaves at the heatmap's side."""
    places, heights = branches
    gap = np.full((len(places), 1), np.nan)
    return go.Scatter(
        x=np.hstack([heights, gap]).ravel(), y=np.hstack([places, gap]).ravel(), mode="lines", showlegend=False,
        hoverinfo="skip", line={"width": 1, "color": "#6B7278" if theme == "light" else "#9AA2A8"},
    )  # fmt: skip
