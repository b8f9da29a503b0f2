"""What each word of a memory causes: the memory is read again without it, and what every latent loses is kept.

A token's state has heard its whole text, so where a latent fires is not always what makes it fire. Taking a word out,
all variants in one batch, tells the two apart (occlusion: Zeiler and Fergus 2014; for words Li, Monroe and Jurafsky
2016).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from core.alignment import Doubles, Word
from core.retrieval.alignment import Laid, laid
from core.retrieval.index import Index
from core.retrieval.similarity import query_vector, weighting
from core.types import Codes, Floats, Ints, Query

MOST_WORDS = 160
"""Words of one text that are taken out in turn; those after them are left in."""


@dataclass(frozen=True, slots=True)
class Occluded:
    """One text, and itself without each of its words."""

    text: str
    words: tuple[Word, ...]
    """All its words; the first MOST_WORDS were taken out."""
    whole: Codes
    """Of the text, one row in one part."""
    without: Codes
    """[w] rows in one part each, the text without word j."""


def variants(text: str, words: tuple[Word, ...]) -> list[str]:
    """The text without each of its first MOST_WORDS words; what is empty then is a full stop."""
    cut = [text[: w.start] + text[w.end :] for w in words[:MOST_WORDS]]
    return [t if t.strip() else "." for t in cut]


def laid_by_cause(index: Index, name: str, found: Occluded) -> Laid:
    """Every latent over the words without which it loses value, by what it loses.

    name: of the weighting, whose memory values are meant. A latent that no single word's absence weakens is not laid.
    """
    values = weighting(name).memory_values
    base = values(index, found.whole)
    rows = len(found.without)
    width = len(found.whole.latents)
    without = np.zeros((rows, width), np.float32)
    row = np.repeat(np.arange(rows), np.diff(found.without.indptr))
    at = np.minimum(np.searchsorted(found.whole.latents, found.without.latents), max(width - 1, 0))
    known = found.whole.latents[at] == found.without.latents if width else np.zeros(len(row), bool)
    without[row[known], at[known]] = values(index, found.without)[known]
    lost = np.maximum(base[None, :] - without, 0)
    word, latent = np.nonzero(lost)
    return laid(found.words, found.whole.latents[latent], word.astype(np.int32), lost[word, latent].astype(np.float64))


def scores_without(index: Index, query: Query, codes: Codes, found: Occluded) -> tuple[float, Floats]:
    """(the text's own sparse score, float32 [w], the same without each word); what stands around it left out."""
    latents, values = query_vector(index, query, codes)
    vector = np.zeros(index.codes.n_latents, np.float32)
    vector[latents] = values
    memory_values = weighting(query.weighting).memory_values

    def scores(of: Codes) -> Floats:
        each = vector[of.latents] * memory_values(index, of)
        row = np.repeat(np.arange(len(of)), np.diff(of.indptr))
        return np.bincount(row, each, len(of)).astype(np.float32)

    return float(scores(found.whole)[0]), scores(found.without)


def best_part(index: Index, query: Query, codes: Codes, row: int) -> tuple[int, int]:
    """(first character, one past the last) of the part of a memory that decides its score: all of a short one."""
    theirs, text = index.codes.take([row]), index.texts[row]
    if theirs.n_parts == 1:
        return 0, len(text)
    latents, values = query_vector(index, query, codes)
    vector = np.zeros(index.codes.n_latents, np.float32)
    vector[latents] = values
    each = vector[theirs.latents] * weighting(query.weighting).memory_values(index, theirs)
    part = int(np.argmax(np.bincount(np.repeat(np.arange(theirs.n_parts), np.diff(theirs.indptr)), each)))
    first = int(theirs.part_start[part])
    last = int(theirs.part_start[part + 1]) if part + 1 < theirs.n_parts else len(theirs.token_start)
    return int(theirs.token_start[first]), int(theirs.token_end[last - 1])


def moved(found: Laid, words: tuple[Word, ...], by: int) -> Laid:
    """A window's parts in the words of the whole text that it begins ``by`` characters into."""
    place = {w.start: i for i, w in enumerate(words)}
    at = np.asarray([place.get(w.start + by, -1) for w in found.words], np.int32)
    word: Ints = at[found.word] if len(found.word) else found.word
    kept = word >= 0
    part: Doubles = found.part[kept]
    return replace(found, words=words, latents=found.latents[kept], word=word[kept], part=part)
