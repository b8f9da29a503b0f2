"""Dialogue read from a corpus, questions made of it, and the weights learnt from them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from core.errors import CoreError
from core.progress import finish
from core.training import questions
from core.training.corpus import HELD_OUT_EVERY, NAMES, dialogues, spoken
from core.training.questions import FORMS, learn_weights
from tests.fakes import N_LATENTS, FakeEncoder, latent_of

TURNS = ("USER: trumpet lessons {i} today", "AGENT: lovely garden flowers") * 3


def word(i: int) -> str:
    return "mark" + "".join(chr(97 + int(digit)) for digit in str(i))


def write(file: Path, *texts: str) -> None:
    file.write_text("\n".join(json.dumps({"text": text}) for text in texts))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """41 dialogues of six turns, each with a word of its own, among prose and talks that are too short."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    write(folder / "talk.jsonl", *("\n".join(TURNS).format(i=word(i)) for i in range(41)))
    write(folder / "prose.jsonl", *(f"Once upon a time number {i}. And so on." for i in range(41)))
    write(folder / "short.jsonl", *(f"USER: one {i}\nAGENT: two" for i in range(41)))
    return folder


def marks(texts: list[str]) -> set[str]:
    return {found for text in texts for found in re.findall(r"mark\w+", text)}


HELD_OUT = {word(i) for i in range(0, 41, HELD_OUT_EVERY)}


# --- dialogue ---------------------------------------------------------------------------------------------------------


def test_dialogues_are_those_that_training_may_see(corpus: Path) -> None:
    found = list(dialogues(corpus, 1000, 0))
    assert {file for file, _ in found} == {"talk"}
    assert marks([line for _, lines in found for line in lines]) == {word(i) for i in range(41)} - HELD_OUT
    assert len(HELD_OUT) == 3


def test_every_speaker_gets_one_name(corpus: Path) -> None:
    for _, lines in dialogues(corpus, 1000, 0):
        named = [line.split(": ")[0] for line in lines]
        assert named == named[:2] * 3
        assert set(named) <= set(NAMES)


def test_so_many_of_each_file_and_none_twice(corpus: Path) -> None:
    write(corpus / "again.jsonl", *(["\n".join(TURNS).format(i="same")] * 41))
    found = [file for file, _ in dialogues(corpus, 5, 0)]
    assert (found.count("talk"), found.count("again")) == (5, 1)


def test_the_seed_decides_which(corpus: Path) -> None:
    assert list(dialogues(corpus, 5, 1)) == list(dialogues(corpus, 5, 1)) != list(dialogues(corpus, 5, 2))


def test_what_is_spoken() -> None:
    assert spoken(["agent 1: Good: morning", "Bo:  Hi"]) == [("agent 1", "Good: morning"), ("Bo", "Hi")]
    assert spoken(["agent 1: Good morning", "and so on"]) == []


# --- questions --------------------------------------------------------------------------------------------------------


def test_a_question_is_made_of_a_turns_own_words() -> None:
    turn, rng, seen = "Ada: I have lost the blue umbrella, umbrella!", np.random.default_rng(0), set()
    for _ in range(200):
        made = questions._question(turn, {"lost": 1, "blue": 1, "umbrella": 1}, rng)
        form = next(f for f in FORMS if re.fullmatch(pattern(f), made))
        said = re.fullmatch(pattern(form), made)[1].split()  # type: ignore[index]
        assert 1 <= len(said) <= 3
        assert [w for w in ("lost", "blue", "umbrella") if w in said] == said  # in their order, none twice
        seen.update(said)
    assert seen == {"lost", "blue", "umbrella"}


def pattern(form: str) -> str:
    return re.escape(form).replace(r"\{name\}", "Ada").replace(r"\{words\}", "([a-z ]+)")


def test_rare_words_are_asked_for_more_often() -> None:
    """One word is drawn in a third of the questions; there the rare one has a chance of 10 to 1."""
    rng = np.random.default_rng(0)
    made = [questions._question("Ada: umbrella garden", {"umbrella": 1, "garden": 100}, rng) for _ in range(600)]
    alone = [q for q in made if ("umbrella" in q) != ("garden" in q)]
    assert 150 < len(alone) < 250
    assert sum("umbrella" in q for q in alone) > 0.8 * len(alone)


@pytest.mark.parametrize("turn", ["Ada: Hi!", "Ada: I have it", "Ada: umbrella, umbrella", "Ada: "])
def test_a_turn_that_says_little_is_not_asked_about(turn: str) -> None:
    assert questions._question(turn, {"umbrella": 1}, np.random.default_rng(0)) == ""


# --- weights ----------------------------------------------------------------------------------------------------------


def test_weights_are_learnt_from_questions_and_turns_alone(corpus: Path) -> None:
    engine = FakeEncoder()
    theta, learnt_on = finish(learn_weights(engine, corpus, 20))
    assert (theta.shape, theta.dtype) == ((N_LATENTS,), np.float32)
    turns, asked = engine.encoded[:120], engine.encoded[120:]
    assert learnt_on == f"{len(asked)} questions made of dialogue (talk)"
    assert 20 < len(asked) < 60  # of 120 turns, three in ten
    assert not any(turn.endswith("?") for turn in turns)
    assert all(question.endswith("?") for question in asked)
    assert not marks(engine.encoded) & HELD_OUT
    moved = set(np.flatnonzero(theta).tolist())
    assert moved
    assert moved <= {latent_of(w) for question in asked for w in re.findall(r"\w+", question)}
    assert theta[latent_of("say")] == 0  # stands in questions, never in a turn: it tells nothing


def test_the_same_seed_learns_the_same(corpus: Path) -> None:
    first, again, other = (finish(learn_weights(FakeEncoder(), corpus, 20, seed))[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_progress_says_what_is_done(corpus: Path) -> None:
    notes = list(dict.fromkeys(p.note for p in learn_weights(FakeEncoder(), corpus, 20)))
    assert notes == ["turns encoded", "questions encoded", *(f"round {i} of 8" for i in range(1, 9))]


def test_a_corpus_that_teaches_nothing(tmp_path: Path) -> None:
    with pytest.raises(CoreError, match=r"holds no \.jsonl"):
        finish(learn_weights(FakeEncoder(), tmp_path, 20))
    write(tmp_path / "prose.jsonl", *(f"Number {i}." for i in range(30)))
    with pytest.raises(CoreError, match="holds no dialogue: records of at least 6 “Speaker: words” lines"):
        finish(learn_weights(FakeEncoder(), tmp_path, 20))
    write(tmp_path / "prose.jsonl", *("\n".join(["A: yes", "B: no"] * 3 + [f"A: {i}"]) for i in range(30)))
    with pytest.raises(CoreError, match="says too little to make questions of"):
        finish(learn_weights(FakeEncoder(), tmp_path, 20))
