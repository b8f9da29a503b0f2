from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core import MemoryBank, Query
from core.progress import finish
from core.types import Memory, Question, Reading
from tests.fakes import FakeEncoder
from tests.pages.conftest import HOSTILE, Shown
from ui.evaluate import runs as evaluation
from ui.session import banks, jobs

Show = Callable[..., Shown]
Make = Callable[..., MemoryBank]
TALK = [
    "the lake house has a leaky roof", "my sister paints boats in spring", "a violin lesson costs twenty pounds",
    "the roof was mended by a cousin", *[f"boats and number{i}" for i in range(14)], "nothing at all",
]  # fmt: skip
QUESTIONS = [
    Question("q1", "who mended the roof?", "A", ("m3",), "a cousin", "1"),
    Question("q2", "what does the violin cost?", "A", ("m2",), "twenty pounds", "2"),
    Question("q3", "which boats <b>sail</b>?", "A", ("m18", "m1"), "none *of them*", "2"),
]


@pytest.fixture
def bank(make_named: Make) -> MemoryBank:
    made = make_named("talk", *[Memory(f"m{i}", t, conversation="A", position=i) for i, t in enumerate(TALK)])
    finish(made.add(Reading([], QUESTIONS, [])))
    return made


def ended(name: str) -> None:
    job = jobs.get(f"{(banks.folder() / f'{name}.duckdb').resolve()} evaluate")
    assert job is not None
    job.wait(30)


def measured(bank: MemoryBank, **settings: float | str) -> str:
    return finish(bank.runs.run(Query("", **settings))).id  # type: ignore[arg-type]


def test_a_run_from_the_page(show: Show, bank: MemoryBank) -> None:
    page = show("evaluate", bank="talk")
    assert "Nothing was measured here yet" in page.words
    page.at.text_input(key="evaluate_name").set_value("first try")
    page.at.multiselect[0].set_value(["2"])
    page.button("Run").click()
    page.run()
    ended("talk")
    page.run()
    (run,) = bank.runs.list()
    assert (run.name, run.categories, run.report["n_questions"]) == ("first try", ("2",), 2)
    assert page.address == {"bank": "talk", "run": run.id}
    assert "73\u202f%" in page.words
    assert "not measured: needs a reader model" in page.words
    assert page.at.text_input(key="evaluate_name").value == ""


def test_the_studys_table_follows_the_criterion(show: Show, bank: MemoryBank) -> None:
    run = measured(bank)
    page = show("evaluate", bank="talk", run=run, run_criterion="top")
    figures = bank.runs.get(run).report["modes"]["lexical"]["criteria"]["top"]
    assert f"<b>{100 * figures['context_precision']:.0f}\u202f%</b>" in page.words
    assert "the 10 best memories of its dialogue" in page.words
    page.at.selectbox(key="run_criterion").set_value("budget")
    page.run()
    assert "fit into 5,300 characters" in page.words
    assert page.address["run_criterion"] == "budget"


def test_a_stopped_run_keeps_nothing(show: Show, bank: MemoryBank, fake: FakeEncoder) -> None:
    fake.gate = threading.Event()
    page = show("evaluate", bank="talk")
    page.button("Run").click()
    page.run()
    page.button("Stop").click()
    page.run()
    fake.gate.set()
    if not page.warnings:  # it was encoding when it was stopped; else it ended before that
        ended("talk")
        page.run()
    assert any("Nothing of it was kept" in w for w in page.warnings)
    assert bank.runs.list() == ()


def test_a_bank_without_questions_says_where_to_find_some(show: Show, make_named: Make) -> None:
    make_named("plain", "one text")
    page = show("evaluate", bank="plain")
    assert "no questions whose evidence is known" in page.words
    assert not any(button.label == "Run" for button in page.at.button)
    page.button("Choose a file").click()
    page.run()
    assert page.at.selectbox(key="evaluate_data_plain").value == evaluation.FILE
    page.button("Make a bank of it").click()
    page.run()
    assert "Choose a file first." in page.errors
    page.at.selectbox(key="evaluate_data_plain").set_value(evaluation.DEMO)
    page.run()
    page.button("Open the demo").click()
    page.run()
    assert page.address == {}
    assert "this bank’s questions (48)" in page.at.selectbox(key="evaluate_data_demo").options
    assert evaluation.DEMO not in page.at.selectbox(key="evaluate_data_demo").options


