"""The Atlas' widgets: which map, of what, in which colours, and which memories are selected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core import Kind, MapPlan, MemoryBank
from ui.address import link
from ui.atlas import cluster_names
from ui.atlas import data as map_data
from ui.atlas.fields import COLOURS, MAPS, METHODS, VIEWS
from ui.kit import labels
from ui.session import answers

GROUPS = ("category", "role", "session", "conversation")
SELECTION = {"atlas_shape": None, "atlas_field": "", "atlas_value": "", "atlas_against": ""}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the widgets say."""

    plans: tuple[MapPlan, ...]
    """One map, or the dense and the sparse one."""
    colour: str
    text: str
    latent: int | None
    smallest: int


def nothing() -> None:
    """For widgets that need no callback."""


def clear() -> None:
    """Let go of the selection; the charts forget what was drawn on them."""
    state = st.session_state
    state.update(SELECTION | {"_atlas_live": None})
    state["_atlas_cleared"] = state.get("_atlas_cleared", 0) + 1


def other_map() -> None:
    """A polygon means something only on the map that it was drawn on."""
    if st.session_state.get("atlas_shape"):
        clear()


def form(bank: MemoryBank) -> Asked:
    state = st.session_state
    with st.container(horizontal=True, vertical_alignment="bottom", key="atlas_row"):
        _segments("View", "atlas_view", VIEWS)
        _segments("Map", "atlas_method", METHODS, other_map)
        if state["atlas_view"] == "one":
            _segments("Codes", "atlas_codes", MAPS)
        _segments("Dimensions", "atlas_dims", {2: "2D", 3: "3D"}, other_map)
        colours = colours_of(bank)
        if state["atlas_colour"] not in colours:
            state["atlas_colour"] = colours[0]
        st.selectbox(
            "Colour by", colours, format_func=lambda c: COLOURS[c], key="atlas_colour", persist_state="session",
            width=190,
        )  # fmt: skip
        with st.popover("Settings", icon=":material/tune:"):
            _settings()
    with st.container(horizontal=True, vertical_alignment="bottom", key="atlas_asked"):
        st.text_input(
            "Place a text on the map and ring what it recalls", key="atlas_text", persist_state="session",
            placeholder="My phone is always empty by noon.",
        )  # fmt: skip
        latent = _latent(bank) if state["atlas_colour"] == "latent" else None
    kinds: tuple[Kind, ...] = ("dense", "sparse") if state["atlas_view"] == "beside" else (state["atlas_codes"],)
    plans = tuple(
        MapPlan(
            state["atlas_method"], kind, int(state["atlas_dims"]), int(state["atlas_neighbours"]),
            float(state["atlas_min_dist"]), int(state["atlas_seed"]),
        ).checked()
        for kind in kinds
    )  # fmt: skip
    return Asked(plans, state["atlas_colour"], state["atlas_text"].strip(), latent, int(state["atlas_smallest"]))


def _segments(label: str, key: str, options: dict[Any, str], on_change: Callable[[], None] = nothing) -> None:
    st.segmented_control(
        label, list(options), format_func=lambda o: options[o], key=key, persist_state="session", required=True,
        on_change=on_change, width="content",
    )  # fmt: skip


def _settings() -> None:
    """UMAP's parameters and the clusters'."""
    st.number_input(
        "UMAP: neighbours", 2, 200, key="atlas_neighbours", persist_state="session", on_change=other_map,
        help="How many memories each one is compared with: few show threads, many show the whole.",
    )  # fmt: skip
    st.slider(
        "UMAP: smallest distance", 0.0, 1.0, step=0.05, key="atlas_min_dist", persist_state="session",
        on_change=other_map, help="How close two memories may lie: small values pack clusters.",
    )  # fmt: skip
    st.number_input(
        "UMAP: seed", 0, 99_999, key="atlas_seed", persist_state="session", on_change=other_map,
        help="The same seed gives the same map.",
    )  # fmt: skip
    st.number_input(
        "Clusters: at least so many memories", 3, 1000, key="atlas_smallest", persist_state="session",
        help="HDBSCAN on the places shown.",
    )  # fmt: skip


def colours_of(bank: MemoryBank) -> list[str]:
    """Fields by which there is more than one group, then what every bank has."""
    by = [f for f in GROUPS if len(map_data.column(bank, f).names) > (0 if f == "category" else 1)]
    facts = bank.groups.facts()
    dated = facts["created"].null_count < len(facts) or bool(by and "session" in by)
    return [*by, *(["time"] if dated else []), "cluster", "similarity", "latent"]


def _latent(bank: MemoryBank) -> int | None:
    """Which latent's activation is shown: found by label, word or number."""
    latent = st.session_state.get("latent")
    words = st.text_input(
        "Find a latent", key="atlas_find", persist_state="session", placeholder="phone, or 15", width=190
    )
    table = answers.latent_table(bank, search=words.strip(), live=True, sort="memories", limit=100)
    listed: list[int] = table["latent"].to_pylist()
    if latent is not None and latent not in listed:
        listed = [latent, *listed]
    if not listed:
        st.caption("No latent that fires here is like this.")
        return None
    if latent is None:
        latent = listed[0]
    st.session_state["atlas_latent_pick"] = latent
    names = answers.labels(bank, listed)
    st.selectbox(
        "Latent",
        listed,
        format_func=lambda i: labels.option(i, names),
        key="atlas_latent_pick",
        on_change=_picked,
        width=260,
    )
    return int(latent)


def _picked() -> None:
    st.session_state["latent"] = st.session_state["atlas_latent_pick"]


def settle(bank: MemoryBank, columns: dict[str, map_data.Column]) -> None:
    """Bring the chosen group to one that exists, before anything is drawn of it."""
    state = st.session_state
    field, value = state["atlas_field"], state["atlas_value"]
    if not field:
        return
    if field not in columns:
        link.note(f"{bank.name} has no groups by {field} here, so none is selected.")
        state.update(SELECTION)
        return
    names = columns[field].names
    if field == "cluster":  # its number stays when labels or their trust change
        by_number = {cluster_names.number(name): name for name in names}
        value = state["atlas_value"] = by_number.get(cluster_names.number(value), value)
        against = state["atlas_against"]
        state["atlas_against"] = by_number.get(cluster_names.number(against), against)
    if value not in names:
        if value:
            link.note(f"There is no {field} “{value[:80]}” here; this is {names[0]}.")
        state["atlas_value"] = names[0]
    if state["atlas_against"] not in names or state["atlas_against"] == state["atlas_value"]:
        state["atlas_against"] = ""


def field_changed() -> None:
    st.session_state.update(atlas_value="", atlas_against="", atlas_shape=None, _atlas_live=None)


def value_changed() -> None:
    st.session_state.update(atlas_shape=None, _atlas_live=None)


def select(columns: dict[str, map_data.Column]) -> None:
    """Choose a group without a lasso: by keyboard, and in three dimensions."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="atlas_select"):
        field = st.selectbox(
            "Select a group", ["", *columns], format_func=lambda f: f or "with the lasso, or here", key="atlas_field",
            persist_state="session", on_change=field_changed, width=220,
        )  # fmt: skip
        if not field:
            return
        names = list(columns[field].names)
        value = st.selectbox(
            field.capitalize(), names, key="atlas_value", persist_state="session", on_change=value_changed, width=280,
            format_func=lambda name: f"{name} ({len(columns[field].rows(name)):,})",
        )  # fmt: skip
        st.selectbox(
            "against", ["", *(name for name in names if name != value)], key="atlas_against", persist_state="session",
            format_func=lambda name: name or "all other memories", width=280,
        )  # fmt: skip
