"""What is known of an SAE's latents before any bank: statistics, labels and example texts, stored beside its weights.

``latents.parquet`` has one row a latent; ``trust.safetensors`` has the embeddings of texts (not the texts) that fire
each latent and of matched ones that do not, so that any label can be judged at once, also one just typed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.analysis.trust import Sides
from core.errors import CoreError
from core.types import Floats, Ints

NONE = 65535
"""Stands for no text."""
LATENTS, TRUST, LEARNT = "latents.parquet", "trust.safetensors", "learnt.safetensors"
SCALE = 127.0
"""Unit vectors are kept in int8: their cosines move by less than 0.01."""


@dataclass(frozen=True)
class Catalogue:
    """One SAE's latents, column by column. An SAE that nobody described has a catalogue too: an empty one."""

    table: pa.Table | None
    folder: Path | None

    def __len__(self) -> int:
        return 0 if self.table is None else len(self.table)

    def column(self, name: str, n_latents: int) -> np.ndarray:
        """A column of plain values [n_latents]; nan, or an empty text, where nothing is known."""
        if self.table is None or len(self.table) != n_latents:
            empty = "" if name in ("label", "source") else np.nan
            return np.full(n_latents, empty, object if empty == "" else np.float32)
        if name not in self._read:
            self._read[name] = self.table[name].to_numpy(zero_copy_only=False)
        return self._read[name]

    @cached_property
    def _read(self) -> dict[str, np.ndarray]:
        return {}

    def row(self, latent: int) -> dict[str, Any]:
        """Everything of one latent; empty where nobody described the SAE."""
        if self.table is None or latent >= len(self.table):
            return {}
        found: dict[str, Any] = self.table.slice(latent, 1).to_pylist()[0]
        return found

    @cached_property
    def judged(self) -> tuple[Floats, Sides] | None:
        """(unit rows [w, d], sides) of the texts that trust is measured on; None where they do not come with it."""
        if self.folder is None or not (self.folder / TRUST).is_file():
            return None
        from safetensors.numpy import load_file

        found = load_file(self.folder / TRUST)
        vectors = found["texts"].astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors, Sides(_signed(found["positive"]), _signed(found["negative"]))

    @cached_property
    def learnt(self) -> tuple[Floats, str]:
        """(logarithms of the weights that came with the SAE [m], what they were learnt on); empty where none did."""
        if self.folder is None or not (self.folder / LEARNT).is_file():
            return np.zeros(0, np.float32), ""
        from safetensors import safe_open

        with safe_open(self.folder / LEARNT, "np") as file:
            return file.get_tensor("theta").astype(np.float32), (file.metadata() or {}).get("learnt_on", "")


def read(folder: Path) -> Catalogue:
    """The catalogue in an SAE's folder."""
    file = folder / LATENTS
    return Catalogue(pq.read_table(file) if file.is_file() else None, folder)


def write_learnt(folder: Path, theta: Floats, learnt_on: str) -> None:
    """Store logarithms of latents' weights, in half precision, with what they were learnt on."""
    from safetensors.numpy import save_file

    save_file({"theta": theta.astype(np.float16)}, folder / LEARNT, {"learnt_on": learnt_on})


def write(folder: Path, columns: dict[str, Any], texts: Floats, drawn: Sides) -> None:
    """Store a catalogue. columns: lists of length m, by the names that ``LatentInfo`` gives them."""
    from safetensors.numpy import save_file

    pq.write_table(pa.table(columns), folder / LATENTS, compression="zstd", compression_level=12)
    used = np.unique(np.concatenate([drawn.positive.ravel(), drawn.negative.ravel()]))
    used = used[used >= 0]

    def renumbered(side: Ints) -> np.ndarray:
        return np.where(side >= 0, np.searchsorted(used, side), NONE).astype(np.uint16)

    if len(used) >= NONE:
        raise CoreError(f"{len(used):,} texts are too many: their numbers are stored in 16 bits.")
    save_file(
        {
            "texts": np.round(texts[used] * SCALE).astype(np.int8),
            "positive": renumbered(drawn.positive),
            "negative": renumbered(drawn.negative),
        },
        folder / TRUST,
    )


def _signed(side: np.ndarray) -> Ints:
    return np.where(side == NONE, -1, side.astype(np.int32)).astype(np.int32)
