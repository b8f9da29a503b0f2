"""Tables: CSV and Parquet, one memory per row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from core.errors import CoreError
from core.formulas import restored
from core.readers import files, rows
from core.readers.rows import Fault, Record
from core.types import Reading

DELIMITERS = ",;\t"
MAX_CELL = 2**31 - 1
"""The csv module stops a whole file at a cell of 131,072 characters; we refuse that one row instead."""


def read_csv(path: Path, source: str) -> Reading:
    """A text table whose first line names the columns, divided by commas, semicolons or tabs."""
    csv.field_size_limit(MAX_CELL)
    with (
        files.open_bytes(path) as file,
        # Undecodable bytes become lone surrogates, for which the row is refused later.
        io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as text,
    ):
        return rows.read_rows(_csv_records(text, source), source)


def _csv_records(text: io.TextIOWrapper, source: str) -> Iterator[Record]:
    """Each record and the physical line it begins on."""
    first = text.readline()
    blank = 1
    while first and not first.strip():
        first, blank = text.readline(), blank + 1
    delimiter = max(DELIMITERS, key=first.count)
    # strict: an unclosed quotation mark is an error instead of a cell with the rest of the file in it.
    reader = csv.reader(_with_first(first, text), delimiter=delimiter, strict=True)
    header = _header(reader, source)
    while True:
        line = blank + reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, Fault("", _csv_complaint(error))
            continue
        if cells:
            yield line, _csv_row(header, cells, delimiter)


def _with_first(first: str, text: Iterator[str]) -> Iterator[str]:
    yield first
    yield from text


def _header(reader: Iterator[list[str]], source: str) -> list[str]:
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise CoreError(f"{source} has no readable header line ({error}): its first line must name columns.") from error
    if not header:
        raise CoreError(f"{source} is empty: choose a file with at least one row.")
    if not rows.has_text(header):
        raise CoreError(rows.without_text(source, header))
    named = [name for name in header if name]
    if twice := [name for name in named if named.count(name) > 1]:
        raise CoreError(f"{source} has two columns named “{twice[0]}”: rename one of them.")
    return header


def _csv_row(header: list[str], cells: list[str], delimiter: str) -> object:
    """The record by column names, empty cells as None."""
    if any(cells[len(header) :]):
        mark = {",": "a comma", ";": "a semicolon"}.get(delimiter, "a tab")
        found = f"has {len(cells)} cells where the header has {len(header)}"
        return Fault("", f"{found}; put cells that hold {mark} in quotation marks")
    return {name: restored(cell) or None for name, cell in zip(header, cells, strict=False) if name}


def _csv_complaint(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "opens a quotation mark that is never closed, so the rest of the file was not read; close it"
    return f"is not valid CSV ({error}); write a quotation mark inside a cell twice"


def read_parquet(path: Path, source: str) -> Reading:
    """A Parquet table, batch by batch; the number of a row, from 1, stands for its line."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as table:
            names = [name for name in table.schema_arrow.names if not name.startswith("__index_level_")]
            if not rows.has_text(names):
                raise CoreError(rows.without_text(source, names))
            return rows.read_rows(_parquet_records(table, names), source)
    except (pa.ArrowException, OSError) as error:
        raise CoreError(f"{source} is not a Parquet file or is damaged: export it again.") from error


def _parquet_records(table: object, names: list[str]) -> Iterator[Record]:
    number = 0
    for batch in table.iter_batches(columns=names):  # type: ignore[attr-defined]
        columns = {name: batch.column(name) for name in names}
        for i in range(batch.num_rows):
            number += 1
            try:
                yield number, {name: column[i].as_py() for name, column in columns.items()}
            except UnicodeDecodeError:
                yield number, Fault("", "is not UTF-8 text; write the table again with UTF-8 strings")
            except (ValueError, OverflowError) as error:
                yield number, Fault("", f"holds a value Python cannot take ({error}); convert the column")
