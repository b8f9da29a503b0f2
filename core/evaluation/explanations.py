"""Are the reasons short, about words that mean something, and true? Measured on questions whose evidence came back."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.alignment import Alignment, Doubles, Word
from core.errors import CoreError
from core.evaluation import intervals
from core.retrieval.causes import Occluded, best_part, scores_without
from core.retrieval.explain import alignment
from core.retrieval.index import Index
from core.retrieval.lexical import lexical_scores
from core.retrieval.order import ranks_of
from core.retrieval.sentence import sentence
from core.retrieval.similarity import KERNEL, SPEAKS_FOR_ITSELF, context_of, own_scores, sparse_scores
from core.types import Codes, Floats, Offsets, Progress, Query, Question

FIRST = 10
"""A hit is the best-ranked evidence of a question, where the sparse mode has it among so many."""
OCCLUDED = 100
"""Hits, drawn with SEED, whose words are taken out in turn."""
FEWEST_WORDS = 3
"""Words that say something, without which a hit cannot be asked what another word costs."""
SEED = 0
SIDES = ("stated", "random", "rarest", "most_causal")


@dataclass(frozen=True, slots=True)
class Hit:
    """One question and the evidence that came back for it, in its dialogue's own index."""

    part: Index
    question: Question
    query: Query
    row: int
    rank: int
    aligned: Alignment


@dataclass(frozen=True, slots=True)
class Deletion:
    """What taking one word out of the memory costs, for each of SIDES."""

    score_lost: Mapping[str, float]
    """Share of the memory's own score."""
    rank_lost: Mapping[str, int]
    """Ranks, everything ranked again."""


def hits(
    index: Index, questions: Sequence[Question], codes: Mapping[str, Codes], settings: Query, speakers: frozenset[str]
) -> list[Hit]:
    """Every question whose evidence the sparse mode has among its first FIRST; each dialogue is an index of its own."""
    asked = sorted((q for q in questions if q.evidence), key=lambda q: (q.conversation, q.id))
    parts: dict[str, Index] = {}
    found = []
    for question in asked:
        name = question.conversation
        if name not in parts:
            parts[name] = index.subset(name) if name else index
        part = parts[name]
        query = replace(settings, text=question.text, conversation=None)
        scores = sparse_scores(part, query, codes[question.text])
        rows = [row for row in map(part.row, dict.fromkeys(question.evidence)) if row is not None and scores[row] > 0]
        ranks = ranks_of(scores, np.asarray(rows, np.int64)) if rows else np.zeros(0, np.int32)
        if len(ranks) and ranks.min() <= FIRST:
            row = rows[int(ranks.argmin())]
            aligned = alignment(part, query, codes[question.text], row, speakers)
            found.append(Hit(part, question, query, row, int(ranks.min()), aligned))
    return found


def deletions(
    found: Sequence[Hit],
    codes: Mapping[str, Codes],
    occlude: Callable[[str, tuple[Word, ...]], Occluded],
    most: int = OCCLUDED,
) -> Generator[Progress, None, list[Deletion]]:
    """What the stated, a random, the rarest and the most causal word of some hits cost, at most ``most``.

    occlude: reads a text without each of its words. A long memory is read by its best part alone.
    """
    lots, out = np.random.default_rng(SEED), list[Deletion]()
    chosen = sorted(lots.permutation(len(found))[:most].tolist())
    for done, i in enumerate(chosen):
        yield Progress(done, len(chosen), "taking out words")
        one = _deletion(found[i], codes[found[i].question.text], occlude, lots)
        out += [] if one is None else [one]
    yield Progress(len(chosen), len(chosen), f"{len(out)} memories read without each of their words")
    return out


def _deletion(
    hit: Hit, codes: Codes, occlude: Callable[[str, tuple[Word, ...]], Occluded], lots: np.random.Generator
) -> Deletion | None:
    start, stop = best_part(hit.part, hit.query, codes, hit.row)
    place = hit.aligned.places[0]
    within = [i for i, w in enumerate(place.words) if start <= w.start and w.end <= stop]
    words = tuple(replace(place.words[i], start=place.words[i].start - start, end=place.words[i].end - start)
                  for i in within)  # fmt: skip
    content = [j for j, w in enumerate(words) if w.content]
    if len(content) < FEWEST_WORDS:
        return None
    occluded = occlude(place.text[start:stop], words)
    score, without = scores_without(hit.part, hit.query, codes, occluded)
    if score <= 0:
        return None
    lost = np.zeros(len(words), np.float64)
    lost[: len(without)] = 1 - without / score
    own = hit.aligned.place == 0
    stated = np.bincount(hit.aligned.word[own], hit.aligned.share[own], len(place.words))[within]
    best = max(content, key=lambda j: (stated[j], -j))
    others = [j for j in content if j != best]
    frequency = _frequencies(hit.part)
    picked = {
        "stated": best,
        "random": others[int(lots.integers(len(others)))],
        "rarest": min(content, key=lambda j: (frequency.get(words[j].stem, 0), j)),
        "most_causal": int(lost.argmax()),
    }
    return Deletion(
        {side: float(lost[j]) for side, j in picked.items()},
        {side: _rank_without(hit, codes, float(lost[j])) - hit.rank for side, j in picked.items()},
    )


def _rank_without(hit: Hit, codes: Codes, lost: float) -> int:
    own = own_scores(hit.part, hit.query, codes).copy()
    own[hit.row] *= 1 - lost
    around = context_of(hit.query)
    scores = own + around * (hit.part.surroundings(KERNEL, SPEAKS_FOR_ITSELF) @ own) if around else own
    return int(ranks_of(scores, np.asarray([hit.row]))[0])


