"""Files of many kinds, read into memories, questions and the rows that had to be refused."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from core.errors import CoreError
from core.readers import files, jsonl, locomo, longmemeval, rows, tables
from core.readers.rows import Record
from core.types import Reading

__all__ = ["FORMATS", "read"]

FORMATS = ("auto", "jsonl", "csv", "parquet", "locomo", "longmemeval")


def read(path: Path, format: str = "auto", name: str | None = None) -> Reading:
    """Everything one file holds. A bad row becomes a ``Refusal``, a file that cannot be read at all a ``CoreError``.

    ``name`` is the source the memories are said to come from, by default the file's own name. With ``auto`` the
    extension decides, and for JSON the content.
    """
    source = name or path.name
    if format not in FORMATS:
        raise CoreError(f"There is no format “{format}”: choose one of {', '.join(FORMATS)}.")
    with files.troubles_told(path, source):
        files.check_presence(path, source)
        reading = _dispatch(path, format, source)
    if not (reading.memories or reading.questions or reading.refused):
        raise CoreError(f"{source} holds no rows: choose a file with at least one.")
    return reading


def _dispatch(path: Path, format: str, source: str) -> Reading:
    suffix = files.suffix(source) or files.suffix(path.name)
    family = files.FAMILIES.get(suffix, "") if format == "auto" else format
    if not family:
        known = ", ".join(files.FAMILIES)
        raise CoreError(f"{source} is of no known kind: give a file that ends in {known}, or choose its format.")
    if family == "parquet":
        return tables.read_parquet(path, source)
    files.check_text(path, source)
    if family == "csv":
        return tables.read_csv(path, source)
    return _read_json(path, format, source, one_per_line=format == "jsonl" or suffix in files.ONE_PER_LINE)


def _read_json(path: Path, format: str, source: str, one_per_line: bool) -> Reading:
    """The three formats that are written in JSON; the first object tells which one it is."""
    document = jsonl.document(path, source, one_per_line)
    first, records = _peek(jsonl.lines(path) if document is None else iter(document), source)
    kind = _kind_of(first) if format == "auto" else format
    if kind == "locomo":
        return locomo.read_locomo(records, source, first)
    if kind == "longmemeval":
        return longmemeval.read_longmemeval(records, source, first)
    if document is not None and not any(isinstance(value, dict) and rows.has_text(value) for _, value in document):
        raise CoreError(rows.without_text(source, first))
    return rows.read_rows(records, source)


def _kind_of(first: dict[str, object]) -> str:
    if locomo.is_sample(first):
        return "locomo"
    return "longmemeval" if longmemeval.is_case(first) else "jsonl"


def _peek(records: Iterator[Record], source: str) -> tuple[dict[str, object], Iterator[Record]]:
    """The first JSON object, and all the records again from the start."""
    seen: list[Record] = []
    for record in records:
        seen.append(record)
        if isinstance(record[1], dict):
            return record[1], chain(seen, records)
    if not seen:
        raise CoreError(f"{source} is empty: choose a file with at least one row.")
    line, value = seen[0]
    found = value.reason if isinstance(value, rows.Fault) else f"is {rows.kind_of(value)}"
    raise CoreError(
        f"{source} holds no JSON object (line {line} {found.partition(';')[0]}): "
        "JSONL has one object per line, JSON a list of objects."
    )
