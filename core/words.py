"""What a word is, wherever words are counted or compared."""

from __future__ import annotations

import re
from functools import lru_cache

WORD = re.compile(r"\w+(?:['’-]\w+)*")


def word_at(text: str, place: int) -> str:
    """The whole word around a place of a text; nothing where there is none."""
    return next((found.group() for found in WORD.finditer(text) if found.start() <= place < found.end()), "")


@lru_cache(maxsize=65_536)
def stem_of(word: str) -> str:
    """The stem of one word, or the words of one text; nothing where there is none."""
    return " ".join(stems(word))


@lru_cache(maxsize=65_536)
def empty(word: str) -> bool:
    """Whether a word means little alone: a mark, a letter, a stop word."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return len(word) < 2 or not WORD.fullmatch(word) or word.lower() in ENGLISH_STOP_WORDS


def stems(text: str) -> list[str]:
    """The words of a text in small letters, inflections as one (Porter 2001)."""
    import Stemmer  # an instance serves one thread

    found: list[str] = Stemmer.Stemmer("english").stemWords(WORD.findall(text.lower()))
    return found
