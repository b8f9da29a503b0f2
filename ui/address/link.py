"""The address bar tells what one sees: it is read on arrival and written after every page.

A link's value that does not exist becomes a sentence, and the page shows its default instead.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from ui.address.fields import BANK, ENGINE, Field, Scope, Unknown, declared

SECONDS_A_STALE_ADDRESS_MAY_ARRIVE = 3.0
"""A click that is faster than the browser's address bar still carries the address before the last."""
Fields = Sequence[Field]


def adopt(page: str, fields: Fields) -> None:
    """Bring the session to what the address says; a plain visit keeps what the session had."""
    state, given = st.session_state, st.query_params.to_dict()
    arrived = state.get("_link_page") != page
    state["_link_page"] = page
    if given and (arrived or not _was_written(given)):
        before = {field: state.get(field.key) for field in (BANK, ENGINE)}
        state["_link_notes"] = _read(fields, given)
        for field, scope in ((BANK, Scope.BANK), (ENGINE, Scope.ENGINE)):
            if before[field] not in (None, state[field.key]):
                forget(scope, given)
        state["_link_notes_for"] = None
        # A click may end this run before it publishes: the next one finds this address again, already read.
        state["_link_past"] = [*state.get("_link_past", [])[-8:], (given, None)]
    elif arrived:
        state["_link_notes"] = []
    for field in fields:
        if field.key not in state:
            state[field.key] = field.default()


def forget(scope: Scope, but: Collection[str] = ()) -> None:
    """Let go of what belongs to the bank, the engine or the run that was left. but: keys that stay."""
    state = st.session_state
    for value in declared(scope):
        if value.key not in but and not value.outlives(state.get(value.key)):
            state[value.key] = value.default()


def _read(fields: Fields, given: dict[str, str]) -> list[str]:
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


def publish(fields: Fields) -> None:
    """Write what is shown into the address bar."""
    state, wanted = st.session_state, parameters(fields)
    past = [(address, ended or time.monotonic()) for address, ended in state.get("_link_past", []) if address != wanted]
    state["_link_past"] = [*past[-8:], (wanted, None)]
    if st.query_params.to_dict() != wanted:
        if state.get("_link_notes_for") not in (None, wanted):
            state["_link_notes"] = []
        st.query_params.from_dict(wanted)
    state["_link_notes_for"] = wanted


def parameters(fields: Fields) -> dict[str, str]:
    """The address's values of a page: those that are not the default."""
    found = {}
    for field in fields:
        value = st.session_state.get(field.key)
        if value != field.default():
            found[field.key] = field.write(value)
    return found


def address(page: str, fields: Fields, pages: Collection[str]) -> str:
    """The whole link to what is shown now. pages: the names that may end an address."""
    here = urlsplit(st.context.url or "http://localhost:8501")
    steps = [step for step in here.path.split("/") if step]
    if steps and steps[-1] in pages:
        steps.pop()
    return urlunsplit((here.scheme, here.netloc, "/" + "/".join([*steps, page]), urlencode(parameters(fields)), ""))


def notes() -> list[str]:
    """What the link asked for and did not find."""
    return list(st.session_state.get("_link_notes", []))


def note(sentence: str) -> None:
    """Say on this page that a value of the link is unknown."""
    if sentence not in notes():
        st.session_state["_link_notes"] = [*notes(), sentence]
