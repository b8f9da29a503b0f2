from __future__ import annotations

import pytest

from core.errors import CoreError
from core.evaluation.comparison import Change, compare
from core.evaluation.intervals import of_mean
from tests.core.evaluation.cases import case


def test_pairs_by_question() -> None:
    """a is won, b lost half, c stays; d and e were asked once."""
    before = [case("a", (11,), top=False), case("b", (1, 2), 2, top=True), case("c", (3,), top=True), case("d", (1,))]
    after = [case("e", (1,)), case("c", (4,), top=True), case("b", (1, 30), 2, top=False), case("a", (1,), top=True)]
    found = compare(before, after)
    assert (found.n, found.only_before, found.only_after) == (3, 1, 1)
    recall = found.differences["sparse"]["recall@10"]
    assert (recall.before, recall.after) == pytest.approx((2 / 3, 2.5 / 3))
    assert recall.gain == pytest.approx(1 / 6)
    assert [recall.low, recall.high] == of_mean([1, -0.5, 0])
    precision = found.differences["sparse"]["context precision, top"]
    assert (precision.before, precision.after) == pytest.approx((2 / 3, 2 / 3))
    assert found.differences["sparse"]["ndcg@10"].gain == pytest.approx(1 / 12)
    a, b = (next(c.question for c in before if c.question.id == name) for name in "ab")
    assert found.changes == {"sparse": (Change(a, 0, 1), Change(b, 1, 0.5))}


def test_only_rules_and_modes_of_both_are_compared() -> None:
    found = compare([case("a", (1,), top=True, gap=True)], [case("a", (1,), top=True, budget=True)])
    assert set(found.differences["sparse"]) == {"recall@10", "ndcg@10", "within_5300_chars", "context precision, top"}
    assert compare([case("a", (1,), mode="dense")], [case("a", (1,))]).differences == {}


def test_nothing_in_common() -> None:
    with pytest.raises(CoreError, match="asked no question in common"):
        compare([case("a", (1,))], [case("b", (1,))])
