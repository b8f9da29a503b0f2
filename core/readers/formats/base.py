"""What every format's reader is given, and how it is recognised."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from core.readers import values
from core.readers.boxes import Box
from core.readers.ledger import Fault, Ledger
from core.readers.rows import Item, Record
from core.types import Refusal

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file lies, and the ledger of what becomes of it."""

    ledger: Ledger
    stem: str
    """What its conversation is called where it does not say."""
    inner: PurePosixPath
    box: Box | None = None

    @property
    def source(self) -> str:
        return self.ledger.source

    def leave_out(self, what: str, count: int = 1) -> None:
        self.ledger.leave_out(what, count)


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file, told by the first object in it."""

    name: str
    title: str
    given: str
    """What people have of it."""
    kept: str
    left_out: str
    is_it: Callable[[Object], bool]
    read: Callable[[Iterable[Record], Place], Iterator[Item]]
    is_store: bool = False
    """Whether its memories stand alone, with no turns around them."""


def each(
    of_object: Callable[[int, Object, Place], Iterator[Item]],
) -> Callable[[Iterable[Record], Place], Iterator[Item]]:
    """A reader of files from a reader of one object; what is no object is refused on its line."""

    def read(records: Iterable[Record], place: Place) -> Iterator[Item]:
        for line, value in records:
            if isinstance(value, Fault):
                yield Refusal(place.source, line, value.field, value.reason)
            elif not isinstance(value, Mapping):
                yield Refusal(place.source, line, "", f"is {values.kind_of(value)}; an object is expected")
            else:
                yield from of_object(line, value, place)

    return read


def listed(value: object) -> list[Any]:
    """The list a value is; an empty one where it is none."""
    return value if isinstance(value, list) else []


def mapped(value: object) -> Object:
    """The object a value is; an empty one where it is none."""
    return value if isinstance(value, Mapping) else {}


def texts(value: object) -> str:
    """The string a value is; empty where it is none."""
    return value if isinstance(value, str) else ""


def rest(value: Object, *taken: str) -> dict[str, Any]:
    """The fields that have no place of their own."""
    return {name: v for name, v in value.items() if name not in taken}
