from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, arrive, opened, quiet, visit

TURNS = (
    "I bought a small sailing boat in April.",
    "My sister repairs violins for the town orchestra.",
    "The roof of the summer house was mended by my cousin.",
    "<img src=x onerror=\"document.title='owned'\"> We ate pancakes.",
    *(f"On day {i} the weather was grey again." for i in range(14)),
)
ASKED = (("Who fixed the summer house?", "D1:3"), ("Was the weather grey again on day 5?", "D1:2"))


def file_of(folder: Path) -> Path:
    turns = [{"speaker": "Ana", "dia_id": f"D1:{i}", "text": text} for i, text in enumerate(TURNS, 1)]
    talk = {"speaker_a": "Ana", "speaker_b": "Bo", "session_1": turns, "session_1_date_time": "1:00 pm on 8 May, 2023"}
    asked = [{"question": q, "answer": "<b>x</b>", "evidence": [e], "category": 4} for q, e in ASKED]
    path = folder / "tiny talk.json"
    path.write_text(json.dumps([{"sample_id": "talk", "conversation": talk, "qa": asked}]), encoding="utf-8")
    return path


def test_from_a_file_to_a_missed_question(server: Server, page: Page, tmp_path: Path) -> None:
    """A benchmark file becomes a bank, its questions are asked, and a miss leads to Recall; the run is deleted."""
    visit(page, f"{server.url}/evaluate")
    expect(page.get_by_text("Nothing was measured here yet")).to_be_visible(timeout=60_000)
    page.locator(".st-key-evaluate_row").get_by_role("combobox").first.click()
    page.get_by_role("option", name="a LoCoMo or LongMemEval file").click()
    page.locator('input[type="file"]').set_input_files(file_of(tmp_path))
    expect(page.get_by_text("tiny talk.json")).to_be_visible()
    page.get_by_role("button", name="Make a bank of it").click()
    arrive(page, "**bank=tiny*talk**")
    expect(page.get_by_text("18 memories encoded")).to_be_visible(timeout=90_000)
    quiet(page)
    page.get_by_role("button", name="Run", exact=True).click()
    arrive(page, "**run=**", timeout=90_000)
    table = page.locator(".mn-study")
    expect(table).to_contain_text("73\u202f%")
    expect(table).to_contain_text("not measured: needs a reader model")
    page.locator(".st-key-run_mode").get_by_text("Sparse", exact=True).click()
    arrive(page, "**run_mode=sparse**")
    expect(page.get_by_role("heading", name=ASKED[1][0])).to_be_visible()
    expect(page.locator('section[aria-label="The evidence"] .card')).to_have_count(1)
    card = page.locator('section[aria-label="Recalled instead"] .card').nth(1)
    chosen = str(card.get_attribute("data-id"))
    quiet(page)
    card.click()
    arrive(page, f"**run_wrong={chosen.replace('/', '%2F').replace(':', '%3A')}**")
    link = page.url
    visit(page, link)
    expect(page.locator(f'[data-id="{chosen}"]')).to_have_attribute("aria-pressed", "true", timeout=60_000)
    page.get_by_role("button", name="Open in Recall").click()
    arrive(page, "**/recall?**")
    expect(page.get_by_label("Ask in your own words")).to_have_value(ASKED[1][0])
    visit(page, link)
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete this run").wait_for()
    quiet(page)
    page.get_by_role("button", name="Delete this run").click()
    expect(page.get_by_text("Nothing was measured here yet")).to_be_visible(timeout=30_000)
    arrive(page, re.compile("^(?!.*run=)"))
    assert page.title() == "Evaluate · Mnemoscope"


def test_it_fits_its_window(server: Server, browser: Browser) -> None:
    for width, scheme in ((1440, "dark"), (900, "light")):
        with opened(browser, width, scheme) as window:
            visit(window, f"{server.url}/evaluate?bank=demo")
            window.get_by_role("button", name="Run", exact=True).wait_for(timeout=60_000)
            assert window.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
