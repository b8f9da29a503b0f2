"""Rows to files, and what a page did as Python. Every file states where its numbers come from."""

from __future__ import annotations

import io
import json
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from core import MemoryBank, defused

KINDS = {"csv": "CSV", "parquet": "Parquet", "json": "JSON"}
"""What a page offers: ending -> name."""
WHOLE = {"csv": "CSV", "parquet": "Parquet", "jsonl": "JSON Lines"}
"""What a whole bank is offered as."""
Rows = list[dict[str, Any]]


def file_of(rows: Rows, provenance: dict[str, Any], kind: str) -> bytes:
    """The rows as one file: provenance as columns (CSV, Parquet) or beside the rows (JSON)."""
    if kind == "json":
        whole = {"provenance": provenance, "rows": rows}
        return json.dumps(whole, ensure_ascii=False, indent=1, default=_written).encode()
    table = pa.Table.from_pylist([row | {f"from_{name}": value for name, value in provenance.items()} for row in rows])
    return table_file(table, kind)


def table_file(table: pa.Table, kind: str) -> bytes:
    """An Arrow table as CSV, with formulas defused, Parquet or JSONL."""
    import pyarrow.csv
    import pyarrow.parquet

    out = io.BytesIO()
    if kind == "parquet":
        pyarrow.parquet.write_table(table, out, compression="zstd")
    elif kind == "csv":
        pyarrow.csv.write_csv(defused(table), out)
    elif kind == "jsonl":
        for row in table.to_pylist():
            out.write(json.dumps(row, ensure_ascii=False, default=_written).encode() + b"\n")
    else:
        raise ValueError(f"no such kind of file: {kind}")
    return out.getvalue()


def notebook(bank: MemoryBank, *lines: str, names: str = "MemoryBank") -> str:
    """*Copy as Python*: the bank opened, then the lines that do what the page did. names: what they take of core."""
    opened = f"bank = MemoryBank.open({str(bank.path)!r}, {bank.engine.name!r})"
    return "\n".join([f"from core import {names}", "", opened, *lines])


def _written(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
