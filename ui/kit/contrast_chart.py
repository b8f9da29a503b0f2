"""Pure builders: what sets two groups of memories apart. No Streamlit here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from core import Contrast
from ui.kit.charts import BAR, escaped, named
from ui.kit.colours import INK, MINUS, PLUS
from ui.kit.figures import stamp


def forest(
    found: Contrast,
    shown: Sequence[int],
    labels: Mapping[int, str],
    sides: tuple[str, str],
    chosen: int | None,
    dark: bool,
    source: str,
) -> go.Figure:
    """Log-odds with their intervals, one latent a line. A click gives the latent, from ``customdata``.

    shown: positions in the contrast, from top to bottom.
    """
    at = np.asarray(shown, dtype=np.int64)
    odds, low, high = found.log_odds[at], found.low[at], found.high[at]
    latents = found.latents[at]
    names = [named(int(latent), labels.get(int(latent), "")) for latent in latents]
    share_a, share_b = 100 * found.fires_a[at] / found.n_a, 100 * found.fires_b[at] / found.n_b
    colours = np.where(odds > 0, PLUS, MINUS)
    ink = INK["dark" if dark else "light"]
    figure = go.Figure(
        go.Scatter(
            x=odds,
            y=names,
            mode="markers",
            customdata=np.column_stack([latents, share_a, share_b, low, high, found.q[at]]).tolist(),
            error_x={"array": high - odds, "arrayminus": odds - low, "thickness": 1.6, "width": 3, "color": "#8A8A8A"},
            marker={
                "size": 10, "color": colours,
                "line": {"color": ink, "width": [2.5 if latent == chosen else 0 for latent in latents]},
            },
            hovertemplate=(
                "%{y}<br>log-odds %{x:+.2f} (95 % %{customdata[3]:+.2f} to %{customdata[4]:+.2f})<br>"
                f"fires in %{{customdata[1]:.0f}} % of {escaped(sides[0], 60)}, "
                f"%{{customdata[2]:.0f}} % of {escaped(sides[1], 60)}<br>q %{{customdata[5]:.2g}}<extra></extra>"
            ),
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    )  # fmt: skip
    figure.add_vline(x=0, line={"color": "#8A8A8A", "width": 1})
    figure.update_layout(
        height=BAR * max(len(at), 3) + 136,
        margin={"l": 0, "r": 12, "t": 54, "b": 82},
        title={
            "text": f"What sets {escaped(sides[0], 60)} apart from {escaped(sides[1], 60)}?",
            "x": 0, "xanchor": "left", "font": {"size": 15},
        },
        dragmode=False,
        showlegend=False,
        uirevision="forest",
        annotations=[stamp(source)],
        xaxis={"title": {"text": "log-odds of firing (natural), 95 % interval"}, "fixedrange": True, "zeroline": False},
        yaxis={"autorange": "reversed", "type": "category", "fixedrange": True, "ticksuffix": "  ", "title": None},
    )  # fmt: skip
    return figure
