"""Texts that say nearly the same: resemblance of their shingles (Broder 1997), with no model."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from core.types import Floats

SHINGLE = 5
"""Characters of a shingle: any script has them, and a changed word spoils few."""
WIDTH = 2**20
"""Columns that shingles are hashed to."""
NEAR = 0.3
"""Resemblance from which on two texts count as the same."""


def normalised(text: str) -> str:
    """The words of a text: compatibility forms unified (NFKC), case folded, one space between them."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def shingles(texts: Sequence[str]) -> sparse.csr_array:
    """Each text's set of shingles, runs of SHINGLE characters of its normalised words, as a row of ones [n, WIDTH]."""
    if not texts:
        return sparse.csr_array((0, WIDTH), dtype=np.float32)
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(
        preprocessor=normalised, analyzer="char", ngram_range=(SHINGLE, SHINGLE), binary=True, norm=None,
        alternate_sign=False, n_features=WIDTH, dtype=np.float32,
    )  # fmt: skip
    return sparse.csr_array(hashed.transform(texts))


def resemblance(known: sparse.csr_array, one: sparse.csr_array) -> Floats:
    """Jaccard index of each row's set with that of a single row, 0–1 [n]; 0 where both are empty."""
    both = (known @ one.T).toarray()[:, 0]
    either = known.sum(axis=1) + one.sum() - both
    found: Floats = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    return found
