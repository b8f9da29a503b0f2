"""Fields of what is asked: words, how they are scored, what counts as recalled; memories to be more or less like."""

from __future__ import annotations

import json
from dataclasses import replace

import streamlit as st

from core import CRITERIA, DEMO_QUERY, FUSIONS, WEIGHTINGS, Query
from ui.address.fields import Scope, Unknown, any_text, at_most, field, one_of, real, share, shortest, switch, whole
from ui.kit.fields import CONVERSATION, LATENT, MASKED, MEMORY, MUTED, TERMS
from ui.session import banks

MOST_HITS = 100
MOST_CONTEXT = 0.5
MOST_LIKED = 50
"""Memories to be more or less like."""
DEFAULTS = Query("")
"""Where nothing is asked otherwise; the balance of dense and sparse is the engine's: ``usual``."""


def usual() -> Query:
    """What a query is where a link states nothing."""
    return replace(DEFAULTS, balance=banks.balance())


def unless_usual(settings: Query) -> Query:
    """The same, with the balance left to each engine where it is the usual one of this engine."""
    return replace(settings, balance=None) if settings.balance == usual().balance else settings


def _first_question() -> str:
    """What Recall asks when nothing was typed: the demo has a question whose codes are stored."""
    return DEMO_QUERY if st.session_state.get("bank", banks.DEMO) == banks.DEMO else ""


def _threshold(value: str) -> float | None:
    """Read before the criterion it belongs to is known: the form keeps it within that one's limits."""
    found = real(value)
    if found is None or found < 0:
        raise Unknown(f"The link asks for a threshold of “{value[:40]}”: a number of 0 or more is expected.")
    return found


def _memories(value: str) -> list[str]:
    """Ids as a JSON list, since an id may hold any character."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Unknown(f"The link names the memories “{value[:40]}”: a JSON list of ids is expected.")
    return at_most(list(dict.fromkeys(found)), MOST_LIKED, "memories")


def _listed(ids: list[str]) -> str:
    return json.dumps(ids, ensure_ascii=False, separators=(",", ":"))


SCORING = (
    field("weighting", one_of("weighting", lambda: WEIGHTINGS), DEFAULTS.weighting),
    field("fusion", one_of("combination", lambda: FUSIONS), DEFAULTS.fusion),
    field("balance", share("weight of the dense side"), lambda: usual().balance, Scope.ENGINE),
    field("context", share("share of the neighbouring turns", MOST_CONTEXT), DEFAULTS.context),
)
LIKED = field("liked", _memories, list, Scope.BANK, _listed)
DISLIKED = field("disliked", _memories, list, Scope.BANK, _listed)
FIELDS = (
    field(
        "recall_text",
        any_text,
        _first_question,
        Scope.BANK,
        outlives=lambda text: text not in (None, "", DEMO_QUERY),
    ),
    CONVERSATION,
    field("recall_k", whole("k", 1, MOST_HITS), DEFAULTS.k),
    *SCORING,
    field("criterion", one_of("criterion", lambda: CRITERIA), DEFAULTS.criterion),
    field("threshold", _threshold, None, write=lambda least: "" if least is None else shortest(least)),
    field("lexical", switch("lexical"), False),
    MEMORY,
    LATENT,
    TERMS,
    MUTED,
    MASKED,
)
"""What the address of Recall says."""
