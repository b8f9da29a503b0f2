"""What makes a figure fit for a paper: a title that asks, a stamp of where its numbers come from, a picture file."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

WORDS = 20_000
"""Up to so many points carry their memory's words for hovering; of more, a click tells them."""
LINE = 64
STAMP = 78
"""Characters of a line of the provenance."""

STAMPED = (("bank", "bank_version", "engine"), ("sae", "hook", "fingerprint"))
"""What the stamp says of the provenance, line by line; exports say all of it."""


def for_paper(figure: go.Figure, title: str, stamp: Mapping[str, Any], what: str) -> go.Figure:
    """Give a figure its title and, below it, in small lines, the settings behind it and its stamp."""
    margin = figure.layout.margin
    lines = [
        what,
        *(" · ".join(f"{n.replace('_', ' ')} {stamp[n]}" for n in names if stamp.get(n)) for names in STAMPED),
    ]
    figure.update_layout(
        title={
            "text": html.escape(title),
            "font": {"size": 16},
            "x": 0,
            "xanchor": "left",
            "y": 0.985,
            "yanchor": "top",
        }
    )
    figure.add_annotation(
        text="<br>".join(map(html.escape, lines)),
        xref="paper", yref="paper", x=0, y=0, xanchor="left", yanchor="bottom", xshift=-(margin.l or 0),
        yshift=-(margin.b or 0), showarrow=False, font={"size": 10}, opacity=0.75, align="left",
    )  # fmt: skip
    return figure


def picture(name: str, kind: str) -> dict[str, Any]:
    """Plotly's own button: the figure as SVG, or as PNG at three times the size of the screen."""
    image = {"format": kind, "filename": name, **({"scale": 3} if kind == "png" else {})}
    kept = ["select2d", "lasso2d", "autoScale2d"]
    return {"displaylogo": False, "toImageButtonOptions": image, "modeBarButtonsToRemove": kept}


# --- what stands around a map -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the points."""

    title: str
    axes: Sequence[str]
    stamp: str
    """Where the figure comes from, in small type."""
    dark: bool = False
    height: int = 620
    revision: str = "map"
    legend: bool = True
    line: int = 110
    """Characters of the title's first line."""
    margin: dict[str, int] = field(default_factory=lambda: {"l": 0, "r": 0, "t": 56, "b": 76})


def stamp(text: str) -> dict[str, Any]:
    """Where a figure comes from, as an annotation in its lower left corner."""
    return {
        "text": "<br>".join(map(html.escape, textwrap.wrap(text, STAMP))), "xref": "paper", "yref": "paper",
        "x": 0, "y": 0, "xanchor": "left", "yanchor": "top", "yshift": -46, "align": "left", "showarrow": False,
        "font": {"size": 10, "color": "#8A8A8A"},
    }  # fmt: skip


def heading(frame: Frame) -> str:
    return "<br>".join(html.escape(line, quote=False) for line in textwrap.wrap(frame.title, frame.line))


def wrapped(text: str) -> str:
    """A memory's words in at most five lines, for hovering."""
    lines = textwrap.wrap(" ".join(text[: 6 * LINE].split()), LINE) or [""]
    more = "…" if len(lines) > 5 or len(text) > 6 * LINE else ""
    return "<br>".join(html.escape(line, quote=False) for line in lines[:5]) + more
