"""Names for latents without a language model: the words that set their strong activations apart.

Candidates of a latent are the words and pairs of words whose rate in its strong texts exceeds their rate everywhere
(log-odds with an informative Dirichlet prior, Monroe, Colaresi and Quinn 2008), the words it peaks on counted twice,
and words of these texts whose embedding lies nearest to the latent's meaning (``core.analysis.meaning``). Of these, up
to three, of kindred meaning, are joined that lie nearest to that meaning and tell strong texts from matched silent
ones best (AUROC of the cosine of embeddings). Nothing here sees the texts that trust is measured on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from core.analysis.meaning import unit
from core.analysis.trust import Sides, auroc
from core.types import Floats, Ints

CANDIDATES = 32
"""Terms looked at for one latent because its strong texts have them more, and at most as many for what they mean."""
TERMS = 3
"""Most terms in a label: more would be a dump of tokens."""
PRIOR = 10.0
"""Texts' worth of belief in the general rate of a term."""
WORTH = 0.05
"""What a further term must add, in AUROC and nearness."""
KINDRED = 0.1
"""Cosine that a further term must have with those before it: unlike words in one label read as a dump of tokens."""
OWN_PEAKS = 0.25
"""Share of strong texts that must peak on a name of one book, or on a word that means little alone, for it to be said:
such a name says little about other texts.
"""
KNOWN_IN = 3
"""Sources, of which each has it in more than one text, that make a proper name a word as any other: “Mexico”."""
PEAKS_ON = 0.5
"""Share of strong texts that peak on one mark for the mark to be part of the label."""
ALIKE = 1.0
"""What the cosine of a label with the latent's meaning is worth beside AUROC."""
COVERAGE = 0.25
"""What naming the words that are really there is worth beside AUROC."""
RARE = 4
"""A term in fewer texts is no evidence."""
_AT_ONCE = 128
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Terms:
    """The words and pairs of words of n texts, inflections as one."""

    shown: list[str]
    """The commonest surface of each term."""
    of_texts: sparse.csr_array
    """[n, terms], 1 where a text has a term."""
    of_words: dict[str, int]
    """Which term a lower-case word is."""
    plain: np.ndarray
    """bool [terms], words that carry no meaning alone."""
    doubtful: np.ndarray
    """bool [terms], these, and names that few sources know."""
    stems: list[frozenset[str]]
    """What must not be said twice."""


def read_terms(texts: Sequence[str], ignored: Collection[str] = (), sources: Sequence[int] = ()) -> Terms:
    """Terms that at least RARE texts have; pairs are neighbours, neither of which is a stop word.

    ignored: words that carry no meaning in these texts, as stop words do elsewhere. sources: where each text is from;
    without it no name is known.
    """
    import Stemmer
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    empty = ENGLISH_STOP_WORDS | {word.lower() for word in ignored}
    stemmer = Stemmer.Stemmer("english")
    stem_of: dict[str, str] = {}
    ids: dict[str, int] = {}
    surfaces: list[dict[str, int]] = []
    rows: list[int] = []
    columns: list[int] = []

    def seen(key: str, surface: str, row: int) -> None:
        at = ids.setdefault(key, len(ids))
        if at == len(surfaces):
            surfaces.append({})
        surfaces[at][surface] = surfaces[at].get(surface, 0) + 1
        rows.append(row)
        columns.append(at)

    for row, text in enumerate(texts):
        words = _WORD.findall(text)
        low = [w.lower() for w in words]
        for word in low:
            if word not in stem_of:
                stem_of[word] = stemmer.stemWord(word)
        meaning = [w not in empty and len(w) > 1 for w in low]
        for i, word in enumerate(words):
            seen(stem_of[low[i]], word, row)
            if i and meaning[i] and meaning[i - 1]:
                seen(f"{stem_of[low[i - 1]]} {stem_of[low[i]]}", f"{words[i - 1]} {word}", row)
    all_terms = sparse.csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(texts), len(ids)))
    all_terms.data[:] = 1  # a text has a term or not
    kept = np.flatnonzero(np.bincount(all_terms.indices, minlength=len(ids)) >= RARE)
    position = {int(old): new for new, old in enumerate(kept)}
    names = list(ids)
    shown = [_surface(surfaces[i]) for i in kept]
    plain = np.asarray([all(w.lower() in empty or len(w) == 1 for w in name.split()) for name in shown], dtype=bool)
    of_words = {word: position[ids[stem]] for word, stem in stem_of.items() if ids.get(stem) in position}
    of_texts, stems = all_terms[:, kept], [frozenset(names[i].split()) for i in kept]
    name = np.asarray([name != name.lower() for name in shown], dtype=bool)
    return Terms(shown, of_texts, of_words, plain, plain | (name & ~_known(of_texts, sources)), stems)


