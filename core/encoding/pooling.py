"""Tokens to sparse codes: one row for a short text, one for each part of a long one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.types import Floats, Ints, Offsets


@dataclass(frozen=True, slots=True)
class Pooled:
    """One CSR row per part; see ``core.types.Codes`` for the arrays. Peaks count from the part's first token."""

    indptr: Offsets
    latents: Ints
    max: Floats
    sum: Floats
    peak: Ints


def pool(token_indptr: Offsets, token: Offsets, latent: Ints, value: Floats, n_latents: int) -> Pooled:
    """Strongest and summed activation of each latent over the tokens of each part.

    token_indptr: int64 [r + 1], the tokens of each part. token, latent, value: one entry per activation > 0, in any
    order; token counts over all parts. Equal maxima: the first token is the peak.
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


def cut(text_indptr: Offsets, longest: int) -> tuple[Offsets, Ints, Offsets]:
    """Cut texts of more than ``longest`` tokens into the fewest parts of equal length that are not longer.

    text_indptr: int64 [n + 1], the tokens of each text. Returns (part_indptr [n + 1], part_start [r] within the text,
    token_indptr [r + 1] of the parts).
    """
    tokens = np.diff(text_indptr)
    n_parts = np.maximum(1, -(-tokens // longest))
    part_indptr = np.concatenate([[0], np.cumsum(n_parts)]).astype(np.int64)
    within = np.arange(part_indptr[-1]) - np.repeat(part_indptr[:-1], n_parts)
    start = within * np.repeat(tokens, n_parts) // np.repeat(n_parts, n_parts)
    token_indptr = np.append(start + np.repeat(text_indptr[:-1], n_parts), text_indptr[-1])
    return part_indptr, start.astype(np.int32), token_indptr.astype(np.int64)
