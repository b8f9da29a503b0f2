"""Why a memory was recalled: its sparse score, latent by latent, with the tokens on both sides."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import numpy as np

from core.alignment import Alignment, Place
from core.retrieval.alignment import Given, Laid, align, laid, laid_by_peak, with_fallback, words_of
from core.retrieval.causes import Occluded, best_part, laid_by_cause, moved
from core.retrieval.index import Index
from core.retrieval.order import ranks_of
from core.retrieval.rank import score
from core.retrieval.sentence import sentence
from core.retrieval.similarity import (
    KERNEL,
    SPEAKS_FOR_ITSELF,
    context_of,
    inverse_document_frequency,
    learnt_weights,
    query_vector,
    weighting,
)
from core.types import Codes, Explanation, Floats, Ints, Memory, Query, Share, Span

NOWHERE = Span(0, 0, "")
"""The token of a latent that was asked for by hand."""


def explain(
    index: Index,
    query: Query,
    codes: Codes,
    memory: Memory,
    speakers: Collection[str] = (),
    laid_out: Mapping[str, Laid] | None = None,
) -> Explanation:
    """The shares of all latents that count on both sides, and the same word to word; both sum to the sparse score.

    Where the query looks at what was said around a memory, those memories' latents have shares of their own.
    codes: the query's, one row in one part. speakers, laid_out: see ``alignment``.
    Raises KeyError for a memory that the query may not return.
    """
    row = index.row(memory.id)
    scored = score(index, query, codes)
    position = int(np.searchsorted(scored.rows, -1 if row is None else row))
    if row is None or position >= len(scored.rows) or scored.rows[position] != row:
        raise KeyError(memory.id)
    here = np.asarray([position])
    shares = [
        s for near, factor in _sources(index, query, row) for s in _shares(index, query, codes, near, factor, row)
    ]
    words = alignment(index, query, codes, row, speakers, laid_out)
    return Explanation(
        query,
        memory,
        tuple(sorted(shares, key=lambda s: -abs(s.share))),
        {mode: float(values[position]) for mode, values in scored.scores.items()},
        {mode: int(ranks_of(values, here)[0]) for mode, values in scored.scores.items()},
        {"dense": float(scored.dense_part[position]), "sparse": float(scored.sparse_part[position])},
        words,
        sentence(words),
    )


def _sources(index: Index, query: Query, row: int) -> list[tuple[int, float]]:
    """(row, factor) of the memories whose own scores make up one memory's score: itself first."""
    around = context_of(query)
    if not around:
        return [(row, 1.0)]
    near = index.surroundings(KERNEL, SPEAKS_FOR_ITSELF)[[row]].tocoo()
    return [(row, 1.0), *((int(n), around * float(w)) for n, w in zip(near.coords[1], near.data, strict=True))]


def _shares(index: Index, query: Query, codes: Codes, row: int, factor: float, about: int) -> list[Share]:
    """One memory's latents that the query asks for, of the part that decides its score."""
    latents, values = query_vector(index, query, codes)
    theirs = index.codes.take([row])
    q, m, shares = _best_part(latents, values, theirs, weighting(query.weighting).memory_values(index, theirs))
    weights = inverse_document_frequency(index) * learnt_weights(index, query.weighting)
    text = index.texts[row]
    asked = {int(latent): i for i, latent in enumerate(codes.latents)}
    found = []
    for position, at, share in zip(q, m, shares, strict=True):
        latent = int(latents[position])
        fired = asked.get(latent)
        found.append(
            Share(
                latent,
                factor * float(share),
                0.0 if fired is None else float(codes.max[fired]),
                float(theirs.max[at]),
                float(weights[latent]),
                NOWHERE if fired is None else span(query.text, codes, int(codes.peak[fired])),
                span(text, theirs, int(theirs.peak[at])),
                "" if row == about else index.ids[row],
            )
        )
    return found


