"""Labels from words alone, on texts small enough to check by eye."""

from __future__ import annotations

import numpy as np
import pytest

from core.analysis import labels as naming
from core.analysis.trust import Sides

DOGS = ["The dog barked at Ana", "A dog barks", "dogs barked loudly", "Old dog, new barking", "her dog barked"]
TEAS = ["A cup of tea", "green tea for two", "The tea is hot", "cups of tea", "He drank tea"]
TEXTS = [*DOGS, *TEAS]
NOTHING_NEAR = np.full((1, naming.CANDIDATES), -1, np.int32)
NO_MEANING = np.zeros((1, 3), np.float32)


def vectors(texts: list[str]) -> np.ndarray:
    """Dogs point one way, tea another; what is neither lies between."""
    out = []
    for text in texts:
        low = text.lower()
        out.append([float("dog" in low or "bark" in low), float("tea" in low or "cup" in low), 0.1])
    found = np.asarray(out, np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture
def terms() -> naming.Terms:
    return naming.read_terms(TEXTS)


def test_inflections_are_one_term_and_rare_ones_are_none(terms: naming.Terms) -> None:
    assert set(terms.shown) == {"dog", "barked", "dog barked", "tea"}
    assert terms.of_words["barks"] == terms.of_words["barking"] == terms.shown.index("barked")
    assert "ana" not in terms.of_words
    counted = dict(zip(terms.shown, terms.of_texts.toarray().sum(0).tolist(), strict=True))
    assert counted == {"dog": 5, "barked": 5, "dog barked": 4, "tea": 5}


def test_a_latent_is_named_by_what_sets_its_texts_apart(terms: naming.Terms) -> None:
    drawn = Sides(np.int32([[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]), np.int32([[5, 6, 7, 8, 9], [0, 1, 2, 3, 4]]))
    dog, tea = terms.of_words["dog"], terms.of_words["tea"]
    peaks = np.int32([[dog] * 5, [tea] * 5])
    found = naming.candidates(terms, drawn, peaks, NOTHING_NEAR[[0, 0]])
    assert found[0][0, 0] == dog
    assert found[0][1, 0] == tea
    assert found[2][0, 0] == pytest.approx(1.0)  # every strong text has the word, and peaks on it
    named = naming.choose(terms, vectors(terms.shown), vectors(TEXTS), drawn, found, NO_MEANING[[0, 0]])
    assert named == ["dog", "tea"]


def test_a_word_said_once_names_a_latent_by_its_meaning() -> None:
    """What the latent means lies nearest to “hound”, which one of its texts says; “cup” lies as near, and none does."""
    texts = [*DOGS, *TEAS, *(f"the hound {i}" for i in range(4)), *(f"a cup {i}" for i in range(4))]
    terms = naming.read_terms(texts)
    hound, cup = terms.of_words["hound"], terms.of_words["cup"]
    embedded, meaning = np.eye(len(terms.shown), dtype=np.float32), np.zeros((2, len(terms.shown)), np.float32)
    meaning[:, [hound, cup]] = 0.7
    near = naming.nearest(terms, embedded, meaning)
    assert {hound, cup} <= set(near[0].tolist())
    assert -1 in near[0]  # there are fewer words than places
    drawn = Sides(np.int32([[0, 1, 2, 3, 10], [-1] * 5]), np.int32([[5, 6, 7, 8, 9], [-1] * 5]))
    found = naming.candidates(terms, drawn, np.full((2, 5), -1, np.int32), near)
    which, z, coverage = found
    assert which.shape == z.shape == coverage.shape == (2, 2 * naming.CANDIDATES)
    assert hound in which[0, naming.CANDIDATES :]
    assert coverage[0, which[0] == hound] == pytest.approx(0.1)  # one of five texts, which does not peak on it
    assert cup not in which[0]
    assert len(set(which[0][which[0] >= 0].tolist())) == (which[0] >= 0).sum()  # each once
    assert (which[1] == -1).all()  # no text, no name
    named = naming.choose(terms, embedded, np.zeros((18, len(terms.shown)), np.float32), drawn, found, meaning)
    assert named[0] == "hound"
    assert named[1] == ""


def test_only_kindred_terms_stand_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the strong texts have the dog and half the tea: both would tell them better from the stones."""
    texts = [*DOGS, *TEAS, *(f"grey stone {i}" for i in range(10))]
    terms = naming.read_terms(texts)
    dog, tea = terms.of_words["dog"], terms.of_words["tea"]
    drawn = Sides(np.int32([[*range(10)]]), np.int32([[*range(10, 20)]]))
    found = naming.candidates(terms, drawn, np.int32([[dog] * 5 + [tea] * 5]), NOTHING_NEAR)

    def label() -> list[str]:
        return naming.choose(terms, vectors(terms.shown), vectors(texts), drawn, found, NO_MEANING)

    alone = label()
    monkeypatch.setattr(naming, "KINDRED", -1.0)
    together = label()
    assert set(alone[0].split(" / ")) < set(together[0].split(" / "))
    assert {"dog", "tea"} <= set(together[0].split(" / "))


def test_a_latent_without_texts_has_no_name(terms: naming.Terms) -> None:
    drawn = Sides(np.full((1, 3), -1, np.int32), np.full((1, 3), -1, np.int32))
    found = naming.candidates(terms, drawn, np.full((1, 3), -1, np.int32), NOTHING_NEAR)
    assert (found[0] == -1).all()
    assert naming.choose(terms, vectors(terms.shown), vectors(TEXTS), drawn, found, NO_MEANING) == [""]


def test_words_that_mean_little_alone_are_quoted() -> None:
    texts = ["of it"] * 5 + ["red car"] * 5
    terms = naming.read_terms(texts)
    drawn = Sides(np.int32([[0, 1, 2, 3]]), np.int32([[5, 6, 7, 8]]))
    of = terms.of_words["of"]
    found = naming.candidates(terms, drawn, np.full((1, 4), of, np.int32), NOTHING_NEAR)
    flat = np.tile(np.float32([1, 0, 0]), (len(terms.shown), 1))
    label = naming.choose(terms, flat, np.tile(np.float32([1, 0, 0]), (10, 1)), drawn, found, NO_MEANING)
    assert label == ["“of”"]


def test_names_dealt_to_speakers_carry_no_meaning() -> None:
    texts = ["Ana: the red car"] * 5 + ["Bo: the green tea"] * 5
    assert naming.read_terms(texts, {"Ana", "Bo"}).plain.sum() > naming.read_terms(texts).plain.sum()


def test_a_name_is_a_word_where_three_sources_know_it() -> None:
    """“Hobbs” is of one book; “Mexico” is everywhere, and one slip of a second source makes nobody known."""
    texts = [*["off to Mexico", "Mexico again"] * 3, *["Hobbs"] * 5, "a Hobbs", "that Hobbs"]
    terms = naming.read_terms(texts, sources=[0, 0, 1, 1, 2, 2, *[0] * 5, 1, 2])
    named = dict(zip(terms.shown, terms.doubtful.tolist(), strict=True))
    assert named == {"Mexico": False, "Hobbs": True}
    assert naming.read_terms(texts).doubtful.all()


@pytest.mark.parametrize(
    ("label", "peaks", "expected"),
    [
        ("hi / there", [":", ":", "x"], "“:” / hi"),
        ("", [":"], "“:”"),
        ("hi / there", [":", "x", "y"], "hi / there"),
        ("hi", ["dog", "dog"], "hi"),
        ("hi", [], "hi"),
    ],
)
def test_a_mark_stands_in_front(label: str, peaks: list[str], expected: str) -> None:
    assert naming.with_mark(label, peaks) == expected


def test_spelling_follows_the_texts() -> None:
    texts = ["in Berlin we met", "at Berlin now", "from Berlin again", "to Berlin there", "Dogs and dogs"] * 2
    shown = naming.read_terms(texts).shown
    assert "Berlin" in shown
    assert "berlin" not in shown
