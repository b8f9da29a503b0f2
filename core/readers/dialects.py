"""Text tables as spreadsheets of all countries write them: one reader for memories and for labels."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from core.errors import CoreError
from core.formulas import restored
from core.readers import files, limits
from core.readers.ledger import Fault
from core.readers.rows import Record

DELIMITERS = ",;\t|"
WORDS_OF = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
LOOK_AT = 65536
"""Characters of the beginning that show the dialect."""
MAX_REREAD = 50
"""How often rows behind a quotation mark that is never closed are read again."""
MAX_LINES = 10_000
"""Lines of one row."""


class Dialect(NamedTuple):
    delimiter: str
    escape: str = ""
    """A backslash, where quotation marks inside a cell are written ``\\"`` and not twice."""


def dialect_of(head: str, is_header: Callable[[list[str]], bool]) -> tuple[Dialect, bool]:
    """The dialect of a table by its beginning, and whether its first line says it (Excel's ``sep=;``).

    A delimiter is right that gives a header with the columns wanted, and then one that gives rows of equal width.
    """
    if found := re.match(r"\s*\"?sep=(.)\"?\r?\n", head, re.IGNORECASE):
        return Dialect(found[1]), True
    escape = "\\" if re.search(r'\\"', head) and not re.search(r'[^,;|\t\n"]""[^,;|\t\r\n]', head) else ""
    return Dialect(max(DELIMITERS, key=lambda d: _fit(head, d, escape, is_header)), escape), False


def _fit(head: str, delimiter: str, escape: str, is_header: Callable[[list[str]], bool]) -> tuple[bool, int, int]:
    try:
        rows = list(itertools.islice(_reader(io.StringIO(head, newline=""), Dialect(delimiter, escape), False), 50))
    except csv.Error:
        return False, 0, 0
    rows = [row for row in rows if row]
    if not rows:
        return False, 0, 0
    width = len(rows[0])
    alike = sum(len(row) == width for row in rows) if width > 1 else 0
    return is_header(rows[0]), alike, head.split("\n", 1)[0].count(delimiter)


def _reader(lines: Iterator[str] | IO[str], dialect: Dialect, strict: bool = True) -> Iterator[list[str]]:
    # strict: an unclosed quotation mark is an error instead of a cell with the rest of the file in it.
    return csv.reader(
        lines, delimiter=dialect.delimiter, strict=strict, escapechar=dialect.escape or None,
        doublequote=not dialect.escape,
    )  # fmt: skip


class _Lines:
    """Lines for the csv module, kept while one row is read so that they can be read again."""

    def __init__(self, text: IO[str]) -> None:
        self._lines = files.bounded_lines(text)
        self._again: list[tuple[int, str]] = []
        self.row: list[tuple[int, str]] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._again:
            number, line = self._again.pop()
        else:
            number, line, cut = next(self._lines)
            if cut:
                self.row.append((number, ""))
                raise csv.Error("field larger than field limit")
        self.row.append((number, line))
        if len(self.row) > MAX_LINES:
            raise csv.Error("unexpected end of data")
        return line

    def reread(self) -> None:
        """All lines of the row but its first come again."""
        self._again += reversed(self.row[1:])


def csv_records(
    path: Path, source: str, codec: str, is_header: Callable[[list[str]], bool], without: Callable[[list[str]], str]
) -> Iterator[Record]:
    """(physical line it begins on, cells by column) of each row; empty cells are None, a bad row is a ``Fault``.

    is_header: whether these columns are those wanted; without: the sentence where they are not.
    """
    csv.field_size_limit(limits.MAX_LINE)
    with files.open_text(path, codec) as text:
        head = text.read(LOOK_AT).lstrip("\ufeff")
    dialect, said = dialect_of(head, is_header)
    with files.open_text(path, codec) as text:
        lines = _Lines(text)
        reader = _reader(lines, dialect)
        header = _header(reader, lines, source, said)
        if not is_header(header):
            raise CoreError(without(header))
        yield from _rows(reader, lines, header, dialect)


def _header(reader: Iterator[list[str]], lines: _Lines, source: str, said: bool) -> list[str]:
    try:
        header = _next_row(reader)
        if said:
            header = _next_row(reader)
    except csv.Error as error:
        raise CoreError(f"{source} has no readable header line ({error}): its first line must name columns.") from error
    if not header:
        raise CoreError(f"{source} is empty: choose a file with at least one row.")
    header[0] = header[0].lstrip("\ufeff")
    named = [name for name in header if name]
    if twice := [name for name in named if named.count(name) > 1]:
        raise CoreError(f"{source} has two columns named “{twice[0]}”: rename one of them.")
    lines.row.clear()
    return header


def _next_row(reader: Iterator[list[str]]) -> list[str]:
    return next((row for row in reader if any(cell.strip("\ufeff \t") for cell in row)), [])


def _rows(reader: Iterator[list[str]], lines: _Lines, header: list[str], dialect: Dialect) -> Iterator[Record]:
    reread = 0
    while True:
        lines.row.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield (lines.row[0][0] if lines.row else 0), Fault("", _complaint(error))
            if "unexpected end" in str(error):
                reread += 1
                if reread > MAX_REREAD:
                    return
                lines.reread()
                reader = _reader(lines, dialect)
            continue
        if cells and any(cells):
            yield lines.row[0][0], _row(header, cells, dialect)


def _row(header: list[str], cells: list[str], dialect: Dialect) -> object:
    """The record by column names, empty cells as None."""
    if any(cells[len(header) :]):
        mark = WORDS_OF.get(dialect.delimiter, f"“{dialect.delimiter}”")
        found = f"has {len(cells)} cells where the header has {len(header)}"
        return Fault("", f"{found}; put cells that hold {mark} in quotation marks")
    return {name: restored(cell) or None for name, cell in zip(header, cells, strict=False) if name}


def _complaint(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "opens a quotation mark that is never closed; close it"
    if "larger than field limit" in str(error):
        return f"has a cell of more than {limits.MAX_LINE:,} characters; split it"
    return f"is not valid CSV ({error}); write a quotation mark inside a cell twice"
