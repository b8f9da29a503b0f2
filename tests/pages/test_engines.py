"""Two engines on one bank: the sidebar switches, and nothing of one is shown under the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from core import MemoryBank, Query, Term, presets
from core.errors import EngineMissing
from core.progress import finish
from core.types import Memory, Question, Reading
from tests.fakes import FakeEncoder
from tests.pages.conftest import Shown
from ui.session import banks, jobs, models

Show = Callable[..., Shown]
OTHER = "0the0the0the0the"
TALK = ("the lake house has a leaky roof", "boats on the lake", "a violin lesson", "the roof was mended")


class Long(FakeEncoder):
    """Another dictionary: a word's latent is its length."""

    def __init__(self, **more: bool) -> None:
        super().__init__("long", OTHER, **more)

    def encode(self, texts: list[str], query: bool = False) -> object:  # type: ignore[override]
        return super().encode([" ".join("x" * len(word) for word in text.split()) for text in texts], query)


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeEncoder]:
    """The pages know two engines without weights: ``minilm`` and ``long``."""
    known: dict[str, FakeEncoder] = {"minilm": FakeEncoder("minilm"), "long": Long()}

    def make(name: str) -> FakeEncoder:
        if name not in known:
            raise EngineMissing(f"No engine is called “{name}”.")
        return known[name]

    monkeypatch.setattr(models, "make_engine", make)
    return known


@pytest.fixture
def bank(two: dict[str, FakeEncoder]) -> MemoryBank:
    """``talk``, encoded by both."""
    made = MemoryBank.open(banks.folder() / "talk.duckdb", two["minilm"])
    rows = [Memory(f"m{i}", text, conversation="A", position=i) for i, text in enumerate(TALK)]
    asked = [Question("q", "who mended the roof?", "A", ("m3",), "", "1")]
    finish(made.add(Reading(rows, asked, [])))
    finish(made.with_engine(two["long"]).encode())
    return made


def test_the_sidebar_switches_and_the_link_says_so(show: Show, bank: MemoryBank) -> None:
    page = show("recall", bank="talk", recall_text="roof", terms="7:1", muted="3")
    assert page.address["terms"] == "7:1"
    page.at.selectbox(key="engine").set_value("long")
    page.run()
    assert page.address == {"bank": "talk", "engine": "long", "recall_text": "roof"}
    assert f"fingerprint {OTHER}" in page.words
    page.at.selectbox(key="engine").set_value("minilm")
    page.run()
    assert page.address == {"bank": "talk", "recall_text": "roof", "terms": "7:1", "muted": "3"}


def test_results_of_one_engine_are_never_shown_under_the_other(show: Show, bank: MemoryBank) -> None:
    """No memory says “oaks”, but three of them have a word of four letters."""

    def sparse(page: Shown) -> set[str]:
        columns = {column["label"]: column for column in page.component("hits")["columns"]}
        return {row["id"] for row in columns["Sparse"]["rows"]}

    for _ in range(2):  # the second time from caches
        assert sparse(show("recall", bank="talk", recall_text="oaks lesson", context="0")) == {"m2"}
        assert sparse(show("recall", bank="talk", recall_text="oaks lesson", context="0", engine="long")) == {
            "m0",
            "m1",
            "m2",
            "m3",
        }


def test_an_engine_nobody_knows_is_a_note(show: Show, bank: MemoryBank) -> None:
    page = show("recall", bank="talk", engine="<b>gpt</b>", recall_text="roof")
    assert any("“<b>gpt</b>” is not here" in warning for warning in page.warnings)
    assert "engine" not in page.address
    assert page.has_component("hits")


