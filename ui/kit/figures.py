"""What makes a figure fit for a paper: a title that asks, a stamp of where its numbers come from, a picture file."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

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
