"""The Atlas' maps on the screen: colours, what is set off, selecting with the lasso, what the axes mean."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core import MapPlan, MemoryBank, MemoryMap, Mode, Query
from ui.atlas import charts as charts_map
from ui.atlas import data as map_data
from ui.atlas.fields import FIRST_COLOUR, MOST_CORNERS, Polygon
from ui.atlas.form import Asked, clear
from ui.kit import components, labels, pictures, prose
from ui.kit.colours import ACTIVATION, MODE_COLOURS
from ui.kit.figures import WORDS, Frame
from ui.session import answers

HITS = 10
BY = {"dense": "their meaning (dense)", "sparse": "their latents (sparse)", "combined": "meaning and latents"}
PLURALS = {"category": "categories", "role": "roles", "session": "sessions", "conversation": "conversations"}
TICKS = 5
ARROWS = (("→", "←"), ("↑", "↓"), ("⊙", "⊗"))
"""Where the positive and the negative end of each axis lie."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The memories that are meant, however they were selected."""

    rows: np.ndarray
    """int64 rows of the index, ascending."""
    name: str
    against: np.ndarray | None = None
    """Rows they are compared with; None for all others."""
    against_name: str = "all others"
    shape: Polygon | None = None

    @property
    def token(self) -> str:
        """Changes whenever other memories are meant."""
        return hashlib.sha256(self.rows.tobytes()).hexdigest()[:12]


def selection(bank: MemoryBank, maps: Mapping[str, MemoryMap], asked: Asked) -> Selection | None:
    """What the lasso or the select boxes say."""
    state = st.session_state
    shape, field, value = state.get("atlas_shape"), state.get("atlas_field"), state.get("atlas_value")
    if shape is not None:
        found = maps.get(shape[0]) or map_data.memory_map(bank, _same(asked, shape[0]))
        if found is None:
            return None
        chosen = set(found.inside(shape[1]))
        rows = np.asarray([i for i, name in enumerate(found.ids) if name in chosen], dtype=np.int64)
        return Selection(rows, "the selection", shape=shape) if len(rows) else None
    columns = grouped(bank, maps, asked)
    if field not in columns or value not in columns[field].names:
        return None
    other = state.get("atlas_against") or ""
    rest = columns[field].rows(other) if other in columns[field].names else None
    said = f"cluster {value}" if field == "cluster" else value
    return Selection(columns[field].rows(value), said, rest, other or "all others")


def _same(asked: Asked, codes: Any) -> MapPlan:
    """The map of other codes that a polygon was drawn on."""
    return replace(asked.plans[0], codes=codes)


def grouped(bank: MemoryBank, maps: Mapping[str, MemoryMap], asked: Asked) -> dict[str, map_data.Column]:
    """Groups that may be selected without a lasso: fields of the memories, and clusters where they are shown."""
    columns = {field: map_data.column(bank, field) for field in PLURALS}
    columns = {field: column for field, column in columns.items() if column.names}
    if asked.colour == "cluster" and maps:
        found = map_data.clusters(bank, next(iter(maps.values())), asked.smallest)
        if found.names:
            columns["cluster"] = found
    return columns


# --- colours ----------------------------------------------------------------------------------------------------------


def colour(bank: MemoryBank, found: MemoryMap, asked: Asked) -> charts_map.Groups | charts_map.Values:
    codes = found.plan.codes
    if asked.colour in PLURALS:
        column = map_data.column(bank, asked.colour)
        return charts_map.Groups(column.of, column.names, f"no {asked.colour}")
    if asked.colour == "cluster":
        column = map_data.clusters(bank, found, asked.smallest)
        return charts_map.Groups(column.of, column.names, "in no cluster", named=True)
    if asked.colour == "time":
        return times(bank)
    if asked.colour == "similarity" and asked.text and bank.knows_query(asked.text):
        values = map_data.similarity(bank, codes, asked.text)
        return charts_map.Values(values, "cosine to the text", MODE_COLOURS[codes])
    if asked.colour == "latent" and asked.latent is not None:
        return charts_map.Values(activations(bank, asked.latent), "activation", ACTIVATION, without="does not fire")
    return charts_map.Groups(np.full(len(found.ids), -1), (), "all memories")


def activations(bank: MemoryBank, latent: int) -> np.ndarray:
    """[n], the latent's strongest activation in each memory; nan where it does not fire."""
    values = bank.latents.activations(latent)
    return np.where(values > 0, values, np.nan)


