"""Intervals of means whose distribution one knows."""

from __future__ import annotations

from math import sqrt

import pytest

from core.evaluation import intervals


def test_equal_values_leave_no_doubt() -> None:
    assert intervals.of_mean([0.25] * 7) == [0.25, 0.25]
    assert intervals.of_mean([3]) == [3, 3]


def test_two_values_may_both_be_drawn_twice() -> None:
    """Each with a chance of a quarter, far more than the 2.5 % that are cut off."""
    assert intervals.of_mean([0, 1]) == [0, 1]
    assert intervals.of_mean([-0.5, 0]) == [-0.5, 0]


def test_a_rare_value_is_cut_off() -> None:
    """One of 100: drawn at least four times in 1.8 % of the resamples, at least three times in 8 %."""
    assert intervals.of_mean([1] + [0] * 99) == [0, 0.03]


def test_many_values_come_near_the_normal_interval() -> None:
    low, high = intervals.of_mean([0, 1] * 200)
    assert low == pytest.approx(0.5 - 1.96 * 0.5 / sqrt(400), abs=0.006)
    assert high == pytest.approx(0.5 + 1.96 * 0.5 / sqrt(400), abs=0.006)


def test_differences_question_by_question_are_surer_than_two_means() -> None:
    """The paired bootstrap: one mode is better by 0.1 on every question, however the questions differ."""
    a, b = [i / 50 for i in range(50)], [i / 50 + 0.1 for i in range(50)]
    assert intervals.of_mean([y - x for x, y in zip(a, b, strict=True)]) == [0.1, 0.1]
    assert intervals.of_mean(a)[1] > intervals.of_mean(b)[0]


def test_the_seed_decides() -> None:
    values = [i**2 / 7 for i in range(40)]
    assert intervals.of_mean(values, 3) == intervals.of_mean(values, 3) != intervals.of_mean(values, 4)


def test_no_values() -> None:
    with pytest.raises(ValueError, match="no values"):
        intervals.of_mean([])
