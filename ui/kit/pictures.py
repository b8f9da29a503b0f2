"""Figures as files: the camera in a figure's corner saves PNG or SVG, a button the figure as a page of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import plotly.graph_objects as go
import streamlit as st

FORMATS = {"png": "PNG", "svg": "SVG"}


def config(name: str, **more: Any) -> dict[str, Any]:
    """What ``st.plotly_chart`` is told about a figure: what its camera saves, under which name."""
    kind = st.session_state.get("picture") or "png"
    camera = {"format": kind, "scale": 3 if kind == "png" else 1, "filename": name}
    return {"displaylogo": False, "toImageButtonOptions": camera} | more


def row(figures: Mapping[str, go.Figure]) -> None:
    """Below the figures of a page: what the camera saves, and each as HTML, which works without this app."""
    dark = st.context.theme.type == "dark"
    with st.container(horizontal=True, vertical_alignment="center", key="pictures"):
        st.segmented_control(
            "The camera saves", list(FORMATS), format_func=lambda f: FORMATS[f], key="picture", default="png",
            required=True, label_visibility="collapsed", width="content",
        )  # fmt: skip
        for name, figure in figures.items():
            st.download_button(
                "HTML" if len(figures) == 1 else f"HTML, {name.rpartition('-')[2]}", data=partial(page, figure, dark),
                file_name=f"{name}.html", on_click="ignore", key=f"picture_{name}", icon=":material/download:",
                help="The figure as a page that can still be pointed at and zoomed.",
            )  # fmt: skip
        st.caption("The camera in a figure's corner saves it in this format.")


def page(figure: go.Figure, dark: bool) -> bytes:
    """The figure with Plotly inside: some megabytes, and no network."""
    copy = go.Figure(figure).update_layout(template="plotly_dark" if dark else "plotly_white", dragmode="pan")
    html: str = copy.to_html(include_plotlyjs=True, full_html=True)
    return html.encode()
