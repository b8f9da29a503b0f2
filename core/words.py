"""What a word is, wherever words are counted or compared."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from core.errors import CoreError

WORD = re.compile(r"\w+(?:['’-]\w+)*")

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def visible(text: str) -> str:
    """A name as one line: runs of blanks as one, nothing that cannot be seen or stored (NUL, half characters)."""
    return " ".join(CONTROL.sub(" ", text).split())


def whole(texts: Iterable[str]) -> None:
    """Raises CoreError for a text with half of a character in it, which no model reads and no file holds."""
    try:
        for text in texts:
            text.encode()
    except UnicodeEncodeError as problem:
        raise CoreError(
            f"Character {problem.start + 1} of the text is half of a character (a lone surrogate): type it anew."
        ) from problem


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
