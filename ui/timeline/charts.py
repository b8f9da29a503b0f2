"""Pure builders: latents over the turns of a dialogue. No Streamlit here."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core import Timeline
from ui.kit.colours import ACTIVATION, INK, MODE_COLOURS, PALE
from ui.kit.figures import WORDS, Frame, stamp, wrapped

ROW = 22
"""Pixels of one latent's row."""
DRIFT = 120
"""Pixels of the curve below."""
SESSION_NAMES = 40
"""More sessions than this are not named above the map."""


@dataclass(frozen=True, slots=True)
class Cells:
    """What is drawn of a timeline: turns, or bins of a few turns where there are many."""

    values: np.ndarray
    """float [k, b], share of the latent's strongest activation in this dialogue; nan where it does not fire."""
    first: np.ndarray
    """int [b], first turn of each bin, from 0."""
    strongest: np.ndarray
    """int [k, b], the turn of the bin in which the latent is strongest."""
    width: int
    """Turns a bin."""


def cells(line: Timeline, most: int) -> Cells:
    """The strongest activation of every few turns, so that at most so many columns are drawn."""
    k, t = line.values.shape
    width = max(1, -(-t // most))
    padded = np.zeros((k, -(-t // width) * width), np.float32)
    padded[:, :t] = line.values
    bins = padded.reshape(k, -1, width)
    top = np.maximum(line.values.max(1, initial=0), 1e-9)[:, None]
    share = bins.max(2) / top
    first = np.arange(bins.shape[1]) * width
    return Cells(np.where(share > 0, share, np.nan), first, first + bins.argmax(2), width)


def heatmap(
    line: Timeline,
    drawn: Cells,
    names: Mapping[int, str],
    texts: Sequence[str],
    latent: int | None,
    memory: int | None,
    frame: Frame,
) -> go.Figure:
    """Turns across, latents down, sessions as bands, and below how much each session resembles the one before.

    ``customdata`` of each cell is [turn, latent, activation], in lists: of a matrix, Streamlit tells a click as an
    object. A heatmap itself tells no click, so unseen squares lie on it.
    texts: the words of each turn. memory: the chosen turn.
    """
    theme = "dark" if frame.dark else "light"
    drifts = len(line.sessions) > 2
    k = len(line.latents)
    shares = [k * ROW, DRIFT] if drifts else [1]
    figure = make_subplots(rows=len(shares), cols=1, shared_xaxes=True, row_heights=shares, vertical_spacing=0.09)
    labels = [_name(int(i), names.get(int(i), ""), int(i) == latent) for i in line.latents]
    figure.add_trace(
        go.Heatmap(
            z=drawn.values, x=drawn.first + 1 + (drawn.width - 1) / 2, y=labels, zmin=0, zmax=1, hoverinfo="skip",
            colorscale=[[0, PALE[theme]], [1, ACTIVATION]], xgap=0, ygap=3,
            colorbar={"title": {"text": "share of its strongest", "side": "right"}, "thickness": 10,
                      "len": 0.6, "y": 1, "yanchor": "top"},
        ),
        row=1, col=1,
    )  # fmt: skip
    _squares(figure, line, drawn, labels, texts)
    if drifts:
        _drift(figure, line)
    for i, (start, stop) in enumerate(_spans(line.session_of)):
        if i % 2:
            figure.add_vrect(start + 0.5, stop + 0.5, fillcolor="#8A8A8A", opacity=0.1, line_width=0, layer="below")
    if memory is not None:
        figure.add_vline(memory + 1, line={"color": INK[theme], "width": 1.2, "dash": "dot"})
    bottom = "y2 domain" if drifts else "y domain"
    source = stamp(frame.stamp) | {"xref": "x domain", "yref": bottom}
    figure.update_layout(
        height=k * ROW + (DRIFT if drifts else 0) + 190,
        margin={"l": 0, "r": 0, "t": 76, "b": 76},
        title={"text": html.escape(frame.title), "x": 0, "xanchor": "left", "y": 1, "yanchor": "top",
               "yref": "container", "pad": {"t": 10}, "font": {"size": 15}},
        dragmode=False, hovermode="closest", uirevision=frame.revision,
        legend={"x": 1.01, "xanchor": "left", "y": 0, "yanchor": "bottom", "font": {"size": 11}},
        annotations=[source, *_sessions(line)],
    )  # fmt: skip
    unit = "turn" if drawn.width == 1 else f"turn ({drawn.width} turns a column)"
    figure.update_xaxes(fixedrange=True, showgrid=False, zeroline=False, range=[0.5, len(line.ids) + 0.5])
    figure.update_xaxes(title={"text": unit}, row=len(shares), col=1)
    figure.update_yaxes(autorange="reversed", fixedrange=True, ticksuffix="  ", showgrid=False, row=1, col=1)
    return figure


def _squares(figure: go.Figure, line: Timeline, drawn: Cells, labels: Sequence[str], texts: Sequence[str]) -> None:
    row, column = np.nonzero(~np.isnan(drawn.values))
    turn = drawn.strongest[row, column]
    told = [wrapped(texts[t]) for t in turn.tolist()] if len(turn) <= WORDS else [""] * len(turn)
    squares = go.Scattergl(
        x=drawn.first[column] + 1 + (drawn.width - 1) / 2,
        y=[labels[i] for i in row.tolist()],
        mode="markers",
        marker={"symbol": "square", "size": 14, "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=np.column_stack([turn, line.latents[row], line.values[row, turn]]).tolist(),
        text=told,
        hovertemplate="turn %{customdata[0]}, activation %{customdata[2]:.1f}<br>%{text}<extra></extra>",
        showlegend=False,
    )
    figure.add_trace(squares, row=1, col=1)


def _drift(figure: go.Figure, line: Timeline) -> None:
    """Cosine of each session's mean code with that of the session before, at the turn where it begins."""
    starts = [start + 1 for start, _ in _spans(line.session_of)][1:]
    for mode, values in line.drift.items():
        figure.add_trace(
            go.Scatter(
                x=starts, y=values, mode="lines+markers", name=f"{mode} codes",
                line={"color": MODE_COLOURS[mode], "width": 2}, marker={"size": 6},  # type: ignore[index]
                text=[html.escape(name) for name in line.sessions[1:]],
                hovertemplate="%{text} and the session before<br>cosine %{y:.2f}<extra></extra>",
            ),
            row=2, col=1,
        )  # fmt: skip
    figure.update_yaxes(
        title={"text": "cosine with<br>session before"}, fixedrange=True, nticks=4, zeroline=False, row=2, col=1
    )


def _spans(session_of: np.ndarray) -> list[tuple[int, int]]:
    """(first turn, one past the last) of each session."""
    cuts = np.flatnonzero(np.diff(session_of)) + 1
    return list(zip([0, *cuts.tolist()], [*cuts.tolist(), len(session_of)], strict=True))


def _sessions(line: Timeline) -> list[dict[str, object]]:
    """Their names above the map, a number where they are only counted."""
    if not 1 < len(line.sessions) <= SESSION_NAMES:
        return []
    counted = [re.fullmatch(r"(.*?)(\d+)", name) for name in line.sessions]
    common = {found[1] for found in counted if found}
    short = all(counted) and len(common) == 1
    said = [found[2] if short and found else name[:12] for found, name in zip(counted, line.sessions, strict=True)]
    where = {"yref": "y domain", "y": 1, "yanchor": "bottom", "showarrow": False, "font": {"size": 10}}
    found: list[dict[str, object]] = [
        {"x": (start + stop + 1) / 2, "text": html.escape(name), **where}
        for name, (start, stop) in zip(said, _spans(line.session_of), strict=True)
    ]
    if short:
        head = next(iter(common)).strip(" _-") or "session"
        aside = {"xref": "x domain", "x": 0, "xanchor": "right", "xshift": -8}
        found.append({"text": html.escape(head), **where, **aside})
    return found


def _name(latent: int, label: str, chosen: bool) -> str:
    flat = html.escape(label if len(label) <= 30 else label[:29] + "…")
    said = f"{flat} <span style='font-size:10px'>{latent}</span>" if label else f"latent {latent}"
    return f"<b>{said}</b>" if chosen else said
