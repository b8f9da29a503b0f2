"""A bank that learns from its questions, says what it learnt on, and refuses what nothing stored fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import core.bank.recall
from core import MemoryBank, Query, Question, open_demo
from core.encoding import catalogue
from core.encoding.catalogue import Catalogue
from core.errors import CoreError
from core.progress import finish
from core.retrieval import learning
from core.retrieval.learning import Lesson
from core.types import Memory, Progress, Reading
from tests.fakes import N_LATENTS, FakeEncoder, latent_of

OURS = Query("", weighting="yours", context=0)
QUESTIONS = [
    Question("a", "maple orchids", "A", ("A1",), source="file.json", category="1"),
    Question("b", "river candles", "B", ("B1",), source="file.json", category="2"),
]
"""The longer word, which scores higher, is that of the wrong memory; both conversations have words of their own."""
TURNS = [
    Memory("A1", "maple", conversation="A", position=0),
    Memory("A2", "orchids", conversation="A", position=1),
    Memory("B1", "river", conversation="B", position=0),
    Memory("B2", "candles", conversation="B", position=1),
]


@pytest.fixture
def bank(make_bank: Callable[..., MemoryBank]) -> MemoryBank:
    made = make_bank(*TURNS)
    finish(made.add(Reading([], QUESTIONS, [])))
    return made


def mrr(bank: MemoryBank, settings: Query = OURS) -> float:
    found: float = finish(bank.runs.evaluate(settings)).report["modes"]["sparse"]["mrr"]
    return found


def test_words_of_a_question_teach(bank: MemoryBank) -> None:
    assert len({latent_of(word) for q in QUESTIONS for word in q.text.split()}) == 4
    assert mrr(bank) == 0.5
    assert finish(bank.learning.learn(QUESTIONS, ["file.json"])) == 2
    weights = bank.learning.weights()["yours"]
    assert weights.shape == (N_LATENTS,)
    assert weights[latent_of("maple")] > 1.2
    assert weights[latent_of("orchids")] < 0.8
    assert np.count_nonzero(weights != 1) == 4
    assert mrr(bank) == 1
    assert mrr(bank, replace(OURS, weighting="saturated")) == 0.5
    assert mrr(bank, replace(OURS, weighting="learnt")) == 0.5


def test_own_weights_are_stored_and_forgotten(bank: MemoryBank, encoder: FakeEncoder) -> None:
    index = bank.index()
    finish(bank.learning.learn(QUESTIONS, ["file.json"]))
    again = MemoryBank.open(bank.path, encoder)
    np.testing.assert_array_equal(again.index().weights("yours"), bank.index().weights("yours"))
    assert "yours" not in index.learnt  # an index is never changed, only replaced
    assert MemoryBank.open(bank.path, FakeEncoder("other", "0" * 16)).learning.weights() == {}
    again.learning.forget()
    assert bank.learning.weights() == {}
    assert bank.learning.learnt_on("yours") == ()
    assert mrr(bank) == 0.5


def test_learning_again_replaces(bank: MemoryBank) -> None:
    finish(bank.learning.learn(QUESTIONS, ["file.json"]))
    assert finish(bank.learning.learn(QUESTIONS[1:], ["a mark"])) == 1
    weights = bank.learning.weights()["yours"]
    assert weights[latent_of("maple")] == 1
    assert weights[latent_of("river")] > 1.2
    assert bank.learning.learnt_on("yours") == ("a mark",)


def test_nothing_to_learn_from_keeps_what_was_learnt(bank: MemoryBank) -> None:
    finish(bank.learning.learn(QUESTIONS, ["file.json"]))
    for useless in ([], [Question("c", "what", "A", ())], [Question("c", "what", "A", ("gone",))]):
        with pytest.raises(CoreError, match=r"^test has no question or mark whose memory is encoded"):
            finish(bank.learning.learn(useless, ["nothing"]))
    assert bank.learning.learnt_on("yours") == ("file.json",)


def test_progress_of_learning(bank: MemoryBank) -> None:
    seen: list[Progress] = list(bank.learning.learn(QUESTIONS, ["file.json"]))
    assert (seen[0].done, seen[0].note) == (0, "encoding the questions")
    assert (seen[-1].done, seen[-1].total, len(seen)) == (2 * learning.EPOCHS, 2 * learning.EPOCHS, 1 + learning.EPOCHS)


def test_the_table_shows_raised_and_silenced(bank: MemoryBank) -> None:
    with pytest.raises(CoreError, match="test has no weights “yours” for engine fake"):
        bank.learning.table("yours")
    finish(bank.learning.learn(QUESTIONS, ["file.json"]))
    rows = bank.learning.table("yours").to_pylist()
    assert {row["latent"] for row in rows[:2]} == {latent_of("maple"), latent_of("river")}
    assert {row["latent"] for row in rows[2:]} == {latent_of("orchids"), latent_of("candles")}
    assert [row["weight"] for row in rows] == sorted((row["weight"] for row in rows), reverse=True)
    assert [row["memories"] for row in rows] == [1] * 4
    assert bank.learning.table("yours", limit=1)["latent"].to_pylist() == [rows[0]["latent"], rows[-1]["latent"]]


# --- weights that came with the SAE -----------------------------------------------------------------------------------


class Shipped(FakeEncoder):
    """A fake engine whose SAE has learnt weights."""

    folder: Path

    @cached_property
    def catalogue(self) -> Catalogue:  # type: ignore[override]
        return Catalogue(None, self.folder)


@pytest.fixture
def shipped(tmp_path: Path) -> Callable[..., MemoryBank]:
    """shipped(maple=0.5): a bank of the turns whose engine has these logarithms."""

    def make(width: int = N_LATENTS, **theta: float) -> MemoryBank:
        values = np.zeros(width, np.float32)
        for word, value in theta.items():
            values[latent_of(word)] = value
        engine = Shipped()
        engine.folder = tmp_path
        catalogue.write_learnt(tmp_path, values, "nine made-up questions")
        made = MemoryBank.open(tmp_path / "shipped.duckdb", engine)
        finish(made.add(Reading(TURNS, QUESTIONS, [])))
        return made

    return make


def test_shipped_weights_multiply_the_query(shipped: Callable[..., MemoryBank]) -> None:
    bank = shipped(maple=1.5, orchids=-1.5)
    plain, learnt = (bank.search(Query("maple", weighting=name, context=0)) for name in ("saturated", "learnt"))
    best = [float(hits.scores["sparse"].max()) for hits in (plain, learnt)]
    assert best[1] == pytest.approx(np.exp(1.5) * best[0], rel=1e-5)
    assert mrr(bank, replace(OURS, weighting="learnt")) == 0.75  # that of A is found first now
    assert mrr(bank) == 0.75  # nothing learnt here yet
    assert bank.learning.learnt_on("learnt") == ("nine made-up questions",)
    assert bank.learning.learnt_on("saturated") == ()


def test_own_weights_start_from_those_shipped(shipped: Callable[..., MemoryBank]) -> None:
    bank = shipped(zebra=0.5, maple=1.5, orchids=-1.5)
    finish(bank.learning.learn(QUESTIONS, ["file.json"]))
    weights = bank.learning.weights()
    assert weights["yours"][latent_of("zebra")] == weights["learnt"][latent_of("zebra")] == pytest.approx(np.exp(0.5))
    assert mrr(bank) == 1
    assert mrr(bank, replace(OURS, weighting="learnt")) == 0.75
    assert bank.learning.learnt_on("yours") == ("nine made-up questions", "file.json")


def test_weights_of_another_width_are_not_used(shipped: Callable[..., MemoryBank]) -> None:
    bank = shipped(width=N_LATENTS + 1, maple=1.5)
    assert bank.index().learnt == {}
    finish(bank.learning.learn(QUESTIONS, ["file.json"]))
    assert bank.index().weights("yours").shape == (N_LATENTS,)


def test_the_demo_has_the_weights_that_ship() -> None:
    bank = open_demo()
    weights = bank.index().weights("learnt")
    assert weights.shape == (bank.index().codes.n_latents,)
    assert 0.05 < weights.min() < 0.67 < 1.5 < weights.max() < 20
    assert "questions made of dialogue" in bank.learning.learnt_on("learnt")[0]


# --- what an evaluation warns of --------------------------------------------------------------------------------------


def report(bank: MemoryBank, **settings: Any) -> dict[str, Any]:
    found: dict[str, Any] = finish(bank.runs.evaluate(replace(OURS, **settings))).report
    return found


def test_figures_on_what_was_learnt_from_say_nothing(bank: MemoryBank) -> None:
    assert report(bank)["warnings"] == []
    finish(bank.learning.learn(QUESTIONS, ["file.json", "marks"]))
    found = report(bank)
    assert found["warnings"] == ["The weights were learnt on file.json: these figures say nothing of others."]
    assert found["provenance"]["learnt_on"] == ["file.json", "marks"]
    other = report(bank, weighting="saturated")
    assert (other["warnings"], other["provenance"]["learnt_on"]) == ([], [])


def test_other_questions_are_no_reason_to_warn(bank: MemoryBank) -> None:
    finish(bank.learning.learn(QUESTIONS, ["another.json"]))
    assert report(bank)["warnings"] == []


def test_memories_that_cannot_be_found_yet(bank: MemoryBank) -> None:
    finish(bank.add(Reading([Memory("late", "a late one")], [], []), encode=False))
    (warning,) = report(bank)["warnings"]
    assert warning == "1 memories are not encoded yet and cannot be found: the figures are too low."


def test_questions_given_by_hand(bank: MemoryBank) -> None:
    marks = [Question("m", "maple orchids", "", ("A2",), source="marks")]
    found = finish(bank.runs.evaluate(OURS, questions=marks))
    assert [case.ranks["sparse"] for case in found.cases] == [(1,)]
    assert found.cases[0].top["sparse"][:2] == ("A2", "A1")  # of no dialogue: asked of the whole bank
    assert len(found.cases[0].top["sparse"]) == 4


# --- cross-validation -------------------------------------------------------------------------------------------------


def test_a_fold_never_sees_its_own_questions(bank: MemoryBank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its own question could teach a conversation's words: learnt from it, every answer comes first."""
    finish(bank.learning.learn(QUESTIONS, ["file.json"]))
    assert mrr(bank) == 1
    taught: list[list[Lesson]] = []
    learn = learning.learn
    monkeypatch.setattr(learning, "learn", lambda lessons, prior: taught.append(lessons) or learn(lessons, prior))
    found = finish(bank.learning.cross_validate(replace(OURS, weighting="saturated")))
    assert found["modes"]["sparse"]["mrr"] == 0.5
    assert (found["held_out"], found["folds"], found["n_questions"]) == (["A", "B"], 2, 2)
    asked = [sorted({int(i) for one in fold for i in one.asked.indices}) for fold in taught]
    assert asked == [sorted(map(latent_of, q.text.split())) for q in reversed(QUESTIONS)]


