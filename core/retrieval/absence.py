"""How well queries fit that ask for nothing stored: below that line, “nothing stored fits” is the better answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from core.retrieval.index import Index
from core.retrieval.rank import fitting, score
from core.types import Codes, Query

REFUSED = 0.5
"""Share of queries for absent things that should be refused."""


def floor(index: Index, query: Query, absent: Mapping[str, Codes]) -> float:
    """The fit that a share of never-stored queries do not reach among a query's candidates; nan without a scale.

    absent: texts that the bank most likely holds no answer to, and their codes, one row in one part each.
    """
    fits = []
    for text, codes in absent.items():
        asked = replace(query, text=text, terms=(), muted=())
        fits.append(fitting(index, asked, codes, score(index, asked, codes, ("sparse",)).scores["sparse"]))
    known = [fit for fit in fits if not np.isnan(fit)]
    return float(np.quantile(known, REFUSED)) if known else float("nan")
