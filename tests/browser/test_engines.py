"""The same app on an engine in Gemma's format: a user's own, read from a hub's cache, with no network."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from core import Engine, MemoryBank, registry
from core.progress import finish
from core.types import Memory, Reading
from tests import tiny
from tests.browser.conftest import Server, opened, visit

LINES = [
    "The lake house froze in March and nobody noticed for a week.",
    "My sister moved to Lisbon and misses the lake.",
    "We paint the house next summer, the whole of it.",
    "The dog found the keys under the bed.",
]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with an engine “tiny” and a bank “lake” that it encoded."""
    for name, value in {"MNEMOSCOPE_DATA": "data", "HF_HUB_CACHE": "hub"}.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    weights = tiny.Weights.drawn()
    tiny.publish(tmp_path / "hub", "google/gemma-tiny", lambda folder: tiny.model("gemma", folder))
    tiny.publish(tmp_path / "hub", "google/scope-tiny", lambda folder: tiny.gemma_scope(weights, folder), "layer_2")
    tiny.publish(tmp_path / "hub", "nomic-ai/nomic-embed-text-tiny", tiny.embedder)
    spec = registry.make(
        "tiny", "google/gemma-tiny", "hub:google/scope-tiny/layer_2", "nomic-ai/nomic-embed-text-tiny", layer=2
    )
    registry.add(spec)
    bank = MemoryBank.open(tmp_path / "data" / "banks" / "lake.duckdb", Engine.named("tiny"))
    finish(bank.add(Reading([Memory(f"m{i}", text, position=i) for i, text in enumerate(LINES)], [], [])))
    return tmp_path / "data"


def test_a_query_is_answered_by_a_tiny_gemma(data: Path, browser: Browser) -> None:
    server = Server(data, environment={"MNEMOSCOPE_ENGINE": "tiny"}).start()
    try:
        with opened(browser) as page:
            page.set_default_timeout(120_000)  # the model is loaded, and with it torch
            visit(page, f"{server.url}/recall?bank=lake&recall_text=the+lake+house")
            page.locator('section[aria-label="Sparse"] .card').first.wait_for()
            assert page.locator(".chip").count() >= 3
            shown = {card.get_attribute("data-id") for card in page.locator(".card").all()}
            assert shown <= {f"m{i}" for i in range(4)}
            expect(page.get_by_text("google/gemma-tiny").first).to_be_attached(timeout=5_000)
    finally:
        server.stop()
