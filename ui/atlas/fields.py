"""Fields of the Atlas: which map, of what, in which colours, and what is selected on it."""

from __future__ import annotations

import re

from ui.address.fields import LONGEST_TEXT, Scope, Unknown, any_text, field, one_of, share, whole
from ui.kit.fields import LATENT, MEMORY, MUTED, TERMS

Polygon = tuple[str, tuple[tuple[float, ...], ...]]
MOST_CORNERS = 60
"""A lasso is thinned to so many corners, so that it fits into an address."""
MAPS = {"dense": "Dense", "sparse": "Sparse", "combined": "Combined"}
METHODS = {"pca": "PCA", "umap": "UMAP"}
VIEWS = {"one": "One map", "beside": "Dense beside sparse"}
COLOURS = {
    "category": "category",
    "role": "role",
    "session": "session",
    "conversation": "conversation",
    "time": "time",
    "cluster": "cluster",
    "similarity": "similarity to a text",
    "latent": "one latent’s activation",
}
FIRST_COLOUR = "category"
GROUPED = [*COLOURS][:6]
"""Colours that make groups, which can be selected."""


def _polygon(value: str) -> Polygon:
    """``sparse:0.1,-2;0.4,1;0,3``: the map that was drawn on, and the corners of what was drawn."""
    codes, _, corners = value[:LONGEST_TEXT].partition(":")
    point = r"-?[\d.]{1,10}(?:e-?\d{1,2})?"
    if codes not in MAPS or not re.fullmatch(
        rf"{point},{point}(;{point},{point}){{2,{MOST_CORNERS}}}", corners, re.ASCII
    ):
        raise Unknown(
            f"The link selects “{value[:40]}”: a map and at least three corners are expected, like dense:0,0;1,0;0,1."
        )
    try:
        places = tuple(tuple(float(one) for one in corner.split(",")) for corner in corners.split(";"))
    except ValueError:
        raise Unknown(f"The link selects “{value[:40]}”: corners are pairs of numbers.") from None
    return codes, places


def _corners(selection: Polygon | None) -> str:
    return "" if selection is None else f"{selection[0]}:{';'.join(f'{x:.4g},{y:.4g}' for x, y in selection[1])}"


FIELDS = (
    field("atlas_view", one_of("view", lambda: VIEWS), "one"),
    field("atlas_method", one_of("kind of map", lambda: METHODS), "pca"),
    field("atlas_codes", one_of("kind of codes", lambda: MAPS), "combined"),
    field("atlas_dims", whole("number of dimensions", 2, 3), 2),
    field("atlas_colour", one_of("colour", lambda: COLOURS), FIRST_COLOUR),
    field("atlas_text", any_text, ""),
    field("atlas_neighbours", whole("number of neighbours", 2, 200), 15),
    field("atlas_min_dist", share("smallest distance"), 0.1),
    field("atlas_seed", whole("seed", 0, 99_999), 0),
    field("atlas_smallest", whole("smallest cluster", 3, 1000), 15),
    field("atlas_field", one_of("group", lambda: GROUPED), "", Scope.BANK),
    field("atlas_value", any_text, "", Scope.BANK),
    field("atlas_against", any_text, "", Scope.BANK),
    field("atlas_shape", _polygon, None, Scope.BANK | Scope.ENGINE, _corners),
    MEMORY,
    LATENT,
    TERMS,
    MUTED,
)
