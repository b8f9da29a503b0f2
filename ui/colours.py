"""Colour means one thing everywhere: one colour per mode (Okabe and Ito, safe for colour-blind eyes)."""

from __future__ import annotations

from core.types import Mode

MODE_COLOURS: dict[Mode, str] = {
    "dense": "#0072B2",
    "sparse": "#E69F00",
    "combined": "#009E73",
    "lexical": "#8A8A8A",
}
"""A mode's colour is on its column head, its bars, its points and its lines."""

ACTIVATION = MODE_COLOURS["sparse"]
"""The end of the one ramp that activations are drawn in; it starts at the surface."""

ACCENTS = {"light": "#0072B2", "dark": "#4FB0E5"}
"""Around what is chosen: an outline, never a fill."""

SEQUENTIAL = {
    "light": [
        "#FDF6E8",
        "#FBEBCB",
        "#F8DEA9",
        "#F5D085",
        "#F2C362",
        "#EFB843",
        "#EBAD24",
        "#E69F00",
        "#C78900",
        "#A87400",
    ],
    "dark": [
        "#2A2417",
        "#3A2F18",
        "#4D3C18",
        "#634A16",
        "#7A5A13",
        "#936A0F",
        "#AE7B0A",
        "#E69F00",
        "#F0B840",
        "#F8D68C",
    ],
}
"""From the surface to the strongest, as in .streamlit/config.toml: for figures that leave the page as files."""

STATE_COLOURS = {"ready": "#009E73", "busy": "#E69F00", "cold": "#8A8A8A", "missing": "#D55E00"}
"""The dot beside the engine's name."""
