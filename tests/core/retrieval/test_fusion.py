"""Dense and sparse made one."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from core.errors import CoreError
from core.retrieval.fusion import FUSIONS, fuse
from core.types import Floats


def floats(*values: float) -> Floats:
    return np.asarray(values, np.float32)


DENSE, SPARSE = floats(0.6, 0.8, -0.2), floats(0, 3, 1.5)
SPREAD_D, SPREAD_S = sqrt((0.2**2 + 0.4**2 + 0.6**2) / 3), 1.5 * sqrt(2 / 3)
"""Standard deviations of the two, around their means 0.4 and 1.5."""

BY_HAND = {
    "scaled": ([0.75, 1, 0], [0, 1, 0.5], [0.75, sqrt(2), 0.5]),
    "study": ([0.6, 0.8, 0], [0, 3, 1.5], [0.6, sqrt(0.64 + 9), 1.5]),
    "z": (
        [0.2 / SPREAD_D, 0.4 / SPREAD_D, -0.6 / SPREAD_D],
        [-1.5 / SPREAD_S, 1.5 / SPREAD_S, 0],
        [0.2 / SPREAD_D - 1.5 / SPREAD_S, 0.4 / SPREAD_D + 1.5 / SPREAD_S, -0.6 / SPREAD_D],
    ),
}


def test_every_fusion_is_computed_by_hand_here() -> None:
    assert set(BY_HAND) == set(FUSIONS)


@pytest.mark.parametrize("name", FUSIONS)
def test_three_memories(name: str) -> None:
    combined, dense_part, sparse_part = fuse(DENSE, SPARSE, name)
    expected_dense, expected_sparse, expected = BY_HAND[name]
    assert combined.dtype == np.float32
    np.testing.assert_allclose(dense_part, expected_dense, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(sparse_part, expected_sparse, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(combined, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", FUSIONS)
def test_the_inputs_are_left_alone(name: str) -> None:
    dense, sparse = DENSE.copy(), SPARSE.copy()
    fuse(dense, sparse, name)
    assert (dense == DENSE).all()
    assert (sparse == SPARSE).all()


@pytest.mark.parametrize("name", FUSIONS)
def test_no_candidates(name: str) -> None:
    assert [len(part) for part in fuse(floats(), floats(), name)] == [0, 0, 0]


@pytest.mark.parametrize(("name", "expected"), [("scaled", sqrt(2)), ("study", sqrt(0.25 + 9)), ("z", 0)])
def test_one_candidate(name: str, expected: float) -> None:
    assert fuse(floats(0.5), floats(3), name)[0] == pytest.approx([expected])


@pytest.mark.parametrize("name", FUSIONS)
@pytest.mark.parametrize("dense", [floats(0, 0), floats(-0.5, -0.5)], ids=["zero", "negative"])
def test_no_score_at_all(name: str, dense: Floats) -> None:
    np.testing.assert_array_equal(fuse(dense, floats(0, 0), name)[0], [0, 0])


@pytest.mark.parametrize("name", FUSIONS)
def test_where_one_side_is_silent_the_other_decides(name: str) -> None:
    for combined in (fuse(DENSE, floats(0, 0, 0), name)[0], fuse(floats(0, 0, 0), DENSE, name)[0]):
        assert np.argsort(-combined).tolist() == [1, 0, 2]


def test_scaling_makes_the_study_s_rule_independent_of_units() -> None:
    np.testing.assert_allclose(fuse(DENSE, SPARSE, "scaled")[0], fuse(DENSE, SPARSE * 1000, "scaled")[0], rtol=1e-6)


@pytest.mark.parametrize(("name", "weight"), [("scaled", 0.25), ("study", 1), ("z", 0.25)])
def test_the_balance_weighs_the_dense_side_but_not_the_study_s(name: str, weight: float) -> None:
    _, dense_part, sparse_part = fuse(DENSE, SPARSE, name, 0.25)
    np.testing.assert_allclose(dense_part, np.multiply(BY_HAND[name][0], weight), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(sparse_part, BY_HAND[name][1], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["scaled", "z"])
def test_without_weight_the_sparse_side_is_alone(name: str) -> None:
    combined, _, sparse_part = fuse(DENSE, SPARSE, name, 0)
    np.testing.assert_array_equal(combined, sparse_part)


def test_an_unknown_fusion_names_the_known_ones() -> None:
    with pytest.raises(CoreError, match=r"No combination is called “rrf”. Known: scaled, study, z."):
        fuse(DENSE, SPARSE, "rrf")
