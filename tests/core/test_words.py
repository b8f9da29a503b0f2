"""Words and their stems."""

from __future__ import annotations

import pytest

from core.words import stems, word_at


@pytest.mark.parametrize(
    ("place", "word"), [(0, "It's"), (3, "It's"), (4, ""), (5, "Radek’s"), (12, ""), (14, "half-term"), (99, "")]
)
def test_the_word_around_a_place(place: int, word: str) -> None:
    assert word_at("It's Radek’s, half-term", place) == word


def test_inflections_are_one() -> None:
    assert stems("Dogs barked; a DOG barks!") == ["dog", "bark", "a", "dog", "bark"]
    assert stems("… 👩‍👩‍👧 ,") == []
