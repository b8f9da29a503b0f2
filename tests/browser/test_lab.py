from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, arrive, opened, visit


def test_three_runs_trained_and_compared(fresh_server: Callable[[], Server], browser: Browser, page: Page) -> None:
    server = fresh_server()
    visit(page, f"{server.url}/lab")
    page.get_by_role("button", name="Train the source’s three β").click(timeout=60_000)
    arrive(page, "**lab_runs=**", timeout=180_000)
    titles = page.locator(".js-plotly-plot").first.locator(".annotation-text")
    expect(titles.filter(has_text="β = 0.0005")).to_be_visible(timeout=60_000)
    page.get_by_text("Traces", exact=True).click()
    arrive(page, "**lab_view=traces**")
    expect(page.locator(".js-plotly-plot .heatmaplayer .hm")).to_have_count(3, timeout=60_000)
    for width, scheme in ((1440, "dark"), (900, "light")):
        with opened(browser, width, scheme) as window:
            visit(window, page.url)  # the link shows the same runs to anybody
            window.locator(".js-plotly-plot .heatmaplayer .hm").nth(2).wait_for(state="attached", timeout=60_000)
            assert window.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
