"""On real latents, the explanation of a hit names what carries it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import Engine, MemoryBank, Query
from core.demo import demo_readings
from core.progress import finish

pytestmark = pytest.mark.models


def test_muting_what_explains_a_hit_costs_more_rank(minilm: Engine, tmp_path: Path) -> None:
    bank = MemoryBank.open(tmp_path / "demo.duckdb", minilm)
    for reading in demo_readings():
        finish(bank.add(reading))
    report = finish(bank.runs.faithfulness(Query(""), ["1", "2", "3", "4"]))
    assert report["n_questions"] == 42
    assert report["n"] >= 20
    assert report["difference"]["log2_rank_ratio"]["interval"][0] > 0
    assert report["wins"]["mean"] > 1 - report["wins"]["mean"] - report["ties"]
    assert report["explaining"]["score_removed"]["mean"] > 2 * report["matched"]["score_removed"]["mean"]
    assert report["explaining"]["density"] == pytest.approx(report["matched"]["density"], rel=0.6)
