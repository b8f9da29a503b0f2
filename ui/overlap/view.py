"""The overlap of rows: what is compared, the heatmap, and the tiles of many rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import streamlit as st

from core import MEASURES, CoreError, MemoryBank, Overlap, Tiles
from ui.address import link
from ui.kit import look, prose, widgets
from ui.kit.export import notebook
from ui.kit.figures import for_paper, picture
from ui.overlap import charts as charts_overlap
from ui.overlap.fields import THRESHOLDS
from ui.session import answers

MOST_ROWS = 300
"""Rows drawn one by one; above, the heatmap shows tiles."""
TILES = 100
ROWS = {"memory": "memories", "session": "sessions", "conversation": "conversations", "category": "categories"}
UNITS = {
    "jaccard": "Jaccard",
    "shared": "shared latents",
    "weighted_jaccard": "weighted Jaccard",
    "cosine": "cosine of codes",
    "cosine_scaled": "cosine, each latent by its maximum",
    "euclidean": "Euclidean distance (activation)",
}
HELP = {
    "jaccard": "Latents of both rows over latents of either.",
    "shared": "Latents above the threshold in both rows.",
    "weighted_jaccard": "Sum of the smaller values over sum of the larger ones.",
    "cosine": "Cosine of the activations as they are.",
    "cosine_scaled": "Cosine after each latent is divided by its strongest value among the rows: all count alike.",
    "euclidean": "Distance of the activations: small is near.",
}


@dataclass(frozen=True, slots=True)
class View:
    """What the heatmap shows: rows one by one, or tiles of them."""

    found: Overlap
    tiles: Tiles | None

    @property
    def n(self) -> int:
        return len(self.found) if self.tiles is None else len(self.tiles.values)

    def rows(self, tile: int) -> list[str]:
        """Names of the rows of a tile, or the row itself."""
        low, high = (tile, tile + 1) if self.tiles is None else self.tiles.bounds[tile : tile + 2]
        return [self.found.names[i] for i in self.found.order[int(low) : int(high)]]

    def memories(self, *tiles: int) -> tuple[str, ...]:
        """Memory ids behind some tiles, each once."""
        at = {name: i for i, name in enumerate(self.found.names)}
        found = [self.found.members[at[name]] for tile in tiles for name in self.rows(tile)]
        return tuple(dict.fromkeys(memory for members in found for memory in members))


# --- what is compared -------------------------------------------------------------------------------------------------


def let_go() -> None:
    """Other rows: what was chosen among the former ones means nothing."""
    st.session_state.update(overlap_zoom=None, overlap_a=None, overlap_b=None)


def regrouped() -> None:
    st.session_state.update(overlap_a=None, overlap_b=None)


def zoom(step: str) -> None:
    """One step further in: its memories one by one."""
    state = st.session_state
    steps = [*filter(None, [state.get("overlap_zoom")]), step]
    state.update(overlap_zoom=">".join(steps), overlap_a=None, overlap_b=None, overlap_by="memory")


def into_groups(by: str, *names: str) -> str:
    """The step into the memories of some groups: ``category:Routine|Calm``."""
    return f"{by}:{'|'.join(quote(name, safe=' ·') for name in names)}"


def into_tiles(found: Overlap, *tiles: int) -> str:
    """The step into tiles, whose rows depend on measure and threshold: ``tiles.jaccard.0:3,17``."""
    percent = next(name for name, q in THRESHOLDS.items() if q == found.quantile)
    return f"tiles.{found.measure}.{percent}:{','.join(str(tile) for tile in dict.fromkeys(tiles))}"


def controls(bank: MemoryBank) -> str:
    """Rows, measure, threshold, conversation; returns the format of the picture."""
    known, state = answers.groupings(bank), st.session_state
    if state["overlap_by"] not in known:
        link.note(f"{bank.name} has too few {ROWS[state['overlap_by']]} to compare; these are its memories.")
        state["overlap_by"] = "memory"
    with st.container(horizontal=True, vertical_alignment="bottom", key="overlap_controls"):
        st.selectbox("Rows", list(known), key="overlap_by", on_change=let_go, persist_state="session", width=190,
                     format_func=lambda by: f"{ROWS[by]} ({known[by]:,})")  # fmt: skip
        st.selectbox("Measure", MEASURES, key="overlap_measure", on_change=regrouped, width=230,
                               persist_state="session", format_func=lambda name: UNITS[name],
                               help="\n".join(f"- {UNITS[name]}: {text}" for name, text in HELP.items()))  # fmt: skip
        st.select_slider(
            "Threshold", list(THRESHOLDS), key="overlap_threshold", persist_state="session", width=210,
            format_func=lambda q: "0: all count" if q == "0" else f"top {100 - int(q)} %",
            help="Activations at or below this quantile of the rows' positive values do not count.",
        )  # fmt: skip
        before = state.get("conversation")
        if widgets.conversation_select(bank, 170) != (before or None):
            let_go()
        kind = widgets.picture_format()
    return kind


def view(bank: MemoryBank) -> View:
    """The rows that the controls and the link ask for."""
    state = st.session_state
    memories = zoomed(bank, state.get("overlap_zoom"))
    return _view(bank, state["overlap_by"], state["overlap_measure"], state["overlap_threshold"], memories)


def _view(bank: MemoryBank, by: str, measure: str, percent: str, memories: tuple[str, ...] | None) -> View:
    conversation = st.session_state.get("conversation") or None
    found = answers.overlap(bank, by, measure, THRESHOLDS[percent], conversation, memories)
    return View(found, found.tiles(TILES) if len(found) > MOST_ROWS else None)


def zoomed(bank: MemoryBank, spec: str | None) -> tuple[str, ...] | None:
    """Memories of a zoom, step by step; None for all, and where the link's steps lead nowhere."""
    memories: tuple[str, ...] | None = None
    for step in spec.split(">") if spec else ():
        try:
            memories = _inside(bank, step, memories)
        except (CoreError, KeyError, IndexError, ValueError):
            link.note(f"The link looks into “{str(spec)[:60]}”, which is not here; these are all rows.")
            st.session_state["overlap_zoom"] = None
            return None
    return memories


