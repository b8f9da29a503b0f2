from __future__ import annotations

import json
import re
from collections.abc import Callable

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, arrive, opened, quiet, visit
from tests.browser.test_recall import asked


def test_a_point_opens_its_case_and_a_latent(server: Server, page: Page) -> None:
    visit(page, f"{server.url}/separability")
    points = page.locator(".js-plotly-plot").first.locator(".scatterlayer .trace").first.locator("path.point")
    points.first.wait_for(timeout=60_000)
    points.nth(4).hover(force=True)
    expect(page.locator(".hoverlayer").first).to_contain_text("dense SEP")
    points.nth(4).click(force=True)
    arrive(page, "**sep_case=sep-**")
    chosen = asked(page)["sep_case"]
    expect(page.get_by_label("Case, lowest combined SEP first")).to_have_value(re.compile(chosen))
    page.get_by_text("another dialogue", exact=True).click()
    arrive(page, "**sep_against=other**")
    assert asked(page)["sep_case"] == chosen
    page.locator("tbody tr .acts button", has_text="open").first.click()
    arrive(page, "**/latents?**")


def test_cases_of_a_file_are_kept(fresh_server: Callable[[], Server], page: Page) -> None:
    visit(page, f"{fresh_server().url}/separability")
    page.locator(".js-plotly-plot .violinlayer").first.wait_for(state="attached", timeout=60_000)
    page.get_by_role("button", name="Your own").click()
    page.locator('input[type="file"]').wait_for(state="attached", timeout=60_000)
    row = {"case": "<b>mine</b>", "context": "The cat sat on the warm stove.", "related": "Where did the cat sit?",
           "unrelated": "Who paid the rent?"}  # fmt: skip
    text = json.dumps(row) + "\nnonsense\n"
    quiet(page)
    page.locator('input[type="file"]').set_input_files(
        {"name": "mine.jsonl", "mimeType": "application/json", "buffer": text.encode()}
    )
    expect(page.get_by_text("1 case of mine.jsonl kept in this bank.")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("line 2")).to_be_visible()
    arrive(page, "**sep_source=mine.jsonl**")


def test_it_fits_its_window(server: Server, browser: Browser) -> None:
    for width, scheme in ((1440, "dark"), (900, "light")):
        with opened(browser, width, scheme) as window:
            visit(window, f"{server.url}/separability?sep_source=demo")
            window.locator(".js-plotly-plot .violinlayer").first.wait_for(state="attached", timeout=60_000)
            assert window.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
