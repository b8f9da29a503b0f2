"""The small SAEs of short narratives as plain arrays: no torch, and no model beside the embedding they read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.special import expit

from core.encoding.files.weights import write_atomically
from core.errors import CoreError, EngineMissing
from core.types import Floats

ARCHITECTURE = "narrative"
"""What ``cfg.json`` calls them; every other architecture is sae-lens'."""
WEIGHTS = "sae_weights.safetensors"
Output = Literal["sigmoid", "linear"]


@dataclass(frozen=True)
class SmallSAE:
    """input → projection (ReLU), where there is one → encoder (ReLU) → decoder (sigmoid or linear).

    The decoder gives back the *target*: the projected input, or the input itself without a projection.
    """

    W_enc: Floats
    """float32 [t, m], t the width of the target"""
    b_enc: Floats
    W_dec: Floats
    """float32 [m, t]"""
    b_dec: Floats
    mean: Floats
    """float32 [t], mean target of the training: what FVU is measured around."""
    W_proj: Floats | None = None
    """float32 [d_in, t]"""
    b_proj: Floats | None = None
    output: Output = "sigmoid"
    about: dict[str, Any] = field(default_factory=dict)
    """How it was trained."""

    @property
    def d_in(self) -> int:
        return len(self.W_enc if self.W_proj is None else self.W_proj)

    @property
    def n_latents(self) -> int:
        return int(self.W_enc.shape[1])

    def target(self, x: Floats) -> Floats:
        """float32 [n, t]"""
        if self.W_proj is None or self.b_proj is None:
            return x
        return np.asarray(np.maximum(x @ self.W_proj + self.b_proj, 0), np.float32)

    def encode(self, x: Floats) -> Floats:
        """float32 [n, m], the activations: 0 where the ReLU is closed."""
        return np.asarray(np.maximum(self.target(x) @ self.W_enc + self.b_enc, 0), np.float32)

    def decode(self, activations: Floats) -> Floats:
        """float32 [n, t]"""
        before = activations @ self.W_dec + self.b_dec
        return np.asarray(expit(before) if self.output == "sigmoid" else before, np.float32)

    def save(self, folder: Path) -> None:
        """``cfg.json`` and the weights, as an engine reads them."""
        from safetensors.numpy import save

        arrays = {name: np.ascontiguousarray(getattr(self, name), np.float32) for name in _ARRAYS
                  if getattr(self, name) is not None}  # fmt: skip
        cfg = {"architecture": ARCHITECTURE, "d_in": self.d_in, "d_sae": self.n_latents, "output": self.output}
        write_atomically(folder / WEIGHTS, save(arrays))
        write_atomically(folder / "cfg.json", json.dumps(cfg | {"about": self.about}, indent=1).encode())

    @staticmethod
    def load(folder: Path) -> SmallSAE:
        from safetensors.numpy import load_file

        if not is_small(folder):
            raise EngineMissing(f"{folder} holds no small SAE: cfg.json and {WEIGHTS} are expected.")
        cfg = json.loads((folder / "cfg.json").read_text(encoding="utf-8"))
        try:
            return SmallSAE(**load_file(folder / WEIGHTS), output=cfg["output"], about=cfg.get("about", {}))
        except (OSError, KeyError, TypeError) as problem:
            raise CoreError(f"The small SAE in {folder} cannot be read: {problem}") from problem


_ARRAYS = ("W_enc", "b_enc", "W_dec", "b_dec", "mean", "W_proj", "b_proj")


def is_small(folder: Path) -> bool:
    """Whether the SAE of a folder is one of these."""
    cfg = folder / "cfg.json"
    return cfg.is_file() and json.loads(cfg.read_text(encoding="utf-8")).get("architecture") == ARCHITECTURE