def _inside(bank: MemoryBank, step: str, memories: tuple[str, ...] | None) -> tuple[str, ...]:
    """Memories behind one step, among those that are left. Raises where there are none."""
    kind, _, rest = step.partition(":")
    if kind.startswith("tiles."):
        _, measure, percent = kind.split(".")
        whole = _view(bank, "memory", measure, percent, memories)
        tiles = [int(tile) for tile in rest.split(",")]
        if whole.tiles is None or not all(0 <= tile < whole.n for tile in tiles):
            raise IndexError(step)
        return whole.memories(*tiles)
    groups = _view(bank, kind, "shared", "0", memories).found
    return tuple(name for group in rest.split("|") for name in groups.members[groups.names.index(unquote(group))])


# --- the heatmap ------------------------------------------------------------------------------------------------------


def heatmap(bank: MemoryBank, shown: View, chosen: tuple[int, int] | None, kind: str) -> None:
    found = shown.found
    drawn, names, words = _cells(bank, shown)
    tree = found.branches(MOST_ROWS if shown.tiles is None else TILES)
    if shown.tiles is not None:  # places are counted in rows; the heatmap counts tiles
        tree = (np.interp(tree[0], shown.tiles.bounds - 0.5, np.arange(shown.n + 1) - 0.5), tree[1])
    figure = charts_overlap.heatmap(
        drawn, names, words, tree, UNITS[found.measure], found.measure == "euclidean", chosen, look.theme()
    )
    rows = f"{len(found):,} {ROWS[found.by]}"
    tiled = f" in {shown.n} tiles" if shown.tiles is not None else ", without the diagonal"
    what = f"{rows}{tiled} · threshold {found.threshold:.3g} (quantile {found.quantile:g}) · average linkage"
    for_paper(figure, f"Which {ROWS[found.by]} share latents?", answers.provenance(bank), what)
    state = st.session_state
    key = f"overlap_map_{abs(hash((found.names, found.measure, found.quantile, chosen, look.theme())))}"

    def on_select() -> None:
        points = state[key].selection.points
        if points:
            choose(shown, int(points[0]["y"]), int(points[0]["x"]))

    st.plotly_chart(figure, key=key, on_select=on_select, selection_mode="points",
                    config=picture(f"{bank.name}-overlap", kind))  # fmt: skip


