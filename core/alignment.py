"""What an alignment is: a sparse score divided over pairs of words, as plain data that a test can build by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.codes import Ints

Doubles = NDArray[np.float64]
NO_WORD = -1
"""Stands where no word of the query is: a latent was asked for by hand."""


@dataclass(frozen=True, slots=True)
class Word:
    """A whole word of a text, a mark between words, or a whole text where one token is all of it."""

    start: int
    end: int
    text: str
    stem: str
    """In small letters, inflections as one; the mark itself where it is none."""
    content: bool
    """Whether it says something alone: no stop word, no letter, no mark."""
    prefix: bool = False
    """Whether it names who speaks, at the head of the text."""


@dataclass(frozen=True, slots=True)
class Place:
    """A text that gave a part of the score: the memory itself, or one said around it."""

    memory: str
    """Its id; empty for the memory itself."""
    text: str
    words: tuple[Word, ...]
    distance: int = 0
    """Places from the memory along its session: −1 is just before it, 0 is itself."""


@dataclass(frozen=True, slots=True)
class WordPair:
    """A word of the query and a word of the memory or of what stands around it, wherever they stand there."""

    query: str
    memory: str
    """As they are written where their share is largest."""
    share: float
    """Part of the sparse score, which may be below 0 for a latent asked for with minus."""
    here: float
    """What of it the memory itself gave; the rest comes from around it."""
    same: bool
    """Whether both have the same stem."""
    content: bool
    """Whether both say something alone."""
    prefix: bool
    """Whether the memory's word names who speaks."""
    latents: tuple[int, ...]
    """What links them, the largest share first."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """A sparse score as cells (latent, query word, place, memory word); every sum over them is the score."""

    words: tuple[Word, ...]
    """Of the query."""
    places: tuple[Place, ...]
    """The memory first, then what stands around it, in their order."""
    latent: Ints
    """int32 [cells]"""
    query_word: Ints
    """int32 [cells], index into ``words``, or NO_WORD."""
    place: Ints
    """int32 [cells]"""
    word: Ints
    """int32 [cells], index into the words of its place."""
    share: Doubles
    """float64 [cells]"""
    basis: str = "peaks"
    """What the memory's words were given their parts by: ``peaks``, where a latent fires most, or ``causes``."""

    @property
    def score(self) -> float:
        return float(self.share.sum())

    def same_word_share(self) -> float:
        """Part of the score that links a word to itself (the same stem); the rest links different words."""
        score = self.score
        return sum(p.share for p in self.pairs() if p.same) / score if score > 0 else 0.0

    def content_share(self) -> float:
        """Part of the score whose words say something alone on both sides."""
        score = self.score
        return sum(p.share for p in self.pairs() if p.content) / score if score > 0 else 0.0

    def by_latent(self) -> dict[int, float]:
        """Share of the score by latent."""
        names, place = np.unique(self.latent, return_inverse=True)
        return dict(zip(names.tolist(), np.bincount(place, self.share).tolist(), strict=True))

    def by_place(self) -> Doubles:
        """float64 [places], what each text gave."""
        return np.bincount(self.place, self.share, len(self.places)).astype(np.float64)

    def threads(self) -> list[tuple[int, int, int, float]]:
        """(query word, place, word, share) of every pair of words that stand there, the largest first."""
        width = max((len(p.words) for p in self.places), default=0) or 1
        key = ((self.query_word.astype(np.int64) + 1) * len(self.places) + self.place) * width + self.word
        keys, at = np.unique(key, return_inverse=True)
        shares = np.bincount(at, self.share, len(keys))
        order = np.argsort(-np.abs(shares), kind="stable")
        rest, word = np.divmod(keys[order], width)
        query, place = np.divmod(rest, max(len(self.places), 1))
        return list(zip((query - 1).tolist(), place.tolist(), word.tolist(), shares[order].tolist(), strict=True))

    def latents_of(self, query_word: int, place: int, word: int) -> list[tuple[int, float]]:
        """(latent, share) of one thread, the largest first."""
        here = (self.query_word == query_word) & (self.place == place) & (self.word == word)
        order = np.flatnonzero(here)[np.argsort(-self.share[here], kind="stable")]
        return [(int(self.latent[i]), float(self.share[i])) for i in order]

    def pairs(self) -> list[WordPair]:
        """Pairs of words by their stems, the largest share first."""
        found: dict[tuple[str, str, bool], list[tuple[int, int, int, float]]] = {}
        for thread in self.threads():
            query, place, word, _ = thread
            theirs = self.places[place].words[word]
            asked = "" if query == NO_WORD else self.words[query].stem
            found.setdefault((asked, theirs.stem, theirs.prefix), []).append(thread)
        pairs = [self._pair(threads) for threads in found.values()]
        return sorted(pairs, key=lambda p: -abs(p.share))

    def _pair(self, threads: list[tuple[int, int, int, float]]) -> WordPair:
        query, place, word, _ = threads[0]
        asked, theirs = None if query == NO_WORD else self.words[query], self.places[place].words[word]
        latents: dict[int, float] = {}
        for q, p, w, _ in threads[:8]:
            for latent, share in self.latents_of(q, p, w):
                latents[latent] = latents.get(latent, 0.0) + share
        return WordPair(
            "" if asked is None else asked.text,
            theirs.text,
            sum(share for *_, share in threads),
            sum(share for _, p, _, share in threads if p == 0),
            asked is not None and asked.stem == theirs.stem,
            asked is not None and asked.content and theirs.content,
            theirs.prefix,
            tuple(sorted(latents, key=lambda x: -abs(latents[x]))[:12]),
        )


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence in pieces: those that are words of somebody's text are to be set apart, and escaped."""

    pieces: tuple[tuple[str, bool], ...]
    """(text, whether it is quoted from the query or a memory)."""
    memory_words: tuple[str, ...]
    """The words of the memory itself that it names."""

    def __str__(self) -> str:
        return "".join(f"“{text}”" if quoted else text for text, quoted in self.pieces)


_NONE: Ints = np.zeros(0, np.int32)
NOTHING_ALIGNED = Alignment((), (), _NONE, _NONE, _NONE, _NONE, np.zeros(0, np.float64))
