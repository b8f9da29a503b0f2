"""Parquet and Excel: rows as records by column name."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import CoreError
from core.readers import limits, rows
from core.readers.ledger import Fault
from core.readers.rows import Record

ROWS_AT_ONCE = 500


def parquet_records(path: Path, source: str) -> Iterator[Record]:
    """The rows of a Parquet table, batch by batch; the number of a row, from 1, stands for its line."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, pre_buffer=False) as table:
            names = [name for name in table.schema_arrow.names if not name.startswith("__index_level_")]
            if twice := [name for name in names if names.count(name) > 1]:
                raise CoreError(f"{source} has two columns named “{twice[0]}”: rename one of them.")
            yield from _parquet_rows(table, names)
    except (pa.ArrowException, OSError) as error:
        raise CoreError(f"{source} is not a Parquet file or is damaged: export it again.") from error


def _parquet_rows(table: Any, names: list[str]) -> Iterator[Record]:
    number = 0
    for batch in table.iter_batches(batch_size=ROWS_AT_ONCE, columns=names):
        columns = {name: batch.column(name) for name in names}
        for i in range(batch.num_rows):
            number += 1
            try:
                yield number, {name: column[i].as_py() for name, column in columns.items()}
            except UnicodeDecodeError:
                yield number, Fault("", "is not UTF-8 text; write the table again with UTF-8 strings")
            except (ValueError, OverflowError) as error:
                yield number, Fault("", f"holds a value Python cannot take ({error}); convert the column")


def is_workbook(path: Path) -> bool:
    """Whether a file is an Excel workbook, by what is in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False


def workbook_records(path: Path, source: str) -> Iterator[Record]:
    """The rows of every sheet whose first row names a column of texts; the sheet's name goes with each row."""
    import openpyxl

    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > limits.MAX_SMALL:
                size = limits.MAX_SMALL >> 20
                raise CoreError(f"{source} unpacks to more than {size} MB: save it as CSV, which is read row by row.")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except CoreError:
        raise
    except Exception as error:  # openpyxl lets through whatever its XML and its zip meet
        raise CoreError(f"{source} is no Excel workbook or is damaged: save it again as .xlsx or CSV.") from error
    try:
        yield from _sheets(book, source)
    finally:
        book.close()


def _sheets(book: Any, source: str) -> Iterator[Record]:
    seen: list[str] = []
    read = False
    for sheet in book.worksheets:
        found = _sheet(sheet)
        header = next(found, [])
        seen += header
        if not rows.has_text(header):
            continue
        read = True
        for line, cells in enumerate(found, start=2):
            record = {name: cell for name, cell in zip(header, cells, strict=False) if name}
            if any(cell is not None for cell in record.values()):
                yield line, record | ({"sheet": sheet.title} if len(book.worksheets) > 1 else {})
    if not read:
        raise CoreError(rows.without_text(source, [name for name in seen if name]))


def _sheet(sheet: Any) -> Iterator[list[Any]]:
    """The header as texts, then the cells of each row."""
    try:
        found = sheet.iter_rows(values_only=True)
        yield ["" if cell is None else str(cell) for cell in next(found, ())]
        for cells in found:
            yield list(cells)
    except Exception as error:  # a damaged sheet raises what its XML parser happens to raise
        raise CoreError(
            f"The sheet “{sheet.title}” is damaged ({type(error).__name__}): save the workbook again."
        ) from error