def _frequencies(index: Index) -> dict[str, int]:
    """Texts by stem."""

    def count() -> dict[str, int]:
        from core.words import stems

        found: dict[str, int] = {}
        for text in index.texts:
            for stem in set(stems(text)):
                found[stem] = found.get(stem, 0) + 1
        return found

    return index.derived("stem frequencies", count)


def report(
    found: Sequence[Hit],
    taken_out: Sequence[Deletion],
    n_questions: int,
    trust: Floats,
    themes: Mapping[int, int] | None = None,
) -> dict[str, Any]:
    """Every figure. trust: float32 [m], of the labels that are shown; nan where none is. themes: of each latent."""
    if not found:
        raise CoreError(
            f"None of {n_questions:,} questions has evidence among its first {FIRST} sparse hits: nothing to explain."
        )
    shares = {"latents": [_of_latents(h.aligned) for h in found], "pairs": [_of_pairs(h.aligned) for h in found]}
    if themes is not None:
        shares["themes"] = [_of_themes(h.aligned, themes) for h in found]
    concentration = {name: [concentrated(values) for values in rows] for name, rows in shares.items()}
    content = [h.aligned.content_share() for h in found]
    same = [h.aligned.same_word_share() for h in found]
    said = named(found)
    return {
        "n_questions": n_questions,
        "n": len(found),
        "half_score": {name: float(np.median([half for half, _ in rows])) for name, rows in concentration.items()},
        "top5_share": {name: _mean([five for _, five in rows]) for name, rows in concentration.items()},
        "content_share": _mean(content),
        "same_word_share": _mean(same),
        "around_share": _mean([1 - h.aligned.by_place()[0] / h.aligned.score for h in found]),
        "label_trust": _trusted(found, trust),
        "deletion": _deleted(taken_out) if taken_out else None,
        "named": {side: _mean(values) for side, values in said.items()},
        "interval": {
            "top5_share": {name: intervals.of_mean([five for _, five in rows]) for name, rows in concentration.items()},
            "content_share": intervals.of_mean(content),
            "same_word_share": intervals.of_mean(same),
            "named": {side: intervals.of_mean(values) for side, values in said.items()},
        },
        "by_words_missed": _mean([not _shares_a_word(h) for h in found]),
        "first": FIRST,
        "n_deletions": len(taken_out),
        "seed": SEED,
    }


def concentrated(shares: Doubles) -> tuple[int, float]:
    """(how many of the largest shares hold half of their sum, the part that the five largest hold)."""
    ordered = np.sort(shares)[::-1]
    held = np.cumsum(ordered) / ordered.sum()
    return int(np.searchsorted(held, 0.5)) + 1, float(held[min(4, len(held) - 1)])


def named(found: Sequence[Hit]) -> dict[str, list[float]]:
    """Whether BM25 finds a memory by the words its sentence names of it, and by those of another hit's sentence.

    The other hit is the next one of the same dialogue, in a fixed order; a dialogue with one hit has none.
    """
    words = [" ".join(sentence(h.aligned).memory_words) for h in found]
    own = [_first(h, text) for h, text in zip(found, words, strict=True)]
    dealt = []
    for part in {id(h.part): h.part for h in found}.values():
        mine = [i for i, h in enumerate(found) if h.part is part]
        dealt += [_first(found[i], words[j]) for i, j in zip(mine, mine[1:] + mine[:1], strict=True) if i != j]
    return {"recall@1": own, "shuffled": dealt or [0.0]}


def _first(hit: Hit, words: str) -> float:
    scores = lexical_scores(hit.part, words)
    return float(scores[hit.row] > 0 and ranks_of(scores, np.asarray([hit.row]))[0] == 1)


def _shares_a_word(hit: Hit) -> bool:
    """Whether some word that says something stands in both, the name of who speaks left aside."""
    return any(p.same and p.content and not p.prefix and p.here > 0 for p in hit.aligned.pairs())


def _of_latents(aligned: Alignment) -> Doubles:
    return np.asarray(list(aligned.by_latent().values()))


def _of_pairs(aligned: Alignment) -> Doubles:
    return np.asarray([pair.share for pair in aligned.pairs()])


def _of_themes(aligned: Alignment, themes: Mapping[int, int]) -> Doubles:
    found: dict[int, float] = {}
    for latent, share in aligned.by_latent().items():
        theme = themes.get(latent, -1 - latent)
        found[theme] = found.get(theme, 0.0) + share
    return np.asarray(list(found.values()))


def _trusted(found: Sequence[Hit], trust: Floats) -> float | None:
    """Mean trust of the labels that are shown, each by its share of the scores."""
    total = weight = 0.0
    for hit in found:
        for latent, share in hit.aligned.by_latent().items():
            if share > 0 and latent < len(trust) and not np.isnan(trust[latent]):
                part = share / hit.aligned.score
                total += part * float(trust[latent])
                weight += part
    return round(total / weight, 4) if weight else None


def _deleted(taken_out: Sequence[Deletion]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for side in SIDES:
        score = [d.score_lost[side] for d in taken_out]
        rank = [d.rank_lost[side] for d in taken_out]
        out[side] = {
            "score_lost": _mean(score),
            "interval": intervals.of_mean(score),
            "median": round(float(np.median(score)), 4),
            "rank_lost": {"mean": _mean(rank), "median": float(np.median(rank))},
        }
    return out


def _mean(values: Sequence[float] | Offsets) -> float:
    return round(float(np.mean(values)), 4)
