"""Dates as people, programs and spreadsheets write them, by python-dateutil; and what was ambiguous about them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple

from dateutil import parser

EXCEL_EPOCH = datetime(1899, 12, 30)
EXCEL_DAYS = (20_000, 80_000)
"""A number in here is a day of a spreadsheet, 1954 to 2119; as seconds it would be a morning of January 1970."""
YEARS = (1, 9999)
NOTHING = {"", "null", "none", "nan", "nat", "n/a", "-"}
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE]\+?[0-9]+)?")
_COMPACT = re.compile(r"(19|20)[0-9]{2}(0[1-9]|1[0-2])[0-3][0-9]([0-9]{6})?")
_PARTS = re.compile(r"\s*([0-9]{1,2})([./-])\s?([0-9]{1,2})\2\s?([0-9]{4}|[0-9]{2})\b")
_PARENTHESES = re.compile(r"\([^()]{0,40}\)")
_TWICE = re.compile(r"([+-][0-9]{2}:?[0-9]{2})\s+[A-Z]{1,5}$")
"""Go writes the zone as a number and as a name."""
_ISO = re.compile(r"[0-9]{4}-?(W|[0-9]{2})")
ZONES = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "CET": 1, "CEST": 2,
         "BST": 1, "IST": 5.5, "JST": 9, "AEST": 10, "AEDT": 11}  # fmt: skip


class Read(NamedTuple):
    """A moment without zone, and what had to be assumed."""

    moment: datetime | None
    doubt: str = ""
    """``order`` where day and month could be either, ``part`` where the day or the month was not written."""


@dataclass(slots=True)
class Order:
    """Whether the dates of a file put the day first, as far as the ones met so far tell."""

    day_first: bool | None = None

    def learn(self, written: object) -> None:
        """Look at one more date: a number over 12 shows its place."""
        if self.day_first is None and isinstance(written, str) and (found := _PARTS.match(written)):
            first, second = int(found[1]), int(found[3])
            if (first > 12) != (second > 12):
                self.day_first = first > 12


def read(value: object, day_first: bool | None = None) -> Read:
    """The moment a value means, in UTC where it says its zone. Raises ValueError where nobody can read it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Read(None)
    if isinstance(value, datetime):
        return Read(_plain(value))
    if isinstance(value, date):
        return Read(datetime.combine(value, time()))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("no date")
    if isinstance(value, str):
        text = value.strip()
        return Read(None) if text.lower() in NOTHING else _of_text(text, day_first)
    return _of_number(value)


def _plain(moment: datetime) -> datetime:
    """Also turns a pandas Timestamp, which pyarrow gives for nanoseconds, into a plain datetime."""
    moment = datetime.combine(moment.date(), moment.timetz())
    try:
        return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError as error:
        raise ValueError("out of range") from error


def _of_number(value: float) -> Read:
    """Epoch seconds, milli-, micro- or nanoseconds by their size; days of a spreadsheet; YYYYMMDD; a year."""
    try:
        number = float(value)
        size = abs(number)
        if EXCEL_DAYS[0] <= size <= EXCEL_DAYS[1] and number > 0:
            return Read(EXCEL_EPOCH + timedelta(days=number))
        if number == int(number) and 1900 <= number <= 2100:
            return Read(datetime(int(number), 1, 1), "part")
        if number == int(number) and _COMPACT.fullmatch(str(int(number))):
            return Read(datetime.fromisoformat(str(int(number))))
        divisor = 1.0 if size < 2e10 else 1e3 if size < 2e13 else 1e6 if size < 2e16 else 1e9
        return Read(datetime.fromtimestamp(number / divisor, UTC).replace(tzinfo=None))
    except (OverflowError, OSError) as error:
        raise ValueError("out of range") from error


@lru_cache(maxsize=4096)
def _of_text(text: str, day_first: bool | None) -> Read:
    if len(text) > 100:
        raise ValueError("too long for a date")
    if _NUMBER.fullmatch(text):
        return _of_number(datetime_number(text))
    if re.fullmatch(r"(19|20)[0-9]{2}-[0-9]{2}", text):
        return Read(datetime(int(text[:4]), int(text[5:]), 1), "part")
    if _ISO.match(text):
        try:
            return Read(_plain(datetime.fromisoformat(text)))
        except ValueError:
            pass
    found = _PARTS.match(text)
    first = day_first
    doubt = ""
    if found and int(found[1]) <= 12 and int(found[3]) <= 12 and int(found[1]) != int(found[3]):
        # Dots are how countries that put the day first write; of slashes nobody knows.
        doubt = "order" if day_first is None and found[2] != "." else ""
        first = found[2] == "." if day_first is None else day_first
    elif found and found[2] == ".":
        first = True
    return _by_dateutil(_TWICE.sub(r"\1", _PARENTHESES.sub(" ", text)), first, doubt)


def datetime_number(text: str) -> float:
    """The number a text is, whole where it can be, so that long ones keep their digits."""
    return int(text) if text.lstrip("+-").isdigit() and len(text) < 25 else float(text)


def _by_dateutil(text: str, day_first: bool | None, doubt: str) -> Read:
    """Parsed twice with different defaults: what differs was not written, and is not made up."""
    try:
        a, b = (
            parser.parse(text, dayfirst=bool(day_first), default=default, tzinfos=_zone)
            for default in (datetime(2000, 1, 1), datetime(2001, 2, 2))
        )
        a, b = _plain(a), _plain(b)
    except (ValueError, OverflowError, TypeError, AttributeError, IndexError, ArithmeticError) as error:
        raise ValueError("no date") from error
    if a.year != b.year:
        raise ValueError("a date without its year")
    if a.month != b.month:
        return Read(a, "part")
    return Read(a, doubt if a.day == b.day else "part")


def _zone(name: str | None, offset: int | None) -> tzinfo | None:
    """Zones by their common abbreviations; an unknown one is left unsaid, as if the time had none."""
    if offset is not None:
        return timezone(timedelta(seconds=offset)) if abs(offset) < 86_400 else None
    hours = 0.0 if name in ("UTC", "GMT", "Z") else ZONES.get(name or "")
    return None if hours is None else timezone(timedelta(hours=hours))
