"""The dictionary as a table: search, filters, order. Its rows are drawn in the browser, a few hundred at most."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute
import streamlit as st

from core import MemoryBank
from ui.kit import components, labels, prose, states
from ui.kit.export import notebook
from ui.latents.fields import FIRST_SORT, SEARCH, SORTS
from ui.session import answers

SHOWN = 200
HELP = {
    "fires": "The latent's strongest activation on the text you gave.",
    "trust": labels.TRUST_HELP,
    "trust_here": "The same among the memories of this bank.",
    "density": "Share of tokens that fire it, on the texts that described the dictionary.",
    "memories": "Memories of this bank that fire it.",
    "max": "Its strongest activation.",
    "latent": "Its number in the dictionary.",
}
HEADS = {"latent": "latent", "fires": "text", "trust": "trust", "trust_here": "here", "density": "density",
         "memories": "memories", "max": "max"}  # fmt: skip


def sort_by(column: str) -> None:
    """A click on a head; a second one turns the order round."""
    state = st.session_state
    if state["latents_sort"] == column:
        state["latents_up"] = not state["latents_up"]
    elif column in SORTS:
        state.update(latents_sort=column, latents_up=column == "latent")


def text_changed() -> None:
    """A text is most useful in the order of what it fires."""
    given, sort = st.session_state["latents_text"].strip(), st.session_state["latents_sort"]
    if given:
        st.session_state.update(latents_sort="fires", latents_up=False)
    elif sort == "fires":
        st.session_state["latents_sort"] = FIRST_SORT


def clear() -> None:
    st.session_state.update({field.key: field.default() for field in SEARCH})


def form() -> None:
    """What is searched for, and which latents are left out."""
    st.text_input(
        "Find by label, word or number", key="latents_find", persist_state="session", placeholder="phone, or 15"
    )
    st.text_input(
        "Which latents fire on this text?", key="latents_text", persist_state="session", on_change=text_changed,
        placeholder="The battery died on the train.",
    )  # fmt: skip
    text = st.session_state["latents_text"].strip()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Sort by", [s for s in SORTS if s != "fires" or text], key="latents_sort", persist_state="session",
            format_func=lambda s: SORTS[s].capitalize(), width=210,
        )  # fmt: skip
        with st.popover("Filter", icon=":material/filter_list:", key="latents_filter"):
            st.toggle("Only those that fire in this bank", key="latents_live", persist_state="session")
            st.toggle("Only bookmarked ones", key="latents_marked", persist_state="session")
            st.slider(
                "Trust of at least", 0.0, 1.0, step=0.05, key="latents_trust", persist_state="session",
                help=labels.TRUST_HELP,
            )  # fmt: skip
            st.toggle("Lowest first", key="latents_up", persist_state="session")


def asked() -> dict[str, Any]:
    """The arguments of ``Latents.table`` that the widgets stand for."""
    state = st.session_state
    text, sort = state["latents_text"].strip(), state["latents_sort"]
    return {
        "search": state["latents_find"].strip(),
        "text": text,
        "sort": FIRST_SORT if sort == "fires" and not text else sort,
        "descending": not state["latents_up"],
        "live": bool(state["latents_live"]),
        "min_trust": float(state["latents_trust"]),
        "bookmarked": bool(state["latents_marked"]),
    }


def sizes(table: pa.Table) -> tuple[int, int]:
    """(latents found, latents there are)"""
    meta = table.schema.metadata or {}
    return int(meta.get(b"found", len(table))), int(meta.get(b"latents", len(table)))


def summary(table: pa.Table) -> str:
    """200 of 16,384 latents, …"""
    found, there = sizes(table)
    if found == there and len(table) == found:
        return f"All {there:,} latents."
    found_of = f"{found:,} of {there:,} latents" if found != there else f"{there:,} latents"
    return f"{found_of}; the first {len(table):,} are listed." if len(table) < found else f"{found_of}."


def data(table: pa.Table, histograms: list[list[int]], chosen: int | None, order: dict[str, Any]) -> dict[str, Any]:
    """What the component draws. Columns of which nothing is known are left out."""
    known = [name for name in HEADS if name == "latent" or not _unknown(table[name])]
    rows = [
        {
            "latent": row["latent"],
            "label": row["label"],
            "source": labels.SOURCES.get(row["source"], ""),
            "cells": [cell(name, row[name]) for name in known[1:]],
            "spark": sparks(histograms[i]) if histograms else "",
        }
        for i, row in enumerate(table.to_pylist())
    ]
    heads = [{"name": n, "text": HEADS[n], "help": HELP[n]} for n in known]
    return {
        "heads": heads, "rows": rows, "chosen": chosen, "sort": order["sort"], "down": order["descending"],
        "sparks": bool(histograms), "label": "Latents. Arrow keys walk, Enter chooses.",
    }  # fmt: skip


def _unknown(column: pa.ChunkedArray) -> bool:
    """Whether a column of numbers is nan from top to bottom."""
    return pa.types.is_floating(column.type) and bool(pa.compute.all(pa.compute.is_nan(column)).as_py())


def cell(name: str, value: float | None) -> str:
    if value is None or math.isnan(value):
        return ""
    if not value:
        return "0"
    if name in ("trust", "trust_here"):
        return f"{value:.2f}".replace("0.", ".", 1)
    if name == "density":
        return labels.fine_percent(float(value))
    return f"{int(value):,}" if name == "memories" else prose.number(float(value))


def sparks(counts: list[int]) -> str:
    """A histogram as digits 0-9, by the logarithm so that single tokens stay visible."""
    top = math.log1p(max(counts, default=0)) or 1.0
    return "".join(str(math.ceil(9 * math.log1p(n) / top)) for n in counts)


def draw(bank: MemoryBank, chosen: int | None, choose: Callable[[int], None]) -> int | None:
    """The form and what it finds; returns the chosen latent, by default the first one found."""
    form()
    order = asked()
    if order["text"] and not bank.knows_query(order["text"]):
        states.waiting_for_model("the latents of this text are listed")
        return chosen
    table = answers.latent_table(bank, **order, limit=SHOWN)
    if not len(table):
        st.write("No latent is like this.")
        st.button("Clear search and filters", on_click=clear, icon=":material/filter_list_off:")
        return chosen
    listed = table["latent"].to_pylist()
    chosen = listed[0] if chosen is None else chosen
    prose.small(summary(table))
    drawn = data(table, answers.histograms(bank, listed), chosen, order)
    components.draw("dictionary", "latents_table", drawn, latent=choose, sort=sort_by)
    return chosen


def export_rows(bank: MemoryBank) -> list[dict[str, Any]]:
    """Everything that was found, not only what is listed; unknown figures are empty."""
    table = bank.latents.table(**asked(), limit=bank.latents.n)
    for i, column in enumerate(table.columns):
        if pa.types.is_floating(column.type):
            known = pa.compute.if_else(pa.compute.is_nan(column), None, column)
            table = table.set_column(i, table.column_names[i], known)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def python(bank: MemoryBank, latent: int) -> str:
    """The same in a notebook."""
    defaults = {"search": "", "text": "", "sort": "memories", "descending": True, "live": False, "min_trust": 0.0,
                "bookmarked": False}  # fmt: skip
    said = ", ".join(f"{name}={value!r}" for name, value in asked().items() if value != defaults[name])
    return notebook(
        bank,
        f"table = bank.latents.table({said})",
        f"info = bank.latents.info({latent})",
        "print(info.label.text, info.label.believed, info.density)",
        "for memory, activation, token in info.top:",
        "    print(memory, activation, token.text)",
    )
