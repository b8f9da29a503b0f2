"""Weights of latents learnt from questions and answers: the gradient by differences, and what moves where."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from scipy import sparse

from core.progress import finish
from core.retrieval import learning
from core.retrieval.learning import Lesson, by_conversation, learn, lesson
from core.types import Floats, Question
from tests.handmade import codes, index_of, parted, random_codes


def handed(asked: list[list[float]], stored: list[list[float]], *gold: list[int]) -> Lesson:
    matrices = (sparse.csr_array(np.asarray(rows, np.float32)) for rows in (asked, stored))
    return Lesson(*matrices, tuple(np.asarray(g, np.int64) for g in gold))


def loss(one: Lesson, rows: list[int], theta: np.ndarray, scale: float) -> float:
    """Mean cross-entropy, word for word."""
    total = 0.0
    for row in rows:
        scores = scale * one.stored.toarray().astype(np.float64) @ (one.asked.toarray()[row] * np.exp(theta))
        log_p = scores - np.log(np.exp(scores).sum())
        total -= float(log_p[one.gold[row]].mean())
    return total / len(rows)


def test_the_gradient_of_one_question_by_hand() -> None:
    """Scores 2 and 1 with weights of 1: p of the wrong one is 1 / (1 + e)."""
    one = handed([[1, 1]], [[2, 0], [0, 1]], [0])
    wrong = 1 / (1 + exp(1))
    found = learning._gradient(one, np.asarray([0]), np.zeros(2, np.float32), 1.0)
    np.testing.assert_allclose(found, [-2 * wrong, wrong], rtol=1e-5)


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_the_gradient_by_differences(scale: float) -> None:
    rng = np.random.default_rng(0)
    asked, stored = rng.uniform(0, 1, (4, 6)), rng.uniform(0, 1, (5, 6))
    asked[asked < 0.3] = 0
    one = handed(asked.tolist(), stored.tolist(), [0], [1, 3], [4], [2])
    theta, step, rows = rng.normal(0, 0.5, 6), 1e-5, [3, 1, 0]
    expected = [
        (loss(one, rows, theta + step * unit, scale) - loss(one, rows, theta - step * unit, scale)) / (2 * step)
        for unit in np.eye(6)
    ]
    found = learning._gradient(one, np.asarray(rows), theta.astype(np.float32), scale)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


TELLING = handed([[1, 1, 0]] * 2, [[1, 0, 1], [0, 1, 1]], [0], [0])
"""Latent 0 tells the answer, latent 1 misleads, nobody asks for latent 2."""


def learnt(*lessons: Lesson, prior: Floats | None = None, **settings: float) -> Floats:
    start = np.zeros(3, np.float32) if prior is None else prior
    return finish(learn(lessons, start, **settings))  # type: ignore[arg-type]


def test_weights_move_the_right_way() -> None:
    theta = learnt(TELLING)
    assert theta.dtype == np.float32
    assert theta[0] > 0.1
    assert theta[1] < -0.1
    assert loss(TELLING, [0, 1], theta, 1) < loss(TELLING, [0, 1], np.zeros(3), 1)


def test_what_nobody_asks_for_stays_at_its_prior() -> None:
    prior = np.asarray([0.5, -0.25, 0.75], np.float32)
    theta = learnt(TELLING, prior=prior)
    assert theta[2] == prior[2]
    assert (theta[:2] != prior[:2]).all()
    assert prior.tolist() == [0.5, -0.25, 0.75]  # not written into


def test_a_pull_towards_the_prior() -> None:
    """So strong that nothing learnt outweighs it: Adam's steps stay small against the way without it."""
    free, pulled = learnt(TELLING, l2=0, epochs=60), learnt(TELLING, l2=10, epochs=60)
    assert np.abs(pulled).max() < 0.1 * np.abs(free).max()


def test_no_lesson_teaches_nothing() -> None:
    prior = np.asarray([1, 2, 3], np.float32)
    np.testing.assert_array_equal(learnt(prior=prior), prior)


