"""Values of a session, each declared once: what it is when nobody chose, what it belongs to, and how a link says it.

A subject declares its fields beside its widgets, in a ``fields.py`` of its own; readers of common values are here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Flag, auto
from typing import Any

from ui.session import banks

LONGEST_TEXT = 4000
"""Characters of a text that a link may carry."""
LONGEST_NUMBER = 30
"""Characters of a number; a longer one is told in a sentence, never cut."""


class Unknown(Exception):
    """Why a value of a link is not used, as a sentence."""


class Scope(Flag):
    """What a value belongs to: it means nothing under another bank, through another engine, or of another run."""

    NONE = 0
    BANK = auto()
    ENGINE = auto()
    RUN = auto()


def never(_: Any) -> bool:
    return False


_declared: dict[str, Value] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value of a session: its key there, what it is when nobody chose, what it belongs to."""

    key: str
    default: Callable[[], Any]
    scope: Scope = Scope.NONE
    outlives: Callable[[Any], bool] = never
    """Which values stay when what they belong to changes: words that somebody typed."""

    def __post_init__(self) -> None:
        if self.key in _declared:
            raise ValueError(f"“{self.key}” is declared already.")
        _declared[self.key] = self


def declared(scope: Scope) -> list[Value]:
    """Every value that belongs to any of these."""
    return [value for value in _declared.values() if value.scope & scope]


def written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(Value):
    """A value that the address says, too: how it is read, and how it is written."""

    read: Callable[[str], Any]
    write: Callable[[Any], str] = written


def field(
    key: str,
    read: Callable[[str], Any],
    default: Any,
    scope: Scope = Scope.NONE,
    write: Callable[[Any], str] = written,
    outlives: Callable[[Any], bool] = never,
) -> Field:
    """Declare a field; a default that is called is asked anew each time."""
    ask = default if callable(default) else lambda: default
    return Field(key=key, read=read, default=ask, scope=scope, write=write, outlives=outlives)


# --- readers of values ------------------------------------------------------------------------------------------------


def any_text(value: str) -> str:
    return value[:LONGEST_TEXT]


def text_or_none(value: str) -> str | None:
    return value[:LONGEST_TEXT] or None


def whole(what: str, low: int, high: int) -> Callable[[str], int]:
    """A whole number within limits."""

    def read(value: str) -> int:
        digits = value.isascii() and value.isdigit() and len(value) <= LONGEST_NUMBER
        if not digits or not low <= int(value) <= high:
            raise Unknown(f"The link asks for {what} “{value[:40]}”: a whole number from {low} to {high} is expected.")
        return int(value)

    return read


def one_of(what: str, known: Callable[[], Any]) -> Callable[[str], str]:
    """A name among those that are known when the link is read."""

    def read(value: str) -> str:
        names = list(known())
        if value not in names:
            listed = ", ".join(filter(None, names[:8]))
            raise Unknown(f"The link asks for the {what} “{value[:80]}”, which is not here. Known: {listed}.")
        return value

    return read


def share(what: str, most: float = 1) -> Callable[[str], float]:
    """A number from 0 on, with two digits."""

    def read(value: str) -> float:
        number = real(value)
        if number is None or not 0 <= number <= most:
            raise Unknown(f"The link asks for a {what} of “{value[:40]}”: a number from 0 to {most:g} is expected.")
        return round(number, 2)

    return read


def real(value: str) -> float | None:
    """A finite number, or None."""
    try:
        number = float(value) if len(value) <= LONGEST_NUMBER else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def shortest(value: float) -> str:
    """As short as it can be without becoming another number."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def switch(what: str) -> Callable[[str], bool]:
    def read(value: str) -> bool:
        if value not in ("true", "false"):
            raise Unknown(f"The link says {what} “{value[:40]}”: true or false is expected.")
        return value == "true"

    return read


def at_most(found: list[str], most: int, what: str) -> list[str]:
    """A list as it is, unless it is too long."""
    if len(found) > most:
        raise Unknown(f"The link asks for {len(found):,} {what}: at most {most} are possible, so none was taken.")
    return found


# --- what every page's address says -----------------------------------------------------------------------------------

BANK = field("bank", one_of("bank", banks.known), banks.DEMO)
ENGINE = field("engine", any_text, banks.DEFAULT_ENGINE)
"""Whether the bank can be seen through it is known once the bank is: the sidebar says so."""
FRAME = (BANK, ENGINE)
