"""Single values of a row, whatever library gave them: texts, labels, places, meta."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import date, time

from core.readers import files, limits
from core.readers.ledger import Fault, Ledger

MAX_POSITION = 2**31 - 1
MAX_META_DEPTH = 64
LONG_NUMBERS = 32
"""A list of more numbers than this is an embedding or a plot, no note about a memory; it is left out and counted."""


def words(value: object, name: str = "text", ledger: Ledger | None = None) -> str:
    """A text to remember, as it stands in the file; signs that cannot be stored are taken out and counted."""
    if value is None or is_nan(value):
        raise Fault(name, "is missing or empty; a string is expected")
    if not isinstance(value, str):
        raise Fault(name, f"is {kind_of(value)}; a string is expected")
    if len(value) > limits.MAX_TEXT:
        raise Fault(name, f"has {len(value):,} characters; at most {limits.MAX_TEXT:,} are read, so split it")
    if not has_words(value):
        raise Fault(name, "is blank; a memory needs words")
    return _mended(value, name, ledger)


def has_words(text: str) -> bool:
    """Whether anything of it can be seen: spaces, control signs and zero-width ones cannot."""
    return any(c.isalnum() for c in text[:64]) or any(unicodedata.category(c)[0] not in "CZ" for c in text)


def _mended(text: str, name: str, ledger: Ledger | None) -> str:
    text = _whole(text, name, ledger)
    if "\0" in text:
        _count(ledger, "NUL characters, which were taken out")
        text = text.replace("\0", "")
        if not has_words(text):
            raise Fault(name, "is blank; a memory needs words")
    if ledger is not None and not text.isascii() and _DOUBLE.search(text):
        text = _repaired(text, ledger)
    return text


_DOUBLE = re.compile(
    r"[\u00c2-\u00f4\u0102\u010e-\u0111][\u0080-\u00bf\u0152-\u0178\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
)
"""The first two bytes of a UTF-8 sign, read as Latin-1 or Windows-1252."""


def _repaired(text: str, ledger: Ledger) -> str:
    import ftfy
    from ftfy.badness import is_bad

    if not is_bad(text):
        return text
    if not ledger.options.repair:
        ledger.doubt("mojibake", shown(text))
        return text
    mended: str = ftfy.fix_encoding(text)
    if mended != text:
        _count(ledger, "letters that were decoded wrongly, which were mended")
    return mended


def _whole(text: str, name: str, ledger: Ledger | None) -> str:
    """The text without halves of signs. A byte that could not be decoded is another matter: the file's encoding."""
    surrogate = files.surrogate_in(text)
    if not surrogate:
        return text
    if re.search(r"[\udc80-\udcff]", re.sub(r"[\ud800-\udbff][\udc00-\udfff]", "", text)):
        label = name if not files.surrogate_in(name) else ""
        raise Fault(label, f"is not UTF-8 text (it holds U+{ord(surrogate):04X}); save the file as UTF-8")
    _count(ledger, "half of an emoji, shown as \ufffd")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _count(ledger: Ledger | None, what: str) -> None:
    if ledger is not None:
        ledger.mended[what] += 1


def label(value: object, name: str) -> str:
    """A short string such as a role; numbers are written out, nothing becomes an empty string."""
    if isinstance(value, str):
        return clean(value, name)
    if value is None or is_nan(value):
        return ""
    if isinstance(value, Mapping) and len(value) == 1:
        (key, inner), = value.items()  # fmt: skip
        if str(key).startswith("$"):  # MongoDB's way to write ids, dates and long numbers
            return label(inner, name)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, int | float):
        return str(value)
    raise Fault(name, f"is {kind_of(value)}; a string or a whole number is expected")


def place(value: object, name: str) -> int | None:
    """A position in a conversation; None when there is none given."""
    if value is None or is_nan(value) or value == "":
        return None
    expected = "a whole number from 0 is expected"
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,10}\s*", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Fault(name, f"is {described(value)}; {expected}")
    if not 0 <= value <= MAX_POSITION:
        raise Fault(name, f"is {shown(value)}; {expected}, up to {MAX_POSITION}")
    return value


def meta(row: Mapping[str, object], taken: set[str], ledger: Ledger | None = None) -> dict[str, object]:
    """The fields that have no place of their own, ready for JSON; empty ones, bytes and embeddings are left out."""
    kept: dict[str, object] = {}
    for name, value in row.items():
        if name in taken or value is None:
            continue
        try:
            if ledger is not None and _is_embedding(value):
                ledger.leave_out("embeddings")
                continue
            plain_value = plain(value, str(name))
            if plain_value is not None:
                kept[clean(str(name), "")] = plain_value
        except (Fault, RecursionError):
            if ledger is not None:
                ledger.leave_empty(_safe(str(name)), 0, "not text, or nested too deeply")
    return kept


def _is_embedding(value: object) -> bool:
    return isinstance(value, list) and len(value) > LONG_NUMBERS and all(isinstance(v, float | int) for v in value)


def plain(value: object, name: str, depth: int = 0) -> object:
    """A value JSON can write: scalars of other libraries unwrapped, dates as ISO text, NaN and bytes as None."""
    found: object
    if depth > MAX_META_DEPTH:
        raise Fault(name, "is nested too deeply")
    match value:
        case None | int():
            found = value
        case str():
            found = clean(value, name, nul=True)
        case float():
            found = value if math.isfinite(value) else None
        case Mapping():
            found = {clean(str(key), name): plain(item, name, depth + 1) for key, item in value.items()}
        case list() | tuple():
            found = [plain(item, name, depth + 1) for item in value]
        case date() | time():
            found = value.isoformat()
        case bytes() | bytearray() | memoryview():
            found = None
        case _:
            found = plain(value.tolist(), name, depth + 1) if hasattr(value, "tolist") else str(value)
    return found


def clean(text: str, name: str, nul: bool = False) -> str:
    """The text itself, when UTF-8 can write it and, unless ``nul``, it has no NUL character."""
    if text.isascii() and (nul or "\0" not in text):
        return text
    if surrogate := files.surrogate_in(text):
        raise Fault(_safe(name), f"is not UTF-8 text (it holds U+{ord(surrogate):04X}); save the file as UTF-8")
    if "\0" in text and not nul:
        raise Fault(name, "holds a NUL character; remove it")
    return text


def _safe(name: str) -> str:
    return name if not files.surrogate_in(name) else ""


_KINDS: dict[type, str] = {
    bool: "true or false", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object",
    bytes: "binary data", date: "a date",
}  # fmt: skip


def kind_of(value: object) -> str:
    """What a value is, in words a person who wrote the file would use."""
    if value is None:
        return "null"
    for kind, article in _KINDS.items():
        if isinstance(value, kind):
            return article
    return f"a {type(value).__name__}"


def described(value: object) -> str:
    return f"“{shown(value)}”" if isinstance(value, str) else shown(value) if _is_number(value) else kind_of(value)


def shown(value: object) -> str:
    text = str(value) if not isinstance(value, int) or abs(value) < 10**40 else "a very large number"
    text = text[:200].encode("utf-8", errors="replace").decode()
    return text if len(text) <= 40 else f"{text[:39]}…"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
