"""The command that puts explanations to the test, on a bank and on a benchmark file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import core.__main__ as cli
from core import MemoryBank
from core.progress import finish
from core.types import Memory, Question, Reading
from tests.fakes import FakeEncoder

WORDS = "extraordinary unquestionable misunderstanding cat dog cow"
DOCUMENTATION = Path(__file__).resolve().parents[3] / "docs" / "cli.md"
KEYS = {
    "n_questions",
    "n",
    "first",
    "muted",
    "seed",
    "explaining",
    "matched",
    "difference",
    "wins",
    "ties",
    "provenance",
}


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("core.encoding.engines.Engine.named", lambda _: FakeEncoder())
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    bank = MemoryBank.open(tmp_path / "b.duckdb")
    texts = [WORDS, "cat", "dog cow"]
    asked = [Question("q", WORDS, "A", ("m0",), "", "1"), Question("r", "cat", "A", ("m1",), "", "2")]
    finish(bank.add(Reading([Memory(f"m{i}", text, conversation="A") for i, text in enumerate(texts)], asked, [])))
    return bank.path


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    capsys.readouterr()
    assert cli.main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_bank(capsys: pytest.CaptureFixture[str], bank: Path) -> None:
    report = call(capsys, "faithfulness", "--bank", bank, "--weighting", "activation", "--context", 0)
    assert set(report) == KEYS
    assert (report["n_questions"], report["n"], report["provenance"]["categories"]) == (2, 1, None)
    described = DOCUMENTATION.read_text(encoding="utf-8").split("\nfaithfulness ")[1].split("\nlatents")[0]
    inside = {key for side in ("explaining", "difference") for key in report[side]} | {"median", "mean", "interval"}
    assert [key for key in KEYS | inside if f'"{key}"' not in described] == []
    assert call(capsys, "faithfulness", "--bank", bank, "--categories", "1")["n_questions"] == 1


def test_in_words(capsys: pytest.CaptureFixture[str], bank: Path) -> None:
    assert cli.main(["faithfulness", "--bank", str(bank), "--weighting", "activation", "--context", "0"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("1 of 2 questions have evidence among their first 10 sparse hits")
    assert "score taken away 96%" in said


def test_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    turns = [{"speaker": "Ana", "dia_id": f"D1:{i}", "text": text} for i, text in enumerate([WORDS, "cat", "dog"], 1)]
    talk = {"speaker_a": "Ana", "speaker_b": "Bo", "session_1": turns, "session_1_date_time": "1:00 pm on 8 May, 2023"}
    asked = [{"question": WORDS, "answer": "yes", "evidence": ["D1:1"], "category": 4}]
    file = tmp_path / "one.json"
    file.write_text(json.dumps([{"sample_id": "one", "conversation": talk, "qa": asked}]), encoding="utf-8")
    assert call(capsys, "faithfulness", file)["n"] == 1


@pytest.mark.parametrize("arguments", [[], ["f.json", "--bank", "b.duckdb"]])
def test_a_file_or_a_bank(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert cli.main(["faithfulness", *arguments]) == 1
    assert "Name a benchmark file, or a bank with --bank." in capsys.readouterr().err