def test_memories_that_all_score_the_same_teach_nothing() -> None:
    """But for rounding, which Adam makes steps of."""
    np.testing.assert_allclose(learnt(handed([[1, 0, 0]], [[1, 0, 0]] * 3, [1])), np.zeros(3), atol=0.01)


def test_the_same_seed_learns_the_same() -> None:
    rng = np.random.default_rng(1)
    one = handed(
        rng.uniform(0, 1, (300, 3)).tolist(), rng.uniform(0, 1, (9, 3)).tolist(), *[[i % 9] for i in range(300)]
    )
    np.testing.assert_array_equal(learnt(one, seed=5), learnt(one, seed=5))
    assert (learnt(one, seed=5) != learnt(one, seed=6)).any()


def test_progress_counts_questions_of_every_round() -> None:
    seen = list(learn([TELLING, TELLING], np.zeros(3, np.float32), epochs=2))
    assert [(p.done, p.total, p.note) for p in seen] == [(4, 8, "round 1 of 2"), (8, 8, "round 2 of 2")]


# --- lessons ----------------------------------------------------------------------------------------------------------

INDEX = index_of(
    codes([{0: (1, 1)}, {1: (1, 2)}, {0: (1, 1), 1: (1, 2)}]), ids=["a", "b", "c"], conversations=["x", "x", "y"]
)
CODES = {"zero?": codes([{0: (2, 2)}]), "one?": codes([{1: (4, 4)}])}


def ask(text: str, conversation: str, *evidence: str) -> Question:
    return Question(f"{text} {conversation}", text, conversation, evidence)


def test_a_lesson_by_hand() -> None:
    """Mean activation 1, one token each: query max · idf; memory s · 1.5 / (s + 0.5). Both latents fire in 2 of 3."""
    one = lesson(INDEX, [ask("zero?", "", "c", "a", "a"), ask("one?", "", "gone"), ask("one?", "", "b")], CODES)
    assert one
    assert len(one) == 2
    idf = log(1 + 1.5 / 2.5)
    np.testing.assert_allclose(one.asked.toarray()[:, :2], [[2 * idf, 0], [0, 4 * idf]], rtol=1e-6)
    np.testing.assert_allclose(one.stored.toarray()[:, :2], [[1, 0], [0, 1.2], [1, 1.2]], rtol=1e-6)
    assert [gold.tolist() for gold in one.gold] == [[0, 2], [1]]


def test_learnt_weights_of_the_index_are_not_in_a_lesson() -> None:
    weighted = index_of(INDEX.codes, ids=INDEX.ids, learnt={"learnt": np.full(6, 7, np.float32)})
    plain, other = (lesson(index, [ask("zero?", "", "a")], CODES) for index in (INDEX, weighted))
    assert plain
    assert other
    np.testing.assert_array_equal(plain.asked.toarray(), other.asked.toarray())


def test_nothing_to_learn_from() -> None:
    assert lesson(INDEX, [ask("zero?", "", "gone"), ask("zero?", "")], CODES) is None
    assert lesson(INDEX, [], CODES) is None
    assert by_conversation(INDEX, [ask("zero?", "z", "a")], CODES) == []


def test_every_conversation_is_a_lesson_among_its_own_memories() -> None:
    questions = [ask("one?", "y", "c"), ask("zero?", "x", "a"), ask("one?", "", "c"), ask("one?", "x", "b", "c")]
    made = by_conversation(INDEX, questions, CODES)
    assert [(len(one), one.stored.shape[0]) for one in made] == [(1, 3), (2, 2), (1, 1)]
    assert [[gold.tolist() for gold in one.gold] for one in made] == [[[2]], [[0], [1]], [[0]]]


def test_a_long_memory_is_one_row() -> None:
    sizes = [2, 1, 3]
    index = index_of(parted(random_codes(6, 20, 1), sizes))
    one = lesson(index, [ask("q", "", "m002")], {"q": random_codes(1, 20, 2)})
    assert one
    assert one.stored.shape == (3, 20)
    assert index.codes.n_parts == 6