def times(bank: MemoryBank) -> charts_map.Values:
    """By date, or by the turn in the dialogue where there are no dates."""
    facts = bank.groups.facts()
    created = facts["created"].to_pylist()
    if any(created):
        values = np.asarray([np.nan if day is None else day.timestamp() for day in created])
        known = sorted(day for day in created if day is not None)
        ticks = [known[round(i * (len(known) - 1) / (TICKS - 1))] for i in range(TICKS)]
        return charts_map.Values(
            values, "", "", [(d.timestamp(), d.strftime("%b %Y")) for d in ticks], without="no date"
        )
    turns = np.asarray(facts["position"].to_pylist(), dtype=float)
    there = np.asarray(facts["conversation"].to_pylist(), dtype=object) != ""
    return charts_map.Values(np.where(there, turns, np.nan), "turn of the dialogue", "", without="in no dialogue")


def question(bank: MemoryBank, asked: Asked, codes: str) -> str:
    """The title of a figure: what it answers."""
    if asked.colour in PLURALS:
        return f"Do {PLURALS[asked.colour]} lie apart by {BY[codes]}?"
    if asked.colour == "cluster":
        return f"Which memories form clusters by {BY[codes]}?"
    if asked.colour == "time":
        return f"Do memories drift with time by {BY[codes]}?"
    if asked.colour == "latent" and asked.latent is not None:
        return f"Where does {labels.said(asked.latent, answers.labels(bank, [asked.latent]))} fire?"
    if asked.text:
        return f"Which memories resemble “{prose.short(asked.text, 40)}” by {BY[codes]}?"
    return f"Which memories lie near each other by {BY[codes]}?"


# --- the figure -------------------------------------------------------------------------------------------------------


def source(bank: MemoryBank, found: MemoryMap) -> str:
    """The figure's provenance, in one line."""
    plan, stamp = found.plan, answers.provenance(bank)
    how = "PCA"
    if plan.method == "umap":
        how = f"UMAP, {plan.neighbours} neighbours, min_dist {plan.min_dist:g}, seed {plan.seed}"
    sample = "" if found.fitted.all() or found.since else f", fitted to {int(found.fitted.sum()):,}"
    return (
        f"{stamp['bank']} · {len(found.ids):,} memories{sample} · {how} of {plan.codes} codes · {stamp['engine']} "
        f"{stamp['fingerprint'][:8]}"
    )


def hits(bank: MemoryBank, asked: Asked, codes: Mode) -> list[int]:
    """Rows of what the text recalls in one mode, best first."""
    if not asked.text or not bank.knows_query(asked.text):
        return []
    found = answers.search(bank, Query(asked.text, k=HITS))
    rows = [bank.index().row(found.ids[i]) for i in found.top(codes)]
    return [row for row in rows if row is not None]


def draw(
    bank: MemoryBank, found: MemoryMap, asked: Asked, selected: Selection | None, height: int, legend: bool = True
) -> go.Figure:
    """One map, on which a lasso or a box selects and a click chooses a memory."""
    state, codes, key = st.session_state, found.plan.codes, f"atlas_map_{found.plan.codes}"
    dark, cleared = st.context.theme.type == "dark", state.get("_atlas_cleared", 0)
    said = repr((answers.place(bank), bank.version, found.plan, asked, dark, cleared, height))
    base = hashlib.sha256(said.encode()).hexdigest()[:16]
    memory = state.get("memory")
    wanted = (None if selected is None else selected.token, memory)
    live = state.get("_atlas_live")
    shown = live[2] if live and live[:2] == (key, base) and key in state else (wanted, selected, memory)
    state.setdefault("_atlas_sent", {})[key] = (key, base, shown)
    _, drawn, ringed = shown
    words = bank.index().texts if len(found.ids) <= WORDS else ()
    waits = bool(asked.text) and not bank.knows_query(asked.text)
    marks = charts_map.Marks(
        selected=None if drawn is None else drawn.rows,
        hits=hits(bank, asked, codes),
        query=None if not asked.text or waits else bank.maps.place(found, asked.text)[0].tolist(),
        chosen=bank.index().row(ringed) if ringed else None,
        outline=drawn.shape[1] if drawn is not None and drawn.shape and drawn.shape[0] == codes else (),
    )
    frame = Frame(
        question(bank, asked, codes),
        axis_titles(found),
        source(bank, found),
        dark,
        height,
        base,
        legend,
        line=110 if len(asked.plans) == 1 else 52,
    )
    figure = charts_map.scatter(found.places, colour(bank, found, asked), words, marks, frame)
    _plot(bank, figure, key, codes, found.plan.dims == 2)
    return figure


def axis_titles(found: MemoryMap) -> list[str]:
    if found.plan.method == "umap":
        return [f"UMAP {i + 1} (no unit)" for i in range(found.plan.dims)]
    of = " of variance" if found.plan.dims == 2 else ""
    return [f"component {i + 1} ({prose.percent(share)}{of})" for i, share in enumerate(found.explained)]


