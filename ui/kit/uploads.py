"""Files from a visitor's browser, and what is read of them in the background."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from core import MemoryBank


def uploaded(files: Sequence[Any]) -> Path:
    """Uploads in a folder of their own, each under the name it came with, since that becomes the memories' source."""
    folder = Path(tempfile.mkdtemp(prefix="mnemoscope-"))
    for i, file in enumerate(files):
        place = folder / str(i)
        place.mkdir()
        (place / file_name(file.name)).write_bytes(file.getbuffer())
    return folder


def file_name(name: str) -> str:
    """The last part of whatever a browser calls a file."""
    return PureWindowsPath(PurePosixPath(name).name).name.strip(". ") or "upload"


def reading(
    bank: MemoryBank, files: Sequence[Path], format: str, scratch: Path | None = None
) -> Generator[Any, None, int]:
    """Store the files, say what became of each row, then encode; scratch is a folder to remove in any case."""
    try:
        report = yield from bank.import_files(files, format, encode=False)
        yield report
        return (yield from bank.encode())
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
