"""Two texts under the microscope: the latents they share and do not, and the words."""

from __future__ import annotations

import numpy as np

from core.analysis.peaks import token_at
from core.bank.state import BankState
from core.errors import CoreError
from core.types import Codes, Pair, PairLatent, Span


def pair(state: BankState, a: str, b: str) -> Pair:
    """Two texts, whatever they are: what both fire, what one alone fires, with the tokens on both sides."""
    if not a.strip() or not b.strip():
        raise CoreError("The microscope needs two texts.")
    engine = state.engine
    both = engine.encode([a, b]).merged()
    one, two = both.take([0]), both.take([1])
    left = dict(zip(one.latents.tolist(), range(len(one.latents)), strict=True))
    right = dict(zip(two.latents.tolist(), range(len(two.latents)), strict=True))

    def line(latent: int) -> PairLatent:
        i, j = left.get(latent), right.get(latent)
        return PairLatent(
            latent,
            0.0 if i is None else float(one.max[i]),
            0.0 if j is None else float(two.max[j]),
            _span(one, a, i),
            _span(two, b, j),
        )

    lines = [line(latent) for latent in sorted(left.keys() | right.keys())]
    norm = float(np.linalg.norm(one.max) * np.linalg.norm(two.max))
    shared = sorted((x for x in lines if x.a and x.b), key=lambda x: -x.a * x.b)
    return Pair(
        engine.trace(a),
        engine.trace(b),
        tuple(shared),
        tuple(sorted((x for x in lines if not x.b), key=lambda x: -x.a)),
        tuple(sorted((x for x in lines if not x.a), key=lambda x: -x.b)),
        float(both.dense[0] @ both.dense[1]),
        sum(x.a * x.b for x in shared) / norm if norm else 0.0,
        len(shared) / len(lines) if lines else 0.0,
        shared_words(a, b),
    )


def shared_words(a: str, b: str) -> tuple[str, ...]:
    """Stems of content words that two texts share (scikit-learn's English stop words, Snowball)."""
    import bm25s
    import Stemmer
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    stemmer = Stemmer.Stemmer("english")
    one, two = bm25s.tokenize(
        [a, b], stopwords=sorted(ENGLISH_STOP_WORDS), stemmer=stemmer, return_ids=False, show_progress=False
    )
    return tuple(sorted(set(one) & set(two)))


def _span(codes: Codes, text: str, at: int | None) -> Span:
    return Span(0, 0, "") if at is None else token_at(codes, 0, text, at)