def _plot(bank: MemoryBank, figure: go.Figure, key: str, codes: str, selectable: bool) -> None:
    config = pictures.config(f"{bank.name}-{codes}", scrollZoom=True)
    alt = figure.layout.title.text
    if not selectable:
        st.plotly_chart(figure, key=f"{key}_3d", config=config, alt=alt)
        return
    st.plotly_chart(
        figure, key=key, config=config, alt=alt, on_select=_on_select(bank, key, codes),
        selection_mode=("points", "box", "lasso"),
    )  # fmt: skip


def _on_select(bank: MemoryBank, key: str, codes: str) -> Any:
    ids = bank.index().ids

    def on_select() -> None:
        state = st.session_state
        event = state[key].selection
        corners = _drawn(event)
        if corners:
            state.update(atlas_shape=(codes, corners), atlas_field="", atlas_value="", atlas_against="")
            state["_atlas_live"] = state["_atlas_sent"][key]
        elif event.points:
            rows = [p["customdata"] for p in event.points if p.get("customdata") is not None]
            row = rows[0][0] if rows and isinstance(rows[0], list) else rows[0] if rows else None
            if row is not None:
                state["memory"] = ids[int(row)]
                state["_atlas_live"] = state["_atlas_sent"][key]
        else:
            clear()

    return on_select


def _drawn(event: Any) -> tuple[tuple[float, ...], ...]:
    """The corners of the last lasso or box, at most so many as an address holds."""
    if event.lasso:
        x, y = event.lasso[-1]["x"], event.lasso[-1]["y"]
        step = max(1, -(-len(x) // MOST_CORNERS))
        return tuple((_rounded(a), _rounded(b)) for a, b in zip(x[::step], y[::step], strict=True))
    if event.box:
        (x0, x1), (y0, y1) = event.box[-1]["x"], event.box[-1]["y"]
        return tuple((_rounded(x), _rounded(y)) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1)))
    return ()


def _rounded(value: float) -> float:
    """As the address will say it, so that a link selects the same."""
    return float(f"{value:.4g}")


# --- what the axes mean -----------------------------------------------------------------------------------------------


def axes(bank: MemoryBank, found: MemoryMap) -> None:
    """The latents at both ends of each axis of a PCA, as chips: a click colours the map by one."""
    sides = map_data.axes(bank, found)
    names = answers.labels(bank, [latent for pair in sides for side in pair for latent in side])
    for axis, (ends, arrows) in enumerate(zip(sides, ARROWS, strict=False)):
        chips = [
            components.chip(latent, "", None, names.get(latent)) | {"sign": arrow, "minus": arrow == arrows[1]}
            for latents, arrow in zip(ends, arrows, strict=True)
            for latent in latents
        ]
        data = {"before": f"component {axis + 1}", "chips": chips, "after": "", "latent": st.session_state["latent"]}
        components.draw("chips", f"atlas_axis_{found.plan.codes}_{axis}", data, latent=_colour_by)


def _colour_by(latent: int) -> None:
    if latent >= 0:
        st.session_state.update(latent=int(latent), atlas_colour="latent")
    else:
        st.session_state.update(latent=None, atlas_colour=FIRST_COLOUR)


def axis_rows(bank: MemoryBank, found: MemoryMap) -> list[dict[str, Any]]:
    """Every latent that defines an axis, with its loading, for export."""
    loadings = bank.maps.loadings(found)
    rows = [
        {"axis": axis + 1, "latent": int(i), "loading": float(loadings[i, axis])}
        for axis in range(found.plan.dims)
        for i in np.argsort(-np.abs(loadings[:, axis]), kind="stable")[:100].tolist()
        if loadings[i, axis]
    ]
    names = answers.labels(bank, (int(row["latent"]) for row in rows))
    return [row | labels.columns(int(row["latent"]), names) for row in rows]


def map_rows(bank: MemoryBank, found: MemoryMap, asked: Asked, selected: Selection | None) -> list[dict[str, Any]]:
    """Every point with its place, colour and words."""
    tint = colour(bank, found, asked)
    index, chosen = bank.index(), set() if selected is None else set(selected.rows.tolist())
    plan = {name: getattr(found.plan, name) for name in ("method", "codes", "neighbours", "min_dist", "seed")}
    rows = []
    for i, place in enumerate(found.places.tolist()):
        said: Any
        if isinstance(tint, charts_map.Groups):
            said = tint.names[tint.of[i]] if tint.of[i] >= 0 else ""
        else:
            said = None if np.isnan(tint.of[i]) else float(tint.of[i])
        axes_of = dict(zip(("x", "y", "z"), place, strict=False))
        rows.append(
            {"id": found.ids[i], **axes_of, "fitted": bool(found.fitted[i]), asked.colour: said,
             "selected": i in chosen, "text": index.texts[i], **plan}
        )  # fmt: skip
    return rows
