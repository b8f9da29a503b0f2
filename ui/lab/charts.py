"""Small SAEs at work: losses, traces, reconstructions, overlap. Pure builders; runs stand side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.lab import Curves
from core.lab import traces as measures
from core.types import Floats
from ui.kit.charts import escaped
from ui.kit.colours import CATEGORIES, INK, MODE_COLOURS, QUIET, SEQUENTIAL

FOOT = 104
"""Pixels below a figure for its axis and what it says of itself."""
NAMED_EPISODES = 20
"""More episodes than this are named by their category alone."""
LOSSES = {"total": "combined", "reconstruction": "dense", "sparsity": "sparse"}
"""Which mode's colour a loss has: what is kept of the input is dense, what is paid for latents sparse."""
SHARES = {"core": "in all categories", "shared": "in some, not all", "unique": "in one alone"}


def palette(names: Sequence[str], theme: str) -> dict[str, str]:
    """A colour for each category, the same on every figure of the page."""
    colours = CATEGORIES[theme]
    return {name: colours[i % len(colours)] for i, name in enumerate(names)}


def _beside(titles: Sequence[str], height: int, left: int = 64, **more: Any) -> go.Figure:
    """Columns of equal figures that share their vertical axis, a title above each."""
    shown = [escaped(title, 48) for title in titles]
    figure = make_subplots(
        1, len(titles), shared_yaxes=True, subplot_titles=shown, horizontal_spacing=0.1 / max(len(titles), 1), **more
    )
    figure.update_annotations(font={"size": 13})
    figure.update_layout(
        height=height, margin={"l": left, "r": 12, "t": 74, "b": FOOT}, dragmode=False, hovermode="closest",
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "top", "yref": "container"},
    )  # fmt: skip
    figure.update_xaxes(fixedrange=True, zeroline=False)
    figure.update_yaxes(fixedrange=True, zeroline=False)
    return figure


def losses(runs: Sequence[tuple[str, Sequence[Curves]]]) -> go.Figure:
    """Every seed's losses by epoch; of several seeds the later ones are pale."""
    figure = _beside([name for name, _ in runs], 420)
    for column, (_, seeds) in enumerate(runs, 1):
        for i, curves in enumerate(seeds):
            for name, mode in LOSSES.items():
                values = np.asarray(getattr(curves, name), float)
                figure.add_trace(
                    go.Scatter(
                        x=np.arange(1, len(values) + 1), y=np.where(values > 0, values, np.nan), mode="lines",
                        name="β · sparsity" if name == "sparsity" else name, legendgroup=name,
                        showlegend=column == 1 and i == 0, opacity=1 if i == 0 else 0.25,
                        line={"color": MODE_COLOURS[mode], "width": 2 if i == 0 else 1},  # type: ignore[index]
                        hovertemplate=f"{name} %{{y:.3~g}} after epoch %{{x:,}}<extra></extra>",
                    ),
                    1, column,
                )  # fmt: skip
    figure.update_xaxes(title={"text": "epoch"})
    figure.update_yaxes(type="log", exponentformat="power", dtick=1)
    figure.update_yaxes(title={"text": "loss"}, col=1)
    return figure


def traces(runs: Sequence[tuple[str, Floats, Sequence[str], Sequence[str]]], theme: str) -> go.Figure:
    """(name, traces [n, m], category and name of each episode) of every run as heatmaps of one scale."""
    most = max(len(values) for _, values, _, _ in runs)
    few = most <= NAMED_EPISODES
    top = max((float(values.max(initial=0)) for _, values, _, _ in runs), default=0) or 1.0
    widest = max(len(tick) for _, _, categories, _ in runs for tick in categories)
    figure = _beside([name for name, *_ in runs], (26 * most if few else 430) + 74 + FOOT, 9 * min(widest, 18) + 12)
    colours = [[i / 9, colour] for i, colour in enumerate(SEQUENTIAL[theme])]
    for column, (_, values, categories, names) in enumerate(runs, 1):
        said = [f"{escaped(c, 40)}, {escaped(n, 40)}" for c, n in zip(categories, names, strict=True)]
        figure.add_trace(
            go.Heatmap(
                z=np.where(values > 0, values, np.nan), x=np.arange(values.shape[1]), y=np.arange(len(values)),
                zmin=0, zmax=top, colorscale=colours, showscale=column == len(runs),
                colorbar={"title": {"text": "activation", "side": "right"}, "thickness": 12, "outlinewidth": 0},
                customdata=np.repeat(np.asarray(said, object)[:, None], values.shape[1], axis=1),
                hovertemplate="%{customdata}<br>latent %{x}: %{z:.3~f}<extra></extra>", hoverongaps=False,
            ),
            1, column,
        )  # fmt: skip
        ticks = [escaped(c, 18) for c in categories]
        first = [i for i, c in enumerate(categories) if few or i == 0 or categories[i - 1] != c]
        figure.update_yaxes(
            tickvals=first, ticktext=[ticks[i] for i in first], range=[len(values) - 0.5, -0.5], col=column,
            showgrid=False,
        )  # fmt: skip
        for edge in (i for i in range(1, len(values)) if categories[i] != categories[i - 1]):
            figure.add_hline(y=edge - 0.5, line={"width": 1, "color": QUIET[theme]}, col=column, row=1)
    figure.update_xaxes(title={"text": "latent"}, showgrid=False)
    return figure