def _known(of_texts: sparse.csr_array, sources: Sequence[int]) -> np.ndarray:
    """bool [terms], those that KNOWN_IN sources have in more than one text."""
    if not sources:
        return np.zeros(of_texts.shape[1], dtype=bool)
    names, of = np.unique(sources, return_inverse=True)
    by_source = sparse.csr_array((np.ones(len(of), np.float32), (of, np.arange(len(of)))), shape=(len(names), len(of)))
    return np.asarray(((by_source @ of_texts).toarray() > 1).sum(0) >= KNOWN_IN)


def _surface(counts: dict[str, int]) -> str:
    """The commonest spelling; small letters unless nearly always written with a capital."""
    small: dict[str, int] = {}
    for surface, count in counts.items():
        small[surface.lower()] = small.get(surface.lower(), 0) + count
    word = max(small, key=lambda w: (small[w], w))
    spelled = {s: c for s, c in counts.items() if s.lower() == word}
    common = max(spelled, key=lambda s: (spelled[s], s))
    return common if spelled[common] > 0.9 * small[word] and not common.isupper() else word


def nearest(terms: Terms, vectors: Floats, meaning: Floats) -> Ints:
    """int32 [m, CANDIDATES], the terms whose embedding lies nearest to the meaning of each latent.

    vectors: unit rows [terms, d]. meaning: unit rows [m, d].
    """
    clear = np.flatnonzero(~terms.doubtful)
    wanted, centred = min(CANDIDATES, len(clear)), _centred(vectors)[clear]
    out = np.full((len(meaning), CANDIDATES), -1, np.int32)
    for start in range(0, len(meaning) if wanted else 0, _AT_ONCE):
        near = meaning[start : start + _AT_ONCE] @ centred.T
        out[start : start + _AT_ONCE, :wanted] = clear[np.argpartition(-near, wanted - 1, axis=1)[:, :wanted]]
    return out


def candidates(terms: Terms, drawn: Sides, peaks: Ints, near: Ints) -> tuple[Ints, Floats, Floats]:
    """(terms [m, 2 CANDIDATES], log-odds z, coverage): what sets a latent's strong texts apart, and what they have
    of ``near``.

    peaks: int32 [m, a], the term of the word at the peak in each positive text, −1 where it is none. Coverage is the
    share of strong texts that have the term, those that peak on it counted twice.
    """
    m = len(drawn.positive)
    n, n_terms = terms.of_texts.shape
    row, column = np.nonzero(drawn.positive >= 0)
    strong = sparse.csr_array((np.ones(len(row), np.float32), (row, drawn.positive[row, column])), shape=(m, n))
    on_peak = peaks[row, column] >= 0
    peaked = sparse.csr_array(
        (np.ones(int(on_peak.sum()), np.float32), (row[on_peak], peaks[row, column][on_peak])), shape=(m, n_terms)
    )
    counted = (strong @ terms.of_texts + peaked).tocsr()
    latent, term = np.repeat(np.arange(m), np.diff(counted.indptr)), counted.indices
    texts = np.bincount(row, minlength=m).astype(np.float64)
    share_of_peaks = np.asarray(peaked[latent, term]).ravel() / np.maximum(texts[latent], 1)
    rate = (np.bincount(terms.of_texts.indices, minlength=n_terms) + 0.5) / (n + 1)
    y, total, prior = counted.data.astype(np.float64), 2 * texts[latent], PRIOR * rate[term]
    odds = np.log((y + prior) / np.maximum(total + PRIOR - y - prior, 0.5)) - np.log(rate[term] / (1 - rate[term]))
    z = odds / np.sqrt(1 / (y + prior) + 1 / (n * rate[term]))
    usable = (z > 0) & (~terms.doubtful[term] | (share_of_peaks >= OWN_PEAKS)) & (y >= 2)
    latent, term, z, cover = latent[usable], term[usable], z[usable], (y / total)[usable]
    order = np.lexsort((term, -z, latent))
    latent, term, z, cover = latent[order], term[order], z[order], cover[order]
    place = np.arange(len(latent)) - np.searchsorted(latent, latent)
    best = place < CANDIDATES
    out = np.full((m, CANDIDATES), -1, np.int32)
    scores, coverage = np.zeros((2, m, CANDIDATES), np.float32)
    at = latent[best], place[best]
    out[at], scores[at], coverage[at] = term[best], z[best], cover[best]
    said = counted[np.arange(m)[:, None], np.maximum(near, 0)].toarray()
    near = np.where((near >= 0) & (said > 0) & ~(near[:, :, None] == out[:, None]).any(2), near, -1)
    share = (said / np.maximum(2 * texts, 1)[:, None]).astype(np.float32)
    return np.hstack([out, near]), np.hstack([scores, np.zeros_like(share)]), np.hstack([coverage, share])