def test_a_missed_question_with_its_reasons(show: Show, bank: MemoryBank) -> None:
    run = measured(bank)
    page = show("evaluate", bank="talk", run=run, run_mode="sparse", run_category="2")
    assert "1 of 2 questions were missed by sparse" in page.words
    table = page.at.dataframe[0].value
    assert list(table["question"]) == ["which boats <b>sail</b>?"]
    ranks = bank.runs.cases(run)[2].ranks["sparse"]
    assert list(table["ranks"]) == [", ".join(map(str, ranks))]
    cards = [c for c in page.at.get("bidi_component") if c.proto.component_name == "mnemoscope_hits"]
    assert len(cards) == 2
    assert "which boats \\<b\\>sail\\</b\\>?" in page.words
    assert "answer: none *of them*" in page.words
    assert "latents speak for what came first" in page.words
    page.button("Open in Recall").click()
    page.run()
    assert page.at.session_state["recall_text"] == "which boats <b>sail</b>?"
    assert page.at.session_state["conversation"] == "A"
    places = bank.runs.standing(run, "q3", ["m1", "m18"])["sparse"]
    assert page.at.session_state["memory"] == min((rank, name) for name, (rank, _) in places.items() if rank > 10)[1]
    assert any("Which memories come back" in title.value for title in page.at.title)


def test_recall_opens_with_the_scoring_of_the_run(show: Show, bank: MemoryBank) -> None:
    run = measured(bank, weighting="cosine", fusion="z", balance=0.5, context=0.0)
    page = show("evaluate", bank="talk", run=run, run_mode="dense", run_question="q3")
    page.button("Open in Recall").click()
    page.run()
    address = {name: page.address[name] for name in ("weighting", "fusion", "balance", "context")}
    assert address == {"weighting": "cosine", "fusion": "z", "balance": "0.5", "context": "0.0"}


def test_nothing_missed(show: Show, bank: MemoryBank) -> None:
    page = show("evaluate", bank="talk", run=measured(bank), run_mode="lexical", run_category="1")
    assert "None of these 1 questions was missed" in page.words


def test_nothing_was_recalled_where_nothing_is_shared(show: Show, bank: MemoryBank) -> None:
    finish(bank.add(Reading([], [Question("q4", "zzz", "A", ("m18", "gone"), "", "3")], [])))
    run = measured(bank)
    page = show("evaluate", bank="talk", run=run, run_mode="lexical", run_category="3")
    assert page.at.dataframe[0].value["ranks"][0].endswith(", 1 not in the bank")
    found = [json.loads(c.proto.json) for c in page.at.get("bidi_component")]
    columns = {c["columns"][0]["label"]: c["columns"][0] for c in found if "columns" in c}
    assert [row["id"] for row in columns["The evidence"]["rows"]] == ["m18"]
    assert columns["Recalled instead"]["rows"] == []
    assert columns["Recalled instead"]["note"].startswith("Nothing: no memory has anything in common")
    assert "latents speak for" not in page.words


def test_two_runs_compared(show: Show, bank: MemoryBank) -> None:
    before = measured(bank, weighting="cosine")
    page = show("evaluate", bank="talk", run=before, run_view="compare")
    assert "There is one run only" in page.words
    after = measured(bank)
    page = show("evaluate", bank="talk", run=after, run_view="compare")
    assert page.address["run_other"] == before
    found = bank.runs.compare(before, after)
    won = sum(change.after > change.before for change in found.changes["combined"])
    assert f"Combined: {won:,} won, {len(found.changes['combined']) - won:,} lost" in page.words


def test_explanations_are_put_to_the_test(show: Show, make_named: Make) -> None:
    words = "extraordinary unquestionable misunderstanding cat dog cow"
    bank = make_named("wordy", *[Memory(f"m{i}", t, conversation="A") for i, t in enumerate((words, "cat", "dog cow"))])
    finish(bank.add(Reading([], [Question("q", words, "A", ("m0",), "", "1")], [])))
    run = measured(bank)
    page = show("evaluate", bank="wordy", run=run, run_view="faithfulness")
    page.button("Mute and rank again").click()
    page.run()
    ended("wordy")
    page.run()
    assert bank.runs.get(run).report["faithfulness"]["n"] == 1
    assert "Without the three latents that explain it most, a hit falls by" in page.words.replace("\\", "")
    assert list(page.at.table[-1].value["muted"])[-1] == "difference"


