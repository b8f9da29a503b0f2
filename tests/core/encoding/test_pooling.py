"""Tokens to sparse codes, one row for each part of a text."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from core.encoding.pooling import Pooled, cut, pool


def pooled(indptr: list[int], entries: list[tuple[int, int, float]], n_latents: int = 10) -> Pooled:
    """entries: (token, latent, value)."""
    token, latent, value = zip(*entries, strict=True) if entries else ((), (), ())
    return pool(
        np.asarray(indptr, np.int64),
        np.asarray(token, np.int64),
        np.asarray(latent, np.int32),
        np.asarray(value, np.float32),
        n_latents,
    )


def rows(p: Pooled) -> list[dict[int, tuple[float, float, int]]]:
    """{latent: (max, sum, peak)} of every text."""
    cells = list(zip(p.latents.tolist(), p.max.tolist(), p.sum.tolist(), p.peak.tolist(), strict=True))
    return [{c[0]: c[1:] for c in cells[a:b]} for a, b in pairwise(p.indptr)]


def test_max_sum_and_peak_by_hand() -> None:
    entries = [(0, 3, 1.0), (0, 7, 0.5), (1, 3, 4.0), (2, 7, 2.0), (3, 3, 0.25), (4, 3, 0.75)]
    assert rows(pooled([0, 3, 5], entries)) == [
        {3: (4.0, 5.0, 1), 7: (2.0, 2.5, 2)},
        {3: (0.75, 1.0, 1)},  # the peak counts within its own text
    ]


def test_entries_may_come_in_any_order() -> None:
    entries = [(4, 3, 0.75), (1, 3, 4.0), (0, 7, 0.5), (3, 3, 0.25), (2, 7, 2.0), (0, 3, 1.0)]
    assert rows(pooled([0, 3, 5], entries)) == rows(pooled([0, 3, 5], sorted(entries)))


def test_equal_maxima_peak_at_the_first_token() -> None:
    assert rows(pooled([0, 4], [(3, 5, 2.0), (1, 5, 2.0), (2, 5, 2.0), (0, 5, 1.0)])) == [{5: (2.0, 7.0, 1)}]


def test_latents_ascend_in_a_row() -> None:
    assert pooled([0, 1], [(0, 9, 1.0), (0, 0, 1.0), (0, 4, 1.0)]).latents.tolist() == [0, 4, 9]


@pytest.mark.parametrize(
    ("indptr", "token", "expected"),
    [
        pytest.param([0, 2, 4, 6], 3, [{}, {1: (3.0, 3.0, 1)}, {}], id="tokens but no activations"),
        pytest.param([0, 0, 2, 3, 3], 2, [{}, {}, {1: (3.0, 3.0, 0)}, {}], id="no tokens"),
        pytest.param([0, 0, 0, 9], 2, [{}, {}, {1: (3.0, 3.0, 2)}], id="several without tokens before"),
    ],
)
def test_texts_without_activations_keep_their_row(indptr: list[int], token: int, expected: list[object]) -> None:
    assert rows(pooled(indptr, [(token, 1, 3.0)])) == expected


@pytest.mark.parametrize("indptr", [[0], [0, 0], [0, 3, 7]])
def test_no_activations_at_all(indptr: list[int]) -> None:
    p = pooled(indptr, [])
    assert p.indptr.tolist() == [0] * len(indptr)
    assert [len(a) for a in (p.latents, p.max, p.sum, p.peak)] == [0] * 4


def test_types_are_those_of_codes() -> None:
    for p in (pooled([0, 1], [(0, 1, 1.0)]), pooled([0, 1], [])):
        types = [a.dtype for a in (p.indptr, p.latents, p.max, p.sum, p.peak)]
        assert types == [np.int64, np.int32, np.float32, np.float32, np.int32]


@pytest.mark.parametrize("seed", range(5))
def test_equals_a_slow_dense_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    indptr, m = np.concatenate([[0], np.cumsum(rng.integers(0, 9, 30))]), 50
    shape = (indptr[-1], m)
    grid = np.where(rng.random(shape) < 0.1, rng.integers(1, 6, shape), 0).astype(np.float32)
    token, latent = rng.permutation(np.argwhere(grid)).T
    found = rows(pool(indptr, token, latent.astype(np.int32), grid[token, latent], m))
    for text, (a, b) in enumerate(pairwise(indptr)):
        block = grid[a:b]
        fired = np.flatnonzero(block.sum(0)).tolist()
        expected = {x: (block[:, x].max(), block[:, x].sum(), int(block[:, x].argmax())) for x in fired}
        assert found[text] == expected


# --- parts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "parts"),
    [
        (0, [0]),
        (1, [1]),
        (10, [10]),
        (11, [5, 6]),
        (20, [10, 10]),
        (21, [7, 7, 7]),
        (22, [7, 7, 8]),
        (31, [7, 8, 8, 8]),
    ],
)
def test_the_fewest_parts_of_equal_length(tokens: int, parts: list[int]) -> None:
    part_indptr, start, token_indptr = cut(np.asarray([0, tokens]), 10)
    assert part_indptr.tolist() == [0, len(parts)]
    assert np.diff(token_indptr).tolist() == parts
    assert start.tolist() == token_indptr[:-1].tolist()


def test_parts_of_several_texts() -> None:
    part_indptr, start, token_indptr = cut(np.asarray([0, 3, 3, 15, 20]), 5)
    assert part_indptr.tolist() == [0, 1, 2, 5, 6]
    assert start.tolist() == [0, 0, 0, 4, 8, 0]
    assert token_indptr.tolist() == [0, 3, 3, 7, 11, 15, 20]
    assert [a.dtype for a in (part_indptr, start, token_indptr)] == [np.int64, np.int32, np.int64]


def test_no_text_has_no_part() -> None:
    assert [a.tolist() for a in cut(np.asarray([0]), 5)] == [[0], [], [0]]


@pytest.mark.parametrize("seed", range(3))
def test_every_token_is_in_one_part_of_its_own_text(seed: int) -> None:
    rng = np.random.default_rng(seed)
    texts = np.concatenate([[0], np.cumsum(rng.integers(0, 40, 50))])
    part_indptr, _, token_indptr = cut(texts, 7)
    assert token_indptr[part_indptr].tolist() == texts.tolist()
    lengths = np.diff(token_indptr)
    assert lengths.max() <= 7
    for a, b in pairwise(part_indptr):
        assert b - a == max(1, -(-lengths[a:b].sum() // 7))
        assert lengths[a:b].max() - lengths[a:b].min() <= 1
