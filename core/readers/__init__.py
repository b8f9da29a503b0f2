"""Files of many kinds, read into memories, questions and the rows that had to be refused."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from core.errors import CoreError
from core.readers import dialects, encodings, files, formats, jsonl, nested, rows, tables, values
from core.readers.boxes import Member, members
from core.readers.formats import notes, whatsapp
from core.readers.formats.base import Format, Object, Place
from core.readers.ledger import Fault, Ledger
from core.readers.options import Options
from core.readers.rows import Item, Record
from core.types import Reading, Refusal

__all__ = ["FORMATS", "Options", "batches", "preview", "read"]

TABLES = ("jsonl", "csv", "parquet", "xlsx")
TEXTS = ("whatsapp", "markdown", "txt")
FORMATS = ("auto", *TABLES, *TEXTS, *(known.name for known in formats.KNOWN))
LOOK_AT = 50
"""Records looked at to tell a format."""
LOOK_CHARACTERS = 4_000_000


def read(path: Path, format: str = "auto", name: str | None = None, options: Options | None = None) -> Reading:
    """Everything one file, folder or zip holds, at once: for what fits. A bad row becomes a ``Refusal``.

    ``name`` is the source the memories are said to come from, by default the file's own name. With ``auto`` the
    content decides.
    """
    return rows.merged(batches(path, format, name, options))


def batches(
    path: Path, format: str = "auto", name: str | None = None, options: Options | None = None
) -> Iterator[Reading]:
    """The same in parts that are never large. What cannot be read at all raises a ``CoreError``, in a box of many files
    it becomes a refusal."""
    source = name or path.name
    if format not in FORMATS:
        raise CoreError(f"There is no format “{format}”: choose one of {', '.join(FORMATS)}.")
    options = options or Options()
    held = False
    with files.troubles_told(path, source):
        if not path.is_dir():
            files.check_presence(path, source)
        with members(path, source) as (found, others):
            if others:
                yield Reading([], [], [], {"other files": others})
            alone = len(found) == 1 and found[0].box is None
            for member in found:
                for part in _told(member, format, options, alone):
                    held = held or bool(part.memories or part.questions or part.refused or part.left_out)
                    yield part
    if not held:
        raise CoreError(f"{source} holds no rows: choose a file with at least one.")


def preview(path: Path, options: Options | None = None) -> list[nested.TextPath]:
    """Where the texts of a nested file are, for one that no reader knows."""
    with files.troubles_told(path, path.name):
        files.check_presence(path, path.name)
        place = _place(Member(path, path.name, Path(path.name)), options or Options())  # type: ignore[arg-type]
        return nested.preview(islice(_records(path, place, "auto"), LOOK_AT))


def _told(member: Member, format: str, options: Options, alone: bool) -> Iterator[Reading]:
    """The batches of one file; among others, one that cannot be read is a refusal and one of no known kind left out."""
    place = _place(member, options)
    try:
        with files.troubles_told(member.path, member.source):
            yield from rows.gathered(_items(member, place, format), place.ledger, place.stem)
    except _Unknown as unknown:
        if alone:
            raise CoreError(str(unknown)) from None
        yield Reading([], [], [], {"files of no known shape": 1}, said=(str(unknown),))
    except CoreError as problem:
        if alone:
            raise
        yield Reading([], [], [Refusal(member.source, 0, "", str(problem))])


class _Unknown(CoreError):
    """A file that is whole but of a shape that no reader knows."""


def _place(member: Member, options: Options) -> Place:
    stem = files.stem(member.inner.name)
    return Place(Ledger(member.source, options), stem, member.inner, member.box)


def _items(member: Member, place: Place, format: str) -> Iterator[Item]:
    """What one file holds, by the reader for it."""
    path, options = member.path, place.ledger.options
    kind = _kind(member, format)
    if kind in ("markdown", "txt", "whatsapp", "text"):
        yield from _texts(path, place, kind)
        return
    records = _records(path, place, kind)
    first, records = _peek(records, place.source, kind in ("csv", "xlsx", "parquet"))
    if options.text_field:
        if first is not None:
            nested.remember(first, options.text_field)
        yield from nested.by_field(records, options.text_field, place.ledger, place.stem)
        return
    yield from _by_format(first, records, place, format, kind)


def _by_format(first: Object | None, records: Iterator[Record], place: Place, format: str, kind: str) -> Iterator[Item]:
    known: Format | None = None
    if format in formats.BY_NAME:
        known = formats.BY_NAME[format]
        if first is None or not known.is_it(first):
            found = ", ".join(list(first or {})[:8]) or "none"
            raise CoreError(f"{place.source} is not {known.title}: its fields are {found}.")
    elif format == "auto" and first is not None and kind not in ("csv", "xlsx"):
        known = formats.of(first)
    if known is not None:
        yield from known.read(records, place)
        return
    seen = list(_bounded(records))
    records = chain(seen, records)
    if not any(isinstance(v, dict) and rows.has_text(v) for _, v in seen) and first is not None:
        if path := nested.remembered(first):
            place.ledger.said.append(f"read by the field {path}, as chosen before for files of this shape")
            yield from nested.by_field(records, path, place.ledger, place.stem)
            return
        raise _Unknown(nested.unknown(place.source, first, nested.preview(seen)))
    yield from rows.rows(records, place.ledger)


def _bounded(records: Iterator[Record]) -> Iterator[Record]:
    """The first records, as many as may be held."""
    size = 0
    for record in islice(records, LOOK_AT):
        size += len(str(record[1])) if isinstance(record[1], dict) and len(record[1]) < 100 else 0
        yield record
        if size > LOOK_CHARACTERS:
            return


def _peek(records: Iterator[Record], source: str, table: bool = False) -> tuple[Object | None, Iterator[Record]]:
    """The first JSON object, and all the records again from the start."""
    seen: list[Record] = []
    for record in records:
        seen.append(record)
        if isinstance(record[1], dict):
            return record[1], chain(seen, records)
        if len(seen) >= LOOK_AT:
            break
    if not seen and table:
        return None, records
    if not seen:
        raise CoreError(f"{source} is empty: choose a file with at least one row.")
    line, value = seen[0]
    if table and isinstance(value, Fault):
        raise CoreError(f"{source} has no row that can be read: line {line} {value.reason}.")
    found = value.reason if isinstance(value, Fault) else f"is {values.kind_of(value)}"
    if "rest of the file" in found:
        raise CoreError(f"{source} {found.rpartition(';')[0]}: mend it, split it or export it again.")
    raise CoreError(
        f"{source} holds no JSON object (line {line} {found.partition(';')[0]}): "
        "JSONL has one object per line, JSON a list of objects."
    )


# --- which kind of file -----------------------------------------------------------------------------------------------


def _kind(member: Member, format: str) -> str:
    """``json``, ``jsonl``, ``csv``, ``parquet``, ``xlsx`` or a kind of text: as chosen, or as the file shows."""
    if format in (*TABLES, *TEXTS):
        return format
    ending = files.suffix(member.source) or files.suffix(member.path.name)
    with member.path.open("rb") as file:
        magic = file.read(4)
    if magic == b"PAR1" or ending == ".parquet":
        return "parquet"
    if magic == b"PK\x03\x04" and tables.is_workbook(member.path):
        return "xlsx"
    if ending in files.ONE_PER_LINE:
        return "jsonl"
    if format in formats.BY_NAME:
        return "json"
    family = files.FAMILIES.get(ending, "")
    if family == "xlsx":
        raise CoreError(f"{member.source} is no Excel workbook or is damaged: save it again as .xlsx or CSV.")
    if not family:
        raise CoreError(
            f"{member.source} is of no known kind: give a file that ends in {', '.join(files.FAMILIES)}, "
            "or choose its format."
        )
    return {".md": "markdown", ".markdown": "markdown"}.get(ending, family)


def _codec(path: Path, place: Place) -> str:
    codec = files.codec_of(path, place.source, place.ledger.options.encoding)
    named = encodings.NAMES.get(codec, codec)
    if named != "UTF-8":
        place.ledger.said.append(f"read as {named}; choose the encoding if letters look wrong")
    return codec


def _records(path: Path, place: Place, kind: str) -> Iterator[Record]:
    """The records of a file of a kind, with the lines they begin on."""
    if kind == "parquet":
        return tables.parquet_records(path, place.source)
    if kind == "xlsx":
        return tables.workbook_records(path, place.source)
    codec = _codec(path, place)
    if kind == "csv":
        wanted = place.ledger.options.text_field
        return dialects.csv_records(
            path, place.source, codec,
            (lambda header: wanted in header) if wanted else rows.has_text,
            lambda header: rows.without_text(place.source, header),
        )  # fmt: skip
    return jsonl.records(path, codec, one_per_line=kind == "jsonl")


def _texts(path: Path, place: Place, kind: str) -> Iterator[Item]:
    """A chat or notes, by the beginning of the text; JSON under the name of a text is read as what it is."""
    codec = _codec(path, place)
    with files.open_text(path, codec) as text:
        head = text.read(files.HEAD_BYTES)
    if kind == "text" and head.lstrip("\ufeff \r\n\t")[:1] in ("{", "[") and not whatsapp.is_chat(head):
        records = jsonl.records(path, codec, one_per_line=True)
        first, records = _peek(records, place.source)
        yield from _by_format(first, records, place, "auto", "json")
        return
    with files.open_text(path, codec) as text:
        lines = files.bounded_lines(text)
        if kind == "whatsapp" or (kind == "text" and whatsapp.is_chat(head)):
            yield from whatsapp.read(lines, place)
        else:
            yield from notes.read(lines, place, markdown=kind == "markdown")