def alignment(
    index: Index,
    query: Query,
    codes: Codes,
    row: int,
    speakers: Collection[str] = (),
    laid_out: Mapping[str, Laid] | None = None,
) -> Alignment:
    """One memory's sparse score word to word, what it takes from the texts around it included.

    codes: the query's, one row in one part. speakers: who may stand before a colon at the head of a text. laid_out:
    by text, what its words cause; of other texts, and of latents that no word causes alone, the peaks tell.
    """
    known = laid_out or {}
    latents, values = query_vector(index, query, codes)
    asked = laid_by_peak(query.text, codes) if len(codes) else laid((), *(np.zeros(0, np.int32),) * 2, np.zeros(0))
    sources = _sources(index, query, row)
    in_order = sorted((near for near, _ in sources), key=lambda near: (index.positions[near], near))
    given = []
    for near, factor in sources:
        theirs, text = index.codes.take([near]), index.texts[near]
        q, m, shares = _best_part(latents, values, theirs, weighting(query.weighting).memory_values(index, theirs))
        words, of_token = words_of(text, theirs.token_start, theirs.token_end, speakers)
        here = Laid(words, theirs.latents[m], of_token[theirs.peak[m]], np.ones(len(m)))
        if text in known:
            here = with_fallback(replace(known[text], words=words), here)
        distance = in_order.index(near) - in_order.index(row)
        place = Place("" if near == row else index.ids[near], text, words, distance)
        given.append(Given(place, here, latents[q], (factor * shares).astype(np.float32)))
    return align(
        asked,
        [given[0], *sorted(given[1:], key=lambda g: g.place.distance)],
        "causes" if index.texts[row] in known else "peaks",
    )


def by_cause(
    index: Index, query: Query, codes: Codes, memory_id: str, occlude: Callable[[str], Occluded]
) -> dict[str, Laid]:
    """What the words of a memory cause, by its text; of a long one, in the part that decides its score.

    occlude: reads a text without each of its words.
    """
    row = index.row(memory_id)
    if row is None:
        return {}
    text, theirs = index.texts[row], index.codes.take([row])
    start, stop = best_part(index, query, codes, row)
    found = laid_by_cause(index, query.weighting, occlude(text[start:stop]))
    return {text: moved(found, words_of(text, theirs.token_start, theirs.token_end)[0], start)}


def _best_part(latents: Ints, values: Floats, memory: Codes, theirs: Floats) -> tuple[Ints, Ints, Floats]:
    """(positions in the query's latents, positions in the memory's arrays, shares) of the part with the best score."""
    found: list[tuple[Ints, Ints, Floats]] = []
    for start, stop in zip(memory.indptr[:-1], memory.indptr[1:], strict=True):
        _, q, m = np.intersect1d(latents, memory.latents[start:stop], assume_unique=True, return_indices=True)
        m = m + start
        found.append((q.astype(np.int32), m.astype(np.int32), values[q] * theirs[m]))
    return max(found, key=lambda f: float(f[-1].sum()))


def shares_by_latent(index: Index, query: Query, codes: Codes, row: int) -> tuple[Ints, Floats]:
    """(latents, shares) of one memory's sparse score, largest first; what surrounds it counts under the same latents.

    codes: the query's, one row in one part.
    """
    latents, values = query_vector(index, query, codes)
    total = np.zeros(len(latents), np.float32)
    for near, factor in _sources(index, query, row):
        theirs = index.codes.take([near])
        q, _, shares = _best_part(latents, values, theirs, weighting(query.weighting).memory_values(index, theirs))
        total[q] += np.float32(factor) * shares
    order = np.argsort(-total, kind="stable")
    order = order[total[order] != 0]
    return latents[order], total[order]


def span(text: str, codes: Codes, token: int) -> Span:
    """The words of one token of a one-text code."""
    start, end = int(codes.token_start[token]), int(codes.token_end[token])
    return Span(start, end, text[start:end])
