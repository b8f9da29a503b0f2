"""BM25 on stemmed words: the baseline people know, and the measure of what latents add to words."""

from __future__ import annotations

import numpy as np

from core.retrieval.index import Index
from core.types import Floats


def lexical_scores(index: Index, text: str) -> Floats:
    """float32 [n], BM25 (bm25s, English stop words, Snowball stems) of the query's words."""
    import bm25s

    known = index.derived("words", lambda: _Words(index.texts))
    tokens = bm25s.tokenize([text], stopwords="en", stemmer=known.stemmer, return_ids=False, show_progress=False)[0]
    if not tokens or known.model is None:
        return np.zeros(len(index), np.float32)
    return np.asarray(known.model.get_scores(tokens), dtype=np.float32)


class _Words:
    def __init__(self, texts: tuple[str, ...]) -> None:
        import bm25s
        import Stemmer

        self.stemmer = Stemmer.Stemmer("english")
        corpus = bm25s.tokenize(list(texts), stopwords="en", stemmer=self.stemmer, show_progress=False)
        self.model = bm25s.BM25() if corpus.vocab else None
        if self.model is not None:
            self.model.index(corpus, show_progress=False)
