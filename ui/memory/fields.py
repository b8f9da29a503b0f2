"""Fields of Memory: which memory, tinted by what, and which neighbours."""

from __future__ import annotations

from ui.address.fields import any_text, field, one_of
from ui.kit.fields import CONVERSATION, LATENT, MEMORY, TOKEN

NEIGHBOURS = {"dense": "nearest dense", "sparse": "nearest sparse", "dialogue": "in the dialogue"}
FIELDS = (
    MEMORY,
    LATENT,
    TOKEN,
    field("memory_find", any_text, ""),
    CONVERSATION,
    field("memory_near", one_of("list of neighbours", lambda: NEIGHBOURS), "dense"),
)
