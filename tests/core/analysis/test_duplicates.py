"""Texts that say nearly the same, against figures counted by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core.analysis.duplicates import NEAR, normalised, resemblance, shingles
from core.demo import FILES


def test_what_only_looks_different_is_the_same() -> None:
    assert (
        normalised("  The ﬁrst,\n“Café” — STRASSE!") == normalised("the first café straße") == "the first café strasse"
    )


def test_resemblance_is_shared_shingles_over_all() -> None:
    """abcdefg: abcde bcdef cdefg. abcdef: abcde bcdef. xbcdefg: xbcde bcdef cdefg."""
    known = shingles(["abcdef", "ABCDEFG!", "xbcdefg", "vwxyz", "abc"])
    assert resemblance(known, shingles(["abcdefg"])) == pytest.approx([2 / 3, 1, 2 / 4, 0, 0])


def test_a_repeated_shingle_counts_once() -> None:
    """aaaaaaa has the one shingle aaaaa; aaaaab has aaaaa and aaaab."""
    assert resemblance(shingles(["aaaaab"]), shingles(["aaaaaaaaa"])) == pytest.approx([1 / 2])


def test_nothing_resembles_nothing() -> None:
    assert resemblance(shingles([]), shingles(["abcdefg"])).shape == (0,)
    assert resemblance(shingles(["!"]), shingles(["?"])) == pytest.approx([0])


def test_one_word_in_five_changed_is_near_and_other_stories_are_not() -> None:
    texts = [json.loads(line)["text"] for line in FILES[0].read_text(encoding="utf-8").splitlines()]
    known = shingles(texts)
    assert max(np.sort(resemblance(known, known[[i]]))[-2] for i in range(len(texts))) < NEAR / 3
    changed = [" ".join("otherwise" if i % 5 == 4 else word for i, word in enumerate(t.split())) for t in texts]
    again = shingles(changed)
    assert min(resemblance(known[[i]], again[[i]])[0] for i in range(len(texts))) > NEAR
