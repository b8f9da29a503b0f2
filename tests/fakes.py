"""An encoder that knows its texts without weights: exact numbers, and related texts score closer.

Every word is a token. A word fires one latent, its hash modulo 512, with the word's length as its value; the dense
vector is the normalised bag of those hashes in 32 numbers.
"""

from __future__ import annotations

import re
import threading
import zlib
from typing import Any

import numpy as np

from core.encoding.catalogue import Catalogue
from core.encoding.engines import Encoder
from core.encoding.pooling import pool
from core.types import Codes, Floats, TokenTrace

N_LATENTS, D = 512, 32


def latent_of(word: str) -> int:
    return zlib.crc32(word.lower().encode()) % N_LATENTS


class FakeEncoder(Encoder):
    """Counts what it encodes, and can be made to wait or to fail."""

    def __init__(self, name: str = "fake", fingerprint: str = "fa4efa4efa4efa4e", warm: bool = True) -> None:
        self.name, self._fingerprint, self._warm = name, fingerprint, warm
        self.encoded: list[str] = []
        self.gate: threading.Event | None = None
        """While it is not set, encode waits."""

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def about(self) -> dict[str, Any]:
        return {"model_name": "fake words", "hook": "none", "sae": "none", "training": {"fvu": 0.25, "l0": 1.0}}

    @property
    def balance(self) -> float:
        return 0.25

    @property
    def warm(self) -> bool:
        return self._warm

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue(None, None)

    def missing(self) -> list[str]:
        return []

    def load(self) -> None:
        self._warm = True

    def release(self) -> None:
        self._warm = False

    def embed(self, texts: list[str]) -> Floats:
        return self.encode(texts).dense

    def encode(self, texts: list[str], query: bool = False) -> Codes:
        if self.gate is not None:
            self.gate.wait(10)
        self._warm = True
        self.encoded.extend(texts)
        words = [list(re.finditer(r"\w+", text)) for text in texts]
        indptr = np.concatenate([[0], np.cumsum([len(w) for w in words])]).astype(np.int64)
        flat = [m for w in words for m in w]
        latents = np.asarray([latent_of(m[0]) for m in flat], np.int32)
        values = np.asarray([len(m[0]) for m in flat], np.float32)
        pooled = pool(indptr, np.arange(len(flat)), latents, values, N_LATENTS)
        dense = np.zeros((len(texts), D), np.float32)
        np.add.at(dense, (np.repeat(np.arange(len(texts)), np.diff(indptr)), latents % D), 1.0)
        norm = np.linalg.norm(dense, axis=1, keepdims=True)
        counts = np.diff(indptr).astype(np.int32)
        return Codes(
            dense / np.where(norm > 0, norm, 1),
            N_LATENTS,
            np.arange(len(texts) + 1, dtype=np.int64),
            np.zeros(len(texts), np.int32),
            pooled.indptr,
            pooled.latents,
            pooled.max,
            pooled.sum,
            pooled.peak,
            indptr,
            np.asarray([m.start() for m in flat], np.int32),
            np.asarray([m.end() for m in flat], np.int32),
            counts,
            counts.astype(np.float32),
            counts.astype(np.float32) * 4,
        )

    def trace(self, text: str) -> TokenTrace:
        codes = self.encode([text])
        t = len(codes.token_start)
        latents = np.asarray([latent_of(text[a:b]) for a, b in zip(codes.token_start, codes.token_end, strict=True)])
        values = (codes.token_end - codes.token_start).astype(np.float32)
        return TokenTrace(
            text,
            codes.token_start,
            codes.token_end,
            np.arange(t + 1, dtype=np.int64),
            latents.astype(np.int32),
            values,
            np.full(t, 0.25, np.float32),
        )
