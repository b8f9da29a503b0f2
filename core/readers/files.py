"""How a file becomes text: unpacked, decoded, line by line and never more of it at once than fits."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from core.errors import CoreError
from core.readers import encodings, limits

FAMILIES = {
    ".jsonl": "json", ".ndjson": "json", ".json": "json", ".af": "json", ".csv": "csv", ".tsv": "csv",
    ".parquet": "parquet", ".xlsx": "xlsx", ".txt": "text", ".md": "text", ".markdown": "text",
}  # fmt: skip
"""What each file ending is read as."""
ONE_PER_LINE = (".jsonl", ".ndjson")
HEAD_BYTES = 8192


def suffix(name: str) -> str:
    """The ending that tells the kind, lower-case, without ``.gz``; empty when it is none we know."""
    ending = Path(name.lower().removesuffix(".gz")).suffix
    return ending if ending in FAMILIES else ""


def stem(name: str) -> str:
    """The name without ``.gz`` and the ending that tells the kind: ``notes.v2.jsonl.gz`` becomes ``notes.v2``."""
    bare = name[:-3] if name.lower().endswith(".gz") else name
    ending = suffix(bare)
    return bare[: -len(ending)] if ending else bare


class _Bounded(io.RawIOBase):
    """Unpacked bytes, up to a limit that no honest file reaches."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name, self._left = file, name, limits.MAX_UNPACKED

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        block = self._file.read(len(buffer))
        self._left -= len(block)
        if self._left < 0:
            raise CoreError(f"{self._name} unpacks to more than {limits.MAX_UNPACKED >> 30} GB: unpack and split it.")
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self._file.close()
        super().close()


def open_bytes(path: Path) -> BinaryIO:
    """The file's bytes, unpacked where it is gzip (by its first two bytes, as names may lie)."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if not packed:
        return path.open("rb")
    return cast(BinaryIO, io.BufferedReader(_Bounded(cast(BinaryIO, gzip.open(path, "rb")), path.name), 2**16))


def codec_of(path: Path, source: str, wanted: str = "") -> str:
    """The codec a file is read with: the one somebody chose, or the one its bytes show."""
    if wanted:
        return encodings.checked(wanted)
    with open_bytes(path) as file:
        return encodings.found(encodings.sample(file), source)


def open_text(path: Path, codec: str, newline: str = "") -> IO[str]:
    """The file's text; bytes that cannot be decoded become lone surrogates, for which their row is refused later."""
    return io.TextIOWrapper(open_bytes(path), encoding=codec, errors=_errors(codec), newline=newline)


def _errors(codec: str) -> str:
    wide = codec.replace("_", "-").startswith(("utf-16", "utf-32"))
    return "replace" if wide else "surrogateescape"


def bounded_lines(text: IO[str]) -> Iterator[tuple[int, str, bool]]:
    """(number, line with its end, whether it was cut at ``MAX_LINE`` and the rest of it skipped)."""
    number = 0
    while line := text.readline(limits.MAX_LINE):
        number += 1
        cut = len(line) == limits.MAX_LINE and not line.endswith("\n")
        while cut and (more := text.readline(2**20)):
            if more.endswith("\n"):
                break
        yield number, line, cut


def too_long() -> str:
    return f"is longer than {limits.MAX_LINE:,} characters; write one record per line"


def check_presence(path: Path, source: str) -> None:
    """Raise when there is no file, a folder, or nothing inside."""
    if not path.exists():
        raise CoreError(f"{source} does not exist: check the path {path}.")
    if not path.is_file():
        raise CoreError(f"{source} is not a file but a folder or device: choose a file inside it.")
    if path.stat().st_size == 0:
        raise CoreError(f"{source} is empty: choose a file with at least one row.")


@contextmanager
def troubles_told(path: Path, source: str) -> Iterator[None]:
    """Turn what the disk and gzip complain about into a sentence."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CoreError(f"{source} is cut short or damaged and cannot be unpacked: fetch or pack it again.") from error
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError) and "null" not in str(error):
            raise
        said = getattr(error, "strerror", None) or error
        raise CoreError(f"{source} cannot be read ({said}): check the path {path}.") from error


def surrogate_in(text: str) -> str:
    """The first lone surrogate of a text, or an empty string. Python reads them, UTF-8 cannot write them."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return text[error.start]
    return ""
