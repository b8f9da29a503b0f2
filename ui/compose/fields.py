"""Fields of Compose, and what it remembers between two clicks."""

from __future__ import annotations

from core import WEIGHTINGS
from ui.address.fields import Scope, Value, any_text, field, one_of, whole
from ui.kit.fields import CONVERSATION, MUTED, TERMS
from ui.query.fields import DEFAULTS, DISLIKED, LIKED, MOST_HITS

PAST = Value(key="compose_past", default=list, scope=Scope.BANK | Scope.ENGINE)
"""Steps that can be undone: what each was called, and how things were before."""
KEPT = Value(key="compose_kept", default=lambda: ("", ""), scope=Scope.ENGINE)
"""The composition that was saved or deleted last, and what is said of it."""
FIELDS = (
    field("compose_text", any_text, ""),
    CONVERSATION,
    field("compose_k", whole("k", 1, MOST_HITS), DEFAULTS.k),
    field("compose_weighting", one_of("weighting", lambda: ("", *WEIGHTINGS)), ""),
    TERMS,
    MUTED,
    LIKED,
    DISLIKED,
)
