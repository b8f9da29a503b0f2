"""Overlap by hand: three tiny memories, every measure computed on paper; then the fast paths beside slow ones."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from scipy import sparse
from scipy.cluster.hierarchy import dendrogram

from core import CoreError, Memory, MemoryBank
from core.analysis import overlap as pure
from core.retrieval.lexical import content_words
from tests.fakes import FakeEncoder, latent_of
from tests.handmade import random_codes

Make = Callable[..., MemoryBank]

# Latents          0  1  2  3  4
THREE = np.asarray([[3, 4, 0, 0, 0], [3, 0, 4, 0, 0], [1, 2, 2, 4, 0]], np.float32)
"""Three tiny memories."""


def matrix(rows: np.ndarray = THREE) -> sparse.csr_array:
    return sparse.csr_array(rows)


def off(values: np.ndarray) -> list[float]:
    """The pairs 0–1, 0–2, 1–2, after a look at the symmetry."""
    np.testing.assert_array_equal(values, values.T)
    return [float(values[0, 1]), float(values[0, 2]), float(values[1, 2])]


# --- measures by hand -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "expected", "diagonal"),
    [
        ("shared", [1, 2, 2], [2, 2, 4]),
        ("jaccard", [1 / 3, 2 / 4, 2 / 4], [1, 1, 1]),
        ("weighted_jaccard", [3 / 11, 3 / 13, 3 / 13], [1, 1, 1]),  # Σ min 3, 1 + 2, 1 + 2; Σ max 3 + 4 + 4, …
        ("cosine", [9 / 25, 11 / 25, 11 / 25], [1, 1, 1]),
        ("euclidean", [np.sqrt(32), np.sqrt(4 + 4 + 4 + 16), np.sqrt(4 + 4 + 4 + 16)], [0, 0, 0]),
        # each latent by its maximum: (1, 1, 0, 0), (1, 0, 1, 0), (1/3, 1/2, 1/2, 1)
        ("cosine_scaled", [1 / 2, (5 / 6) / np.sqrt(2 * 29 / 18), (5 / 6) / np.sqrt(2 * 29 / 18)], [1, 1, 1]),
    ],
)
def test_three_tiny_memories(measure: pure.Measure, expected: list[float], diagonal: list[float]) -> None:
    values = pure.measured(matrix(), measure)
    assert values.dtype == np.float32
    np.testing.assert_allclose(off(values), expected, rtol=1e-5)
    np.testing.assert_allclose(np.diag(values), diagonal, atol=2e-3)


def test_a_threshold_drops_what_is_not_above_it() -> None:
    kept, threshold = pure.above(matrix(), 0.5)  # 1 2 2 3 3 4 4 4: the median is 3
    assert threshold == 3
    np.testing.assert_array_equal(kept.toarray() > 0, THREE > 3)
    np.testing.assert_allclose(off(pure.measured(kept, "shared")), [0, 0, 0])
    whole, nothing = pure.above(matrix(), 0)
    assert (nothing, whole.nnz) == (0, 8)


def test_a_group_is_the_mean_of_its_memories() -> None:
    codes = pure.grouped(matrix(), np.int32([0, 0, 1]), 2).toarray()
    np.testing.assert_allclose(codes, [[3, 2, 2, 0, 0], [1, 2, 2, 4, 0]])
    alone = pure.grouped(matrix(), np.int32([0, -1, 1]), 2).toarray()
    np.testing.assert_allclose(alone[0], THREE[0])


def test_core_and_unique_latents() -> None:
    core, unique, owner = pure.core_and_unique(matrix())
    assert (core.tolist(), unique.tolist(), owner.tolist()) == ([0], [3], [2])


def test_rows_without_latents_have_nothing_in_common() -> None:
    for measure in pure.MEASURES:
        values = pure.measured(matrix(np.asarray([[0, 0], [0, 0], [1, 0]], np.float32)), measure)
        assert np.isfinite(values).all()
        assert values[0, 1] == 0


@pytest.mark.parametrize("measure", pure.MEASURES)
def test_blocks_are_what_a_loop_finds(measure: pure.Measure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pure, "BLOCK", 7)
    codes = random_codes(23, 40, seed=4)
    rows = sparse.csr_array((codes.max, codes.latents, codes.indptr), shape=(23, 40))
    x = rows.toarray().astype(np.float64)
    top = x.max(axis=0)
    scaled = np.divide(x, top, out=np.zeros_like(x), where=top > 0)

    def one(i: int, j: int) -> float:
        a, b = (scaled if measure == "cosine_scaled" else x)[[i, j]]
        both, either = ((a > 0) & (b > 0)).sum(), ((a > 0) | (b > 0)).sum()
        lengths = np.linalg.norm(a) * np.linalg.norm(b)
        return {
            "shared": both,
            "jaccard": both / either if either else 0,
            "weighted_jaccard": np.minimum(a, b).sum() / np.maximum(a, b).sum() if either else 0,
            "euclidean": np.linalg.norm(a - b),
        }.get(measure, a @ b / lengths if lengths else 0)

    truth = [[one(i, j) for j in range(23)] for i in range(23)]
    np.testing.assert_allclose(pure.measured(rows, measure), truth, atol=4e-3 if measure == "euclidean" else 1e-5)


# --- order and tiles --------------------------------------------------------------------------------------------------


def test_the_tree_puts_like_rows_together() -> None:
    values = pure.measured(matrix(np.asarray([[1, 0], [0, 1], [1, 0.1], [0.1, 1]], np.float32)), "cosine")
    order = pure.leaves(pure.tree(values, "cosine")).tolist()
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({0, 2}), frozenset({1, 3})}
    assert pure.leaves(pure.tree(1 - values, "euclidean")).tolist() == order


def test_branches_are_those_of_scipy_and_stand_over_their_rows() -> None:
    values = np.corrcoef(np.random.default_rng(0).normal(size=(30, 8))).astype(np.float32)
    linkage = pure.tree(values, "cosine")
    places, heights = pure.branches(linkage, 100)
    whole = dendrogram(linkage, no_plot=True)
    assert whole["leaves"] == pure.leaves(linkage).tolist()
    np.testing.assert_allclose(places, (np.asarray(whole["icoord"]) - 5) / 10)
    np.testing.assert_allclose(heights, whole["dcoord"])
    short, tall = pure.branches(linkage, 6)
    assert short.shape == tall.shape == (5, 4)
    assert 0 <= short.min() < short.max() <= 29
    assert tall.max() == heights.max()


def test_tiles_are_means_of_blocks() -> None:
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    values = (values + values.T) / 2
    order = np.int32([2, 0, 3, 1])
    found = pure.tiles(values, order, 2)
    assert found.bounds.tolist() == [0, 2, 4]
    assert found.values[0, 1] == pytest.approx(np.mean([values[a, b] for a in (2, 0) for b in (3, 1)]))
    assert found.values[0, 0] == values[0, 2]  # without each row with itself
    assert found.values[1, 1] == values[1, 3]
    single = pure.tiles(values, order, 9)
    np.testing.assert_array_equal(single.values, values[np.ix_(order, order)])


# --- interference -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [2, 512])
def test_interference_by_hand(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pure, "BLOCK", block)
    codes = sparse.csr_array(np.float32([[1, 0], [0.8, 0.6], [1, 0], [0, 1]]))
    dense = np.float32([[1, 0], [0, 1], [0.6, 0.8], [-1, 0]])
    words = content_words(["cat", "dog", "cats", "dogs"])
    i, j, alike, near, common = pure.interference(codes, dense, words, 10, 0.5, 0)
    # 0–2 is near and shares a word, 1–2 is near (.8), 1–3 shares a word, 0–3 and 2–3 share no latent
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == [(0, 1)]
    assert (alike[0], near[0], common[0]) == (pytest.approx(0.8), 0, 0)
    i, j, *_ = pure.interference(codes, dense, words, 2, 0.9, 1)
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == [(0, 2), (0, 1)]


# --- a bank -----------------------------------------------------------------------------------------------------------

MEMORIES = (
    Memory("a", "fox sees owl", conversation="one", session="s1", category="x"),
    Memory("b", "fox runs", conversation="one", session="s2", category="x"),
    Memory("c", "owl sleeps soundly", conversation="two", session="s1", category="y"),
)


def test_memories_of_a_bank(make_bank: Make) -> None:
    found = make_bank(*MEMORIES).overlap.matrix()
    assert found.names == ("a", "b", "c")
    np.testing.assert_allclose(off(found.values), [1 / 4, 1 / 5, 0])
    assert found.latents.tolist() == [3, 2, 3]
    assert sorted(found.order.tolist()) == [0, 1, 2]


def test_groups_of_a_bank(make_bank: Make) -> None:
    bank = make_bank(*MEMORIES, Memory("d", "alone"))
    assert bank.overlap.groupings() == {"memory": 4, "session": 3, "conversation": 2, "category": 2}
    found = bank.overlap.matrix("category", "shared")
    assert (found.names, found.members) == (("x", "y"), (("a", "b"), ("c",)))
    assert found.values[0, 1] == 1  # owl
    assert bank.overlap.matrix("session").names == ("one · s1", "one · s2", "two · s1")
    core, unique, owner = found.core_and_unique()
    assert core.tolist() == [latent_of("owl")]
    assert {int(x) for x in unique[owner == 1]} == {latent_of("sleeps"), latent_of("soundly")}
    assert bank.overlap.matrix(conversation="one").names == ("a", "b")
    assert bank.overlap.matrix(memories=["c", "a", "nobody"]).names == ("a", "c")


def test_a_pair_latent_by_latent(make_bank: Make) -> None:
    bank = make_bank(*MEMORIES)
    pair = bank.overlap.pair(bank.overlap.matrix(), "a", "b")
    (shared,) = pair.shared
    assert (shared.latent, shared.a, shared.b) == (latent_of("fox"), 3, 3)
    assert (shared.token_a.text, shared.token_b.text, shared.memory_a, shared.memory_b) == ("fox", "fox", "a", "b")
    assert [x.latent for x in pair.only_a] == [latent_of("sees"), latent_of("owl")]
    assert [(x.latent, x.token_b.text) for x in pair.only_b] == [(latent_of("runs"), "runs")]
    assert pair.figures["jaccard"] == pytest.approx(0.25)
    assert pair.figures["weighted_jaccard"] == pytest.approx(3 / (3 + 4 + 3 + 4))
    assert "cosine_scaled" not in pair.figures


def test_a_group_names_the_memory_that_fires_a_latent_most(make_bank: Make) -> None:
    bank = make_bank(*MEMORIES)
    pair = bank.overlap.pair(bank.overlap.matrix("category", "cosine_scaled"), "x", "y")
    assert [(x.memory_a, x.memory_b, x.a) for x in pair.shared] == [("a", "c", 1.5)]  # owl, in one of two memories
    assert pair.figures["cosine_scaled"] > 0
    assert {x.memory_a for x in pair.only_a} == {"a", "b"}


def test_one_memory_and_none(make_bank: Make) -> None:
    found = make_bank("only one").overlap.matrix()
    assert (found.tree, found.order.tolist(), found.values.tolist()) == (None, [0], [[1.0]])
    with pytest.raises(CoreError, match="has no memory with codes here to compare"):
        make_bank(name="empty").overlap.matrix()


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"by": "colour"}, "Rows are memory, session"),
        ({"measure": "best"}, "measures are jaccard"),
        ({"quantile": 1.0}, "from 0 to below 1"),
        ({"by": "category"}, "has no category here"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(make_bank: Make, asked: dict[str, object], sentence: str) -> None:
    with pytest.raises(CoreError, match=sentence):
        make_bank("one", "two").overlap.matrix(**asked)


def test_nearest_pairs_first(make_bank: Make) -> None:
    bank = make_bank(*MEMORIES)
    found = bank.overlap.matrix().pairs()
    assert [(row["a"], row["b"]) for row in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert bank.overlap.matrix().pairs(1) == found[:1]
    assert [row["euclidean"] for row in bank.overlap.matrix(measure="euclidean").pairs(2)] == sorted(
        row["euclidean"] for row in bank.overlap.matrix(measure="euclidean").pairs()
    )[:2]


def test_an_unknown_row_is_a_sentence(make_bank: Make) -> None:
    bank = make_bank(*MEMORIES)
    with pytest.raises(CoreError, match="There is no row “nobody”"):
        bank.overlap.pair(bank.overlap.matrix(), "a", "nobody")


def test_too_many_rows_are_a_sentence(make_bank: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.bank.overlap.MOST_ROWS", 2)
    with pytest.raises(CoreError, match="3 rows are too many to compare at once"):
        make_bank(*MEMORIES).overlap.matrix()


def test_interference_of_a_bank(make_bank: Make) -> None:
    bank = make_bank(*MEMORIES)
    assert bank.overlap.interference(most_words=0) == []  # whoever shares a latent of this engine shares its word
    (first, *_) = bank.overlap.interference(dense_below=0.99, most_words=9)
    assert {first.a, first.b} == {"a", "b"}
    assert first.words == 1
    assert make_bank("alone", name="one").overlap.interference() == []


def test_the_command(
    make_bank: Make, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import core.__main__ as cli

    monkeypatch.setattr("core.encoding.engines.Engine.named", lambda _: encoder)
    path = str(make_bank(*MEMORIES).path)
    assert cli.main(["overlap", "--bank", path, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {
        "by", "measure", "quantile", "threshold", "rows", "values", "order", "core", "unique", "interference",
        "provenance",
    }  # fmt: skip
    assert [row["name"] for row in found["rows"]] == ["a", "b", "c"]
    assert found["rows"][0] == {"name": "a", "memories": 1, "latents": 3}
    assert found["values"][0] == [1.0, 0.25, 0.2]
    assert cli.main(["overlap", "--bank", path, "--by", "category", "--measure", "shared", "--pair", "x", "y"]) == 0
    assert "share 1 latent" in capsys.readouterr().out
    assert cli.main(["overlap", "--bank", path, "--threshold", "0.9", "--pair", "a", "nobody"]) == 1
    assert "There is no row “nobody”" in capsys.readouterr().err
