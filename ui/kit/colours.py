"""Colour means one thing everywhere: one colour per mode (Okabe and Ito, safe for colour-blind eyes)."""

from __future__ import annotations

from core import Mode

MODE_COLOURS: dict[Mode, str] = {
    "dense": "#0072B2",
    "sparse": "#E69F00",
    "combined": "#009E73",
    "lexical": "#8A8A8A",
}
"""A mode's colour is on its column head, its bars, its points and its lines."""

ACTIVATION = MODE_COLOURS["sparse"]
"""The end of the one ramp that activations are drawn in; it starts at the surface."""

PLUS, MINUS = "#009E73", "#D55E00"
"""More and less: weights of terms, and the two sides of a contrast."""

CATEGORIES = {
    "light": ("#0072B2", "#E69F00", "#009E73", "#8A8A8A", "#CC79A7", "#56B4E9", "#D55E00", "#B8A800"),
    "dark": ("#3C9BD6", "#E69F00", "#14B98A", "#A0A0A0", "#D98BB6", "#7CC4EC", "#E87B33", "#D8C93A"),
}
"""The theme's categorical palette, as .streamlit/config.toml has it: figures that are saved keep it."""
QUIET = {"light": "#C9CDD0", "dark": "#4A5157"}
"""Points that are not meant: still there, and behind the others."""
INK = {"light": "#1D2226", "dark": "#E4E7E9"}
"""The theme's text, for outlines that must stand out."""
PALE = {"light": "#E3E5E6", "dark": "#33393E"}
"""Where a ramp of points begins: near the surface, and still visible on it."""

TIME = {
    "light": ("#00224E", "#35456C", "#666970", "#948E77", "#C8B866"),
    "dark": ("#4D6FB3", "#7A8299", "#A69D75", "#D3BC54", "#FEE838"),
}
"""Cividis (Nuñez, Anderton and Renslow 2018), without the end that the surface swallows: early to late."""
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
