"""The command that asks whether reasons are short, say something, and are true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import core.__main__ as cli
from tests.fakes import FakeEncoder

DIALOGUE = [
    {
        "sample_id": "conv-1",
        "conversation": {
            "speaker_a": "Ann",
            "speaker_b": "Bob",
            "session_1": [
                {"speaker": "Ann", "dia_id": "D1:1", "text": "the strawberry frosting was extraordinary"},
                {"speaker": "Bob", "dia_id": "D1:2", "text": "nobody understands telescopes anyway"},
                {"speaker": "Ann", "dia_id": "D1:3", "text": "tomorrow brings unquestionable thunderstorms"},
            ],
            "session_1_date_time": "1:00 pm on 1 May, 2023",
        },
        "qa": [
            {"question": "strawberry frosting?", "answer": "x", "evidence": ["D1:1"], "category": 1},
            {"question": "unquestionable thunderstorms?", "answer": "x", "evidence": ["D1:3"], "category": 1},
            {"question": "zzz", "answer": "x", "evidence": ["D1:2"], "category": 1},
        ],
    }
]


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.encoding.engines.Engine.named", lambda _: FakeEncoder())
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "dialogue.json"
    file.write_text(json.dumps(DIALOGUE))
    assert cli.main(["explanations", str(file), "--format", "locomo", "--context", "0", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (found["n_questions"], found["n"], found["n_deletions"]) == (3, 2, 2)
    assert found["half_score"] == {"latents": 1, "pairs": 1}
    assert found["top5_share"] == {"latents": 1, "pairs": 1}
    assert (found["content_share"], found["same_word_share"], found["around_share"]) == (1, 1, 0)
    assert found["by_words_missed"] == 0
    assert found["named"] == {"recall@1": 1, "shuffled": 0}
    assert found["label_trust"] is None
    lost = {side: one["score_lost"] for side, one in found["deletion"].items()}
    assert lost["stated"] == lost["most_causal"] > 0.4  # a fake word causes what it fires, and nothing else
    assert found["deletion"]["stated"]["rank_lost"]["median"] == 0
    described = (Path(__file__).resolve().parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
    documented = described.split("\nexplanations {")[1].split("\nseparability")[0]
    assert all(f'"{key}"' in documented for key in found)
