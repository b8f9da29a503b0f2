"""BM25 on stemmed words: the baseline people know, and the measure of what latents add to words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

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


def content_words(texts: Sequence[str]) -> sparse.csr_array:
    """float32 [n, v], 1 where a text has a content word: English stop words out, Snowball stems, as BM25 sees them."""
    import bm25s
    import Stemmer

    found = bm25s.tokenize(
        list(texts), stopwords="en", stemmer=Stemmer.Stemmer("english"), return_ids=False, show_progress=False
    )
    known: dict[str, int] = {}
    words = [np.unique([known.setdefault(word, len(known)) for word in text]) for text in found]
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in words])])
    columns = np.concatenate([np.zeros(0, np.int64), *words]).astype(np.int32)
    return sparse.csr_array(
        (np.ones(len(columns), np.float32), columns, indptr), shape=(len(texts), max(len(known), 1))
    )


def unit_words(texts: Sequence[str]) -> sparse.csr_array:
    """The same with rows of length 1: a product of two is the cosine of their word sets (Ochiai 1957)."""
    found = content_words(texts)
    counts = np.diff(found.indptr)
    scaled = found.data / np.sqrt(np.repeat(counts, counts))
    return sparse.csr_array((scaled.astype(np.float32), found.indices, found.indptr), shape=found.shape)


class _Words:
    def __init__(self, texts: tuple[str, ...]) -> None:
        import bm25s
        import Stemmer

        self.stemmer = Stemmer.Stemmer("english")
        corpus = bm25s.tokenize(list(texts), stopwords="en", stemmer=self.stemmer, show_progress=False)
        self.model = bm25s.BM25() if corpus.vocab else None
        if self.model is not None:
            self.model.index(corpus, show_progress=False)
