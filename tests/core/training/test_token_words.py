"""Which word a token is part of, whether it begins with its word or with the space before it."""

from __future__ import annotations

import numpy as np
import pytest

from core.training.describe import token_words

TEXT = "My wife, 2 dogs don't"


@pytest.mark.parametrize(
    ("spans", "words"),
    [
        ([(0, 2), (3, 7), (7, 8), (9, 10), (11, 13), (13, 15), (16, 21)], "my wife , 2 dogs dogs don't"),
        ([(0, 2), (2, 7), (7, 8), (8, 10), (10, 13), (13, 15), (15, 21)], "my wife , 2 dogs dogs don't"),
        ([(2, 4), (16, 18), (18, 19), (19, 21)], "wife don't don't don't"),
        ([(0, 0)], "my"),
    ],
)
def test_a_token_with_its_space_counts_for_its_own_word(spans: list[tuple[int, int]], words: str) -> None:
    known: dict[str, int] = {}
    ends = np.asarray([end for _, end in spans], np.int32)
    found = token_words([TEXT], np.asarray([0, len(spans)]), ends, known)
    names = list(known)
    assert " ".join(names[i] for i in found) == words


def test_texts_share_their_numbers() -> None:
    known: dict[str, int] = {}
    found = token_words(["a lake", "", "The lake"], np.asarray([0, 2, 2, 4]), np.asarray([1, 6, 3, 8]), known)
    assert found.tolist() == [known["a"], known["lake"], known["the"], known["lake"]]
