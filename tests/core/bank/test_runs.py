"""Runs in a bank: kept, compared, looked into."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from core import CoreError, MemoryBank, Query
from core.progress import finish
from core.types import Memory, Question, Reading, Term
from tests.fakes import FakeEncoder, latent_of

TALK = (
    "the lake house has a leaky roof",
    "my sister paints boats in spring",
    "boats and boats and more boats",
    "a violin lesson costs twenty pounds",
    "the roof was mended by a cousin",
    "nothing happened on Sunday at all",
)
FILLER = tuple(f"boats number{i}" for i in range(12))


def talk(name: str, *texts: str) -> list[Memory]:
    return [Memory(f"{name}{i:02}", text, conversation=name, position=i) for i, text in enumerate(texts)]


QUESTIONS = [
    Question("q1", "who mended the roof?", "A", ("A04",), "a cousin", "1", "talk.json"),
    Question("q2", "what does the violin cost?", "A", ("A03",), "twenty pounds", "2", "talk.json"),
    Question("q3", "boats boats", "B", ("B12", "B00"), "", "2", "talk.json"),
    Question("q4", "no evidence", "B", (), "", "2", "talk.json"),
]


@pytest.fixture
def bank(make_bank: Callable[..., MemoryBank]) -> MemoryBank:
    made = make_bank(*talk("A", *TALK), *talk("B", *FILLER, "my sister paints"))
    finish(made.add(Reading([], QUESTIONS, [])))
    return made


def test_a_run_is_kept_as_it_was(bank: MemoryBank) -> None:
    settings = Query("", weighting="cosine", fusion="z", balance=0.5, context=0, muted=(3,), terms=(Term(4, -0.5),))
    run = finish(bank.runs.run(settings, ["1", "2"], " first "))
    assert bank.runs.list() == (run,)
    assert bank.runs.get(run.id) == run
    assert (run.name, run.source, run.categories, run.settings) == ("first", "questions", ("1", "2"), settings)
    assert run.engine == bank.engine.fingerprint
    report = dict(finish(bank.runs.evaluate(settings)).report)
    for mode, figures in run.report["modes"].items():
        for timed in (figures, report["modes"][mode]):
            del timed["latency_ms"]
            for row in timed["criteria"].values():
                del row["latency_s"]
    assert run.report == report


def test_the_cases_of_a_run(bank: MemoryBank) -> None:
    run = finish(bank.runs.run())
    found = finish(bank.runs.evaluate()).cases
    kept = bank.runs.cases(run.id)
    assert [case.question.id for case in kept] == ["q1", "q2", "q3"]
    for case, there in zip(found, kept, strict=True):
        assert there.question.evidence == case.question.evidence
        assert there.question.answer == case.question.answer
        assert (there.ranks, there.top, there.recalled) == (case.ranks, case.top, case.recalled)
        assert there.measures == {mode: pytest.approx(values) for mode, values in case.measures.items()}
    assert [case.question.id for case in bank.runs.cases(run.id, "lexical", missed=True)] == ["q3"]
    assert [case.question.id for case in bank.runs.cases(run.id, "lexical", missed=False)] == ["q1", "q2"]


def test_only_some_questions(bank: MemoryBank) -> None:
    assert bank.runs.sources() == {"questions": {"1": 1, "2": 2}}
    run = finish(bank.runs.run(categories=["2"]))
    assert [case.question.id for case in bank.runs.cases(run.id)] == ["q2", "q3"]
    with pytest.raises(CoreError, match="test has no question with evidence"):
        finish(bank.runs.run(categories=["7"]))
    assert len(bank.runs.list()) == 1


def test_newest_first_and_deleted(bank: MemoryBank) -> None:
    first, second = finish(bank.runs.run(name="first")), finish(bank.runs.run(name="second"))
    assert [run.name for run in bank.runs.list()] == ["second", "first"]
    bank.runs.delete(first.id)
    assert bank.runs.list() == (second,)
    assert len(bank.runs.cases(second.id)) == 3
    with bank.state.work() as cursor:
        rows = [
            cursor.execute(f"select count(distinct run) from {t}").fetchall() for t in ("run_questions", "run_places")
        ]
    assert rows == [[(1,)], [(1,)]]
    for act in (bank.runs.delete, bank.runs.get, bank.runs.cases):
        with pytest.raises(CoreError, match=f"test has no run “{first.id}”"):
            act(first.id)


def test_a_stopped_run_keeps_nothing(bank: MemoryBank) -> None:
    task = bank.runs.run()
    steps = [next(task).note for _ in range(3)]
    assert steps[-1] == "A: 6 memories"
    task.close()
    assert bank.runs.list() == ()


def test_a_run_makes_no_new_version(bank: MemoryBank) -> None:
    """The index and every cached result stay as they are."""
    finish(bank.runs.run())
    index = bank.index()
    run = finish(bank.runs.run())
    bank.runs.delete(run.id)
    assert bank.index() is index


def test_a_cold_model_is_loaded_with_a_word(bank: MemoryBank, encoder: FakeEncoder) -> None:
    encoder._warm = False
    notes = [step.note for step in bank.runs.run()]
    assert notes[0] == "loading fake"
    assert encoder.warm


def test_two_runs_compared(bank: MemoryBank) -> None:
    before, after = (
        finish(bank.runs.run(Query("", muted=(latent_of("roof"), latent_of("mended"))))),
        finish(bank.runs.run()),
    )
    found = bank.runs.compare(before.id, after.id)
    assert (found.n, found.only_before, found.only_after) == (3, 0, 0)
    assert found.differences["dense"]["recall@10"].gain == 0
    assert set(found.differences) == {"dense", "sparse", "combined", "lexical"}


def test_where_memories_stand(bank: MemoryBank) -> None:
    """Ranked within their dialogue, whatever else the bank holds."""
    run = finish(bank.runs.run())
    cases = {case.question.id: case for case in bank.runs.cases(run.id)}
    standing = bank.runs.standing(run.id, "q3", ["B12", "B00", "A00", "nobody"])
    assert list(standing) == ["dense", "sparse", "combined", "lexical"]
    for mode, found in standing.items():
        assert set(found) == {"B12", "B00"}
        assert sorted(rank for rank, _ in found.values()) == list(cases["q3"].ranks[mode])


def test_what_confuses(bank: MemoryBank) -> None:
    """B00 shares “boats” with the question, and its neighbours do too; what B12 has comes from its neighbours alone."""
    run = finish(bank.runs.run())
    standing = bank.runs.standing(run.id, "q3", ["B12", "B00"])["sparse"]
    found = bank.runs.confusion(run.id, "q3", "B00", "B12")
    assert found.latents.tolist() == [latent_of("boats")]
    assert found.wrong.sum() == pytest.approx(standing["B00"][1], rel=1e-5)
    assert found.right.sum() == pytest.approx(standing["B12"][1], rel=1e-5)
    assert found.wrong[0] > found.right[0] > 0
    alone = finish(bank.runs.run(Query("", context=0)))
    both = bank.runs.confusion(alone.id, "q1", "A00", "A04")
    assert both.latents.tolist() == sorted(
        both.latents.tolist(),
        key=lambda i: -dict(zip(both.latents.tolist(), (both.wrong - both.right).tolist(), strict=True))[i],
    )
    assert both.latents[-1] == latent_of("mended")
    assert (both.wrong[-1], both.right[-1] > 0) == (0, True)
    with pytest.raises(CoreError, match="“B00” is no encoded memory of the dialogue"):
        bank.runs.confusion(run.id, "q1", "B00", "A04")
    with pytest.raises(CoreError, match="has no question “q9”"):
        bank.runs.confusion(run.id, "q9", "A00", "A04")


def test_a_run_of_another_engine(bank: MemoryBank, encoder: FakeEncoder) -> None:
    run = finish(bank.runs.run())
    other = MemoryBank.open(bank.path, FakeEncoder(fingerprint="0" * 16))
    assert other.runs.get(run.id).report == run.report
    with pytest.raises(CoreError, match=r"made with another engine \(fa4efa4efa4efa4e\).*figures stand"):
        other.runs.standing(run.id, "q1", ["A04"])


def test_the_audit_knows_groups_and_latents(make_bank: Callable[..., MemoryBank]) -> None:
    """Six questions with “lake” are answered, six with “boats” are not: their evidence shares no word with them."""
    bank = make_bank(
        *talk("A", *[f"lake place{i}" for i in range(6)], *[f"boats thing{i}" for i in range(40)], "zebra")
    )
    found = [Question(f"l{i}", f"lake place{i}", "A", (f"A{i:02}",)) for i in range(6)]
    lost = [Question(f"b{i}", f"boats thing{i}", "A", ("A46",)) for i in range(6)]
    finish(bank.add(Reading([], [*found, *lost], [])))
    run = finish(bank.runs.run(Query("", context=0)))
    audit = bank.runs.audit(run.id, "sparse")
    assert (audit.n_a, audit.n_b) == (6, 6)
    fired = {latent: (a, b) for latent, a, b in zip(audit.latents, audit.fires_a, audit.fires_b, strict=True)}
    assert fired == {latent_of("lake"): (6, 0), latent_of("boats"): (0, 6)}
    assert np.all(audit.q < 0.01)


@pytest.fixture
def wordy(make_bank: Callable[..., MemoryBank]) -> MemoryBank:
    """The evidence shares six words with its question, the runner-up two of the long ones."""
    texts = [
        "extraordinary unquestionable misunderstanding cat dog cow",
        "extraordinary misunderstanding",
        "cat",
        "dog",
    ]
    bank = make_bank(*talk("A", *texts))
    asked = Question("q", "extraordinary unquestionable misunderstanding cat dog cow", "A", ("A00",), "", "1")
    finish(bank.add(Reading([], [asked, Question("r", "cow", "A", ("A01",), "", "2")], [])))
    return bank


def test_faithfulness_of_a_bank(wordy: MemoryBank) -> None:
    report = finish(wordy.runs.faithfulness(Query("", weighting="activation", context=0)))
    assert (report["n_questions"], report["n"]) == (2, 1)
    lengths = [13, 14, 16, 3, 3, 3]
    squares = sum(n * n for n in lengths)
    assert report["explaining"]["score_removed"]["mean"] == pytest.approx(1 - 27 / squares, abs=1e-4)
    assert report["matched"]["score_removed"]["mean"] == pytest.approx(27 / squares, abs=1e-4)
    assert report["provenance"]["weighting"] == "activation"


def test_faithfulness_is_kept_with_its_run(wordy: MemoryBank) -> None:
    run = finish(wordy.runs.run(Query("", weighting="activation", context=0), ["1"]))
    assert "faithfulness" not in run.report
    again = finish(wordy.runs.add_faithfulness(run.id))
    assert again == wordy.runs.get(run.id)
    assert again.report["modes"] == run.report["modes"]
    assert (again.report["faithfulness"]["n_questions"], again.report["faithfulness"]["n"]) == (1, 1)


def test_stored_codes_need_no_model(wordy: MemoryBank, encoder: FakeEncoder) -> None:
    finish(wordy.runs.faithfulness())
    cold = MemoryBank.open(wordy.path, FakeEncoder(warm=False))
    finish(cold.runs.faithfulness())
    assert not cold.engine.warm


@pytest.mark.parametrize("table", ["runs", "compositions"])
def test_settings_of_another_version_are_read(bank: MemoryBank, table: str) -> None:
    settings = Query("boats", weighting="cosine", terms=(Term(4, -0.5),), muted=(3,))
    run = finish(bank.runs.run(settings))
    bank.compositions.save("boats", settings)
    column = {"runs": "settings", "compositions": "query"}[table]
    with bank.state.write() as cursor:
        ((text,),) = cursor.execute(f"select {column} from {table}").fetchall()
        written = json.loads(text)
        written |= {"colour": "blue", "terms": [term | {"reason": "none"} for term in written["terms"]]}
        cursor.execute(f"update {table} set {column} = ?", [json.dumps(written)])
    if table == "runs":
        assert bank.runs.get(run.id).settings == run.settings
    else:
        assert bank.compositions.load("boats") == settings


def test_what_is_known_is_not_decoded(bank: MemoryBank, monkeypatch: pytest.MonkeyPatch) -> None:
    cold = MemoryBank.open(bank.path, FakeEncoder(warm=False))
    bank.state.store_queries(["boats"])
    monkeypatch.setattr("core.store.tables.codes_of", lambda *_: pytest.fail("decoded"))
    assert [cold.knows_query(text) for text in ("boats", "violins")] == [True, False]
