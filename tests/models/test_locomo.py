"""Recall on the LoCoMo benchmark. Its file is not part of the repository.

DATA/locomo10.json is data/locomo10.json of github.com/snap-research/locomo (CC BY-NC 4.0); MNEMOSCOPE_LOCOMO may name
another file in the same format. Encoding it takes minutes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from core import Engine, MemoryBank
from core.progress import finish
from tests.handmade import ROOT

FILE = Path(os.environ.get("MNEMOSCOPE_LOCOMO") or ROOT / "DATA" / "locomo10.json")
pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(not FILE.is_file(), reason=f"no LoCoMo file at {FILE}: set MNEMOSCOPE_LOCOMO to one"),
]


@pytest.fixture(scope="module")
def report(minilm: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    bank = MemoryBank.open(tmp_path_factory.mktemp("locomo") / "locomo.duckdb", minilm)
    imported = finish(bank.import_files([FILE], "locomo"))
    assert imported.refused == ()
    assert imported.encoded == imported.added == imported.read
    return finish(bank.runs.evaluate(categories=["1", "2", "3", "4"])).report


def test_latents_recall_better_than_the_dense_vector(report: dict[str, Any]) -> None:
    recall = {mode: figures["recall@10"] for mode, figures in report["modes"].items()}
    assert report["n_questions"] > 700
    assert recall["sparse"] >= 0.55
    assert recall["dense"] >= 0.39
    assert recall["combined"] >= recall["sparse"] - 0.01
    assert recall["lexical"] >= 0.5
