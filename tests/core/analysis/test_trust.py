"""Trust of labels, by hand: who is drawn, and what AUROC says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from core.analysis.trust import Sides, auroc, shuffled, sides, trust


def fires(rows: list[list[float]]) -> sparse.csc_array:
    return sparse.csc_array(np.asarray(rows, dtype=np.float32))


def test_auroc_by_hand() -> None:
    # pairs: 3>2, 3>1, 2=2 (half), 2>1: 3.5 of 4
    assert auroc(np.float32([3, 2]), np.float32([2, 1])) == pytest.approx(3.5 / 4)
    assert auroc(np.float32([1, 1]), np.float32([1, 1])) == pytest.approx(0.5)
    assert auroc(np.float32([0, np.nan]), np.float32([1, np.nan])) == 0
    assert np.isnan(auroc(np.float32([np.nan]), np.float32([1])))


def test_auroc_equals_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, (5, 20)).astype(np.float32), rng.integers(0, 9, (5, 20)).astype(np.float32)
    truth = [roc_auc_score([1] * 20 + [0] * 20, [*x, *y]) for x, y in zip(a, b, strict=True)]
    assert auroc(a, b) == pytest.approx(truth, abs=1e-6)


def test_positives_are_the_strongest_and_negatives_are_silent_and_of_their_stratum() -> None:
    values = [[float(i)] for i in range(1, 9)] + [[0.0]] * 8  # texts 0-7 fire ever stronger, 8-15 do not
    strata = np.asarray([0, 1] * 8, np.int32)
    drawn = sides(fires(values), strata, a_side=2)
    assert drawn.positive.tolist() == [[7, 6]]  # the strongest quarter of eight
    assert (drawn.negative >= 8).all()
    assert (strata[drawn.negative] == strata[drawn.positive]).all()
    assert drawn.count.tolist() == [2]


def test_few_texts_are_all_taken_and_missing_ones_are_marked() -> None:
    drawn = sides(fires([[1.0, 0.0], [2.0, 0.0], [0.0, 0.0]]), np.zeros(3, np.int32), a_side=4)
    assert drawn.positive.tolist() == [[1, 0, -1, -1], [-1] * 4]
    assert drawn.negative.tolist() == [[2, 2, -1, -1], [-1] * 4]
    assert drawn.count.tolist() == [2, 0]


def test_a_latent_that_every_text_of_a_stratum_fires_has_no_negatives() -> None:
    drawn = sides(fires([[1.0], [2.0], [0.0]]), np.asarray([0, 0, 1], np.int32), a_side=2)
    assert drawn.negative.tolist() == [[-1, -1]]
    assert drawn.count.tolist() == [0]


def test_sides_are_the_same_for_the_same_seed() -> None:
    rng = np.random.default_rng(1)
    matrix = fires((rng.random((60, 5)) * (rng.random((60, 5)) < 0.5)).tolist())
    one, two = (sides(matrix, np.zeros(60, np.int32), 8, seed=3) for _ in range(2))
    assert (one.positive == two.positive).all()
    assert (one.negative == two.negative).all()


def test_trust_by_hand() -> None:
    texts = np.float32([[1, 0], [0, 1], [0.8, 0.6], [-1, 0]])
    drawn = Sides(np.int32([[0, 2], [0, 2], [0, -1]]), np.int32([[1, 3], [1, 3], [-1, -1]]))
    labels = np.float32([[1, 0], [0, 1], [1, 0]])
    # label 0: 1, .8 against 0, −1: always above. label 1: 0, .6 against 1, 0: 0=0 half, 0<1, .6<1, .6>0
    assert trust(labels, texts, drawn) == pytest.approx([1.0, 1.5 / 4, np.nan], nan_ok=True)


def test_the_control_deals_every_label_to_another_latent() -> None:
    dealt = shuffled(np.zeros(50, np.int32))
    assert sorted(dealt) == list(range(50))
    assert (dealt != np.arange(50)).all()
