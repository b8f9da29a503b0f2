"""What every test may ask for: folders of its own, a fake encoder, the real weights."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core import MemoryBank
from core.bank.bank import MemoryBank as Bank
from core.encoding.engines import Engine
from core.progress import finish
from core.types import Memory, Reading
from tests.fakes import FakeEncoder

IN_CI = os.environ.get("CI", "").lower() == "true"


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the user's banks. The cache of converted weights is shared: it is slow to make."""
    monkeypatch.setenv("MNEMOSCOPE_DATA", str(tmp_path / "data"))


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def make_bank(tmp_path: Path, encoder: FakeEncoder) -> Callable[..., MemoryBank]:
    """make_bank("first text", "second text") or make_bank(Memory(...), ...): an encoded bank of the fake engine."""

    def make(*memories: str | Memory, name: str = "test") -> MemoryBank:
        bank = Bank.open(tmp_path / f"{name}.duckdb", encoder)
        rows = [m if isinstance(m, Memory) else Memory(f"m{i}", m, position=i) for i, m in enumerate(memories)]
        finish(bank.add(Reading(rows, [], [])))
        return bank

    return make


@pytest.fixture(scope="session")
def minilm() -> Engine:
    """The default engine with its real weights, in fp32 so that figures do not depend on the processor."""
    engine = Engine.named("minilm")
    problems = engine.missing()
    if problems and not IN_CI:
        pytest.skip(" ".join(problems))
    assert not problems, problems
    import torch

    engine = Engine(engine.spec, dtype=torch.float32)
    engine.load()
    return engine