def test_what_other_dialogues_teach_is_used(make_bank: Callable[..., MemoryBank]) -> None:
    """The same words in both dialogues: each learns from the other."""
    turns = [replace(t, id=f"{c}{i}", conversation=c) for c in "AB" for i, t in enumerate(TURNS[:2], 1)]
    bank = make_bank(*turns)
    asked = [Question(c, "maple orchids", c, (f"{c}1",)) for c in "AB"]
    finish(bank.add(Reading([], asked, [])))
    assert mrr(bank) == 0.5
    assert finish(bank.learning.cross_validate(OURS))["modes"]["sparse"]["mrr"] == 1


def test_many_dialogues_are_held_out_in_ten_parts(make_bank: Callable[..., MemoryBank]) -> None:
    names = [f"c{i:02}" for i in range(13)]
    bank = make_bank(*(Memory(name, f"word{name}", conversation=name) for name in names))
    finish(bank.add(Reading([], [Question(name, f"word{name}", name, (name,)) for name in names], [])))
    task = bank.learning.cross_validate(OURS)
    notes = []
    while True:
        try:
            notes.append(next(task))
        except StopIteration as end:
            found = end.value
            break
    assert [(p.done, p.total) for p in notes] == [(i, 10) for i in range(1, 11)]
    assert [p.note for p in notes[2:4]] == ["c02, c12 held out", "c03 held out"]
    assert (found["folds"], found["n_questions"], found["held_out"]) == (10, 13, names)


