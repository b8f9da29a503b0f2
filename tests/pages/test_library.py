from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core import MemoryBank
from tests.fakes import FakeEncoder
from tests.pages.conftest import Shown
from ui.kit import uploads
from ui.session import banks, jobs

Show = Callable[..., Shown]
Make = Callable[..., MemoryBank]


def job_of(name: str) -> object:
    return jobs.get(str((banks.folder() / f"{name}.duckdb").resolve()))


def finished(name: str) -> None:
    job = job_of(name)
    assert job is not None
    job.wait(20)  # type: ignore[attr-defined]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "diary.jsonl"
    rows = [{"id": f"d{i}", "text": f"Entry {i}: the harbour was quiet."} for i in range(5)]
    path.write_text("\n".join([*map(json.dumps, rows), '{"id": "x"}', "not json"]), encoding="utf-8")
    return path


def test_the_demo_is_described(show: Show) -> None:
    page = show("library")
    assert [m.value for m in page.at.metric] == ["525", "1", "48", "2"]
    assert "The latents account for" in page.words
    table = page.at.table[0].value
    assert table["figure"].iloc[0].startswith("FVU")
    assert len(page.at.get("download_button")) == 4


def test_an_empty_bank_offers_the_demo(show: Show, make_named: Make) -> None:
    make_named("empty")
    page = show("library", bank="empty")
    assert "This bank is empty" in page.words
    page.button("Open the demo").click()
    page.run()
    assert page.address == {}


def test_import_by_path_with_its_report(show: Show, make_named: Make, file: Path) -> None:
    make_named("mine")
    page = show("library", bank="mine")
    page.at.text_input(key="library_path").set_value(str(file))
    page.button("Import").click()
    page.run()
    finished("mine")
    page.run()
    assert "7 rows read: 5 added, 0 already there, 2 refused" in page.words
    assert "5 memories encoded" in page.words
    refused = page.at.dataframe[0].value
    assert list(refused["line"]) == [6, 7]
    assert list(refused["file"]) == ["diary.jsonl", "diary.jsonl"]
    assert page.at.metric[0].value == "5"
    page.button("Close this report").click()
    page.run()
    page.run()
    assert "rows read" not in page.words


@pytest.mark.parametrize(("path", "sentence"), [("", "Choose a file"), ("/nowhere/at-all.jsonl", "at-all.jsonl")])
def test_a_file_that_is_not_there(show: Show, make_named: Make, path: str, sentence: str) -> None:
    make_named("mine")
    page = show("library", bank="mine")
    page.at.text_input(key="library_path").set_value(path)
    page.button("Import").click()
    page.run()
    if path:
        finished("mine")
        page.run()
    assert any(sentence in error for error in page.errors), page.errors


def test_a_running_import_can_be_stopped(show: Show, make_named: Make, fake: FakeEncoder, file: Path) -> None:
    make_named("mine")
    fake.gate = threading.Event()
    page = show("library", bank="mine")
    page.at.text_input(key="library_path").set_value(str(file))
    page.button("Import").click()
    page.run()
    assert page.button("Stop")
    page.button("Stop").click()
    page.run()
    fake.gate.set()
    finished("mine")
    page.run()
    assert any("What was stored is kept" in w for w in page.warnings)


def test_pending_memories_are_encoded_on_demand(show: Show, make_named: Make) -> None:
    make_named("raw", "one text", "another text", encode=False)
    page = show("library", bank="raw")
    assert "2 memories have no latents yet" in page.words
    page.button("Encode them").click()
    page.run()
    finished("raw")
    page.run()
    assert "2 memories encoded" in page.words


def test_a_bank_is_made_by_name(show: Show, fake: FakeEncoder) -> None:
    page = show("library")
    page.at.text_input(key="library_name").set_value("my diary")
    page.button("Create").click()
    page.run()
    assert page.address == {"bank": "my diary"}
    assert (banks.folder() / "my diary.duckdb").is_file()


@pytest.mark.parametrize("name", ["", "../escape", "a/b", "demo", "x" * 80, ".hidden"])
def test_a_bad_name_makes_nothing(show: Show, fake: FakeEncoder, name: str) -> None:
    page = show("library")
    page.at.text_input(key="library_name").set_value(name)
    page.button("Create").click()
    page.run()
    assert page.errors
    assert page.address == {}
    assert [f.name for f in banks.folder().iterdir()] == ["demo.duckdb"]


def test_a_bank_is_opened_by_path_for_this_session_only(show: Show, fake: FakeEncoder, make_bank: Make) -> None:
    outside = make_bank("a text from elsewhere", name="outside")
    page = show("library")
    page.at.text_input(key="library_open_path").set_value(str(outside.path))
    page.button("Open").click()
    page.run()
    assert page.address == {"bank": "outside"}
    assert page.at.metric[0].value == "1"
    stranger = show("library", bank="outside")
    assert any("which is not here" in w for w in stranger.warnings)
    assert stranger.address == {}


@pytest.mark.parametrize("path", ["", "/nowhere/bank.duckdb", "{file}"])
def test_what_is_no_bank_is_not_opened(show: Show, fake: FakeEncoder, path: str, file: Path) -> None:
    before = file.read_text(encoding="utf-8")
    page = show("library")
    page.at.text_input(key="library_open_path").set_value(path.format(file=file))
    page.button("Open").click()
    page.run()
    assert page.errors
    assert file.read_text(encoding="utf-8") == before


def test_uploads_keep_their_names_and_nothing_else() -> None:
    class Upload:
        def __init__(self, name: str) -> None:
            self.name = name

        def getbuffer(self) -> memoryview:
            return memoryview(b"{}")

    folder = uploads.uploaded([Upload("../../a.jsonl"), Upload("C:\\x\\b.csv"), Upload(".."), Upload("a.jsonl")])
    assert sorted(p.name for p in folder.glob("*/*")) == ["a.jsonl", "a.jsonl", "b.csv", "upload"]
    assert all(p.resolve().is_relative_to(folder.resolve()) for p in folder.glob("*/*"))


def test_a_missing_engine_is_a_sentence(show: Show, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake, "missing", lambda: ["The package “weights” is not installed."])
    fake._warm = False
    page = show("library")
    assert any("is not installed" in e for e in page.errors)
    assert "files missing" in "".join(e.proto.body for e in page.at.get("html"))
