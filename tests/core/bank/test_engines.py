"""Codes of several engines in one bank."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core import CoreError, MemoryBank, Query
from core.encoding.stored import StoredEngine
from core.errors import EngineMissing
from core.progress import finish
from core.types import Memory, Reading
from tests.fakes import FakeEncoder

Make = Callable[..., MemoryBank]
OTHER = "0the0the0the0the"


class Long(FakeEncoder):
    """Another dictionary: a word's latent is the hash of as many x as it has letters."""

    def __init__(self) -> None:
        super().__init__("long", OTHER)

    def encode(self, texts: list[str], query: bool = False):  # type: ignore[no-untyped-def]
        return super().encode([" ".join("x" * len(word) for word in text.split()) for text in texts], query)


@pytest.fixture
def bank(make_bank: Make) -> MemoryBank:
    return make_bank("a lake house", "boats", "the roof")


def test_codes_of_two_engines_lie_side_by_side(bank: MemoryBank) -> None:
    other = bank.with_engine(Long())
    assert [(one.name, one.memories, one.pending) for one in bank.engines.list()] == [("fake", 3, 0)]
    assert len(other.index()) == 0
    assert finish(other.encode()) == 3
    assert [(one.name, one.memories, one.state) for one in other.engines.list()] == [
        ("fake", 3, "unknown"),
        ("long", 3, "ready"),
    ]
    asked = Query("oaks", context=0)
    assert bank.search(asked).top("sparse") == []
    found = other.search(asked)
    assert {found.ids[i] for i in found.top("sparse")} == {"m0", "m2"}  # lake, roof
    assert bank.with_engine(bank.engine.name) is bank


def test_another_version_of_an_engine_is_told_from_this_one(bank: MemoryBank) -> None:
    newer = bank.with_engine(FakeEncoder("fake", "1" * 16))
    assert [one.state for one in newer.engines.list()] == ["older"]
    finish(newer.encode())
    assert [(one.fingerprint, one.state) for one in newer.engines.list()] == [
        ("fa4efa4efa4efa4e", "older"),
        ("1" * 16, "ready"),
    ]


def test_stored_codes_stand_for_an_engine_whose_files_are_gone(
    bank: MemoryBank, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.state.store_queries(["boats"])
    monkeypatch.setattr(encoder, "missing", lambda: ["Its files were taken away."])
    again = MemoryBank.open(bank.path, encoder)
    assert isinstance(again.engine, StoredEngine)
    assert again.engine.fingerprint == encoder.fingerprint
    found = again.search(Query("boats", context=0))
    assert [found.ids[i] for i in found.top("sparse")] == ["m1"]
    assert [one.state for one in again.engines.list()] == ["missing"]
    with pytest.raises(EngineMissing, match=r"Engine fake can read no new text here\. Its files were taken away\."):
        again.search(Query("something else"))
    by_name = MemoryBank.open(bank.path, "fake")
    assert len(by_name.index()) == 3
    with pytest.raises(EngineMissing, match="No engine is called “nobody”"):
        MemoryBank.open(bank.path, "nobody")


def test_an_empty_bank_waits_for_the_engine_itself(tmp_path: Path) -> None:
    lost = FakeEncoder()
    lost.missing = lambda: ["Its files were taken away."]  # type: ignore[method-assign]
    assert MemoryBank.open(tmp_path / "new.duckdb", lost).engine is lost


def test_codes_are_forgotten_and_what_people_made_is_not(bank: MemoryBank) -> None:
    other = bank.with_engine(Long())
    finish(other.encode())
    other.latents.rename(3, "short words")
    other.state.store_queries(["boats"])
    version = bank.version
    assert bank.engines.forget(OTHER) == 3
    assert bank.version > version
    assert [one.name for one in bank.engines.list()] == ["fake"]
    assert len(other.index()) == 0
    assert len(bank.index()) == 3
    finish(other.encode())
    assert other.latents.labels([3])[3].text == "short words"
    with pytest.raises(CoreError, match="holds no codes with the fingerprint nothing"):
        bank.engines.forget("nothing")


def test_memories_that_came_later_wait_for_each_engine(bank: MemoryBank) -> None:
    finish(bank.with_engine(Long()).encode())
    finish(bank.add(Reading([Memory("new", "a violin")], [], [])))
    assert {one.name: one.pending for one in bank.engines.list()} == {"fake": 0, "long": 1}