def test_one_dialogue_cannot_be_held_out(bank: MemoryBank) -> None:
    with pytest.raises(CoreError, match="test has questions on one conversation: two are needed"):
        finish(bank.learning.cross_validate(OURS, categories=["1"]))
    with pytest.raises(CoreError, match="test has questions on no conversation: two are needed"):
        finish(bank.learning.cross_validate(OURS, categories=["7"]))


# --- refusal ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two queries for things never stored, one is stored after all: fits of 0 and 1, the line close to 1."""
    monkeypatch.setattr(core.retrieval.absence, "REFUSED", 0.95)
    file = tmp_path / "never.txt"
    file.write_text("xylophone\nmaple\n")
    monkeypatch.setattr(core.bank.recall, "NEVER_STORED", file)


FITS = Query("", weighting="cosine", context=0, criterion="fits")


@pytest.mark.usefixtures("absent")
def test_the_floor_of_a_bank(bank: MemoryBank) -> None:
    assert bank.recall.floor(FITS) == pytest.approx(0.95)
    assert bank.recall.floor(replace(FITS, conversation="B")) == 0
    assert bank.recall.floor(replace(FITS, weighting="activation")) is None


def test_the_speakers_are_asked_about(make_bank: Callable[..., MemoryBank], tmp_path: Path, monkeypatch: Any) -> None:
    """Those who speak most, never a chat role; where nobody has a name, “I”."""
    said = [Memory(f"m{i}", f"word{i}", role, "c") for i, role in enumerate(["Ann", "user", "Ben", "Ben", "Cleo"])]
    file = tmp_path / "never.txt"
    file.write_text("did {name} sail?\ndid {name} dive?\ndid {name} fly?\n")
    monkeypatch.setattr(core.bank.recall, "NEVER_STORED", file)
    bank = make_bank(*said, Memory("z", "other", "assistant", "d"))
    assert list(bank.recall.never_stored("c")) == ["did Ben sail?", "did Ann dive?", "did Ben fly?"]
    assert list(bank.recall.never_stored("d")) == ["did I sail?", "did I dive?", "did I fly?"]


