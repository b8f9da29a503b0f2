"""Pure builders: recall curves, categories, differences between runs, why one memory came before another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core import Confusion, Mode
from core.evaluation import Comparison
from core.types import Floats
from ui.kit.charts import BAR, escaped, named
from ui.kit.colours import MINUS, MODE_COLOURS, PLUS

LINE = "#8A8A8A"
ROW = 56
"""Pixels a row of dots takes."""


def recall_curves(curves: Mapping[Mode, Floats]) -> go.Figure:
    """recall@k for k = 1, 2, …, one line per mode."""
    figure = go.Figure(
        [
            go.Scatter(
                x=np.arange(1, len(curve) + 1),
                y=curve.astype(float),
                name=mode,
                mode="lines",
                line={"color": MODE_COLOURS[mode], "width": 2.4, "dash": "dot" if mode == "lexical" else "solid"},
                hovertemplate=f"{mode}: %{{y:.1%}}<extra></extra>",
            )
            for mode, curve in curves.items()
        ]
    )
    longest = max((len(curve) for curve in curves.values()), default=1)
    figure.update_layout(
        height=340,
        title=_title("How much of the evidence is among the first k?"),
        margin={"l": 0, "r": 12, "t": 70, "b": 40},
        hovermode="x unified",
        dragmode=False,
        uirevision="curves",
        legend={"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
        xaxis={"title": {"text": "k, memories recalled"}, "range": [1, longest], "fixedrange": True,
               "tickvals": [1, *range(10, longest + 1, 10)], "hoverformat": "d"},
        yaxis={"title": {"text": "recall@k"}, "range": [0, 1.02], "tickformat": ".0%", "fixedrange": True},
    )  # fmt: skip
    return figure


def categories(modes: Mapping[Mode, Mapping[str, Any]]) -> go.Figure:
    """recall@10 of each category with its 95 % interval, a dot per mode. modes: as in a run's report."""
    names = list(next(iter(modes.values()))["by_category"])
    figure = go.Figure()
    for place, mode in zip(_places(len(modes)), modes, strict=True):
        rows = [modes[mode]["by_category"][name] for name in names]
        values = [row["recall@10"] for row in rows]
        low, high = np.asarray([row["interval"]["recall@10"] for row in rows]).T
        figure.add_trace(
            _dots(mode, values, np.arange(len(names)) + place, low, high, [[row["n"]] for row in rows],
                  "%{x:.1%} (%{customdata[1]:.1%} to %{customdata[2]:.1%}) of %{customdata[0]:,} questions")
        )  # fmt: skip
    counts = [next(iter(modes.values()))["by_category"][name]["n"] for name in names]
    ticks = [f"{escaped(name or 'no category', 26)} ({n:,})" for name, n in zip(names, counts, strict=True)]
    _rows_of_dots(figure, ticks, "Which kinds of question are answered?")
    figure.update_xaxes(title={"text": "recall@10, 95 % interval"}, range=[-0.02, 1.02], tickformat=".0%")
    return figure


def differences(found: Comparison, said: Mapping[str, str]) -> go.Figure:
    """What the second run gains over the first in each figure, with 95 % intervals, a dot per mode.

    said: what a figure is called.
    """
    names = list(next(iter(found.differences.values())))
    figure = go.Figure()
    for place, (mode, figures) in zip(_places(len(found.differences)), found.differences.items(), strict=True):
        rows = [figures[name] for name in names]
        gains = [100 * row.gain for row in rows]
        figure.add_trace(
            _dots(mode, gains, np.arange(len(names)) + place, np.asarray([100 * row.low for row in rows]),
                  np.asarray([100 * row.high for row in rows]), [[row.before, row.after] for row in rows],
                  "%{x:+.1f} points (%{customdata[2]:+.1f} to %{customdata[3]:+.1f}): "
                  "%{customdata[0]:.1%} → %{customdata[1]:.1%}")
        )  # fmt: skip
    _rows_of_dots(figure, [said.get(name, name) for name in names], "What does it gain?")
    figure.add_vline(x=0, line={"color": LINE, "width": 1})
    figure.update_xaxes(title={"text": "gain in percentage points, 95 % interval"}, zeroline=False)
    return figure


def confusion(found: Confusion, shown: Sequence[int], labels: Mapping[int, str], chosen: int | None) -> go.Figure:
    """Latent by latent, the sparse score of the memory that came first minus that of the evidence.

    shown: positions in the confusion, from top to bottom. A click gives the latent, from ``customdata``.
    """
    at = np.asarray(shown, dtype=np.int64)
    latents, wrong, right = found.latents[at], found.wrong[at].astype(float), found.right[at].astype(float)
    ticks = [named(int(latent), labels.get(int(latent), "")) for latent in latents]
    gap = wrong - right
    figure = go.Figure(
        go.Bar(
            x=gap,
            y=ticks,
            orientation="h",
            customdata=np.column_stack([latents, wrong, right]),
            marker={
                "color": np.where(gap > 0, MINUS, PLUS),
                "line": {"color": MODE_COLOURS["dense"], "width": [2.5 if i == chosen else 0 for i in latents]},
            },
            hovertemplate="%{y}<br>adds %{customdata[1]:.2f} to the memory that came first, %{customdata[2]:.2f} to "
            "the evidence<extra></extra>",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    )
    figure.add_vline(x=0, line={"color": LINE, "width": 1})
    figure.update_layout(
        height=BAR * max(len(at), 3) + 84,
        title=_title("Which latents put it first?"),
        margin={"l": 0, "r": 12, "t": 40, "b": 40},
        bargap=0.28,
        dragmode=False,
        showlegend=False,
        uirevision="confusion",
        xaxis={"title": {"text": "share of the memory that came first − share of the evidence"}, "fixedrange": True,
               "zeroline": False},
        yaxis={"autorange": "reversed", "type": "category", "fixedrange": True, "ticksuffix": "  ", "title": None},
    )  # fmt: skip
    return figure


def _places(n: int) -> list[float]:
    """Where the modes of one row stand around it."""
    return [0.17 * (i - (n - 1) / 2) for i in range(n)]


def _dots(
    mode: Mode, values: Sequence[float], y: np.ndarray, low: np.ndarray, high: np.ndarray,
    more: Sequence[Sequence[float]], said: str,
) -> go.Scatter:  # fmt: skip
    x = np.asarray(values, dtype=float)
    return go.Scatter(
        x=x,
        y=y,
        name=mode,
        mode="markers",
        customdata=np.column_stack([np.asarray(more, dtype=float), low, high]),
        error_x={"array": high - x, "arrayminus": x - low, "thickness": 1.6, "width": 0, "color": MODE_COLOURS[mode]},
        marker={"size": 8, "color": MODE_COLOURS[mode], "symbol": "diamond" if mode == "lexical" else "circle"},
        hovertemplate=f"{mode}: {said}<extra></extra>",
    )


def _rows_of_dots(figure: go.Figure, ticks: Sequence[str], title: str) -> None:
    figure.update_layout(
        height=max(340, ROW * len(ticks) + 116),
        title=_title(title),
        margin={"l": 0, "r": 12, "t": 70, "b": 40},
        dragmode=False,
        uirevision="dots",
        legend={"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
        xaxis={"fixedrange": True},
        yaxis={"tickvals": list(range(len(ticks))), "ticktext": [f"{tick}  " for tick in ticks], "fixedrange": True,
               "range": [len(ticks) - 0.5, -0.5], "zeroline": False, "title": None},
    )  # fmt: skip


def _title(text: str) -> dict[str, Any]:
    return {"text": text, "x": 0, "xanchor": "left", "font": {"size": 15}}
