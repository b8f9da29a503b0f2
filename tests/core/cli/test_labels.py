"""``labels`` on the command line: what it asks, says before it asks, stores and refuses."""

from __future__ import annotations

import argparse
import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import MemoryBank
from core.cli import labels
from core.cli.shared import Commands
from core.encoding.catalogue import Catalogue
from core.encoding.engines import Engine
from core.errors import CoreError
from core.progress import finish
from core.types import Memory, Reading
from tests.fakes import FakeEncoder, latent_of
from tests.served import Step, said, serve

LAKE = latent_of("lake")


class Bare(FakeEncoder):
    catalogue = Catalogue(None, None)  # type: ignore[assignment]


Run = Callable[..., tuple[Any, list[str]]]


@pytest.fixture
def encoder() -> FakeEncoder:
    return Bare()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bank") / "test.duckdb"
    memories = [Memory(f"m{i}", text) for i, text in enumerate(("the lake", "the lake froze", "the lake", "bread"))]
    finish(MemoryBank.open(path, Bare()).add(Reading(memories, [], [])))
    return path


@pytest.fixture
def bank(tmp_path: Path, made: Path, encoder: FakeEncoder) -> MemoryBank:
    return MemoryBank.open(shutil.copy(made, tmp_path), encoder)


@pytest.fixture
def run(bank: MemoryBank, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(Engine, "named", classmethod(lambda cls, name: encoder))
    for name in ("URL", "MODEL", "KEY", "PRICE"):
        monkeypatch.delenv(f"MNEMOSCOPE_LLM_{name}", raising=False)
    commands = Commands()
    labels.register(commands)

    def called(*arguments: str) -> tuple[Any, list[str]]:
        parsed: argparse.Namespace = commands.parser.parse_args(["labels", "--bank", str(bank.path), *arguments])
        result, lines = parsed.run(parsed)
        json.dumps(result)
        return result, lines

    return called


def ask(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name, value in {"URL": f"{url}/v1", "MODEL": "tiny", "KEY": "sk-secret", "PRICE": "1,2"}.items():
        monkeypatch.setenv(f"MNEMOSCOPE_LLM_{name}", value)


def test_a_model_labels_what_most_memories_fire(
    run: Run, bank: MemoryBank, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve([said('{"label": "a name"}')]) as served:
        ask(monkeypatch, served.url)
        estimate, (sentence,) = run("--from", "llm", "--limit", "2", "--estimate")
        assert served.asked == []
        assert estimate["estimate"]["requests"] == 2
        assert f"tiny at {served.url}/v1 is shown texts of the SAE and of your memories: 2 requests" in sentence
        result, lines = run("--from", "llm", "--limit", "2")
        assert sentence in capsys.readouterr().err
        assert (result["report"]["labelled"], len(served.asked)) == (2, 2)
        assert lines == ["2 of 2 latents labelled by llm, 0 had a label, 0 have none."]
        assert {i: one.text for i, one in bank.latents.labels([LAKE, latent_of("the")]).items()} == {
            LAKE: "a name", latent_of("the"): "a name",
        }  # fmt: skip
        result, _ = run("--from", "llm")
        assert (result["report"]["labelled"], len(served.asked)) == (2, 4)
    assert "sk-secret" not in sentence + json.dumps(result)


def test_without_texts_of_its_own_and_no_memories_nothing_is_sent(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve([Step(500)]) as served:
        ask(monkeypatch, served.url)
        result, _ = run("--from", "llm", "--no-memories")
        assert result["report"]["nameless"] == 4
        assert served.asked == []


def test_a_missing_setting_is_named(run: Run) -> None:
    with pytest.raises(CoreError, match="set MNEMOSCOPE_LLM_URL"):
        run("--from", "llm", "--estimate")


def test_an_export_of_neuronpedia(run: Run, bank: MemoryBank, tmp_path: Path) -> None:
    file = tmp_path / "batch-0.jsonl"
    file.write_text(json.dumps({"index": str(LAKE), "description": "lakes", "scoreV1": 0.5}) + "\n")
    assert run("--from", "neuronpedia", str(file))[0] == {"stored": 1}
    assert bank.latents.labels([LAKE])[LAKE].source == "neuronpedia"
    with pytest.raises(CoreError, match="not on Neuronpedia"):
        run("--from", "neuronpedia")


def test_out_as_csv_and_in_again(run: Run, bank: MemoryBank, tmp_path: Path) -> None:
    bank.latents.store([(LAKE, "llm", "water, cold", None)])
    file = tmp_path / "labels.csv"
    assert run("--export", str(file))[0] == {"exported": 512}
    written = {row["latent"]: row["label"] for row in csv.DictReader(file.open())}
    assert written[str(LAKE)] == "water, cold"
    file.write_text(f"latent,label\n{LAKE},my lake\n")
    assert run("--import", str(file))[0] == {"imported": 1}
    assert bank.latents.labels([LAKE])[LAKE].source == "yours"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Say what to do"),
        (("x.csv", "--from", "llm"), "read only by --from neuronpedia"),
        (("--estimate", "--from", "neuronpedia"), "--estimate belongs to --from llm"),
    ],
)
def test_wrong_wishes_are_sentences(arguments: tuple[str, ...], sentence: str, run: Run) -> None:
    with pytest.raises(CoreError, match=sentence):
        run(*arguments)
