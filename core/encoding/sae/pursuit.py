"""Matching pursuit over the directions of a dictionary, with their Gram matrix instead of a product a round.

Each round takes the direction d along which most of what is left lies, and takes that away (Mallat and Zhang 1993).
The products of what is left with all directions follow from those before it, p − ⟨d, x⟩ · Gd, with G the directions'
cosines: one row of G a round, where sae-lens multiplies with the whole dictionary.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from core.encoding.sae.dictionary import Activations, Trained, summed

MOST_LATENTS = 24_576
"""G takes two bytes a pair of latents: 1.2 GB for so many, 0.5 GB for the default dictionary."""
TOKENS_AT_ONCE = 512
GRAM_ROWS = 1024
UNITY = 32_767
"""A cosine of 1 in G: 16 bits keep a product to one part in 30,000."""
BLOCK = 256
"""Latents whose largest product is kept, so that a round looks for the largest of few."""
NOTHING = 1e-6
"""Share of a token's length below which nothing is left to take."""
_COSINE = np.int16
_kept: dict[str, Callable[..., None]] = {}


def pursuit_bytes(n_latents: int) -> int:
    """Memory that G takes; nothing where sae-lens does without."""
    return n_latents**2 * np.dtype(_COSINE).itemsize if n_latents <= MOST_LATENTS else 0


class Pursuit:
    """A dictionary that takes one latent a round, k rounds; a latent taken twice counts once, with the sum."""

    def __init__(self, directions: Tensor, bias: Tensor, k: int, mean: Tensor, trained: Trained) -> None:
        """directions: [m, d_in], of any length. bias: [d_in], taken away from every state."""
        self.k, self.mean, self.trained = k, mean, trained
        self.n_latents, self.d_in = directions.shape
        self.decoder = normalize(directions.float().cpu(), dim=1)
        self._bias, self._by_latent = bias.float().cpu(), self.decoder.T.contiguous()
        self._cosines = np.empty((self.n_latents, self.n_latents), _COSINE)
        for start in range(0, self.n_latents, GRAM_ROWS):
            rows = self.decoder[start : start + GRAM_ROWS] @ self._by_latent
            self._cosines[start : start + GRAM_ROWS] = (rows * UNITY).round_().clamp_(-UNITY, UNITY).numpy()
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="pursuit")

    def target(self, states: Tensor) -> Tensor:
        return states.float()

    def encode(self, states: Tensor) -> Activations:
        """states: [t, d_in]."""
        chunks = [self._encode(chunk) for chunk in torch.split(states, TOKENS_AT_ONCE)]
        starts = range(0, max(len(states), 1), TOKENS_AT_ONCE)
        return Activations(
            torch.cat([row + start for (row, _, _), start in zip(chunks, starts, strict=True)]),
            torch.cat([latent for _, latent, _ in chunks]),
            torch.cat([value for _, _, value in chunks]),
        )

    def decode(self, activations: Activations, n_rows: int) -> Tensor:
        return summed(activations, self.decoder, n_rows) + self._bias

    def _encode(self, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        centred = states.float().cpu() - self._bias
        products, least = (centred @ self._by_latent).numpy(), (NOTHING * centred.norm(dim=1)).numpy()
        latent = np.full((len(centred), self.k), -1, np.int32)
        value = np.zeros((len(centred), self.k), np.float32)
        parts = np.array_split(np.arange(len(centred)), os.cpu_count() or 1)
        spans = [slice(part[0], part[-1] + 1) for part in parts if len(part)]
        run = _compiled()
        list(self._threads.map(lambda s: run(products[s], least[s], self._cosines, latent[s], value[s]), spans))
        row, place = np.nonzero(value > 0)
        found = latent[row, place].astype(np.int64)
        return torch.from_numpy(row), torch.from_numpy(found), torch.from_numpy(value[row, place])


def _compiled() -> Callable[..., None]:
    if "pursue" not in _kept:
        from numba import njit

        _kept["pursue"] = njit(_pursue, nogil=True, cache=True, fastmath=True)
    return _kept["pursue"]


def _pursue(products: Any, least: Any, cosines: Any, latent: Any, value: Any) -> None:
    """products: float32 [t, m], spent. least: [t], below which a token is done. latent, value: [t, k], filled."""
    n, m = products.shape
    blocks = (m + BLOCK - 1) // BLOCK
    largest = np.empty(blocks, np.float32)
    for t in range(n):
        left = products[t]
        for b in range(blocks):
            top = np.float32(0)
            for j in range(b * BLOCK, min(b * BLOCK + BLOCK, m)):
                top = max(top, left[j])
            largest[b] = top
        count = 0
        for _ in range(latent.shape[1]):
            best = 0
            for b in range(1, blocks):
                if largest[b] > largest[best]:
                    best = b
            i = best * BLOCK
            for j in range(best * BLOCK, min(best * BLOCK + BLOCK, m)):
                if left[j] > left[i]:
                    i = j
            taken = left[i]
            if taken <= least[t]:
                break
            place = 0
            while place < count and latent[t, place] != i:
                place += 1
            latent[t, place] = i
            value[t, place] += taken
            count = max(count, place + 1)
            share = taken / np.float32(UNITY)
            row = cosines[i]
            for b in range(blocks):
                top = np.float32(0)
                for j in range(b * BLOCK, min(b * BLOCK + BLOCK, m)):
                    rest = left[j] - share * np.float32(row[j])
                    left[j] = rest
                    top = max(top, rest)
                largest[b] = top
