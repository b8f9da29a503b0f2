"""How much of a file is held at once, and where reading stops: what keeps memory under 500 MB whatever comes."""

from __future__ import annotations

MAX_TEXT = 1_000_000
"""Characters a memory may have."""
MAX_LINE = 24_000_000
"""Characters of one line, one cell or one JSON value."""
MAX_WEIGHT = 240_000_000
"""Bytes that a JSON value may take as Python objects, estimated before it is parsed: ``[[],[],…`` grows 20-fold."""
MAX_UNPACKED = 16 * 2**30
"""Bytes that one file may have once unpacked, and all members of an archive together."""
MAX_SMALL = 200 * 2**20
"""Bytes of a file that can only be read whole, unpacked: a workbook, a table of names beside an export."""
MAX_MEMBERS = 100_000
"""Files in one folder or archive."""
MAX_DEPTH = 16
"""Folders inside folders."""
MAX_NESTED = 2
"""Archives inside archives."""
MAX_ROWS = 1_000_000
"""Rows of one file."""
REFUSALS_KEPT = 1000
"""Refusals of a file that are told one by one; the rest is counted."""
BATCH_ROWS = 2000
BATCH_CHARACTERS = 4_000_000
"""Whichever is reached first ends a batch that is handed on."""


def weight(text: str) -> int:
    """About how many bytes the values of a JSON text take in Python: strings, containers, and what separates them."""
    containers = text.count("{") + text.count("[")
    return len(text) * (1 if text.isascii() else 2) + 72 * containers + 26 * text.count('"') + 40 * text.count(",")
