"""Sparsity, distinctiveness and overlap of traces typed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from core.lab import traces
from core.lab.episodes import CATEGORIES, random, waves

T = np.asarray([[3, 4, 0, 0], [0, 4, 0, 0.5], [0, 2, 0, 0]], np.float32)
C = ("a", "b", "b")


def test_sparsity_counts_exact_zeros() -> None:
    assert traces.active(T).tolist() == [2, 2, 1]
    assert traces.sparsity(T).tolist() == [0.5, 0.5, 0.75]
    assert traces.sparsity(np.asarray([[1e-30, 0]], np.float32)).tolist() == [0.5]


def test_distinctiveness_of_mean_traces() -> None:
    (pair,) = traces.distinctiveness(T, C)  # a = [3, 4, 0, 0]; b = [0, 3, 0, 0.25]
    cosine = 12 / (5 * np.hypot(3, 0.25))
    assert (pair.a, pair.b) == ("a", "b")
    assert pair.cosine == pytest.approx(cosine)
    assert pair.cosine_normalised == pytest.approx(cosine, rel=1e-5)
    assert pair.euclidean == pytest.approx(np.sqrt(9 + 1 + 0.0625))
    assert pair.euclidean_normalised == pytest.approx(np.sqrt(2 - 2 * cosine), rel=1e-5)


def test_a_silent_trace_is_like_nothing() -> None:
    (pair,) = traces.distinctiveness(np.asarray([[0, 0], [1, 0]], np.float32), ("a", "b"))
    assert (pair.cosine, pair.cosine_normalised) == (0, 0)
    assert (pair.euclidean, pair.euclidean_normalised) == (1, 1)


def test_overlap_at_thresholds() -> None:
    low, high = traces.overlap(T, C, (0.0, 0.5))
    assert low.core == (1,)
    assert low.pairs == {("a", "b"): (1,)}
    assert low.unique == {"a": (0,), "b": (3,)}
    assert high.core == (1,)
    assert high.unique == {"a": (0,), "b": ()}


def test_one_category_has_no_core() -> None:
    (found,) = traces.overlap(T, ("a", "a", "a"), (0.0,))
    assert found.core == ()
    assert found.unique == {"a": (0, 1, 3)}
    assert traces.distinctiveness(T, ("a", "a", "a")) == ()


def test_categories_compared_with_intervals() -> None:
    a, b = traces.by_category(T, C)
    assert b.mean.tolist() == [0, 3, 0, 0.25]
    assert b.rate.tolist() == [0, 1, 0, 0.5]
    assert (b.mean_low[1], b.mean_high[1]) == (2, 4)  # of two episodes: both draws the smaller, both the larger
    # Wilson for 1 of 2, worked out by hand: 0.5 ± 0.4055
    assert (b.rate_low[3], b.rate_high[3]) == (pytest.approx(0.0945, abs=1e-4), pytest.approx(0.9055, abs=1e-4))
    assert a.mean_low.tolist() == a.mean.tolist()


def test_waves_carry_their_structure() -> None:
    made = waves(5, 80, 1.8, 0.0, 0)
    assert made.categories == (*CATEGORIES, "Routine", "Routine")
    emotional, chaotic, routine = made.values[:3]
    np.testing.assert_allclose(made.values[3], routine)
    np.testing.assert_allclose(emotional[:20] - 0.5, 1.8 * (routine[:20] - 0.5), atol=1e-6)
    np.testing.assert_allclose(emotional[20:], routine[20:])
    assert np.abs(chaotic[20:40] - routine[20:40]).max() > 0.2
    np.testing.assert_allclose(np.delete(chaotic, np.arange(20, 40)), np.delete(routine, np.arange(20, 40)))
    assert made.clean is not None
    np.testing.assert_allclose(made.values, made.clean)


def test_noise_has_the_size_asked_for() -> None:
    made = waves(20, 300, 1.0, 0.05, 3)
    assert made.clean is not None
    assert np.std(made.values - made.clean) == pytest.approx(0.05, rel=0.05)


def test_random_episodes_have_boosted_indices() -> None:
    made = random(4, 50, 0.8, 0)
    assert made.categories == ("Important", "Important", "Plain", "Plain")
    assert made.clean is not None
    assert (made.clean > 0.5).sum(axis=1).tolist() == [5, 5, 0, 0]
    assert made.values[made.clean > 0.5].min() >= 0.8
    assert random(1, 50, 0.8, 0).categories == ("Plain",)
