"""An alignment divides a sparse score over words, and every sum over it is the score."""

from __future__ import annotations

import numpy as np
import pytest

from core.alignment import NO_WORD
from core.retrieval.alignment import Laid, laid, laid_by_peak, with_fallback, words_of
from core.retrieval.explain import alignment
from core.retrieval.rank import rank
from core.retrieval.similarity import WEIGHTINGS
from core.types import Codes, Query, Term
from tests.handmade import codes, index_of, parted, random_codes

SIZES = [1, 2, 3, 1, 4] * 5
TEXT = "the lake, lakes and Dan's house-boat: " * 12
LONG = index_of(
    parted(random_codes(sum(SIZES), 30, 1), SIZES),
    texts=[TEXT] * len(SIZES),
    conversations=["c"] * len(SIZES),
    positions=list(range(len(SIZES))),
)
ASKED = random_codes(1, 30, 2)
QUESTION = "which lake house do you remember?" * 3
KINDS = {
    "words": Query(QUESTION),
    "words and a term": Query(QUESTION, terms=(Term(3, 1.5), Term(11, -2))),
    "muted": Query(QUESTION, muted=tuple(ASKED.latents[:3].tolist())),
    "without neighbours": Query(QUESTION, context=0),
    "terms alone": Query("", terms=(Term(5, 2), Term(7, -1))),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_pairs_words_latents_and_places_sum_to_the_score(kind: str, weighting: str) -> None:
    asked = KINDS[kind]
    query = Query(asked.text, weighting=weighting, terms=asked.terms, muted=asked.muted, context=asked.context)
    fired = ASKED if query.text else Codes.empty()
    hits = rank(LONG, query, fired, LONG.ids)
    for i in range(0, len(LONG), 4):
        found = alignment(LONG, query, fired, i)
        score = pytest.approx(float(hits.scores["sparse"][i]), rel=1e-5, abs=1e-5)
        assert found.score == score
        assert sum(found.by_latent().values()) == score
        assert found.by_place().sum() == score
        assert sum(share for *_, share in found.threads()) == score
        assert sum(pair.share for pair in found.pairs()) == score
        assert sum(pair.here for pair in found.pairs()) == pytest.approx(found.by_place()[0], abs=1e-5)
        assert len(found.places) == (1 if query.context == 0 or not query.text else len(found.places))
        assert (found.query_word == NO_WORD).all() == (not query.text)


def test_tokens_belong_to_the_whole_word_they_lie_in() -> None:
    text = "Jo: the house-boat, re-painted “now”"
    tokens = [
        (0, 2),
        (2, 3),
        (3, 7),
        (8, 13),
        (13, 14),
        (14, 18),
        (18, 19),
        (20, 22),
        (22, 23),
        (23, 30),
        (31, 32),
        (32, 35),
    ]
    start, end = (np.asarray(side, np.int32) for side in zip(*tokens, strict=True))
    words, of_token = words_of(text, start, end, {"jo"})
    assert [w.text for w in words] == ["Jo", ":", "the", "house-boat", ",", "re-painted", "“", "now"]
    assert of_token.tolist() == [0, 1, 2, 3, 3, 3, 4, 5, 5, 5, 6, 7]
    assert [w.content for w in words] == [True, False, False, True, False, True, False, False]
    assert [w.prefix for w in words] == [True, True, False, False, False, False, False, False]


def test_a_token_that_is_the_whole_text_is_one_word() -> None:
    words, of_token = words_of("two words", np.asarray([0]), np.asarray([9]))
    assert ([w.text for w in words], of_token.tolist()) == (["two words"], [0])
    assert words_of("", np.zeros(0, np.int32), np.zeros(0, np.int32))[0] == ()


def test_parts_are_in_proportion_to_the_amounts() -> None:
    words, _ = words_of("lake house lake", np.asarray([0, 5, 11]), np.asarray([4, 10, 15]))
    found = laid(
        words, np.asarray([7, 7, 9, 7], np.int32), np.asarray([0, 1, 1, 2], np.int32), np.asarray([1, 2, 5, 5.0])
    )
    assert list(zip(found.latents.tolist(), found.word.tolist(), found.part.tolist(), strict=True)) == [
        (7, 0, 0.125), (7, 1, 0.25), (7, 2, 0.625), (9, 1, 1.0),
    ]  # fmt: skip


def test_what_is_not_known_better_stays_where_it_peaks() -> None:
    words, _ = words_of("lake house", np.asarray([0, 5]), np.asarray([4, 10]))
    known = laid(words, np.asarray([3, 3], np.int32), np.asarray([1, 0], np.int32), np.asarray([3.0, -1.0]))
    peaks = Laid(words, np.asarray([2, 3], np.int32), np.asarray([0, 0], np.int32), np.ones(2))
    both = with_fallback(known, peaks)
    assert (both.latents.tolist(), both.word.tolist(), both.part.tolist()) == ([2, 3], [0, 1], [1, 1])


def test_the_cells_of_one_hit_by_hand() -> None:
    """Two latents on “lake”, one on “house”; the question's one word fires all three."""
    memory = codes([{0: (2, 2), 1: (1, 1), 2: (4, 4)}], tokens=[10])
    memory.peak[:] = [0, 0, 5]
    memory.token_start[:], memory.token_end[:] = np.arange(10), np.arange(1, 11)
    index = index_of(memory, texts=["lake house"])
    asked = codes([{0: (1, 1), 1: (1, 1), 2: (0.5, 0.5)}])
    found = alignment(index, Query("l", weighting="activation"), asked, 0)
    assert [(p.memory, p.share, p.same, p.latents) for p in found.pairs()] == [
        ("lake", 3, False, (0, 1)), ("house", 2, False, (2,)),
    ]  # fmt: skip
    assert found.latents_of(0, 0, 0) == [(0, 2), (1, 1)]


def test_a_peak_is_laid_in_its_word() -> None:
    one = codes([{4: (1, 1)}], tokens=[1])
    found = laid_by_peak("a", one)
    assert (found.words[0].text, found.latents.tolist(), found.part.tolist()) == ("a", [4], [1])
