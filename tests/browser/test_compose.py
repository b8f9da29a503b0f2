from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, arrive, opened, quiet, visit
from tests.browser.test_recall import asked


def ids(page: Page) -> list[str]:
    return [card.get_attribute("data-id") or "" for card in page.locator("article.card").all()]


def test_mixing_from_an_example_to_a_link(server: Server, page: Page, browser: Browser) -> None:
    """An example, sliders by keyboard and by mouse, likes turned into sliders, undo, the link in another window."""
    visit(page, f"{server.url}/compose")
    page.locator(".st-key-compose_example_2 button").click()
    page.locator("article.card").first.wait_for()
    sliders = page.locator('input[type="range"]')
    expect(sliders).to_have_count(2)
    arrive(page, "**terms=**")
    before = asked(page)["terms"]
    sliders.nth(1).focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    arrive(page, re.compile(r"terms=\d+%3A1%2C\d+%3A-0\.8"))
    expect(sliders.nth(1)).to_be_focused()
    assert sliders.nth(1).get_attribute("aria-valuetext") == "−0.8"
    box = sliders.nth(0).bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    arrive(page, re.compile(r"terms=\d+%3A(3|2\.9)"))
    expect(page.locator("article.card .bar .plus").first).to_be_visible()
    page.get_by_role("button", name="More like").first.click()
    page.get_by_role("button", name="Turn into weights").wait_for()
    quiet(page)
    page.get_by_role("button", name="Turn into weights").click()
    expect(sliders).to_have_count(14, timeout=20_000)
    arrive(page, lambda url: url.count("%3A") >= 13)
    shown = ids(page)
    with opened(browser) as other:
        visit(other, page.url)
        other.locator("article.card").first.wait_for()
        assert ids(other) == shown
    for _ in range(8):  # keys that came slowly are steps of their own
        if asked(page)["terms"] == before:
            break
        shown_now = page.url
        page.get_by_role("button", name="Undo").click()
        page.wait_for_function("before => location.href !== before", arg=shown_now)
        quiet(page)
    assert asked(page)["terms"] == before


def test_marks_and_saving(server: Server, page: Page) -> None:
    visit(page, f"{server.url}/recall")
    page.get_by_role("button", name="Right", exact=True).click()
    expect(page.locator(".card .mark.right").first).to_be_visible(timeout=20_000)
    quiet(page)
    page.get_by_role("button", name="Compose from 1 mark").click()
    arrive(page, "**/compose?**")
    expect(page.locator("article.card .mark.right")).to_have_count(1, timeout=60_000)
    page.get_by_role("button", name=re.compile("^Right for these words")).first.click()
    expect(page.locator("article.card .mark")).to_have_count(0)
    quiet(page)
    page.get_by_role("button", name="Saved").click()
    page.get_by_label("Name").fill("mine")
    page.get_by_label("Name").press("Enter")
    expect(page.get_by_text("Saved as “mine” in demo.")).to_be_visible()
    quiet(page)
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Put it back")).to_be_visible()


def test_it_fits_its_window(server: Server, browser: Browser) -> None:
    for width, scheme in ((1440, "dark"), (900, "light")):
        with opened(browser, width, scheme) as window:
            visit(window, f"{server.url}/compose")
            window.locator(".st-key-compose_example_1 button").click()
            window.locator("article.card").first.wait_for()
            assert window.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
