"""Words and their stems."""

from __future__ import annotations

import pytest

from core.errors import CoreError
from core.words import stems, visible, whole, word_at


@pytest.mark.parametrize(
    ("place", "word"), [(0, "It's"), (3, "It's"), (4, ""), (5, "Radek’s"), (12, ""), (14, "half-term"), (99, "")]
)
def test_the_word_around_a_place(place: int, word: str) -> None:
    assert word_at("It's Radek’s, half-term", place) == word


def test_inflections_are_one() -> None:
    assert stems("Dogs barked; a DOG barks!") == ["dog", "bark", "a", "dog", "bark"]
    assert stems("… 👩‍👩‍👧 ,") == []


def test_a_name_is_visible_of_what_can_be_stored() -> None:
    assert visible(" phone\x00 \n\tbat\x7ftery \ud800 👩‍👩‍👧 ") == "phone bat tery 👩‍👩‍👧"


def test_half_a_character_is_named() -> None:
    whole(["café", "👩‍👩‍👧"])
    with pytest.raises(CoreError, match="Character 4 of the text is half of a character"):
        whole(["fine", "caf\ud800"])
