"""Pure builders: maps of memories. No Streamlit here."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ui.kit.colours import CATEGORIES, INK, PALE, QUIET, TIME
from ui.kit.figures import WORDS, Frame, heading, stamp, wrapped

VECTOR = 5_000
"""Up to so many points are drawn as vectors, which print at any size; more are drawn by the graphics card."""
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x")
"""Colours repeat after eight groups; then the shape tells them apart."""
MOST_GROUPS = 8 * len(SYMBOLS)
NAMED = 14
"""Groups whose names stand on the map itself, where they do not cover each other."""
LONGEST_NAME = 60
"""Characters of such a name."""
NAME_ROOM, LETTER, NAME_LINE = (720, 420), 6.5, 18
"""Pixels that a map has on a usual screen, and that a letter and a line of a name take."""
Rows = Sequence[int] | np.ndarray


@dataclass(frozen=True, slots=True)
class Groups:
    """Colour by group."""

    of: np.ndarray
    """int [n], the group of each point; −1 for none, drawn quietly."""
    names: Sequence[str]
    without: str = "none"
    """What −1 is called."""
    named: bool = False
    """Whether the names also stand on the map."""


@dataclass(frozen=True, slots=True)
class Values:
    """Colour by a number."""

    of: np.ndarray
    """float [n]; nan is drawn quietly."""
    title: str
    colour: str
    """The end of the ramp; empty for the theme's ramp of time."""
    ticks: Sequence[tuple[float, str]] = ()
    without: str = "unknown"


@dataclass(frozen=True, slots=True)
class Marks:
    """What is set off from the crowd."""

    selected: Rows | None = None
    """Rows that stay coloured; None where nothing is selected."""
    hits: Rows = ()
    """Rows that a query recalls, best first: ringed and numbered."""
    query: Sequence[float] | None = None
    """Where the query itself belongs."""
    chosen: int | None = None
    """The row of the chosen memory."""
    outline: Sequence[Sequence[float]] = ()
    """The polygon that selected."""


def scatter(places: np.ndarray, colour: Groups | Values, words: Sequence[str], marks: Marks, frame: Frame) -> go.Figure:
    """Memories as points. ``customdata`` of each is its row, so that a selection names memories.

    places: [n, 2] or [n, 3]. words: [n], or empty where there are too many to carry.
    """
    draw = _Points(places, [wrapped(text) for text in words], marks, frame)
    if isinstance(colour, Groups):
        _by_group(draw, colour)
    else:
        _by_value(draw, colour)
    _marks(draw, marks)
    figure = draw.figure
    figure.update_layout(
        height=frame.height,
        margin=frame.margin,
        title={"text": heading(frame), "x": 0, "xanchor": "left", "font": {"size": 15}},
        dragmode="lasso",
        hovermode="closest",
        showlegend=frame.legend,
        uirevision=frame.revision,
        legend={"itemsizing": "constant", "title": {"text": ""}, "font": {"size": 12}, "tracegroupgap": 2},
        annotations=[stamp(frame.stamp), *(_names(places, colour, frame) if places.shape[1] == 2 else [])],
    )
    if places.shape[1] == 3:
        axis = {"showbackground": False, "showspikes": False}
        named = dict(zip(("xaxis", "yaxis", "zaxis"), frame.axes, strict=True))
        figure.update_layout(
            scene={name: axis | {"title": {"text": text}} for name, text in named.items()} | {"aspectmode": "data"},
            dragmode="turntable",
            scene_camera={"eye": {"x": 1.5, "y": 1.5, "z": 1.1}},
        )
    else:
        figure.update_xaxes(title={"text": frame.axes[0]}, zeroline=False, nticks=8)
        figure.update_yaxes(title={"text": frame.axes[1]}, zeroline=False, nticks=6, scaleanchor="x", scaleratio=1)
    return figure


@dataclass(slots=True)
class _Points:
    """The figure while it is being built."""

    places: np.ndarray
    words: list[str]
    marks: Marks
    frame: Frame
    figure: go.Figure = field(default_factory=go.Figure)

    @property
    def theme(self) -> str:
        return "dark" if self.frame.dark else "light"

    @property
    def size(self) -> float:
        n = len(self.places)
        return 9 if n < 600 else 6 if n <= VECTOR else 4 if n <= WORDS else 3

    def add(self, rows: np.ndarray, name: str, marker: dict[str, Any], **more: Any) -> None:
        """One trace of some rows."""
        deep = self.places.shape[1] == 3
        kind = go.Scatter3d if deep else go.Scatter if len(self.places) <= VECTOR else go.Scattergl
        told = {"text": [self.words[i] for i in rows]} if self.words else {}
        said = "%{text}" if self.words else "row %{customdata}: click for its words"
        trace = kind(
            **dict(zip("xyz", self.places[rows].T, strict=False)),
            mode="markers",
            name=name,
            customdata=rows.astype(np.int32),
            marker={"size": self.size * (0.6 if deep else 1), "opacity": 0.85, "line": {"width": 0}} | marker,
            hovertemplate=f"{said}<extra>{name}</extra>",
            **told,
            **more,
        )
        if not deep:
            trace.update(selected={"marker": {"opacity": 0.95}})
            trace.update(unselected={"marker": {"opacity": 0.55, "color": QUIET[self.theme]}})
            if self.marks.selected is not None:
                trace.update(selectedpoints=np.flatnonzero(np.isin(rows, self.marks.selected)).astype(np.int32))
        self.figure.add_trace(trace)


