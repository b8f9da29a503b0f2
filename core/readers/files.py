"""How a file becomes text: gzip, UTF-8, and the sentences for what is no text at all."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from core.errors import CoreError

FAMILIES = {
    ".jsonl": "json", ".ndjson": "json", ".json": "json", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet",
}  # fmt: skip
"""What each file ending is read as."""
ONE_PER_LINE = (".jsonl", ".ndjson")
HEAD_BYTES = 8192
MAX_STRANGE_SHARE = 0.3
"""Above this share of control characters and undecodable bytes a file counts as binary. One broken row stays below."""


def suffix(name: str) -> str:
    """The ending that tells the kind, lower-case, without ``.gz``; empty when it is none we know."""
    ending = Path(name.lower().removesuffix(".gz")).suffix
    return ending if ending in FAMILIES else ""


def stem(name: str) -> str:
    """The name without ``.gz`` and the ending that tells the kind: ``notes.v2.jsonl.gz`` becomes ``notes.v2``."""
    bare = name[:-3] if name.lower().endswith(".gz") else name
    ending = suffix(bare)
    return bare[: -len(ending)] if ending else bare


def open_bytes(path: Path) -> BinaryIO:
    """The file's bytes, unpacked where it is gzip (by its first two bytes, as names may lie)."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")


def check_presence(path: Path, source: str) -> None:
    """Raise when there is no file, a folder, or nothing inside."""
    if not path.exists():
        raise CoreError(f"{source} does not exist: check the path {path}.")
    if not path.is_file():
        raise CoreError(f"{source} is not a file but a folder or device: choose a file inside it.")
    if path.stat().st_size == 0:
        raise CoreError(f"{source} is empty: choose a file with at least one row.")


def check_text(path: Path, source: str) -> None:
    """Raise when the beginning of the file is mostly not UTF-8 text."""
    with open_bytes(path) as file:
        head = file.read(HEAD_BYTES).decode("utf-8", errors="surrogateescape")
    strange = sum(map(_is_strange, head))
    if strange > MAX_STRANGE_SHARE * len(head):
        raise CoreError(f"{source} is binary or not in UTF-8: save it as UTF-8 text, or choose the format it is in.")


@contextmanager
def troubles_told(path: Path, source: str) -> Iterator[None]:
    """Turn what the disk and gzip complain about into a sentence."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CoreError(f"{source} is cut short or damaged and cannot be unpacked: fetch or pack it again.") from error
    except OSError as error:
        raise CoreError(f"{source} cannot be read ({error.strerror or error}): check the path {path}.") from error


def surrogate_in(text: str) -> str:
    """The first lone surrogate of a text, or an empty string. Python reads them, UTF-8 cannot write them."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return text[error.start]
    return ""


def _is_strange(character: str) -> bool:
    """Whether it is a control character, or a surrogate, which stands for a byte that could not be decoded."""
    return (character < " " and character not in "\t\n\v\f\r") or "\ud800" <= character <= "\udfff"
