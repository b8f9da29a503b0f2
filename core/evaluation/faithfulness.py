"""Do the latents that explain a hit carry it? Mute them and rank again, against shared latents that are as common."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.errors import CoreError
from core.evaluation import intervals
from core.retrieval.explain import shares_by_latent
from core.retrieval.index import Index
from core.retrieval.order import ranks_of
from core.retrieval.similarity import sparse_scores
from core.types import Codes, Floats, Ints, Offsets, Progress, Query, Question

FIRST = 10
"""A hit is evidence that the sparse mode ranks among so many."""
MUTED = 3
ALIKE = 5
"""Shared latents nearest in document frequency from which the one to compare with is drawn."""
SEED = 0
STEP = 10


@dataclass(frozen=True, slots=True)
class Muting:
    """One hit, before and after."""

    question: Question
    memory: str
    rank: int
    explaining: Ints
    """int32 [MUTED], the latents with the largest shares of its sparse score, neighbouring turns' shares included."""
    matched: Ints
    """int32 [MUTED], other shared latents of about the same document frequency, in the same order."""
    after: tuple[int, int]
    """Its rank without the explaining ones, and without the matched ones."""
    removed: tuple[float, float]
    """Share of its score that each takes away."""
    density: tuple[float, float]
    """Geometric mean of the shares of the dialogue's memories (parts of them) that fire each."""


def mutings(
    index: Index, questions: Sequence[Question], codes: Mapping[str, Codes], settings: Query
) -> Generator[Progress, None, list[Muting]]:
    """Every question whose evidence the sparse mode finds, each dialogue an index of its own.

    codes: the query codes of every question's text. A question is left out where no evidence is among the first FIRST,
    or where the hit shares fewer than 2·MUTED latents with it.
    """
    asked = sorted((q for q in questions if q.evidence), key=lambda q: (q.conversation, q.id))
    lots, found = np.random.default_rng(SEED), list[Muting]()
    part = index
    for done, question in enumerate(asked):
        if not done or question.conversation != asked[done - 1].conversation:
            part = index.subset(question.conversation)
        if done % STEP == 0:
            yield Progress(done, len(asked), f"{question.conversation}: {len(found):,} hits so far")
        muting = _muting(part, question, codes[question.text], settings, lots)
        found += [] if muting is None else [muting]
    yield Progress(len(asked), len(asked), f"{len(found):,} hits muted")
    return found


def _muting(
    index: Index, question: Question, codes: Codes, settings: Query, lots: np.random.Generator
) -> Muting | None:
    query = replace(settings, text=question.text, conversation=None)
    scores = sparse_scores(index, query, codes)
    rows = [row for row in map(index.row, dict.fromkeys(question.evidence)) if row is not None and scores[row] > 0]
    if not rows:
        return None
    ranks = ranks_of(scores, np.asarray(rows))
    row, rank = rows[int(ranks.argmin())], int(ranks.min())
    latents, shares = shares_by_latent(index, query, codes, row)
    latents = latents[shares > 0]
    if rank > FIRST or len(latents) < 2 * MUTED:
        return None
    explaining = latents[:MUTED]
    matched = _matched(index.document_frequency, explaining, latents[MUTED:], lots)
    ranked, removed = [], []
    for muted in (explaining, matched):
        without = sparse_scores(index, replace(query, muted=(*query.muted, *muted.tolist())), codes)
        ranked.append(int(ranks_of(without, np.asarray([row]))[0]))
        removed.append(1 - float(without[row] / scores[row]))
    density = [float(np.exp(np.log(index.document_frequency[some] / index.codes.n_parts).mean()))
               for some in (explaining, matched)]  # fmt: skip
    return Muting(
        question, index.ids[row], rank, explaining, matched,
        (ranked[0], ranked[1]), (removed[0], removed[1]), (density[0], density[1]),
    )  # fmt: skip


def _matched(frequency: Ints, wanted: Ints, others: Ints, lots: np.random.Generator) -> Ints:
    """For each wanted latent one of the others, drawn from the ALIKE nearest in the logarithm of their frequency."""
    chosen = []
    for latent in wanted:
        distance = np.abs(np.log(frequency[others]) - np.log(frequency[latent]))
        drawn = lots.choice(np.argsort(distance, kind="stable")[:ALIKE])
        chosen.append(others[drawn])
        others = np.delete(others, drawn)
    return np.asarray(chosen, np.int32)


def report(found: Sequence[Muting], n_questions: int) -> dict[str, Any]:
    """Means with 95 % intervals over the hits. Raises CoreError where no hit could be muted."""
    if not found:
        raise CoreError(
            f"None of {n_questions:,} questions has evidence among its first {FIRST} sparse hits, so there is nothing "
            "to mute."
        )
    before = np.asarray([m.rank for m in found])
    after = np.asarray([m.after for m in found])
    removed, density = np.asarray([m.removed for m in found]), np.asarray([m.density for m in found])
    lost, ratio = after - before[:, None], np.log2(after / before[:, None])
    wins, ties = after[:, 0] > after[:, 1], after[:, 0] == after[:, 1]
    sides = {
        name: {
            "rank_lost": _mean(lost[:, i]) | {"median": float(np.median(lost[:, i]))},
            "log2_rank_ratio": _mean(ratio[:, i]),
            "score_removed": _mean(removed[:, i]),
            "density": round(float(np.exp(np.log(density[:, i]).mean())), 4),
        }
        for i, name in enumerate(("explaining", "matched"))
    }
    return {
        "n_questions": n_questions, "n": len(found), "first": FIRST, "muted": MUTED, "seed": SEED, **sides,
        "difference": {
            "rank_lost": _mean(lost[:, 0] - lost[:, 1]), "log2_rank_ratio": _mean(ratio[:, 0] - ratio[:, 1])
        },
        "wins": _mean(wins), "ties": round(float(ties.mean()), 4),
    }  # fmt: skip


def _mean(values: Floats | Offsets | np.ndarray) -> dict[str, Any]:
    return {"mean": round(float(np.mean(values)), 4), "interval": intervals.of_mean(values.tolist())}
