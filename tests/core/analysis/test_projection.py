from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.decomposition import PCA

from core.analysis import projection
from core.errors import CoreError
from core.retrieval.similarity import inverse_document_frequency
from tests.handmade import codes, index_of, random_codes


def test_sparse_rows_are_unit_and_weighted_by_rarity() -> None:
    index = index_of(codes([{0: (3, 3), 1: (4, 9)}, {1: (2, 2)}, {}]))
    idf = inverse_document_frequency(index)
    found = projection.rows(index, "sparse").sparse.toarray()
    by_hand = np.array([3 * idf[0], 4 * idf[1]])
    np.testing.assert_allclose(found[0, :2], by_hand / np.linalg.norm(by_hand), rtol=1e-5)
    assert found[1, 1] == pytest.approx(1)
    assert not found[2].any()


def test_the_heaviest_in_blocks_are_those_of_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "_AT_ONCE", 6)
    whole = projection.rows(index_of(random_codes(20, 60, 4)), "sparse")
    found = projection.heaviest(whole, 5).sparse.toarray()
    for row, kept in zip(whole.sparse.toarray(), found, strict=True):
        best = np.argsort(-row)[:5]
        expected = np.where(np.isin(np.arange(60), best), row, 0)
        np.testing.assert_allclose(kept, expected / max(np.linalg.norm(expected), 1e-9), rtol=1e-5)


def test_the_combined_cosine_is_the_mean_of_both() -> None:
    index = index_of(random_codes(9, 40, 0))
    both, dense, sparse = (projection.rows(index, kind) for kind in ("combined", "dense", "sparse"))
    mean = (dense.cosines(dense) + sparse.cosines(sparse)) / 2
    np.testing.assert_allclose(both.cosines(both), mean, atol=1e-6)
    joined = both.matrix().toarray()
    np.testing.assert_allclose(joined @ joined.T, mean, atol=1e-6)


def test_the_heaviest_latents_are_kept() -> None:
    whole = projection.Rows(None, csr_array(np.array([[0.6, 0.0, 0.64, 0.48], [0.0, 1.0, 0.0, 0.0]], np.float32)))
    found = projection.heaviest(whole, 2).sparse.toarray()
    np.testing.assert_allclose(found[0], np.array([0.6, 0, 0.64, 0]) / np.hypot(0.6, 0.64), rtol=1e-6)
    np.testing.assert_array_equal(found[1], [0, 1, 0, 0])


@pytest.mark.parametrize("kind", projection.KINDS)
@pytest.mark.parametrize("n", [20, 120])
def test_pca_is_scikit_learn_s_on_the_whole_matrix(kind: projection.Kind, n: int) -> None:
    """Also where the rows stay sparse (n above SMALL), up to the sign of an axis."""
    index = index_of(random_codes(n, 50, 3))
    rows = projection.rows(index, kind)
    x = rows.matrix()
    whole = PCA(3, svd_solver="full").fit(x if kind == "dense" else x.toarray())
    found = projection.pca(rows)
    np.testing.assert_allclose(found.explained, whole.explained_variance_ratio_, rtol=1e-3)
    np.testing.assert_allclose(np.abs((found.axes * whole.components_).sum(1)), 1, rtol=1e-3)
    assert (found.axes[np.arange(3), np.abs(found.axes).argmax(1)] > 0).all()
    places = found.coordinates(rows)
    np.testing.assert_allclose(places.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(places.var(0, ddof=1), whole.explained_variance_, rtol=1e-3)


def test_loadings_of_sparse_pca_are_the_component_s() -> None:
    """Entry of the axis times the standard deviation along it."""
    index = index_of(random_codes(120, 50, 3))
    rows = projection.rows(index, "sparse")
    found = projection.pca(rows)
    places = found.coordinates(rows)
    np.testing.assert_allclose(
        projection.loadings(rows.sparse, places), (found.axes * places.std(0)[:, None]).T, atol=1e-5
    )


def test_strongest_loadings_take_both_ends() -> None:
    found = np.array([[0.5, 0.0], [-0.2, 0.1], [0.1, 0.2], [-0.9, 0.3]], np.float32)
    assert projection.strongest_loadings(found, 2) == [([0, 2], [3, 1]), ([3, 2], [])]


def test_equal_memories_lie_on_one_place() -> None:
    index = index_of(codes([{0: (1, 1)}] * 100))
    for kind in projection.KINDS:
        rows = projection.rows(index, kind)
        found = projection.pca(rows)
        assert found.explained == (0, 0, 0)
        assert not found.coordinates(rows).any()


def test_nearest_is_the_slow_truth_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "_AT_ONCE", 7)
    rows = projection.rows(index_of(random_codes(40, 30, 5)), "combined")
    near, cosines = map(np.concatenate, zip(*projection.nearest(rows, rows, 6), strict=True))
    whole = rows.cosines(rows)
    np.testing.assert_allclose(cosines, -np.sort(-whole, axis=1)[:, :6], atol=1e-6)
    np.testing.assert_allclose(np.take_along_axis(whole, near, 1), cosines, atol=1e-6)
    few = next(projection.nearest(rows.take(slice(0, 3)), rows.take(slice(0, 4)), 6))
    assert few[0].shape == (3, 4)


@pytest.mark.parametrize("n", [100, 64 * 40, 64 * 40 + 17])
def test_the_largest_are_found_in_stretches(n: int) -> None:
    values = np.random.default_rng(n).normal(size=(5, n)).astype(np.float32)
    values[:, -1] = 9
    found = projection._largest(values, 7)
    np.testing.assert_array_equal(np.sort(found, 1), np.sort(np.argsort(-values, axis=1)[:, :7], 1))


def test_between_by_hand() -> None:
    """Distances .1, .2, .3: their mean lies .1 from the first, so that the weights are 1, 1/e and 1/e²."""
    places = np.array([[0, 0], [10, 0], [0, 20]], np.float32)
    found = projection.between(np.array([[0, 1, 2]]), np.array([[0.9, 0.8, 0.7]], np.float32), places)
    weights = np.exp([0, -1, -2])
    np.testing.assert_allclose(found[0], (weights[:, None] * places).sum(0) / weights.sum(), rtol=1e-4)


def test_a_known_memory_takes_its_own_place() -> None:
    places = np.array([[3, 4], [10, 0], [0, 20]], np.float32)
    found = projection.between(np.array([[0, 1, 2]]), np.array([[1.0, 0.8, 0.7]], np.float32), places)
    np.testing.assert_array_equal(found[0], [3, 4])


def test_clusters_are_numbered_by_size() -> None:
    rng = np.random.default_rng(0)
    small, large = rng.normal(0, 0.1, (12, 2)), rng.normal(9, 0.1, (30, 2))
    found = projection.clusters(np.concatenate([small, large, [[100, -100]]]).astype(np.float32), 10)
    assert (found[:12] == 1).all()
    assert (found[12:42] == 0).all()
    assert found[42] == -1
    assert (projection.clusters(small.astype(np.float32), 10) == -1).all(), "too few for two clusters"


def test_inside_a_polygon_that_bends_in() -> None:
    polygon = np.array([[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]], np.float32)
    places = np.array([[1, 1], [2, 2], [3.5, 2], [5, 1], [2, 0.5], [-1, 0]], np.float32)
    assert projection.inside(places, polygon).tolist() == [True, False, True, False, True, False]


def test_a_map_without_umap_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(CoreError, match=r"UMAP is not installed\. Run: pip install umap-learn"):
        projection.lay_out(np.zeros((2, 1), int), np.ones((2, 1)), np.zeros((2, 2)), 0.1, 0)
