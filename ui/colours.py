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

STATE_COLOURS = {"ready": "#009E73", "busy": "#E69F00", "cold": "#8A8A8A", "missing": "#D55E00"}
"""The dot beside the engine's name."""
