"""The address bar tells what one sees: it is read on arrival and written after every page.

A link's value that does not exist becomes a sentence, and the page shows its default instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from core import DEMO_QUERY, FUSIONS, WEIGHTINGS, Query
from ui import banks

SECONDS_A_STALE_ADDRESS_MAY_ARRIVE = 3.0
"""A click that is faster than the browser's address bar still carries the address before the last."""
MOST_HITS = 100
DEFAULTS = Query("")


class Unknown(Exception):
    """Why a value of a link is not used, as a sentence."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value of the address: its key in the session, how it is read, what it is when absent."""

    key: str
    read: Callable[[str], Any]
    default: Callable[[], Any]


def _text(value: str) -> str:
    return value[:4000]


def _optional_text(value: str) -> str | None:
    return value[:4000] or None


def _number(what: str, low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not low <= int(value[:12]) <= high:
            raise Unknown(f"The link asks for {what} “{value[:40]}”: a whole number from {low} to {high} is expected.")
        return int(value)

    return read


def _one_of(what: str, known: Callable[[], Any]) -> Callable[[str], str]:
    def read(value: str) -> str:
        names = list(known())
        if value not in names:
            raise Unknown(
                f"The link asks for the {what} “{value[:80]}”, which is not here. Known: {', '.join(names[:8])}."
            )
        return value

    return read


def _share(what: str) -> Callable[[str], float]:
    def read(value: str) -> float:
        try:
            number = float(value[:12])
        except ValueError:
            number = -1.0
        if not 0 <= number <= 1:
            raise Unknown(f"The link asks for a {what} of “{value[:40]}”: a number from 0 to 1 is expected.")
        return round(number, 2)

    return read


def _switch(value: str) -> bool:
    if value not in ("true", "false"):
        raise Unknown(f"The link says lexical “{value[:40]}”: true or false is expected.")
    return value == "true"


def first_question() -> str:
    """What Recall asks when nothing was typed: the demo has a question whose codes are stored."""
    return DEMO_QUERY if st.session_state.get("bank", banks.DEMO) == banks.DEMO else ""


NEIGHBOURS = {"dense": "nearest dense", "sparse": "nearest sparse", "dialogue": "in the dialogue"}

BANK = Field("bank", _one_of("bank", banks.known), lambda: banks.DEMO)
CONVERSATION = Field("conversation", _text, lambda: "")
MEMORY = Field("memory", _optional_text, lambda: None)
LATENT = Field("latent", _number("latent", 0, 10_000_000), lambda: None)
PAGES: dict[str, tuple[Field, ...]] = {
    "recall": (
        BANK,
        Field("recall_text", _text, first_question),
        CONVERSATION,
        Field("recall_k", _number("k", 1, MOST_HITS), lambda: DEFAULTS.k),
        Field("weighting", _one_of("weighting", lambda: WEIGHTINGS), lambda: DEFAULTS.weighting),
        Field("fusion", _one_of("combination", lambda: FUSIONS), lambda: DEFAULTS.fusion),
        Field("balance", _share("weight of the dense side"), lambda: DEFAULTS.balance),
        Field("lexical", _switch, lambda: False),
        MEMORY,
        LATENT,
    ),
    "memory": (
        BANK,
        MEMORY,
        LATENT,
        Field("token", _number("token", 0, 1_000_000), lambda: None),
        Field("memory_find", _text, lambda: ""),
        CONVERSATION,
        Field("memory_near", _one_of("list of neighbours", lambda: NEIGHBOURS), lambda: "dense"),
    ),
    "library": (BANK,),
}


def adopt(page: str) -> None:
    """Bring the session to what the address says; a plain visit keeps what the session had."""
    state, given = st.session_state, st.query_params.to_dict()
    fields = PAGES.get(page, (BANK,))
    arrived = state.get("_link_page") != page
    state["_link_page"] = page
    if given and (arrived or not _was_written(given)):
        state["_link_notes"] = _read(fields, given)
        state["_link_notes_for"] = None
    elif arrived:
        state["_link_notes"] = []
    for field in fields:
        if field.key not in state:
            state[field.key] = field.default()


def _read(fields: tuple[Field, ...], given: dict[str, str]) -> list[str]:
    notes = []
    for field in fields:
        if field.key not in given:
            if field is not BANK or "bank" not in st.session_state:
                st.session_state[field.key] = field.default()
            continue
        try:
            st.session_state[field.key] = field.read(given[field.key])
        except Unknown as why:
            st.session_state[field.key] = field.default()
            notes.append(str(why))
    return notes


def _was_written(given: dict[str, str]) -> bool:
    """Whether this address is ours: the last one, or one that was on its way when we wrote the last."""
    now = time.monotonic()
    past = st.session_state.get("_link_past", [])
    return any(
        address == given and (ended is None or now - ended < SECONDS_A_STALE_ADDRESS_MAY_ARRIVE)
        for address, ended in past
    )


def publish(page: str) -> None:
    """Write what is shown into the address bar."""
    state, wanted = st.session_state, parameters(page)
    past = [(address, ended or time.monotonic()) for address, ended in state.get("_link_past", []) if address != wanted]
    state["_link_past"] = [*past[-8:], (wanted, None)]
    if st.query_params.to_dict() != wanted:
        if state.get("_link_notes_for") not in (None, wanted):
            state["_link_notes"] = []
        st.query_params.from_dict(wanted)
    state["_link_notes_for"] = wanted


def parameters(page: str) -> dict[str, str]:
    """The address's values of a page: those that are not the default."""
    found = {}
    for field in PAGES.get(page, (BANK,)):
        value = st.session_state.get(field.key)
        if value != field.default():
            found[field.key] = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
    return found


def address(page: str, default: bool = False) -> str:
    """The whole link to what is shown now."""
    here = urlsplit(st.context.url or "http://localhost:8501")
    parts = [part for part in here.path.split("/") if part]
    if parts and parts[-1] in PAGES:
        parts.pop()
    path = "/" + "/".join([*parts, *([] if default else [page])])
    return urlunsplit((here.scheme, here.netloc, path, urlencode(parameters(page)), ""))


def notes() -> list[str]:
    """What the link asked for and did not find."""
    return list(st.session_state.get("_link_notes", []))


def note(sentence: str) -> None:
    """Say on this page that a value of the link is unknown."""
    if sentence not in notes():
        st.session_state["_link_notes"] = [*notes(), sentence]


def go(page: str) -> None:
    """From a callback: show another page next, with the session as it is."""
    st.session_state["_go"] = page