def choose(shown: View, a: int, b: int) -> None:
    """A click on a cell: the pair of rows, or into the tiles."""
    if shown.tiles is not None:
        zoom(into_tiles(shown.found, a, b))
    else:
        st.session_state.update(overlap_a=shown.rows(a)[0], overlap_b=shown.rows(b)[0])


def _cells(bank: MemoryBank, shown: View) -> tuple[np.ndarray, list[str], list[str]]:
    """(values in order, names, words) of every row or tile."""
    found = shown.found
    if shown.tiles is not None:
        firsts = [shown.rows(i)[0] for i in range(shown.n)]
        texts = answers.memories(bank, tuple(firsts))
        sizes = np.diff(shown.tiles.bounds)
        names = [f"tile {i}: {size} memories" for i, size in enumerate(sizes)]
        return shown.tiles.values, names, [f"such as “{texts[name].text}”" for name in firsts]
    values = found.values[np.ix_(found.order, found.order)].copy()
    np.fill_diagonal(values, np.nan)
    names = [found.names[i] for i in found.order]
    if found.by == "memory":
        texts = answers.memories(bank, tuple(names))
        return values, names, [texts[name].text for name in names]
    return values, names, [f"{len(found.members[i]):,} memories" for i in found.order]


# --- tiles ------------------------------------------------------------------------------------------------------------


def tiles(bank: MemoryBank, shown: View) -> None:
    """What tiles are, and the way into them without a mouse."""
    found = shown.found
    st.subheader("Too many rows to see one by one", anchor=False)
    st.write(
        f"{len(found):,} memories stand in the order of the tree, drawn as {shown.n} tiles of about "
        f"{round(len(found) / shown.n)}. Click a tile to compare the memories inside it; off the diagonal, of both."
    )
    left, right = st.columns(2)
    a = left.selectbox("First tile", range(shown.n), key="overlap_tile_a", format_func=lambda i: f"tile {i}")
    b = right.selectbox("Second tile", range(shown.n), key="overlap_tile_b", format_func=lambda i: f"tile {i}")
    inside = shown.memories(a, b)
    st.button(f"Compare these {len(inside):,} memories", icon=":material/zoom_in:", type="primary", on_click=choose,
              args=(shown, a, b), key="overlap_into")  # fmt: skip
    texts = answers.memories(bank, inside[:6])
    for name in inside[:6]:
        st.text(f"{name}  {prose.short(texts[name].text, 110)}")
    if len(inside) > 6:
        st.caption(f"and {len(inside) - 6:,} more")


# --- out --------------------------------------------------------------------------------------------------------------


def export_cells(shown: View) -> list[dict[str, Any]]:
    """Every two rows once, or every two tiles."""
    found = shown.found
    if shown.tiles is None:
        return found.pairs()
    i, j = np.triu_indices(shown.n)
    return [
        {"a": f"tile {a}", "b": f"tile {b}", f"mean_{found.measure}": float(shown.tiles.values[a, b])}
        for a, b in zip(i.tolist(), j.tolist(), strict=True)
    ]


def export_order(shown: View) -> list[dict[str, Any]]:
    """The rows in the order of the tree, with their tile."""
    found = shown.found
    counts = found.latents
    bounds = np.arange(len(found) + 1) if shown.tiles is None else shown.tiles.bounds
    tile = np.searchsorted(bounds, np.arange(len(found)), side="right") - 1
    return [
        {"place": place, "row": found.names[i], "tile": int(tile[place]), "latents": int(counts[i]),
         "memories": len(found.members[i])}
        for place, i in enumerate(found.order)
    ]  # fmt: skip


def python(bank: MemoryBank, shown: View, a: str, b: str) -> str:
    found = shown.found
    conversation = st.session_state.get("conversation") or None
    asked = f"{found.by!r}, {found.measure!r}, {found.quantile!r}, conversation={conversation!r}"
    if st.session_state.get("overlap_zoom"):
        members = [memory for some in found.members for memory in some]
        asked += f",\n    memories={members!r}"
    lines = [
        f"found = bank.overlap.matrix({asked})",
        "print(found.values[found.order][:, found.order])",
    ]
    if shown.tiles is None and a != b:
        lines += [f"pair = bank.overlap.pair(found, {a!r}, {b!r})", "print(pair.figures, len(pair.shared))"]
    return notebook(bank, *lines, "print(bank.overlap.interference())")
