"""Where in their texts the memories of a bank fire a latent most, and on which words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from core.analysis.latents import firing
from core.codes import Codes
from core.retrieval.index import Index
from core.types import Context, Floats, Span
from core.words import word_at

READ = 80
"""Memories whose peak is looked up, those that fire a latent most."""
SPOKEN = 20
"""Of these, those that say what a group of memories is about."""
LONGEST_WORD = 40
BANK_CONTEXTS = ((0.75, 1.0), (0.5, 0.75), (0.25, 0.5), (0.0, 0.25))
"""Quantiles of a latent's memories that examples are taken from."""


def peaks(index: Index, latent: int, rows: np.ndarray) -> list[Span]:
    """The token at which a latent peaks in some memories that fire it, at most READ."""
    shown = rows[:READ].tolist()
    codes = index.codes.take(shown).merged()  # of these alone: all codes of a large bank take seconds
    starts, spans = codes.indptr, []
    for i, row in enumerate(shown):
        at = int(starts[i] + np.searchsorted(codes.latents[starts[i] : starts[i + 1]], latent))
        spans.append(token_at(codes, i, index.texts[row], at))
    return spans


def spoken(index: Index, latent: int, among: np.ndarray) -> list[tuple[str, str]]:
    """(text, the word that a latent peaks on) of the memories that fire it, strongest first, at most SPOKEN.

    among: bool [n], the memories that are asked.
    """
    rows = firing(index, latent, among)[0][:SPOKEN]
    texts = [index.texts[r] for r in rows.tolist()]
    return [(text, word_of(text, token)) for text, token in zip(texts, peaks(index, latent, rows), strict=True)]


def word_of(text: str, token: Span) -> str:
    """The whole word that a token is part of, or its mark; nothing where the token is a whole text of several words."""
    bare = token.text.strip()
    place = token.start + len(token.text) - len(token.text.lstrip())
    word = word_at(text, place)
    if not word:
        return bare
    return "" if len(bare) > len(word) else word[:LONGEST_WORD]


def counted(words: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Words in small letters with their share, the commonest first, ties by alphabet."""
    counted = Counter(word.lower() for word in words if word)
    return tuple((word, n / len(words)) for word, n in sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def token_at(codes: Codes, row: int, text: str, at: int) -> Span:
    token = int(codes.token_indptr[row]) + int(codes.peak[at])
    start, end = int(codes.token_start[token]), int(codes.token_end[token])
    return Span(start, end, text[start:end])


def contexts(index: Index, rows: np.ndarray, values: Floats, spans: list[Span]) -> tuple[Context, ...]:
    """Two memories from each quarter of a latent's activations in the bank, below the strongest ones."""
    out, known = [], dict(zip(rows.tolist(), spans, strict=False))
    for low, high in BANK_CONTEXTS:
        first, last = int((1 - high) * len(rows)), int((1 - low) * len(rows)) - 1
        for i in sorted({first + (last - first) // 3, first + 2 * (last - first) // 3}) if last > first else []:
            r = int(rows[i])
            span = known.get(r, Span(0, 0, ""))
            out.append(
                Context(
                    index.texts[r], span.start, span.end, float(values[i]),
                    f"{100 * low:.0f}–{100 * high:.0f} %", index.ids[r],
                )
            )  # fmt: skip
    return tuple(out)
