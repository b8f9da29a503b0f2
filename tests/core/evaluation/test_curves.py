from __future__ import annotations

import numpy as np

from core.evaluation.curves import recall_curve
from core.evaluation.study import STUDY
from tests.core.evaluation.cases import case


def test_a_curve_by_hand() -> None:
    """Two of three found at 1 and 4, one of one at 2, one that is not even stored."""
    cases = [case("a", (1, 4), evidence=3), case("b", (2,)), case("c", ())]
    np.testing.assert_allclose(recall_curve(cases, "sparse", 5), np.asarray([1 / 3, 4 / 3, 4 / 3, 5 / 3, 5 / 3]) / 3)


def test_what_lies_beyond_the_end_does_not_count() -> None:
    assert recall_curve([case("a", (51,))], "sparse").tolist() == [0.0] * 50
    assert recall_curve([], "sparse", 2).tolist() == [0.0, 0.0]


def test_the_studys_table() -> None:
    assert {mode: row.context_precision for mode, row in STUDY.items()} == {
        "sparse": 0.32, "dense": 0.68, "combined": 0.73,
    }  # fmt: skip
    assert [STUDY[mode].context_chars for mode in STUDY] == [(2194, 1056), (10548, 3598), (5346, 2652)]
