"""Fields of Overlap: what is compared, by which measure, and which two rows are looked at."""

from __future__ import annotations

from core import GROUPINGS, MEASURES
from ui.address.fields import Scope, field, one_of, text_or_none
from ui.kit.fields import CONVERSATION, LATENT, PICTURE

THRESHOLDS = {"0": 0.0, "25": 0.25, "50": 0.5, "75": 0.75, "90": 0.9, "95": 0.95, "99": 0.99}
"""Quantiles of the positive activations, by the percent that the slider shows."""
FIELDS = (
    field("overlap_by", one_of("kind of row", lambda: GROUPINGS), "memory"),
    field("overlap_measure", one_of("measure", lambda: MEASURES), "jaccard"),
    field("overlap_threshold", one_of("threshold", lambda: THRESHOLDS), "0"),
    CONVERSATION,
    field("overlap_zoom", text_or_none, None, Scope.BANK),
    field("overlap_a", text_or_none, None, Scope.BANK),
    field("overlap_b", text_or_none, None, Scope.BANK),
    PICTURE,
    LATENT,
)
