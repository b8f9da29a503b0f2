"""The reason in words, written out for alignments that are built by hand."""

from __future__ import annotations

import numpy as np

from core.alignment import NO_WORD, Alignment, Place, Word
from core.retrieval.sentence import sentence


def word(text: str, at: int, stem: str = "", content: bool = True, prefix: bool = False) -> Word:
    return Word(at, at + len(text), text, stem or text.lower(), content, prefix)


QUERY = (word("frosting", 0), word("Joanna", 10), word("cake", 20), word("the", 30, content=False))
MEMORY = Place(
    "", "Joanna: filling frosting",
    (word("Joanna", 0, prefix=True), word("filling", 8, "fill"), word("frosting", 16), word(".", 24, content=False)),
)  # fmt: skip
BEFORE = Place("m0", "that cake", (word("cake", 5),), -1)
AFTER = Place("m2", "yes", (word("yes", 0),), 1)


def aligned(cells: list[tuple[int, int, int, float]], *places: Place) -> Alignment:
    """cells: (query word, place, word, share), one latent each."""
    query, place, said, share = zip(*cells, strict=True)
    columns = (np.asarray(c, np.int32) for c in (range(len(cells)), query, place, said))
    return Alignment(QUERY, places or (MEMORY, BEFORE, AFTER), *columns, np.asarray(share, np.float64))


def test_words_said_there_names_kin_and_what_stands_around() -> None:
    found = sentence(aligned([(0, 0, 2, 37), (1, 0, 0, 15), (2, 0, 2, 7), (2, 0, 1, 5), (3, 0, 3, 3), (2, 1, 0, 33)]))
    assert str(found) == (
        "Recalled for “frosting” (37 %), said there, “Joanna” (15 %), who says it, and “cake”, which goes with "
        "“frosting” and “filling” (12 %); a third comes from the turn before, where “cake” stands."
    )
    assert found.memory_words == ("frosting", "Joanna", "filling")
    assert [text for text, quoted in found.pieces if quoted] == [
        "frosting", "Joanna", "cake", "frosting", "filling", "cake",
    ]  # fmt: skip


def test_two_said_and_little_around() -> None:
    plain = Place("", "frosting Joanna", (word("frosting", 0), word("Joanna", 9)))
    found = sentence(aligned([(0, 0, 0, 60), (1, 0, 1, 31), (2, 1, 0, 9)], plain, BEFORE))
    assert str(found) == "Recalled for “frosting” (60 %) and “Joanna” (31 %), both said there."


def test_turns_on_both_sides_are_told_of_together() -> None:
    found = sentence(aligned([(0, 0, 2, 58), (0, 1, 0, 22), (0, 2, 0, 20)]))
    assert str(found) == (
        "Recalled for “frosting” (58 %), said there; 42 % comes from the turns around it, where “cake” stands."
    )


def test_small_likenesses() -> None:
    few = [(2, 0, 1, 3.0), (3, 0, 3, 97.0)]
    assert str(sentence(aligned(few))) == (
        "Recalled for many small likenesses, the largest between “cake” and “filling” (3 %)."
    )
    assert str(sentence(aligned([(3, 0, 3, 1.0)]))) == (
        "Recalled for many small likenesses, none of them between words that say something alone."
    )


def test_latents_asked_for_by_hand_and_nothing_at_all() -> None:
    assert "none of them between words" in str(sentence(aligned([(NO_WORD, 0, 2, 1.0)])))
    assert str(sentence(aligned([(0, 0, 2, -1.0)]))) == "Nothing that was asked for speaks for it."


def test_a_text_read_in_one_piece() -> None:
    whole = Place("", "two words", (word("two words", 0, content=False),))
    assert "in one piece" in str(sentence(aligned([(0, 0, 0, 1.0)], whole)))


def test_a_long_word_is_cut() -> None:
    long = "x" * 300
    place = Place("", long, (word(long, 0, "frosting"),))
    assert f"“{'x' * 40}” (100 %)" in str(sentence(aligned([(0, 0, 0, 1.0)], place)))
