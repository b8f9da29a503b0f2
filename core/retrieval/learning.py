"""One readable weight per latent, learnt from questions and the memories that answer them.

The score stays a sum over latents; a weight above 1 says that sharing this latent tells more than its rarity, one
below 1 that it tells less. Softmax cross-entropy over the memories a question may find, as in dense passage retrieval
(Karpukhin et al. 2020), minimised by Adam (Kingma and Ba 2015) with an L2 pull of the logarithms towards a prior.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from scipy import sparse

from core.retrieval.index import Index
from core.retrieval.similarity import weighting
from core.types import Codes, Floats, Offsets, Progress, Question

L2, RATE, EPOCHS, BATCH = 3e-4, 0.05, 8, 128
SHARPNESS = 3.5
"""The softmax sees scores in units of their own spread over this: harder than 1, or nothing is learnt."""
BASE = "saturated"
"""The weighting whose query values the weights multiply."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Questions asked of the same memories."""

    asked: sparse.csr_array
    """[q, m], the query values of each question."""
    stored: sparse.csr_array
    """[n, m], the memory values of each candidate."""
    gold: tuple[Offsets, ...]
    """Rows of ``stored`` that answer each question; at least one."""

    def __len__(self) -> int:
        return len(self.gold)


def lesson(
    index: Index, questions: Sequence[Question], codes: Mapping[str, Codes], candidates: Offsets | None = None
) -> Lesson | None:
    """The questions whose evidence is among some rows of an index (all of them), with those; None where there is none.

    codes: of the questions' texts, one row in one part each.
    """
    rows = np.arange(len(index)) if candidates is None else candidates
    place = {index.ids[row]: i for i, row in enumerate(rows)}
    gold = [np.unique([place[e] for e in q.evidence if e in place]).astype(np.int64) for q in questions]
    kept = [i for i, found in enumerate(gold) if len(found)]
    if not kept:
        return None
    chosen = weighting(BASE)
    asked, stored = Codes.concat([codes[questions[i].text] for i in kept]), index.codes.take(rows).merged()
    return Lesson(
        _matrix(asked, chosen.query_values(index, asked)),
        _matrix(stored, chosen.memory_values(index, stored)),
        tuple(gold[i] for i in kept),
    )


def by_conversation(index: Index, questions: Sequence[Question], codes: Mapping[str, Codes]) -> list[Lesson]:
    """A lesson for each conversation that questions are asked of; those of none are asked of the whole index."""
    asked = sorted(questions, key=lambda q: q.conversation)
    groups = [(name, list(group)) for name, group in groupby(asked, key=lambda q: q.conversation)]
    made = (lesson(index, group, codes, index.candidates(name or None)) for name, group in groups)
    return [one for one in made if one]


def _matrix(codes: Codes, values: Floats) -> sparse.csr_array:
    return sparse.csr_array((values, codes.latents, codes.indptr), shape=(codes.n_parts, codes.n_latents))


def learn(
    lessons: Sequence[Lesson], prior: Floats, l2: float = L2, epochs: int = EPOCHS, seed: int = 0
) -> Generator[Progress, None, Floats]:
    """float32 [m], the natural logarithms of the weights; those of latents that no lesson tells anything of stay.

    prior: the logarithms to start from, and to stay near.
    """
    rng, theta = np.random.default_rng(seed), prior.astype(np.float32)
    scales = [_scale(one) for one in lessons]
    mean, square = np.zeros_like(theta), np.zeros_like(theta)
    step, total = 0, epochs * sum(map(len, lessons))
    for epoch in range(epochs):
        rate = RATE if epoch < 0.7 * epochs else 0.3 * RATE
        for i in rng.permutation(len(lessons)):
            for rows in np.array_split(rng.permutation(len(lessons[i])), -(-len(lessons[i]) // BATCH)):
                gradient = _gradient(lessons[i], rows, theta, scales[i]) + l2 * (theta - prior)
                step += 1
                mean += 0.1 * (gradient - mean)
                square += 0.01 * (gradient**2 - square)
                theta -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
        yield Progress((epoch + 1) * total // epochs, total, f"round {epoch + 1} of {epochs}")
    return theta


def _scale(lesson: Lesson) -> float:
    """What scores are multiplied by before the softmax."""
    scores = (lesson.asked[:50] @ lesson.stored.T).toarray()
    spread = float(scores.std(axis=1).mean())
    return SHARPNESS / spread if spread > 0 else 1.0


def _gradient(lesson: Lesson, rows: Offsets, theta: Floats, scale: float) -> Floats:
    """Of the mean cross-entropy of some questions by each logarithm, float32 [m]: Σ_q a_ql w_l Σ_m (p − t)_qm b_ml."""
    asked, weights = lesson.asked[rows], np.exp(theta)
    scores = scale * (asked.multiply(weights[None, :]).tocsr() @ lesson.stored.T).toarray()
    wrong = np.exp(scores - scores.max(axis=1, keepdims=True))
    wrong /= wrong.sum(axis=1, keepdims=True)
    for i, row in enumerate(rows):
        wrong[i, lesson.gold[row]] -= 1 / len(lesson.gold[row])
    towards = (scale / len(rows) * wrong) @ lesson.stored
    return np.asarray(weights * asked.multiply(towards).sum(axis=0), np.float32).ravel()
