"""The dictionary's commands, with an engine whose every latent is a word."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import core.__main__ as cli
from core import MemoryBank
from core.progress import finish
from core.types import Memory, Reading
from tests.fakes import FakeEncoder, latent_of

LAKE = latent_of("lake")
DOCUMENTATION = Path(__file__).resolve().parents[3] / "docs" / "cli.md"


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    fake = FakeEncoder()
    monkeypatch.setattr("core.encoding.engines.Engine.named", lambda _: fake)
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path / "cache"))
    bank = MemoryBank.open(tmp_path / "b.duckdb", fake)
    texts = ("the lake house", "a cold lake", "bread")
    finish(bank.add(Reading([Memory(f"m{i}", text) for i, text in enumerate(texts)], [], [])))
    bank.latents.rename(LAKE, "water")
    return bank.path


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    capsys.readouterr()
    assert cli.main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def documented(command: str, keys: set[str]) -> set[str]:
    """Keys that the documentation leaves out."""
    text = DOCUMENTATION.read_text(encoding="utf-8").split("## JSON")[1]
    block = re.search(rf"^{command} +(.+?)(?=^\S)", text, re.DOTALL | re.MULTILINE)
    assert block
    return {key for key in keys if f'"{key}"' not in block[1]}


def test_latents(bank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = call(capsys, "latents", "--bank", bank, "--search", "wat")
    assert (found["found"], found["n_latents"]) == (1, 512)
    assert (
        found["latents"][0] | {"label": "water", "source": "yours", "memories": 2, "trust": None} == found["latents"][0]
    )
    assert not documented("latents", set(found) | set(found["latents"][0]))
    fired = call(capsys, "latents", "--bank", bank, "--text", "cold bread", "--sort", "fires")
    assert [row["latent"] for row in fired["latents"]] == [latent_of("bread"), latent_of("cold")]


def test_latent(bank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = call(capsys, "latent", LAKE, "--bank", bank)
    assert (found["label"], found["memories"], found["density"]) == ("water", 2, None)
    assert [row["text"] for row in found["top"]] == ["the lake house", "a cold lake"]
    assert found["top"][0]["token"] == "lake"
    inside = {key for name in ("top", "coactive") for key in found[name][0]}
    assert not documented("latent", set(found) | inside)


def test_pair(bank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = call(capsys, "pair", "the lake", "a lake", "--bank", bank)
    assert [row["label"] for row in found["shared"]] == ["water"]
    assert found["shared_words"] == ["lake"]
    assert not documented("pair", set(found) | set(found["shared"][0]))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("latent", "512"), "Latent 512 does not exist: this dictionary has 512"),
        (("pair", "the lake", " "), "needs two texts"),
        (("label-trust",), "20 texts a side"),
    ],
)
def test_sentences(bank: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str) -> None:
    assert cli.main([*arguments, "--bank", str(bank)]) == 1
    assert sentence in capsys.readouterr().err


def test_lines_for_a_person(bank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("latents",), ("latent", str(LAKE)), ("pair", "the lake", "a lake")):
        capsys.readouterr()
        assert cli.main([*arguments, "--bank", str(bank)]) == 0
        said = capsys.readouterr().out
        assert "water" in said
        assert "nan" not in said.replace("nobody", "")
