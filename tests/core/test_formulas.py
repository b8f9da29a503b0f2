"""A cell that a spreadsheet would compute is written as text, and read back as it was."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest

from core.formulas import defused, restored

CELLS = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "'=1",
    "''@x",
    "plain",
    "'quoted'",
    "a=b",
    "",
    None,
]


def test_what_is_defused() -> None:
    table = defused(pa.table({"text": CELLS, "n": list(range(-6, 7))}))
    assert table["text"].to_pylist() == [
        "'=cmd|' /C calc'!A0", "'+1", "'-2+3", "'@SUM(A1)", "'\tx", "'\rx", "''=1", "'''@x",
        "plain", "'quoted'", "a=b", "", None,
    ]  # fmt: skip
    assert table["n"].to_pylist() == list(range(-6, 7))


@pytest.mark.parametrize("cell", [c for c in CELLS if c])
def test_it_is_read_back_as_it_was(cell: str, tmp_path: Path) -> None:
    written = str(defused(pa.table({"text": [cell]}))["text"][0])
    assert written[0] not in "=+-@\t\r"
    assert restored(written) == cell
