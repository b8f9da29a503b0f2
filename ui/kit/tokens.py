"""Which latent fired where: tokens with values, from a full trace or, without a model, from the stored peaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import Codes, TokenTrace

Piece = tuple[str, int | None]
BINS = 160
"""Bars of a fingerprint: one a stretch of n_latents / BINS latents."""


@dataclass(frozen=True, slots=True)
class TokenValues:
    """t tokens of one text, and one entry per (token, latent) known to be active."""

    text: str
    start: NDArray[np.int32]
    """int32 [t], first character of each token."""
    end: NDArray[np.int32]
    token: NDArray[np.int64]
    latent: NDArray[np.int32]
    value: NDArray[np.float32]
    complete: bool
    """Every activation, or only the strongest of each latent."""
    error: NDArray[np.float32] | None = None
    """float32 [t], what the dictionary leaves out of each token; None where that is not known."""

    @staticmethod
    def of_trace(trace: TokenTrace) -> TokenValues:
        token = np.repeat(np.arange(len(trace.indptr) - 1), np.diff(trace.indptr))
        return TokenValues(
            trace.text, trace.token_start, trace.token_end, token, trace.latents, trace.values, True, trace.error
        )

    @staticmethod
    def of_codes(text: str, codes: Codes) -> TokenValues:
        """Of one stored row: each latent at the token of its peak."""
        return TokenValues(
            text, codes.token_start, codes.token_end, codes.peak.astype(np.int64), codes.latents, codes.max, False
        )

    def __len__(self) -> int:
        return len(self.start)

    def word(self, token: int) -> str:
        return self.text[int(self.start[token]) : int(self.end[token])]

    def pieces(self) -> list[Piece]:
        """The whole text in order: tokens with their number, what lies between them with None."""
        found: list[Piece] = []
        cursor = 0
        for token, (start, end) in enumerate(zip(self.start.tolist(), self.end.tolist(), strict=True)):
            start = max(start, cursor)  # noqa: PLW2901 - several tokens may share one character
            if start > cursor:
                found.append((self.text[cursor:start], None))
            if end > start:
                found.append((self.text[start:end], token))
                cursor = end
        return [*found, (self.text[cursor:], None)] if cursor < len(self.text) else found

    def totals(self) -> NDArray[np.float64]:
        """float64 [t], activation summed over all latents."""
        return _summed(self.token, self.value, len(self))

    def of(self, latent: int) -> dict[int, float]:
        """Value of one latent by token."""
        here = self.latent == latent
        return {int(t): float(v) for t, v in zip(self.token[here], self.value[here], strict=True)}

    def at(self, token: int) -> list[tuple[int, float]]:
        """(latent, value) at one token, strongest first."""
        here = np.flatnonzero(self.token == token)
        order = here[np.argsort(-self.value[here], kind="stable")]
        return [(int(self.latent[i]), float(self.value[i])) for i in order]

    def spread(self, shares: Mapping[int, float]) -> NDArray[np.float64]:
        """float64 [t], each latent's share laid on its tokens in proportion to its activation; sums to the shares."""
        if not shares or not len(self.latent):
            return np.zeros(len(self))
        names = np.fromiter(sorted(shares), dtype=np.int64)
        amounts = np.array([shares[int(n)] for n in names])
        place = np.minimum(np.searchsorted(names, self.latent), len(names) - 1)
        known = names[place] == self.latent
        place, token, value = place[known], self.token[known], self.value[known]
        total = np.bincount(place, weights=value, minlength=len(names))
        return _summed(token, amounts[place] * value / total[place], len(self))


def _summed(token: NDArray[Any], value: NDArray[Any], t: int) -> NDArray[np.float64]:
    return np.bincount(token, weights=value, minlength=t).astype(np.float64)


def spectrum(codes: Codes, only: NDArray[np.int32] | None = None, bins: int = BINS) -> str:
    """A memory's fingerprint as one digit per stretch of the dictionary: height 0–9 of the strongest latent in it.

    codes: one row. only: leave out every other latent, heights unchanged.
    """
    heights = np.zeros(bins)
    if len(codes.latents):
        values = np.ceil(9 * np.sqrt(codes.max / codes.max.max()))
        kept = np.ones(len(values), bool) if only is None else np.isin(codes.latents, only)
        np.maximum.at(heights, codes.latents[kept].astype(np.int64) * bins // codes.n_latents, values[kept])
    return "".join(str(int(h)) for h in heights)


def strongest(codes: Codes, text: str) -> list[tuple[int, float, str]]:
    """(latent, strongest activation, the token it peaked at), strongest first."""
    order = np.argsort(-codes.max, kind="stable")
    ends = [(int(codes.token_start[codes.peak[i]]), int(codes.token_end[codes.peak[i]])) for i in order]
    return [(int(codes.latents[i]), float(codes.max[i]), text[a:b]) for i, (a, b) in zip(order, ends, strict=True)]
