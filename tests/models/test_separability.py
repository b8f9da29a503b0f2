"""The separability command with the real weights, on cases of the demo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import core.__main__ as cli
from core import Engine
from core.bank.separability import DEMO_CASES

pytestmark = pytest.mark.models


def test_related_questions_are_nearer(
    minilm: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("core.encoding.engines.Engine.named", lambda _: minilm)
    monkeypatch.setattr("core.cli.comparing.cache_folder", lambda: tmp_path)
    file = tmp_path / "some.jsonl"
    file.write_text("\n".join(DEMO_CASES.read_text(encoding="utf-8").splitlines()[::4]), encoding="utf-8")
    assert cli.main(["separability", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n_cases"] == found["n_cases_easy"] == 25
    for modes in (found["modes"], found["modes_easy"]):
        for mode in ("dense", "sparse", "combined"):
            assert modes[mode]["share_positive"] >= 0.75
            assert modes[mode]["mean"] > modes[mode]["null_interval"][1]
            assert modes[mode]["p"] < 0.01
    assert found["modes_easy"]["combined"]["mean"] > found["modes"]["combined"]["mean"]
