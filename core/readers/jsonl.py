"""JSON as it is met: one object a line, a list, objects one after another, one large object. Records with their lines.

Nothing is held but the value at hand: a list is handed on element by element, and an object that is too large to be
held is handed on in parts, each with a stretch of its longest list.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from core.readers import files, limits
from core.readers.ledger import Fault
from core.readers.rows import Record

_BLANK = " \t\r\n\ufeff\x1e"
CHUNK = 2**16
LOOK_AT = 20
"""Lines looked at to tell JSON Lines from a document."""
PART = 1000
"""Elements of a list that is handed on in parts."""


def records(path: Path, codec: str, one_per_line: bool) -> Iterator[Record]:
    """The values of a file. What is no JSON is a ``Fault`` on its line, and reading goes on after it where it can."""
    with files.open_text(path, codec, newline="\n") as text:
        head = text.read(files.HEAD_BYTES * 8)
    per_line = _is_per_line(head, one_per_line)
    with files.open_text(path, codec, newline="\n") as text:
        yield from _lines(text) if per_line else _Document(text).values()


def lines(path: Path, codec: str = "utf-8-sig") -> Iterator[Record]:
    """The values of a file with one per line; blank lines are skipped, a bad line is a ``Fault``."""
    with files.open_text(path, codec, newline="\n") as text:
        yield from _lines(text)


def _is_per_line(head: str, one_per_line: bool) -> bool:
    """Whether objects stand on lines of their own, told by the beginning of the file."""
    found = [line for line in head.split("\n") if line.strip(_BLANK)][: LOOK_AT + 1]
    if len(head) == files.HEAD_BYTES * 8 and len(found) > 1:
        found = found[:-1]  # it may be cut off
    if not found:
        return one_per_line
    first = found[0].lstrip(_BLANK)
    alone = [_is_object(line) for line in found[:LOOK_AT]]
    if first.startswith("["):
        closed = head.rstrip(_BLANK).endswith("]")
        return one_per_line and not closed and (any(alone[1:2]) or _parses(found[0]))
    if first.startswith("{"):
        return alone[0] or (one_per_line and any(alone))
    return one_per_line or any(alone)


def _is_object(line: str) -> bool:
    return line.strip(_BLANK).startswith("{") and isinstance(_parsed(line)[0], dict)


def _parses(line: str) -> bool:
    return not isinstance(_parsed(line)[0], Fault)


def _lines(text: IO[str]) -> Iterator[Record]:
    for number, line, cut in files.bounded_lines(text):
        if cut:
            yield number, Fault("", files.too_long())
        elif line.strip(_BLANK):
            for value in _parsed(line):
                yield number, value


def _parsed(line: str) -> list[object]:
    """The values of one line, mostly one, or the ``Fault`` it has."""
    line = line.strip(_BLANK)
    if limits.weight(line) > limits.MAX_WEIGHT:
        return [Fault("", "holds more values than one record can have; split it")]
    try:
        return [json.loads(line)]
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and (joined := _joined(line)):
            return joined
        if files.surrogate_in(line):
            return [Fault("", "is not UTF-8 text; save the file as UTF-8")]
        return [Fault("", f"is not valid JSON ({_complaint(error, line=False)}); one object per line is expected")]
    except (ValueError, RecursionError) as error:
        return [Fault("", f"is not valid JSON ({_complaint(error)}); one object per line is expected")]


def _joined(line: str) -> list[object]:
    """Objects that stand on one line without a break between them; empty where it is anything else."""
    decoder, here, found = json.JSONDecoder(), 0, []
    try:
        while here < len(line):
            if line[here] != "{":
                return []
            value, here = decoder.raw_decode(line, here)
            found.append(value)
            while here < len(line) and line[here] in _BLANK:
                here += 1
    except (ValueError, RecursionError):
        return []
    return found


class _Document:
    """A JSON text that is decoded as it comes, value by value."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._buffer = ""
        self._here = 0
        self._line = 1
        self._counted = 0
        self._ended = False
        self._decoder = json.JSONDecoder()

    def values(self) -> Iterator[Record]:
        """The elements of the outermost list, or every value of a file of several."""
        try:
            if self._peek() == "[":
                self._here += 1
                yield from self._elements()
                if self._peek():
                    raise json.JSONDecodeError("Extra data", self._buffer, self._here)
                return
            while mark := self._peek():
                if mark == ",":
                    self._here += 1
                    continue
                yield from self._value(may_be_cut=True)
        except (ValueError, RecursionError) as error:
            self._count_lines()
            found = "is no JSON that can be held" if "too large" in str(error) else "is not valid JSON"
            yield self._line, Fault("", f"{found} ({self._said(error)}); the rest of the file was not read")

    def _said(self, error: Exception) -> str:
        if not isinstance(error, json.JSONDecodeError):
            return _complaint(error)
        line = self._line + self._buffer.count("\n", self._counted, error.pos)
        return f"{_message(error)}, line {line}, column {error.colno}"

    def _elements(self) -> Iterator[Record]:
        """What stands in a list, up to and with its closing bracket."""
        if self._peek() == "]":
            self._here += 1
            return
        while True:
            yield from self._value(may_be_cut=True)
            mark = self._peek()
            if mark not in (",", "]"):
                raise json.JSONDecodeError("Expecting ',' or ']'", self._buffer, self._here)
            self._here += 1
            if mark == "]":
                return

    def _value(self, may_be_cut: bool) -> Iterator[Record]:
        """One value with its line, or, where it is an object too large to be held, its parts."""
        self._peek()
        self._count_lines()
        line, size = self._line, CHUNK // 4
        while True:
            # Only a stretch is looked at and weighed, so that a small value at the front of a large buffer stays cheap.
            left = len(self._buffer) - self._here
            whole = left <= 4 * CHUNK
            text, here = (self._buffer, self._here) if whole else (self._buffer[self._here : self._here + size], 0)
            try:
                if size > 16 * CHUNK and (size > limits.MAX_LINE or limits.weight(text) > limits.MAX_WEIGHT):
                    raise OverflowError
                value, end = self._decoder.raw_decode(text, here)
                if end < len(text) or (self._ended and (whole or size >= left)):
                    self._here += end - here
                    yield line, value
                    return
            except json.JSONDecodeError as error:
                is_last = self._ended and (whole or size >= left)
                if is_last or not (error.msg.startswith("Unterminated string") or error.pos > len(text) - 16):
                    raise json.JSONDecodeError(error.msg, self._buffer, self._here + error.pos - here) from None
            except OverflowError:
                if may_be_cut and self._buffer.startswith("{", self._here):
                    yield from self._parts(line)
                    return
                raise ValueError("one value is too large to be held; split it") from None
            if not whole and size < left:
                size *= 4
            else:
                self._more(max(CHUNK, left))

    def _parts(self, line: int) -> Iterator[Record]:
        """A large object: its small fields, with every long list in stretches of ``PART`` elements."""
        small: dict[str, object] = {}
        self._here += 1
        while (mark := self._peek()) and mark != "}":
            self._here += mark == ","
            name = self._member_name()
            if self._peek() != "[":
                for _, value in self._value(may_be_cut=False):
                    small[name] = value
                continue
            self._here += 1
            stretch: list[object] = []
            for _, element in self._elements():
                stretch.append(element)
                if len(stretch) >= PART:
                    yield line, {**small, name: stretch}
                    stretch = []
            yield line, {**small, name: stretch}
        self._here += 1

    def _member_name(self) -> str:
        self._peek()
        for _, name in self._value(may_be_cut=False):
            if isinstance(name, str) and self._peek() == ":":
                self._here += 1
                return name
        raise json.JSONDecodeError("Expecting a name and a colon", self._buffer, self._here)

    def _peek(self) -> str:
        """The next sign that is not blank, which is then the one at hand; empty at the end."""
        while True:
            while self._here < len(self._buffer) and self._buffer[self._here] in _BLANK:
                self._here += 1
            if self._here < len(self._buffer):
                return self._buffer[self._here]
            if self._ended:
                return ""
            self._more(CHUNK)

    def _count_lines(self) -> None:
        self._line += self._buffer.count("\n", self._counted, self._here)
        self._counted = self._here

    def _more(self, size: int) -> None:
        """Read on; what is behind is let go."""
        self._count_lines()
        block = self._text.read(min(size, limits.MAX_LINE))
        self._ended = not block
        self._buffer = self._buffer[self._here :] + block
        self._here = self._counted = 0


def _message(error: json.JSONDecodeError) -> str:
    return f"{error.msg[0].lower()}{error.msg[1:].rstrip(' at')}"


def _complaint(error: Exception, line: bool = True) -> str:
    """What the JSON parser says, with the place it means."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    place = f"line {error.lineno}, column {error.colno}" if line else f"column {error.colno}"
    return f"{_message(error)}, {place}"
