"""The layouts in which SAEs are published, told apart by their files' names; sizes from headers, without torch."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.encoding.files.hub import damage, tensors
from core.errors import CoreError, EngineMissing

LAYOUTS = {
    "sae-lens": ("sae_weights.safetensors", True),
    "gemma-scope": ("params.npz", False),
    "gemma-scope-2": ("params.safetensors", False),
    "sparsify": ("sae.safetensors", True),
}
"""Name of the weights' file, and whether cfg.json belongs to it."""


@dataclass(frozen=True, slots=True)
class SaeFiles:
    """The files of one SAE that decide its latents."""

    layout: str
    weights: Path
    config: Path | None

    @property
    def all(self) -> list[Path]:
        return [self.weights] if self.config is None else [self.weights, self.config]


def files(folder: Path) -> SaeFiles:
    """The SAE in a folder. Raises EngineMissing where there is none, or only a pickled one."""
    config = folder / "cfg.json"
    for layout, (name, configured) in LAYOUTS.items():
        if (folder / name).is_file() and (config.is_file() or not configured):
            return SaeFiles(layout, folder / name, config if configured else None)
    if any(p.suffix in {".pt", ".pth", ".bin"} for p in folder.iterdir()):
        raise EngineMissing(f"{folder} holds no SAE but pickled ones (.pt, .bin), which are never read.")
    raise EngineMissing(
        f"{folder} holds no SAE: cfg.json with sae_weights.safetensors (sae-lens) or sae.safetensors (sparsify) is "
        "expected, or params.npz or params.safetensors (Gemma Scope)."
    )


def sizes(sae: SaeFiles) -> tuple[int, int]:
    """(d_in, d_sae). Raises CoreError where the file is damaged or holds something else."""
    if wrong := damage(sae.weights):
        raise CoreError(f"{sae.weights} cannot be read: {wrong}. Download it again.")
    try:
        shapes = _npz_shapes(sae.weights) if sae.layout == "gemma-scope" else _shapes(sae.weights)
        if sae.layout == "sparsify":
            d_sae, d_in = shapes["encoder.weight"]
        else:
            d_in, d_sae = next(shapes[name] for name in ("W_enc", "w_enc") if name in shapes)
    except (KeyError, ValueError, StopIteration, zipfile.BadZipFile) as problem:
        raise CoreError(f"{sae.weights} holds no encoder of an SAE.") from problem
    return int(d_in), int(d_sae)


def configuration(sae: SaeFiles) -> dict[str, Any]:
    """What cfg.json says; empty for a layout without one."""
    if sae.config is None:
        return {}
    try:
        read: dict[str, Any] = json.loads(sae.config.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise CoreError(f"{sae.config} is not JSON: {problem}.") from problem
    return read


def _shapes(file: Path) -> dict[str, list[int]]:
    return {name: about["shape"] for name, about in tensors(file)[0].items()}


def _npz_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    found = {}
    with zipfile.ZipFile(file) as archive:
        for member in archive.namelist():
            with archive.open(member) as stream:
                version = np.lib.format.read_magic(stream)  # type: ignore[arg-type]
                reader = (
                    np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                )
                found[member.removesuffix(".npy")] = reader(stream)[0]  # type: ignore[arg-type]
    return found
