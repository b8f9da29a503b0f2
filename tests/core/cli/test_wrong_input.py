"""Ordinary wrong input of the command line is a sentence, never a traceback."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from core import MemoryBank
from core.__main__ import main
from core.encoding.engines import Engine
from core.progress import finish
from core.types import Memory, Reading
from tests.fakes import FakeEncoder

LONG = "x" * 300


@pytest.fixture
def bank(tmp_path: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch) -> MemoryBank:
    monkeypatch.setattr(Engine, "named", classmethod(lambda cls, name: encoder))
    bank = MemoryBank.open(tmp_path / "b.duckdb", encoder)
    finish(bank.add(Reading([Memory("m1", "the lake house")], [], [])))
    return bank


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["info", "--bank", f"{LONG}.duckdb"], "File name too long"),
        (["info", "--bank", "~nobody-of-that-name/x.duckdb"], "is no path that a file could have"),
        (["import", f"{LONG}.jsonl", "--bank", "BANK"], "File name too long"),
        (["import", "~nobody-of-that-name/x.jsonl", "--bank", "BANK"], "x.jsonl"),
        (["labels", "--export", "/nowhere/x/labels.csv", "--bank", "BANK"], "No such file or directory"),
        (["labels", "--import", "/nowhere/x/labels.csv", "--bank", "BANK"], "cannot be read as CSV"),
        (["search", "caf\udce9", "--bank", "BANK"], "'caf\\udce9' is not UTF-8"),
        (["latents", "--search", "caf\udce9", "--bank", "BANK"], "'caf\\udce9' is not UTF-8"),
        (["info", "--bank", "caf\udce9.duckdb"], "'caf\\udce9.duckdb' is not UTF-8"),
        (["separability", f"{LONG}.jsonl"], "File name too long"),
        (["separability", "~nobody-of-that-name/x.jsonl"], "x.jsonl"),
        (["evaluate", "~nobody-of-that-name/x.json"], "x.json"),
        (["engines", "add", "mine", "--sae", LONG], ""),
        (["repair", "/nowhere/x.duckdb"], "There is no file at /nowhere/x.duckdb"),
    ],
)
def test_a_sentence(bank: MemoryBank, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(bank.path) if one == "BANK" else one for one in arguments]) in (1, 2)
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("error: ")
    assert said in told


def test_labels_that_are_formulas_go_out_defused_and_come_back(bank: MemoryBank, tmp_path: Path) -> None:
    bank.latents.rename(3, "=1+1\x00 phone")
    file = tmp_path / "labels.csv"
    assert main(["labels", "--export", str(file), "--bank", str(bank.path)]) == 0
    with file.open(encoding="utf-8", newline="") as stream:
        rows = {row["latent"]: row["label"] for row in csv.DictReader(stream)}
    assert rows["3"] == "'=1+1 phone"
    assert bank.latents.import_labels(file) == 0
    assert bank.latents.labels([3])[3].text == "=1+1 phone"
