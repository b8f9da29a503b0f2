"""JSON, one object per line or one list per file: records with the line each begins on."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path

from core.errors import CoreError
from core.readers import files
from core.readers.rows import Fault, Record

_BLANK = " \t\r\n"


def lines(path: Path) -> Iterator[Record]:
    """The values of a file with one per line; blank lines are skipped, a bad line is a ``Fault``."""
    with files.open_bytes(path) as file:
        for number, raw in enumerate(file, start=1):
            if raw.removeprefix(codecs.BOM_UTF8).strip():
                yield number, _parsed(raw)


def document(path: Path, source: str, one_per_line: bool) -> list[Record] | None:
    """The elements of a JSON list (or the one object) that fills the file; None when it is read line by line.

    A file that is no valid JSON as a whole raises, unless ``one_per_line`` says that its lines may be.
    """
    if not _may_be_document(path):
        return None
    with files.open_bytes(path) as file:
        text = file.read().decode("utf-8-sig", errors="surrogateescape")
    try:
        return list(_elements(text))
    except (ValueError, RecursionError) as error:
        if one_per_line:
            return None
        raise CoreError(f"{source} is not valid JSON ({_complaint(error)}): mend it or export it again.") from error


def _may_be_document(path: Path) -> bool:
    """Whether the file begins with a list, or with an object that goes on after its first line."""
    with files.open_bytes(path) as file:
        start = file.read(files.HEAD_BYTES).removeprefix(codecs.BOM_UTF8).lstrip()
        if not start.startswith(b"{"):
            return start.startswith(b"[")
        file.seek(0)
        first = next(line for line in file if line.removeprefix(codecs.BOM_UTF8).strip())
    return isinstance(_parsed(first), Fault)


def _parsed(raw: bytes) -> object:
    """The value of one line, or the ``Fault`` it has."""
    try:
        return json.loads(raw.removeprefix(codecs.BOM_UTF8).decode())
    except UnicodeDecodeError:
        return Fault("", "is not UTF-8 text; save the file as UTF-8")
    except (ValueError, RecursionError) as error:
        return Fault("", f"is not valid JSON ({_complaint(error, line=False)}); one object per line is expected")


def _elements(text: str) -> Iterator[Record]:
    """The elements of the outermost list, or the one value, with the line each begins on."""
    decoder = json.JSONDecoder()
    here = _after_blank(text, 0)
    is_list = text.startswith("[", here)
    here = _after_blank(text, here + 1) if is_list else here
    line, counted = 1, 0
    is_open = not (is_list and text.startswith("]", here))
    while is_open:
        line, counted = line + text.count("\n", counted, here), here
        value, here = decoder.raw_decode(text, here)
        yield line, value
        here = _after_blank(text, here)
        is_open = is_list and text.startswith(",", here)
        here = _after_blank(text, here + 1) if is_open else here
    if is_list and not text.startswith("]", here):
        raise json.JSONDecodeError("Expecting ',' or ']'", text, here)
    here = _after_blank(text, here + is_list)
    if here < len(text):
        raise json.JSONDecodeError("Extra data", text, here)


def _after_blank(text: str, here: int) -> int:
    while here < len(text) and text[here] in _BLANK:
        here += 1
    return here


def _complaint(error: Exception, line: bool = True) -> str:
    """What the JSON parser says, with the place it means."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    place = f"line {error.lineno}, column {error.colno}" if line else f"column {error.colno}"
    return f"{error.msg[0].lower()}{error.msg[1:].rstrip(' at')}, {place}"