def test_latents_of_the_misses(show: Show, make_named: Make) -> None:
    texts = [*[f"lake place{i}" for i in range(6)], *[f"boats thing{i}" for i in range(20)], "zebra"]
    bank = make_named("two", *[Memory(f"m{i}", t, conversation="A") for i, t in enumerate(texts)])
    found = [Question(f"l{i}", f"lake place{i}", "A", (f"m{i}",)) for i in range(6)]
    lost = [Question(f"b{i}", f"boats thing{i}", "A", ("m26",)) for i in range(6)]
    finish(bank.add(Reading([], [*found, *lost], [])))
    page = show("evaluate", bank="two", run=measured(bank, context=0.0), run_view="latents", run_mode="sparse")
    assert "6 questions were answered by sparse, 6 missed" in page.words
    assert "2 tell the two apart" in page.words
    table = page.at.dataframe[0].value
    assert list(table["answered"]) == [1, 0]
    assert list(table["missed"]) == [0, 1]


def test_a_run_is_deleted_on_demand(show: Show, bank: MemoryBank) -> None:
    first, second = measured(bank), measured(bank, weighting="cosine")
    page = show("evaluate", bank="talk", run=second)
    page.button("Delete this run").click()
    page.run()
    assert [run.id for run in bank.runs.list()] == [first]
    assert page.address["run"] == first


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ({"run": "nope"}, "has no run “nope”"),
        ({"run_category": "9"}, "No question of this run has the category “9”"),
        ({"run_criterion": "luck"}, "asks for the criterion “luck”"),
        ({"run_view": "all"}, "asks for the view “all”"),
        ({"latent": "99999"}, "Latent 99999 does not exist"),
        ({"run_view": "compare", "run_other": "gone"}, "run to compare with is not there"),
    ],
)
def test_a_link_to_what_is_not_there(show: Show, bank: MemoryBank, address: dict[str, str], sentence: str) -> None:
    measured(bank)
    measured(bank)
    page = show("evaluate", bank="talk", **address)
    assert any(sentence in warning for warning in page.warnings), page.warnings


def test_a_bank_that_changed_since(show: Show, bank: MemoryBank) -> None:
    run = measured(bank)
    finish(bank.add(Reading([Memory("new", "which boats sail", conversation="A", position=99)], [], [])))
    page = show("evaluate", bank="talk", run=run, run_mode="dense", run_question="q3")
    assert "The bank has changed since this run" in page.words


def test_hostile_words_stay_words(show: Show, make_named: Make) -> None:
    texts = [*HOSTILE, *[f"filler number{i}" for i in range(12)]]
    bank = make_named("hostile", *[Memory(f"m{i}", t, conversation=HOSTILE[0]) for i, t in enumerate(texts)])
    asked = [Question(f"q{i}", t, HOSTILE[0], ("m16",), t, HOSTILE[1]) for i, t in enumerate(HOSTILE)]
    finish(bank.add(Reading([], asked, [])))
    run = finish(bank.runs.run(name=HOSTILE[0])).id
    for view in ("misses", "compare", "latents"):
        page = show("evaluate", bank="hostile", run=run, run_view=view, run_mode="lexical")
        assert not any("<script>" in str(e.proto.body) or "<img" in str(e.proto.body) for e in page.at.get("html"))


def test_exports_say_which_run(show: Show, bank: MemoryBank) -> None:
    from ui.evaluate import results

    run = bank.runs.get(measured(bank))
    cases = bank.runs.cases(run.id)
    rows = results.case_rows(run, cases)
    assert len(rows) == 3 * 4
    assert {row["run"] for row in rows} == {run.id}
    assert rows[0]["ranks"] == " ".join(map(str, cases[0].ranks[rows[0]["mode"]]))
    whole = next(r for r in results.figure_rows(run) if r["mode"] == "sparse" and not r["category"])
    assert whole["recall@10"] == run.report["modes"]["sparse"]["recall@10"]
    assert whole["recall@10_low"] == run.report["modes"]["sparse"]["interval"]["recall@10"][0]
    assert {row["criterion"] for row in results.criterion_rows(run)} == set(run.report["modes"]["dense"]["criteria"])
    page = show("evaluate", bank="talk", run=run.id)
    assert len(page.at.get("download_button")) >= 9


def test_a_name_that_is_taken(show: Show, bank: MemoryBank) -> None:
    show("evaluate", bank="talk")
    assert evaluation._free_name(Path("talk.json")) == "talk 2"
    assert evaluation._free_name(Path("lo|co:mo.v2.json")) == "lo co mo"
    assert evaluation._free_name(Path("***.json")) == "benchmark"
