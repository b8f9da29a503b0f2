"""What every test may ask for: folders of its own, a fake encoder, the real weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from core import MemoryBank
from core.bank.bank import MemoryBank as Bank
from core.encoding.engines import Engine
from core.progress import finish
from core.store import Database
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
def hold(request: pytest.FixtureRequest) -> Iterator[Callable[[Path], None]]:
    """hold(path): a bank's file stays open to the end of the test, as it does while another visitor works with it.

    DuckDB takes 30 ms of the processor to open a file, and a test opens it twenty times. Tests of the file itself, or
    of two processes that share it, are marked ``lets_go``.
    """
    with ExitStack() as stack:
        held = "lets_go" not in request.keywords
        yield lambda path: stack.enter_context(Database(path).work()) if held else None


@pytest.fixture
def make_bank(tmp_path: Path, encoder: FakeEncoder, hold: Callable[[Path], None]) -> Callable[..., MemoryBank]:
    """make_bank("first text", "second text") or make_bank(Memory(...), ...): an encoded bank of the fake engine."""

    def make(*memories: str | Memory, name: str = "test") -> MemoryBank:
        hold(tmp_path / f"{name}.duckdb")
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
