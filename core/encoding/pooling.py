"""Tokens to one sparse code per memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.types import Floats, Ints, Offsets


@dataclass(frozen=True, slots=True)
class Pooled:
    """One CSR row per text; see ``core.types.Codes`` for the arrays."""

    indptr: Offsets
    latents: Ints
    max: Floats
    sum: Floats
    peak: Ints


def pool(token_indptr: Offsets, token: Offsets, latent: Ints, value: Floats, n_latents: int) -> Pooled:
    """Strongest and summed activation of each latent over the tokens of each text.

    token_indptr: int64 [n + 1], the tokens of each text. token, latent, value: one entry per activation > 0, in any
    order; token counts over all texts. Equal maxima: the first token is the peak.
    """
    n = len(token_indptr) - 1
    text = np.searchsorted(token_indptr, token, side="right") - 1
    order = np.lexsort((token, -value, text * n_latents + latent))
    key = (text * n_latents + latent)[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    rows = key[first] // n_latents
    indptr = np.searchsorted(rows, np.arange(n + 1)).astype(np.int64)
    strongest = order[first]
    summed = np.add.reduceat(value[order].astype(np.float64), first) if len(first) else np.zeros(0)
    return Pooled(
        indptr,
        (key[first] % n_latents).astype(np.int32),
        value[strongest].astype(np.float32),
        summed.astype(np.float32),
        (token[strongest] - token_indptr[rows]).astype(np.int32),
    )
