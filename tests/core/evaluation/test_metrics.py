"""Metrics against values worked out by hand."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from core.evaluation.metrics import (
    all_at_k,
    all_within_chars,
    any_at_k,
    ndcg_at_k,
    recall_at_k,
    reciprocal_rank,
    summarise,
)

RANKED = ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("gold", "k", "recall", "any_", "all_"),
    [
        (["b"], 1, 0.0, 0.0, 0.0),
        (["b"], 2, 1.0, 1.0, 1.0),
        (["b", "d"], 3, 0.5, 1.0, 0.0),
        (["b", "d"], 4, 1.0, 1.0, 1.0),
        (["b", "d", "unranked"], 5, 2 / 3, 1.0, 0.0),
        (["a", "b", "c"], 2, 2 / 3, 1.0, 0.0),
        (["unranked"], 5, 0.0, 0.0, 0.0),
        (["e"], 100, 1.0, 1.0, 1.0),
        (["b", "b"], 2, 1.0, 1.0, 1.0),
    ],
)
def test_hits_at_k(gold: list[str], k: int, recall: float, any_: float, all_: float) -> None:
    assert recall_at_k(RANKED, gold, k) == pytest.approx(recall, abs=1e-12)
    assert any_at_k(RANKED, gold, k) == any_
    assert all_at_k(RANKED, gold, k) == all_


@pytest.mark.parametrize("metric", [recall_at_k, any_at_k, all_at_k, ndcg_at_k])
def test_values_are_floats(metric: Callable[..., float]) -> None:
    assert type(metric(RANKED, {"a"}, 1)) is float


@pytest.mark.parametrize(
    ("gold", "k", "expected"),
    [
        ({"a"}, 5, 1.0),
        ({"b"}, 5, 0.6309297535714575),  # 1/log2(3)
        ({"c"}, 5, 0.5),  # 1/log2(4)
        ({"c"}, 2, 0.0),
        ({"a", "b"}, 5, 1.0),
        ({"a", "c"}, 5, 0.9197207891481876),  # (1 + 1/2) / (1 + 0.63093)
        ({"b", "unranked"}, 5, 0.38685280723454163),  # 0.63093 / 1.63093
        ({"a", "b", "c"}, 1, 1.0),  # only one place to fill
        ({"b", "c", "d"}, 2, 0.38685280723454163),
    ],
)
def test_ndcg(gold: set[str], k: int, expected: float) -> None:
    assert ndcg_at_k(RANKED, gold, k) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("gold", "expected"), [({"a"}, 1.0), ({"c"}, 1 / 3), ({"e", "d"}, 0.25), ({"unranked"}, 0.0)])
def test_reciprocal_rank(gold: set[str], expected: float) -> None:
    assert reciprocal_rank(RANKED, gold) == expected


@pytest.mark.parametrize(
    ("gold", "budget", "expected"),
    [
        ({"a"}, 10, 0.0),  # costs 11
        ({"a"}, 11, 1.0),
        ({"b"}, 31, 0.0),  # 11 + 21
        ({"b"}, 32, 1.0),
        ({"a", "c"}, 37, 0.0),  # 11 + 21 + 6
        ({"a", "c"}, 38, 1.0),
        ({"c"}, 17, 0.0),  # c would fit beside a, but filling stops at b
        ({"unranked"}, 1000, 0.0),
        ({"a"}, 0, 0.0),
    ],
)
def test_all_within_chars(gold: set[str], budget: int, expected: float) -> None:
    assert all_within_chars(["a", "b", "c"], gold, {"a": 10, "b": 20, "c": 5}, budget) == expected


def test_gold_and_ranking_are_left_as_they_are() -> None:
    gold, ranked = {"a", "c"}, ["a", "b", "c"]
    all_within_chars(ranked, gold, {"a": 1, "b": 1, "c": 1}, 100)
    assert (gold, ranked) == ({"a", "c"}, ["a", "b", "c"])


@pytest.mark.parametrize(
    ("metric", "rest"),
    [
        (recall_at_k, (5,)),
        (any_at_k, (5,)),
        (all_at_k, (5,)),
        (ndcg_at_k, (5,)),
        (reciprocal_rank, ()),
        (all_within_chars, ({}, 10)),
    ],
)
def test_zero_gold(metric: Callable[..., float], rest: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="zero gold"):
        metric(RANKED, [], *rest)


@pytest.mark.parametrize("metric", [recall_at_k, any_at_k, all_at_k, ndcg_at_k])
def test_k_below_one(metric: Callable[..., float]) -> None:
    with pytest.raises(ValueError, match="k is 0"):
        metric(RANKED, ["a"], 0)


def test_summarise() -> None:
    assert summarise([{"r": 1.0, "n": 0.2}, {"r": 0.0, "n": 0.4}, {"r": 0.5, "n": 0.0}]) == {
        "r": 0.5,
        "n": pytest.approx(0.2, abs=1e-12),
    }
    assert summarise([]) == {}
    assert math.isclose(summarise([{"x": 0.1}] * 10)["x"], 0.1, rel_tol=1e-15)


def test_summarise_does_not_average_over_gaps() -> None:
    with pytest.raises(ValueError, match="same metrics"):
        summarise([{"r": 1.0}, {"r": 1.0, "n": 0.0}])
