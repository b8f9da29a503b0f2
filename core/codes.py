"""What an engine makes of texts, as plain arrays: codes of many texts, and the trace of one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Codes:
    """What an engine makes of n texts.

    The sparse side is one CSR pattern [r, m] with two value arrays and the token at which each latent peaked; a
    latent stands at most once in a row, in ascending order. A short text is one row; a long one is cut into parts of
    about equal length, each a row, so that a passage is found however much stands around it. Token positions are
    character offsets into the text.
    """

    dense: Floats
    """float32 [n, d], unit rows."""
    n_latents: int
    """m, the width of the dictionary."""
    part_indptr: Offsets
    """int64 [n + 1], the rows of each text; every text has at least one."""
    part_start: Ints
    """int32 [r], first token of each part, within its text."""
    indptr: Offsets
    """int64 [r + 1]"""
    latents: Ints
    """int32 [nnz]"""
    max: Floats
    """float32 [nnz], strongest activation over the tokens of the part; > 0."""
    sum: Floats
    """float32 [nnz], activations summed over the tokens of the part; >= max."""
    peak: Ints
    """int32 [nnz], index of the token of the strongest activation, within its text."""
    token_indptr: Offsets
    """int64 [n + 1]"""
    token_start: Ints
    """int32 [tokens], first character of each token in its text."""
    token_end: Ints
    """int32 [tokens], one past the last character."""
    n_active: Ints
    """int32 [n], latents active over all tokens of the text; its sum over the sum of token counts is L0."""
    residual: Floats
    """float32 [n], Σ‖x − x̂‖² over the tokens: what the dictionary leaves out."""
    variance: Floats
    """float32 [n], Σ‖x − x̄‖² over the tokens, x̄ the mean state of the SAE's training. residual/variance is FVU."""

    def __len__(self) -> int:
        return len(self.part_indptr) - 1

    @property
    def n_parts(self) -> int:
        """r, the rows of the sparse side."""
        return len(self.indptr) - 1

    @property
    def d(self) -> int:
        return int(self.dense.shape[1])

    @property
    def part_tokens(self) -> Ints:
        """int32 [r], tokens of each part."""
        ends = np.empty_like(self.part_start)
        ends[:-1] = self.part_start[1:]
        ends[self.part_indptr[1:] - 1] = np.diff(self.token_indptr)
        return (ends - self.part_start).astype(np.int32)

    def row(self, i: int) -> slice:
        """The slice of the value arrays that belongs to text i, all its parts."""
        return slice(int(self.indptr[self.part_indptr[i]]), int(self.indptr[self.part_indptr[i + 1]]))

    def token_row(self, i: int) -> slice:
        """The slice of the token arrays that belongs to text i."""
        return slice(int(self.token_indptr[i]), int(self.token_indptr[i + 1]))

    def take(self, rows: Ints | Offsets | list[int]) -> Codes:
        """The codes of some texts, in the order asked for."""
        rows = np.asarray(rows, dtype=np.int64)
        parts, part_indptr = _gather(self.part_indptr, rows)
        flat, indptr = _gather(self.indptr, parts)
        tokens, token_indptr = _gather(self.token_indptr, rows)
        return Codes(
            self.dense[rows], self.n_latents, part_indptr, self.part_start[parts],
            indptr, self.latents[flat], self.max[flat], self.sum[flat], self.peak[flat],
            token_indptr, self.token_start[tokens], self.token_end[tokens],
            self.n_active[rows], self.residual[rows], self.variance[rows],
        )  # fmt: skip

    def merged(self) -> Codes:
        """Every text as one part: maxima over its parts, sums added, the peak where the maximum is."""
        if self.n_parts == len(self):
            return self
        text = np.repeat(np.repeat(np.arange(len(self)), np.diff(self.part_indptr)), np.diff(self.indptr))
        order = np.lexsort((self.peak, -self.max, text * self.n_latents + self.latents))
        key = (text * self.n_latents + self.latents)[order]
        first = np.flatnonzero(np.diff(key, prepend=-1))
        strongest = order[first]
        return replace(
            self,
            part_indptr=np.arange(len(self) + 1, dtype=np.int64),
            part_start=np.zeros(len(self), np.int32),
            indptr=np.searchsorted(key[first] // self.n_latents, np.arange(len(self) + 1)).astype(np.int64),
            latents=self.latents[strongest],
            max=self.max[strongest],
            sum=np.add.reduceat(self.sum[order], first) if len(first) else self.sum,
            peak=self.peak[strongest],
        )

    @staticmethod
    def empty() -> Codes:
        """The codes of no text at all."""
        none, start = np.zeros(0, np.int32), np.zeros(1, np.int64)
        real = np.zeros(0, np.float32)
        return Codes(
            np.zeros((0, 0), np.float32),
            0,
            start,
            none,
            start,
            none,
            real,
            real,
            none,
            start,
            none,
            none,
            none,
            real,
            real,
        )

    @staticmethod
    def concat(parts: list[Codes]) -> Codes:
        """Several codes of one engine, one below the other."""
        if not parts:
            raise ValueError("no codes to join")

        def flat(name: str) -> np.ndarray:
            return np.concatenate([getattr(p, name) for p in parts])

        return Codes(
            flat("dense"), parts[0].n_latents, _join([p.part_indptr for p in parts]), flat("part_start"),
            _join([p.indptr for p in parts]), flat("latents"), flat("max"), flat("sum"), flat("peak"),
            _join([p.token_indptr for p in parts]), flat("token_start"), flat("token_end"),
            flat("n_active"), flat("residual"), flat("variance"),
        )  # fmt: skip


def _gather(indptr: Offsets, rows: Offsets) -> tuple[Offsets, Offsets]:
    """Flat positions of the chosen CSR rows, and their own indptr."""
    lengths = indptr[rows + 1] - indptr[rows]
    out = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(lengths, out=out[1:])
    return np.arange(out[-1]) + np.repeat(indptr[rows] - out[:-1], lengths), out


def _join(indptrs: list[Offsets]) -> Offsets:
    lengths = np.concatenate([np.diff(p) for p in indptrs])
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]).astype(np.int64)


@dataclass(frozen=True, slots=True)
class TokenTrace:
    """Every latent at every token of one text."""

    text: str
    token_start: Ints
    """int32 [t]"""
    token_end: Ints
    indptr: Offsets
    """int64 [t + 1]"""
    latents: Ints
    values: Floats
    error: Floats
    """float32 [t], ‖x − x̂‖² / ‖x − x̄‖² of each token state, x̄ the mean state the SAE was trained around."""

    @property
    def tokens(self) -> list[str]:
        return [self.text[a:b] for a, b in zip(self.token_start, self.token_end, strict=True)]
