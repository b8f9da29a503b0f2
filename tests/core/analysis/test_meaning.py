"""What a latent means among texts, on embeddings made by hand."""

from __future__ import annotations

import numpy as np

from core.analysis.meaning import meanings
from core.analysis.trust import Sides

M, D, A = 60, 8, 6


def handmade(texts_of: np.ndarray) -> tuple[np.ndarray, Sides, np.ndarray, np.ndarray]:
    """(texts, sides, directions, truth): latent j's strong texts lie along truth[j], which is its direction turned."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(M, 5)).astype(np.float32)
    truth = directions @ rng.normal(size=(5, D)).astype(np.float32)
    truth /= np.linalg.norm(truth, axis=1, keepdims=True)
    positive, negative = np.full((M, A), -1, np.int32), np.full((M, A), -1, np.int32)
    texts: list[np.ndarray] = []
    for latent, count in enumerate(texts_of):
        for place in range(count):
            noise = rng.normal(size=(2, D)) * 0.6
            positive[latent, place], negative[latent, place] = len(texts), len(texts) + 1
            texts += [truth[latent] + noise[0], noise[1]]
    rows = np.asarray(texts, np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), Sides(positive, negative), directions, truth


def test_a_latent_of_few_texts_is_told_by_its_direction() -> None:
    texts_of = np.full(M, A)
    texts_of[:10] = 1
    texts, drawn, directions, truth = handmade(texts_of)
    found = meanings(texts, drawn, directions)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    close = (found * truth).sum(1)
    alone = texts[drawn.positive[:10, 0]] - texts[drawn.negative[:10, 0]]
    alone /= np.linalg.norm(alone, axis=1, keepdims=True)
    assert close.mean() > 0.9
    assert close[:10].mean() > 0.8 > (alone * truth[:10]).sum(1).mean()


def test_a_latent_without_texts_means_nothing() -> None:
    texts_of = np.full(M, A)
    texts_of[3] = 0
    texts, drawn, directions, _ = handmade(texts_of)
    found = meanings(texts, drawn, directions)
    assert not found[3].any()
    assert np.isfinite(found).all()


def test_texts_that_are_all_alike_mean_nothing_and_break_nothing() -> None:
    texts, drawn, directions, _ = handmade(np.full(M, A))
    found = meanings(np.ones_like(texts) / np.sqrt(D), drawn, directions)
    assert np.isfinite(found).all()
