"""How well an answer fits: whether anything stored answers a query at all, as a probability.

Ranking always has a first place; whether it deserves it is another question. A small logistic regression looks at what
the best memories share with the query, in latents, in direction and in words. Its coefficients are data, made by
``benchmarks/fit.py`` from questions with an answer and questions without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.retrieval.index import Index
from core.retrieval.order import order
from core.retrieval.rank import Scored, fitting
from core.retrieval.similarity import KERNEL, SPEAKS_FOR_ITSELF
from core.types import Codes, Fit, Floats, Offsets, Query
from core.words import WORD, empty, stems

BEST = 50
"""Candidates whose words are read: the best of the sparse mode."""
SAMPLE = 2_000
"""Candidates, evenly spaced, that tell how common a word is."""
UNKNOWN = 3
"""Tokens a word: where all fall into so many pieces and none is stored, the engine knows nothing of what is asked."""
FEATURES = ("sparse", "stands_out", "dense", "around", "covered", "known", "pieces", "words", "alone")


@dataclass(frozen=True, slots=True)
class FitModel:
    """A logistic regression on FEATURES, and where its levels begin."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weight: tuple[float, ...]
    bias: float
    partial: float
    """Least probability of a partial fit; below it nothing stored fits."""
    strong: float


def judged(model: FitModel, values: Floats | None) -> Fit:
    """The level and probability of what ``features`` found; nothing fits a query without a word."""
    if values is None:
        return Fit("nothing", 0.0)
    z = (values - np.asarray(model.mean)) / np.asarray(model.scale)
    probability = float(1 / (1 + np.exp(-(z @ np.asarray(model.weight) + model.bias))))
    return Fit(
        "strong" if probability >= model.strong else "partial" if probability >= model.partial else "nothing",
        probability,
    )


def features(index: Index, query: Query, codes: Codes, scored: Scored) -> Floats | None:
    """float32 [FEATURES] of a query in words; None where it has no word that anybody knows, or nothing is stored.

    sparse: the best sparse score as a share of the largest possible. stands_out: how many standard deviations it lies
    above the candidates' mean. dense: the best cosine. around, covered: which part of the query's words that say
    something, each by its rarity, stands in the best memory and beside it; in the one of the BEST that has most.
    known: which part stands in any memory. pieces: tokens a word; an unknown word falls into many. words: how many say
    something, as ln(1 + n). alone: how many standard deviations the best cosine lies above the mean.
    """
    found = WORD.findall(query.text)
    if not found or not len(scored.rows):
        return None
    sparse, dense = scored.scores["sparse"], scored.scores["dense"]
    asked = list(dict.fromkeys(stems(" ".join(w for w in found if not empty(w)))))
    best = scored.rows[order(sparse, BEST)]
    texts = [_stems_of(index, int(row)) for row in best]
    rarity, known = _rarity(index, query, scored.rows, asked, texts)
    pieces = len(codes.token_start) / len(found)
    if pieces >= UNKNOWN and not known.any():
        return None
    total = float(rarity.sum()) or 1.0
    has = np.asarray([[stem in text for stem in asked] for text in texts], bool).reshape(len(texts), len(asked))
    near = index.surroundings(KERNEL, SPEAKS_FOR_ITSELF)[[int(best[0])]].tocoo().coords[1]
    beside = set(texts[0]).union(*(_stems_of(index, int(row)) for row in near))
    spread = float(sparse.std(dtype=np.float64)) or 1.0
    fit = fitting(index, query, codes, sparse)
    return np.asarray(
        [
            0.0 if np.isnan(fit) else fit,
            (float(sparse.max()) - float(sparse.mean(dtype=np.float64))) / spread,
            float(dense.max()),
            sum(float(r) for stem, r in zip(asked, rarity, strict=True) if stem in beside) / total,
            float((has @ rarity).max(initial=0)) / total,
            float(rarity[known].sum()) / total,
            pieces,
            np.log1p(len(asked)),
            (float(dense.max()) - float(dense.mean(dtype=np.float64))) / (float(dense.std(dtype=np.float64)) or 1.0),
        ],
        np.float32,
    )


def _stems_of(index: Index, row: int) -> frozenset[str]:
    known: dict[int, frozenset[str]] = index.derived("stems of texts", dict)
    if row not in known:
        known[row] = frozenset(stems(index.texts[row]))
    return known[row]


def _rarity(
    index: Index, query: Query, rows: Offsets, asked: list[str], best: list[frozenset[str]]
) -> tuple[Floats, np.ndarray]:
    """(float32 [a], BM25's IDF of each stem; bool [a], whether any text read has it)."""
    step = max(1, -(-len(rows) // SAMPLE))

    def count() -> Mapping[str, int]:
        counted: dict[str, int] = {}
        for row in rows[::step].tolist():
            for stem in _stems_of(index, row):
                counted[stem] = counted.get(stem, 0) + 1
        return counted

    counts = index.derived(f"stems of {query.conversation!r}", count)
    n = len(rows[::step])
    df = np.asarray([counts.get(stem, 0) for stem in asked], np.float64)
    known = np.asarray([counts.get(stem, 0) > 0 or any(stem in text for text in best) for stem in asked], bool)
    return np.log1p((n - df + 0.5) / (df + 0.5)).astype(np.float32), known
