"""Asking in latents, and what would bring a memory back, from the bank and the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core import CoreError, MemoryBank, Query, Term
from core.__main__ import main
from tests.fakes import FakeEncoder, latent_of

LAKE = ("a frozen lake", "the lake in summer", "a frozen pizza", "summer")


def test_plus_and_minus(make_bank: Callable[..., MemoryBank]) -> None:
    """“frozen” fires with 6, “pizza” with 5, “lake” with 4: the words' lengths."""
    hits = make_bank(*LAKE).compose([Term(latent_of("frozen"), 1), Term(latent_of("pizza"), -0.5)], k=3)
    assert [(hits.ids[i], float(hits.scores["sparse"][i])) for i in hits.top("sparse")] == [("m0", 6.0), ("m2", 3.5)]


def test_nothing_and_too_much(make_bank: Callable[..., MemoryBank]) -> None:
    bank = make_bank(*LAKE)
    with pytest.raises(CoreError, match="no latent to compose"):
        bank.compose([])
    with pytest.raises(CoreError, match=r"Latent 512 does not exist: this dictionary has 512 \(0–511\)."):
        bank.compose([Term(512, 1)])


def test_what_would_bring_it_back(make_bank: Callable[..., MemoryBank]) -> None:
    bank, query = make_bank(*LAKE), Query("frozen lake", k=1)
    assert bank.recall.flips(query, "m0") == []
    flips = bank.recall.flips(query, "m2")
    assert flips[0].term.latent == latent_of("pizza")
    edited = bank.search(Query("frozen lake", k=1, terms=(flips[0].term,)))
    assert edited.ids[edited.top("sparse")[0]] == "m2"


def test_the_command(
    make_bank: Callable[..., MemoryBank],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    bank = str(make_bank(*LAKE).path)
    monkeypatch.setattr("core.encoding.engines.Engine.named", lambda name: FakeEncoder())
    assert main(["compose", f"+{latent_of('frozen')}", f"{latent_of('pizza')}:-0.5", "--bank", bank, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"text", "terms", "hits", "provenance"}
    assert [(hit["id"], hit["score"]) for hit in found["hits"]] == [("m0", 6.0), ("m2", 3.5)]
    assert main(["compose", f"-{latent_of('frozen')}", "--bank", bank]) == 0
    assert "No memory in test scores above 0" in capsys.readouterr().out
    assert main(["search", "frozen lake", "--bank", bank, "--k", "1", "--bring", "m2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["flips"][0]["term"]["latent"] == latent_of("pizza")
    with pytest.raises(SystemExit) as usage:
        main(["compose", "15", "--bank", bank])
    assert usage.value.code == 2