def mean_traces(runs: Sequence[tuple[str, Mapping[str, Floats]]], theme: str) -> go.Figure:
    """The mean trace of each category as bars, one bar a latent."""
    figure = _beside([name for name, _ in runs], 380)
    colours = palette([c for _, means in runs[:1] for c in means], theme)
    for column, (_, means) in enumerate(runs, 1):
        for name, values in means.items():
            figure.add_trace(
                go.Bar(
                    x=np.arange(len(values)), y=np.asarray(values, float), name=escaped(name, 30), legendgroup=name,
                    showlegend=column == 1, marker={"color": colours.get(name, INK[theme]), "line": {"width": 0}},
                    hovertemplate=f"{escaped(name, 40)}, latent %{{x}}: %{{y:.3~f}}<extra></extra>",
                ),
                1, column,
            )  # fmt: skip
    figure.update_layout(barmode="group", bargap=0.2)
    figure.update_xaxes(title={"text": "latent"})
    figure.update_yaxes(title={"text": "mean activation"}, col=1)
    return figure


def sparsity(
    runs: Sequence[tuple[str, Sequence[Mapping[str, Mapping[str, float]]], Mapping[str, float]]], theme: str
) -> go.Figure:
    """(name, every seed's figures by category, what the source reports): medians as bars, seeds as points."""
    figure = _beside([name for name, *_ in runs], 400)
    order = list(dict.fromkeys(name for _, seeds, _ in runs for name in seeds[0]))
    colours = palette(order, theme)
    for column, (_, seeds, source) in enumerate(runs, 1):
        names = list(seeds[0])
        each = np.asarray([[seed[name]["sparsity"] for name in names] for seed in seeds])
        active = np.median([[seed[name]["active"] for name in names] for seed in seeds], axis=0)
        places = np.arange(len(names))
        figure.update_xaxes(
            tickvals=places, ticktext=[escaped(name, 18).replace(" ", "<br>").replace("/", "/<br>") for name in names],
            range=[-0.6, len(names) - 0.4], tickangle=0, showgrid=False, col=column,
        )  # fmt: skip
        figure.add_trace(
            go.Bar(
                x=places, y=np.median(each, axis=0), showlegend=False, width=0.62, cliponaxis=False,
                marker={"color": [colours[name] for name in names], "opacity": 0.75}, customdata=active,
                text=[f"{value:.0%}" for value in np.median(each, axis=0)], textposition="inside",
                insidetextanchor="start", insidetextfont={"color": "#FFFFFF" if theme == "dark" else INK[theme]},
                hovertemplate="%{y:.1%} zeros, %{customdata:.3~g} active<extra>median</extra>",
            ),
            1, column,
        )  # fmt: skip
        if len(seeds) > 1:
            place = np.linspace(-0.16, 0.16, len(seeds))
            figure.add_trace(
                go.Scatter(
                    x=np.tile(np.arange(len(names)), len(seeds)) + np.repeat(place, len(names)), y=each.ravel(),
                    mode="markers", name="a seed", legendgroup="seed", showlegend=column == 1,
                    marker={"size": 6, "color": INK[theme], "opacity": 0.75},
                    hovertemplate="one seed: %{y:.1%}<extra></extra>",
                ),
                1, column,
            )  # fmt: skip
        reported = [(i, source[name]) for i, name in enumerate(names) if name in source]
        if reported:
            figure.add_trace(
                go.Scatter(
                    x=[i for i, _ in reported], y=[value for _, value in reported], mode="markers",
                    name="the source", legendgroup="source", showlegend=column == 1,
                    marker={"symbol": "diamond-open", "size": 13, "color": INK[theme], "line": {"width": 2}},
                    hovertemplate="the source: %{y:.0%}<extra></extra>",
                ),
                1, column,
            )  # fmt: skip
    figure.update_yaxes(range=[0, 1.04], tickformat=".0%")
    figure.update_yaxes(title={"text": "share of latents at 0"}, col=1)
    return figure