def _by_group(draw: _Points, colour: Groups) -> None:
    """One trace a group, the largest colours first; what is left over stays quiet."""
    palette = CATEGORIES[draw.theme]
    shown = min(len(colour.names), MOST_GROUPS)
    rest = np.flatnonzero((colour.of < 0) | (colour.of >= shown))
    if len(rest):
        more = len(colour.names) - shown
        name = html.escape(f"{more} more" if more else colour.without)
        draw.add(rest, f"{name} ({len(rest):,})", {"color": QUIET[draw.theme]})
    for group in range(shown):
        rows = np.flatnonzero(colour.of == group)
        look = {"color": palette[group % len(palette)], "symbol": SYMBOLS[group // len(palette)]}
        draw.add(rows, f"{_short(colour.names[group], 44 if colour.named else 34)} ({len(rows):,})", look)


def _by_value(draw: _Points, colour: Values) -> None:
    """One ramp; points without a value stay quiet behind it, the strongest lie on top."""
    known = ~np.isnan(colour.of)
    if not known.all():
        rest = np.flatnonzero(~known)
        draw.add(rest, f"{html.escape(colour.without, quote=False)} ({len(rest):,})", {"color": QUIET[draw.theme]})
    rows = np.flatnonzero(known)
    rows = rows[np.argsort(colour.of[rows], kind="stable")]
    bar: dict[str, Any] = {"title": {"text": html.escape(colour.title), "side": "right"}, "thickness": 12}
    bar |= {"y": 0, "yanchor": "bottom", "len": 0.72}
    if colour.ticks:
        bar |= {"tickvals": [at for at, _ in colour.ticks], "ticktext": [said for _, said in colour.ticks]}
    stops = (PALE[draw.theme], colour.colour) if colour.colour else TIME[draw.theme]
    scale = [[i / (len(stops) - 1), stop] for i, stop in enumerate(stops)]
    look = {"color": colour.of[rows], "colorscale": scale, "colorbar": bar, "showscale": True}
    draw.add(rows, html.escape(colour.title), look, showlegend=False)


def _marks(draw: _Points, marks: Marks) -> None:
    """Rings, numbers, the query's star and the chosen memory, above the points and not selectable themselves."""
    deep, ink = draw.places.shape[1] == 3, INK[draw.theme]
    kind = go.Scatter3d if deep else go.Scatter

    def mark(at: np.ndarray, name: str, marker: dict[str, Any], **more: Any) -> None:
        axes = dict(zip("xyz", np.atleast_2d(at).T, strict=False))
        draw.figure.add_trace(kind(**axes, name=name, marker=marker, hoverinfo="skip", **{"mode": "markers"} | more))

    size = draw.size + 7
    if len(marks.hits):
        ranks = [str(i) for i in range(1, len(marks.hits) + 1)]
        rings = {"symbol": "circle-open", "size": size, "color": ink, "line": {"width": 1.6, "color": ink}}
        told = {"mode": "markers+text", "text": ranks, "textposition": "top right", "textfont": {"color": ink}}
        mark(draw.places[list(marks.hits)], f"recalled ({len(ranks)})", rings, **told)
    if marks.query is not None:
        star = {"symbol": "diamond" if deep else "star", "size": size + 6, "color": CATEGORIES[draw.theme][4]}
        mark(np.asarray(marks.query), "the query", star | {"line": {"width": 1.2, "color": ink}})
    if marks.chosen is not None:
        ring = {"symbol": "circle-open", "size": size + 4, "color": ink, "line": {"width": 3, "color": ink}}
        mark(draw.places[marks.chosen], "chosen memory", ring)
    if marks.outline and not deep:
        closed = np.asarray([*marks.outline, marks.outline[0]])
        mark(closed, "selected", {}, mode="lines", line={"color": ink, "width": 1, "dash": "dot"}, showlegend=False)


def _names(places: np.ndarray, colour: Groups | Values, frame: Frame) -> list[dict[str, Any]]:
    """The names of the largest groups where they lie; of two that would cover each other, the larger group's."""
    if not isinstance(colour, Groups) or not colour.named or not colour.names:
        return []
    back = "rgba(18,21,24,.62)" if frame.dark else "rgba(252,252,251,.72)"
    pixel = max(float(np.max(np.ptp(places, axis=0) / NAME_ROOM)), 1e-9)  # of both axes, which are equal
    found: list[dict[str, Any]] = []
    taken: list[tuple[float, float, int]] = []
    for group, name in enumerate(colour.names[:NAMED]):
        x, y = np.median(places[colour.of == group], axis=0)
        across, up, length = x / pixel, y / pixel, min(len(name), LONGEST_NAME)
        if any(abs(across - a) < LETTER * (length + n) / 2 and abs(up - b) < NAME_LINE for a, b, n in taken):
            continue
        taken.append((across, up, length))
        found.append(
            {
                "x": float(x), "y": float(y), "text": _short(name, LONGEST_NAME), "showarrow": False, "bgcolor": back,
                "font": {"size": 11, "color": INK["dark" if frame.dark else "light"]},
            }
        )  # fmt: skip
    return found


def _short(text: str, width: int) -> str:
    flat = " ".join(text.split())
    return html.escape(flat if len(flat) <= width else flat[: width - 1] + "…")
