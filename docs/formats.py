"""Writes the table of docs/formats.md from the readers: ``python docs/formats.py``. A test compares."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.readers.formats import KNOWN  # noqa: E402

PAGE = ROOT / "docs" / "formats.md"
BEGIN = "<!-- written by docs/formats.py -->\n"


def table() -> str:
    """Every format the readers know: what is given, kept and left out."""
    rows = [f"| {f.title} | `{f.name}` | {f.given} | {f.kept} | {f.left_out or '–'} |" for f in KNOWN]
    return (
        "\n".join(["| format | `--format` | given | kept | left out, counted |", "|---|---|---|---|---|", *rows]) + "\n"
    )


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(page[: page.index(BEGIN)] + BEGIN + table(), encoding="utf-8")