def reconstruction(
    runs: Sequence[tuple[str, Floats, Floats, Floats | None]], theme: str, unit: str = "place in the episode"
) -> go.Figure:
    """(name, target [t], decoded [t], the same without noise) of one episode."""
    figure = _beside([name for name, *_ in runs], 420)
    for column, (_, target, decoded, clean) in enumerate(runs, 1):
        lines = [("original", target, QUIET[theme], 1.6), ("reconstruction", decoded, MODE_COLOURS["sparse"], 2.2)]
        if clean is not None:
            lines.insert(1, ("without noise", clean, INK[theme], 1.1))
        for name, values, colour, width in lines:
            dash = {"dash": "dot"} if name == "without noise" else {}
            figure.add_trace(
                go.Scatter(
                    x=np.arange(len(values)), y=np.asarray(values, float), mode="lines", name=name, legendgroup=name,
                    showlegend=column == 1, line={"color": colour, "width": width, **dash},
                    hovertemplate=f"{name} %{{y:.3f}}<extra></extra>",
                ),
                1, column,
            )  # fmt: skip
    figure.update_layout(hovermode="x")
    figure.update_xaxes(title={"text": unit})
    figure.update_yaxes(title={"text": "value"}, col=1)
    return figure


def overlap(runs: Sequence[tuple[str, Sequence[measures.Shared]]], theme: str) -> go.Figure:
    """How many latents all categories, some, or one alone have above each threshold."""
    figure = _beside([name for name, _ in runs], 380)
    colours = {"core": MODE_COLOURS["dense"], "shared": MODE_COLOURS["sparse"], "unique": MODE_COLOURS["lexical"]}
    for column, (_, found) in enumerate(runs, 1):
        counts = [parts_of(shared) for shared in found]
        for name, words in SHARES.items():
            figure.add_trace(
                go.Bar(
                    x=[f"{shared.threshold:g}" for shared in found], y=[len(part[name]) for part in counts],
                    name=words, legendgroup=name, showlegend=column == 1, marker={"color": colours[name]},
                    hovertemplate=f"%{{y}} {words}, above %{{x}}<extra></extra>",
                ),
                1, column,
            )  # fmt: skip
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_xaxes(title={"text": "threshold (activation)"}, type="category")
    figure.update_yaxes(title={"text": "latents"}, col=1)
    return figure


def parts_of(shared: measures.Shared) -> dict[str, set[int]]:
    """Latents by how many categories have them: all, some, one alone. No latent is in two of these."""
    core = set(shared.core)
    unique = {latent for some in shared.unique.values() for latent in some}
    return {"core": core, "shared": {i for some in shared.pairs.values() for i in some} - core, "unique": unique}


def category_latents(
    found: Sequence[measures.CategoryLatents], measure: str, latents: Sequence[int], theme: str
) -> go.Figure:
    """measure: ``mean`` or ``rate`` of some latents, in the order given, with 95 % intervals."""
    chosen = list(latents)
    figure = go.Figure()
    colours = palette([one.category for one in found], theme)
    offsets = np.linspace(-0.26, 0.26, len(found)) if len(found) > 1 else np.zeros(1)
    for one, offset in zip(found, offsets, strict=True):
        values, low, high = (getattr(one, f"{measure}{end}")[chosen] for end in ("", "_low", "_high"))
        figure.add_trace(
            go.Scatter(
                x=np.arange(len(chosen)) + offset, y=values, mode="markers",
                name=f"{escaped(one.category, 30)} ({one.n})",
                marker={"size": 7, "color": colours[one.category]},
                error_y={"type": "data", "symmetric": False, "array": high - values, "arrayminus": values - low,
                         "thickness": 1.4, "width": 0, "color": colours[one.category]},
                customdata=np.stack([chosen, low, high], axis=1),
                hovertemplate=f"{escaped(one.category, 40)}, latent %{{customdata[0]}}: %{{y:.3~f}} "
                "(%{customdata[1]:.3~f} to %{customdata[2]:.3~f})<extra></extra>",
            )
        )  # fmt: skip
    said = "share of memories that fire it" if measure == "rate" else "mean activation"
    figure.update_layout(
        height=460, margin={"l": 64, "r": 12, "t": 62, "b": FOOT}, dragmode=False, hovermode="closest",
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "top", "yref": "container"},
        xaxis={"title": {"text": "latent, by the spread between categories"}, "fixedrange": True, "zeroline": False,
               "tickvals": list(range(len(chosen))), "ticktext": [str(i) for i in chosen], "showgrid": False},
        yaxis={"title": {"text": said}, "rangemode": "tozero", "fixedrange": True,
               **({"tickformat": ".0%", "range": [-0.03, 1.03]} if measure == "rate" else {})},
    )  # fmt: skip
    return figure
