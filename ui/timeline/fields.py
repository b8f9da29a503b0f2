"""Fields of the timeline: which dialogue, and which latents are followed through it."""

from __future__ import annotations

from ui.address.fields import Scope, any_text, field, one_of, whole
from ui.kit.fields import LATENT, MEMORY, MUTED, TERMS, joined, several

CHOICES = {"recurring": "Recurring", "text": "Of a text", "picked": "Picked"}
FIELDS = (
    field("timeline_of", any_text, "", Scope.BANK),
    field("timeline_by", one_of("choice of latents", lambda: CHOICES), "recurring"),
    field("timeline_text", any_text, ""),
    field("timeline_latents", several, list, Scope.BANK | Scope.ENGINE, joined),
    field("timeline_k", whole("number of latents", 4, 60), 24),
    MEMORY,
    LATENT,
    TERMS,
    MUTED,
)
