"""Texts read again without each of their words, remembered: what causes a latent, and what a word is worth."""

from __future__ import annotations

import threading
from collections import OrderedDict

from core.alignment import Word
from core.encoding.engines import Encoder
from core.retrieval.alignment import words_of
from core.retrieval.causes import Occluded, variants

REMEMBERED = 128
"""Texts: about 300 KB each."""


class Occlusions:
    """Those of one engine. Safe to share between threads."""

    def __init__(self, engine: Encoder) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Occluded] = OrderedDict()

    def of(self, text: str, words: tuple[Word, ...] = ()) -> Occluded:
        """A text and itself without each of its words, encoded in one batch. words: its own, where they are known."""
        with self._lock:
            if (known := self._known.get(text)) is not None:
                return known
        if not words:
            whole = self._engine.encode([text])
            words, _ = words_of(text, whole.token_start, whole.token_end)
        codes = self._engine.encode([text, *variants(text, words)]).merged()
        found = Occluded(text, words, codes.take([0]), codes.take(list(range(1, len(codes)))))
        with self._lock:
            self._known[text] = found
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return found