def test_stored_codes_answer_where_the_model_is_missing(
    show: Show, bank: MemoryBank, two: dict[str, FakeEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(two["long"], "missing", lambda: ["Its files were taken away."])
    page = show("memory", bank="talk", engine="long", memory="m1")
    assert page.errors == []
    assert f"fingerprint {OTHER}" in page.words
    page = show("recall", bank="talk", engine="long", recall_text="words never stored")
    assert any("New words need the model of long" in w and "taken away" in w for w in page.warnings)
    assert "files missing" in "".join(e.proto.body for e in page.at.get("html"))


def test_a_bank_without_codes_of_the_engine_leads_to_one_that_has_some(show: Show, two: dict[str, FakeEncoder]) -> None:
    made = MemoryBank.open(banks.folder() / "talk.duckdb", two["long"])
    finish(made.add(Reading([Memory("m", "a lake")], [], [])))
    page = show("recall", bank="talk")
    assert "has latents of engine minilm yet" in page.words
    page.button("Look through long").click()
    page.run()
    assert page.address["engine"] == "long"


def test_codes_of_another_version_ask_to_be_made_anew(show: Show, two: dict[str, FakeEncoder]) -> None:
    made = MemoryBank.open(banks.folder() / "talk.duckdb", FakeEncoder("minilm", "01d01d01d01d01d0"))
    finish(made.add(Reading([Memory("m", "a lake")], [], [])))
    page = show("recall", bank="talk")
    assert "made by another version of minilm" in page.words


def test_compositions_and_runs_stay_with_their_engine(show: Show, bank: MemoryBank) -> None:
    bank.compositions.save("roofs", Query("", terms=(Term(3, 1.0),)))
    run = finish(bank.runs.run(Query("")))
    assert run.engine_name == "minilm"
    page = show("compose", bank="talk", engine="long")
    assert not [s for s in page.at.selectbox if s.key == "compose_saved"]
    page = show("evaluate", bank="talk", engine="long", run=run.id)
    assert "Nothing was measured here yet" in page.words
    page = show("evaluate", bank="talk", run=run.id)
    assert page.address["run"] == run.id


def test_the_memory_of_an_engine_nobody_uses_is_given_back(
    show: Show, bank: MemoryBank, two: dict[str, FakeEncoder]
) -> None:
    page = show("recall", bank="talk", recall_text="roof")
    assert two["minilm"].warm
    two["long"].load()
    page.at.selectbox(key="engine").set_value("long")
    page.run()
    assert (two["minilm"].warm, two["long"].warm) == (False, True)


def finished(name: str = "talk", what: str = "") -> None:
    job = jobs.get(f"{(banks.folder() / f'{name}.duckdb').resolve()}{what}")
    assert job is not None
    job.wait(120)


def test_engines_are_compared_on_the_page(show: Show, bank: MemoryBank) -> None:
    page = show("evaluate", bank="talk", evaluate_view="engines")
    assert "No engines were compared here yet" in page.words
    page.button("Compare").click()
    page.run()
    finished(what=" evaluate")
    page.run()
    (kept,) = bank.versus.list()
    assert page.address == {"bank": "talk", "evaluate_view": "engines", "versus": kept.id}
    assert "How far do their rankings agree?" in "\n".join(s.value for s in page.at.subheader)
    figures = page.at.table[1].value
    assert list(figures.columns) == ["figure", "minilm", "long", "long − minilm"]
    page.button("Delete this comparison").click()
    page.run()
    assert bank.versus.list() == ()


def test_the_library_encodes_with_another_engine_and_deletes_its_codes(
    show: Show, two: dict[str, FakeEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(presets()["minilm"], name="long", title="Lengths of words")
    monkeypatch.setattr("ui.library.engines.presets", lambda: {"minilm": presets()["minilm"], "long": spec})
    monkeypatch.setattr("ui.session.models.ready", lambda: ["minilm", "long"])
    made = MemoryBank.open(banks.folder() / "talk.duckdb", two["minilm"])
    finish(made.add(Reading([Memory("m", "a lake")], [], [])))
    page = show("library", bank="talk")
    page.at.selectbox(key="library_engine").set_value("long")
    page.run()
    page.button("Encode this bank with long").click()
    page.run()
    finished()
    page.run()
    assert [(one.name, one.memories) for one in made.engines.list()] == [("minilm", 1), ("long", 1)]
    page = show("library", bank="talk", engine="long")
    page.button("Delete these codes").click()
    page.run()
    assert [one.name for one in made.engines.list()] == ["minilm"]


def test_an_engine_of_whole_texts_says_so(show: Show) -> None:
    assert "It reads a memory as one token" in show("recall", engine="narrative-30").words
    assert "It reads a memory as one token" not in show("recall").words
