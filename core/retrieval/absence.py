"""How well queries fit that ask for nothing stored: below that line, “nothing stored fits” is the better answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.retrieval.index import Index
from core.retrieval.rank import fitting, score
from core.types import Codes, Query

REFUSED = 0.5
"""Share of queries for absent things that should be refused."""


def floor(index: Index, query: Query, texts: Sequence[str], codes: Sequence[Codes]) -> float:
    """The fit that a share of never-stored queries do not reach among a query's candidates; nan without a scale.

    texts, codes: queries for things that the bank most likely does not hold, one row in one part each.
    """
    fits = [
        fitting(index, asked, one, score(index, asked, one, ("sparse",)).scores["sparse"])
        for asked, one in zip((replace(query, text=text, terms=(), muted=()) for text in texts), codes, strict=True)
    ]
    return float(np.quantile(fits, REFUSED)) if fits else float("nan")
