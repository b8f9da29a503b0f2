"""Tables for spreadsheets: a cell of text that a spreadsheet would take for a formula begins with an apostrophe.

One rule for every CSV that is written here: text that begins with = + - @, a tab or a carriage return, whatever number
of apostrophes stands before it, gets one apostrophe more; what reads CSV here takes one off. Numbers stay as they are.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

FORMULA = r"^('*[=+\-@\t\r])"
ESCAPED = re.compile(r"'('*[=+\-@\t\r])")


def defused(table: pa.Table) -> pa.Table:
    """The table with an apostrophe before each text that would be a formula."""
    for i, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            table = table.set_column(i, field.name, pc.replace_substring_regex(table[i], FORMULA, r"'\1"))
    return table


def restored(cell: str) -> str:
    """A cell as it was before it was defused."""
    return cell[1:] if ESCAPED.match(cell) else cell
