"""Which page has which fields."""

from __future__ import annotations

import ui.atlas.fields
import ui.compose.fields
import ui.evaluate.fields
import ui.lab.fields
import ui.latents.fields
import ui.memory.fields
import ui.overlap.fields
import ui.query.fields
import ui.separability.fields
import ui.timeline.fields
from ui.address.fields import FRAME, Field

PAGES: dict[str, tuple[Field, ...]] = {
    "recall": FRAME + ui.query.fields.FIELDS,
    "compose": FRAME + ui.compose.fields.FIELDS,
    "latents": FRAME + ui.latents.fields.FIELDS,
    "memory": FRAME + ui.memory.fields.FIELDS,
    "evaluate": FRAME + ui.evaluate.fields.FIELDS,
    "atlas": FRAME + ui.atlas.fields.FIELDS,
    "timeline": FRAME + ui.timeline.fields.FIELDS,
    "overlap": FRAME + ui.overlap.fields.FIELDS,
    "separability": FRAME + ui.separability.fields.FIELDS,
    "library": FRAME,
    "lab": FRAME + ui.lab.fields.FIELDS,
}


def of(page: str) -> tuple[Field, ...]:
    """What the address of a page says."""
    return PAGES.get(page, FRAME)
