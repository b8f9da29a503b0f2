"""Folders and zips as boxes of files: what is inside is read where a file would be, within limits that stop a bomb."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from core.errors import CoreError
from core.readers import files, limits

PASSED_OVER = ("__macosx", "node_modules")
BESIDE = {"users.json", "channels.json", "groups.json", "dms.json", "mpims.json", "channel.json", "index.json"}
"""Files of an export that say what others mean; they hold no memories themselves."""


@dataclass(frozen=True, slots=True)
class Box:
    """A folder on this machine, or an archive unpacked into one."""

    root: Path
    name: str
    _loaded: dict[str, object] = field(default_factory=dict)

    def load(self, inner: str) -> object:
        """A small JSON file beside the one that is read, by its path in the box; None where there is none."""
        if inner not in self._loaded:
            self._loaded[inner] = _json_of(self.root / inner)
        return self._loaded[inner]


@dataclass(frozen=True, slots=True)
class Member:
    """One file to read."""

    path: Path
    source: str
    """What its memories say they come from: ``export.zip/general/2024-03-01.json``."""
    inner: PurePosixPath
    """Where it lies in its box; its own name where it lies in none."""
    box: Box | None = None


@contextmanager
def members(path: Path, source: str) -> Iterator[tuple[list[Member], int]]:
    """Every file to read at a path, in order, and how many others lie there that hold no texts."""
    if not path.is_dir() and not _is_archive(path):
        yield [Member(path, source, PurePosixPath(path.resolve().parent.name, PurePosixPath(source).name))], 0
        return
    with tempfile.TemporaryDirectory(prefix="mnemoscope-box-") as scratch:
        room = _Room(Path(scratch))
        root = path if path.is_dir() else room.unpacked(path, source)
        box = Box(root, source)
        found = sorted(_walk(root, source, box, room), key=lambda m: str(m.inner))
        known = [m for m in found if _is_readable(m)]
        yield known, len(found) - len(known)


class _Room:
    """Where archives are unpacked, and what is left of it."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.left = limits.MAX_UNPACKED
        self.members = 0
        self.boxes = 0

    def unpacked(self, path: Path, source: str) -> Path:
        """A folder with the files of an archive."""
        self.boxes += 1
        folder = self.scratch / str(self.boxes)
        folder.mkdir()
        try:
            with zipfile.ZipFile(path) as archive:
                for entry in archive.infolist():
                    self._unpack(archive, entry, folder, source)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
            said = "is locked with a password" if "password" in str(error) else "is damaged or of a kind not known"
            raise CoreError(f"{source} {said}: unpack it yourself and choose the folder.") from error
        return folder

    def _unpack(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, source: str) -> None:
        self.count(source)
        parts = [
            part for part in PurePosixPath(entry.filename.replace("\\", "/")).parts if part not in ("/", "..", ".")
        ]
        if entry.is_dir() or not parts or len(parts) > limits.MAX_DEPTH or _is_hidden(parts):
            return
        if files.suffix(parts[-1]) == "" and not parts[-1].lower().endswith(".zip"):
            target = folder.joinpath(*(_short(part) for part in parts))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()  # a picture: counted, not unpacked
            return
        target = folder.joinpath(*(_short(part) for part in parts))
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as packed, target.open("wb") as out:
            self._copy(packed, out, source)  # type: ignore[arg-type]

    def _copy(self, packed: BinaryIO, out: BinaryIO, source: str) -> None:
        while block := packed.read(2**20):
            self.left -= len(block)
            if self.left < 0 or shutil.disk_usage(self.scratch).free < 2**28:
                raise CoreError(f"{source} unpacks to more than there is room for: unpack and split it.")
            out.write(block)

    def count(self, source: str) -> None:
        self.members += 1
        if self.members > limits.MAX_MEMBERS:
            raise CoreError(f"{source} holds more than {limits.MAX_MEMBERS:,} files: choose a folder inside it.")


def _walk(root: Path, source: str, box: Box, room: _Room, nested: int = 0) -> Iterator[Member]:
    for folder, names, found in os.walk(root, followlinks=False):
        inner = PurePosixPath(Path(folder).relative_to(root).as_posix())
        names[:] = sorted(n for n in names if not _is_hidden([n])) if len(inner.parts) < limits.MAX_DEPTH else []
        for name in sorted(found):
            room.count(source)
            path = Path(folder, name)
            if _is_hidden([name]) or path.is_symlink() or not path.is_file():
                continue
            where = f"{source}/{(inner / name).as_posix()}"
            if name.lower().endswith(".zip") and nested < limits.MAX_NESTED and _is_archive(path):
                below = room.unpacked(path, where)
                yield from _walk(below, where, Box(below, where), room, nested + 1)
            else:
                yield Member(path, where, inner / name, box)


def _is_readable(member: Member) -> bool:
    name = member.inner.name.lower()
    return bool(files.suffix(name)) and name not in BESIDE and member.path.stat().st_size > 0


def _is_hidden(parts: list[str]) -> bool:
    return any(part.startswith(".") or part.lower() in PASSED_OVER for part in parts)


def _is_archive(path: Path) -> bool:
    from core.readers.tables import is_workbook

    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04" and not is_workbook(path)
    except OSError:
        return False


def _short(part: str) -> str:
    """A name the file system takes."""
    clean = part.replace("\0", "").encode("utf-8", "replace")
    return clean[-200:].decode("utf-8", "ignore") or "unnamed"


def _json_of(path: Path) -> object:
    try:
        if path.stat().st_size > limits.MAX_LINE:
            return None
        text = path.read_text(encoding="utf-8-sig")
        return None if limits.weight(text) > limits.MAX_WEIGHT else json.loads(text)
    except (OSError, ValueError, RecursionError):
        return None