def _centred(vectors: Floats) -> Floats:
    """Unit rows around their mean, which all terms share and which says nothing."""
    return unit(vectors - vectors.mean(0))


def choose(
    terms: Terms, vectors: Floats, texts: Floats, drawn: Sides, found: tuple[Ints, Floats, Floats], meaning: Floats
) -> list[str]:
    """A label for each latent, empty where no term sets it apart.

    vectors: unit rows [terms, d]. texts: unit rows [n, d]. meaning: unit rows [m, d]. The embedding of joined terms is
    taken as the mean of theirs, whose AUROC is that of the sum of their cosines.
    """
    which, z, coverage = found
    centred, labels = _centred(vectors), list[str]()
    for start in range(0, len(which), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        here = np.maximum(which[rows], 0)
        pull = np.einsum("lcd,ld->lc", centred[here], meaning[rows], optimize=True)
        near = [_near(vectors[here], texts, side[rows]) for side in (drawn.positive, drawn.negative)]  # [l, c, a] each
        worth = (COVERAGE * coverage[rows] + 0.002 * np.minimum(z[rows], 10)).astype(np.float32)
        labels += _choose(terms, which[rows], near, worth, coverage[rows], centred[here], pull)
    return labels


def _choose(
    terms: Terms, which: Ints, near: list[Floats], worth: Floats, coverage: Floats, mine: Floats, pull: Floats
) -> list[str]:
    """near: cosines [l, c, a] with strong and silent texts. mine: centred candidates [l, c, d]. pull: [l, c], their
    products with the meaning."""
    real, here = which >= 0, np.arange(len(which))
    going = np.asarray(real.any(1), dtype=bool)
    picks: list[list[int]] = [[] for _ in which]
    total = [np.zeros((len(which), side.shape[2]), np.float32) for side in near]
    said, along, best = (
        np.zeros((len(which), mine.shape[2]), np.float32),
        np.zeros(len(which)),
        np.full(len(which), -1.0),
    )
    for turn in range(TERMS):
        length = np.linalg.norm(said[:, None] + mine, axis=2)
        told = auroc(total[0][:, None] + near[0], total[1][:, None] + near[1])
        value = told + ALIKE * (along[:, None] + pull) / np.maximum(length, 1e-6)
        open_to = real & ~_repeats(terms, which, picks) & np.isfinite(value)
        if turn:
            kinship = np.einsum("lcd,ld->lc", mine, said, optimize=True)
            open_to &= kinship >= KINDRED * np.linalg.norm(said, axis=1)[:, None]
        pick = np.where(open_to, value + worth, -np.inf).argmax(1)
        going &= open_to[here, pick] & (value[here, pick] >= best + WORTH)
        for i in np.flatnonzero(going):
            picks[i].append(int(pick[i]))
        for side, values in enumerate(near):
            total[side] = np.where(going[:, None], total[side] + values[here, pick], total[side])
        said = np.where(going[:, None], said + mine[here, pick], said)
        along, best = np.where(going, along + pull[here, pick], along), np.where(going, value[here, pick], best)
    return [
        " / ".join(_said(terms, int(which[i, c])) for c in sorted(cs, key=lambda c: -coverage[i, c]))
        for i, cs in enumerate(picks)
    ]


def _said(terms: Terms, term: int) -> str:
    """A word that means little alone is quoted."""
    return f"“{terms.shown[term]}”" if terms.plain[term] and terms.shown[term].islower() else terms.shown[term]


def with_mark(label: str, peaks: Sequence[str]) -> str:
    """The label with the punctuation mark that most strong texts peak on in front, and its first term alone."""
    if not peaks:
        return label
    mark = max(set(peaks), key=lambda word: (peaks.count(word), word))
    if _WORD.search(mark) or peaks.count(mark) < PEAKS_ON * len(peaks):
        return label
    return f"“{mark}” / {label.split(' / ', maxsplit=1)[0]}" if label else f"“{mark}”"


def _near(mine: Floats, texts: Floats, side: Ints) -> Floats:
    """Cosines [l, c, a] of candidates and texts, nan where there is no text."""
    found = np.einsum("lcd,lad->lca", mine, texts[np.maximum(side, 0)], optimize=True)
    return np.where((side >= 0)[:, None, :], found, np.nan).astype(np.float32)


def _repeats(terms: Terms, which: Ints, picks: list[list[int]]) -> np.ndarray:
    """bool [l, c], candidates that share a stem with what was chosen."""
    out = np.zeros(which.shape, bool)
    for i, chosen in enumerate(picks):
        said = frozenset().union(*(terms.stems[which[i, c]] for c in chosen)) if chosen else frozenset()
        out[i] = [t >= 0 and bool(terms.stems[t] & said) for t in which[i]]
    return out
