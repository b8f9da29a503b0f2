"""Why, word to word: each latent's share of a sparse score, divided over the words of both sides that put it there.

A share is ``query value · memory value`` of one latent. Each side's value goes to its words in proportion to what they
put into it (``Laid``), so a share falls into cells (latent, query word, place, memory word), and pairs of words, words,
latents and places all sum to the same score. A token belongs to the whole word that it lies in; a mark between words
stands alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.alignment import NO_WORD, Alignment, Doubles, Place, Word
from core.types import Codes, Floats, Ints
from core.words import WORD, empty, stem_of

_PREFIX = re.compile(r"\s*([^:\n]{1,60}):")


@dataclass(frozen=True, slots=True)
class Laid:
    """Which words of one text put how much into its latents."""

    words: tuple[Word, ...]
    latents: Ints
    """int32 [e], ascending."""
    word: Ints
    """int32 [e]"""
    part: Doubles
    """float64 [e], above 0; the parts of one latent sum to 1."""

    def of(self, latents: Ints) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(first entry, number of entries) of each of some latents."""
        first = np.searchsorted(self.latents, latents, side="left")
        return first, np.searchsorted(self.latents, latents, side="right") - first


@dataclass(frozen=True, slots=True)
class Given:
    """What one text gave to a score: the shares of its latents, and its words."""

    place: Place
    laid: Laid
    latents: Ints
    """int32 [s]"""
    shares: Floats
    """float32 [s], what each added to the score."""


def words_of(
    text: str, token_start: Ints, token_end: Ints, speakers: Collection[str] = ()
) -> tuple[tuple[Word, ...], Ints]:
    """(the words that a token lies in, in their order; int32 [t], the word of each token).

    speakers: names that, before a colon at the head of the text, say who speaks.
    """
    if not len(token_start):
        return (), np.zeros(0, np.int32)
    raw = list(zip(token_start.tolist(), token_end.tolist(), strict=True))
    first = np.asarray([a + len(text[a:b]) - len(text[a:b].lstrip()) for a, b in raw], np.int64)
    last = np.maximum(np.asarray([a + len(text[a:b].rstrip()) for a, b in raw], np.int64), first)
    spans = [m.span() for m in WORD.finditer(text)] or [(0, 0)]
    starts, ends = (np.asarray(side, np.int64) for side in zip(*spans, strict=True))
    at = np.maximum(np.searchsorted(starts, first, side="right") - 1, 0)
    inside = (first >= starts[at]) & (first < ends[at]) & (last <= ends[at])
    whole = np.stack([np.where(inside, starts[at], first), np.where(inside, ends[at], last)], 1)
    units, word = np.unique(whole, axis=0, return_inverse=True)
    head = _PREFIX.match(text)
    said_from = head.end() if head and head[1].strip().casefold() in {s.casefold() for s in speakers} else 0
    return tuple(_word(text, a, b, said_from) for a, b in units.tolist()), word.ravel().astype(np.int32)


def _word(text: str, start: int, end: int, said_from: int) -> Word:
    said = text[start:end]
    stem = stem_of(said)
    return Word(start, end, said, stem or said, bool(stem) and not empty(said), start < said_from)


def laid(words: tuple[Word, ...], latents: Ints, word: Ints, value: Doubles) -> Laid:
    """Amounts by latent and word, in any order and with repeats; what is 0 or less puts nothing there."""
    kept = value > 0
    width = max(len(words), 1)
    keys, at = np.unique(latents[kept].astype(np.int64) * width + word[kept], return_inverse=True)
    amount = np.bincount(at, value[kept], len(keys))
    names, of_name = np.unique(keys // width, return_inverse=True)
    total = np.bincount(of_name, amount, len(names))
    return Laid(words, (keys // width).astype(np.int32), (keys % width).astype(np.int32), amount / total[of_name])


def laid_by_peak(text: str, codes: Codes, speakers: Collection[str] = ()) -> Laid:
    """Every latent in the word it peaks on, which is all that stored codes tell. codes: one row in one part."""
    words, of_token = words_of(text, codes.token_start, codes.token_end, speakers)
    return Laid(words, codes.latents, of_token[codes.peak], np.ones(len(codes.latents)))


def with_fallback(first: Laid, other: Laid) -> Laid:
    """The first, and the other's entries of latents that the first knows nothing of. Both of the same words."""
    extra = ~np.isin(other.latents, first.latents)
    latents = np.concatenate([first.latents, other.latents[extra]])
    order = np.argsort(latents, kind="stable")
    return replace(
        first,
        latents=latents[order],
        word=np.concatenate([first.word, other.word[extra]])[order],
        part=np.concatenate([first.part, other.part[extra]])[order],
    )


def align(asked: Laid, given: Sequence[Given], basis: str = "peaks") -> Alignment:
    """The cells of a score: every share of every text, over the words of the query and of the text.

    A latent that no word of the query fires was asked for by hand: its cells have NO_WORD. Every latent of ``given``
    must be laid in its own text.
    """
    columns = [_cells(asked, one, place) for place, one in enumerate(given)]
    latent, query_word, place, word, share = (np.concatenate(c) for c in zip(*columns, strict=True))
    return Alignment(asked.words, tuple(one.place for one in given), latent, query_word, place, word, share, basis)


def _cells(asked: Laid, given: Given, place: int) -> tuple[Ints, Ints, Ints, Ints, Doubles]:
    """One text's cells: for each share, each word of the query that fires its latent with each word of the text."""
    q_first, q_count = asked.of(given.latents)
    m_first, m_count = given.laid.of(given.latents)
    by_hand = q_count == 0
    count = np.where(by_hand, 1, q_count) * m_count
    share = np.repeat(np.arange(len(given.latents)), count)
    within = np.arange(len(share)) - np.repeat(np.cumsum(count) - count, count)
    i, j = within // np.maximum(m_count[share], 1), within % np.maximum(m_count[share], 1)
    m = m_first[share] + j
    q = np.where(by_hand[share], 0, q_first[share] + i)
    known = ~by_hand[share]
    words = np.concatenate([asked.word, np.zeros(1, np.int32)])  # a query of latents alone has no entry
    parts = np.concatenate([asked.part, np.ones(1)])
    value = given.shares.astype(np.float64)[share] * np.where(known, parts[q], 1.0) * given.laid.part[m]
    return (
        given.latents[share].astype(np.int32),
        np.where(known, words[q], NO_WORD).astype(np.int32),
        np.full(len(share), place, np.int32),
        given.laid.word[m],
        value,
    )