@pytest.mark.usefixtures("absent")
def test_a_query_that_fits_badly_recalls_nothing(bank: MemoryBank, encoder: FakeEncoder) -> None:
    """“maple” has a cosine of 1 with A1, “maple xylophone” one of 5 / √(25 + 81)."""
    good, bad = (bank.search(replace(FITS, text=text)) for text in ("maple", "maple xylophone"))
    assert (good.fit, bad.fit) == (pytest.approx(1), pytest.approx(5 / np.sqrt(106)))
    assert good.query.threshold == bad.query.threshold == pytest.approx(0.95)
    assert [good.ids[i] for i in good.recalled("sparse")] == ["A1"]
    assert [bad.recalled(mode) for mode in ("dense", "sparse", "combined")] == [[], [], []]
    assert [bad.ids[i] for i in bad.top("sparse")] == ["A1"]
    mine = bank.search(replace(FITS, text="maple xylophone", threshold=0.3))
    assert [mine.ids[i] for i in mine.recalled("sparse")] == ["A1"]
    encoder.encoded.clear()
    bank.search(replace(FITS, text="maple"))
    assert encoder.encoded == []


@pytest.mark.usefixtures("absent")
def test_an_evaluation_refuses_by_the_floor_of_each_dialogue(bank: MemoryBank) -> None:
    """“maple orchids” fits A by 5/√74 or 7/√74, below 0.95; the floor of B is 0."""
    cases = finish(bank.runs.evaluate(replace(FITS, criterion="top"))).cases
    assert [case.recalled["sparse"]["fits"] for case in cases] == [(False, 0), (True, 12)]
    assert [case.recalled["sparse"]["top"] for case in cases] == [(True, 12), (True, 12)]


def test_the_queries_that_ship_are_questions_and_none_twice() -> None:
    lines = core.bank.recall.NEVER_STORED.read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(set(lines)) >= 50
    assert [line for line in lines if not line.endswith("?") or line.count("{name}") != 1] == []
