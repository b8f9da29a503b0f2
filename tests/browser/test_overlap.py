from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, arrive, opened, visit
from tests.browser.test_recall import asked


def middle(page: Page, across: float, down: float) -> tuple[float, float]:
    """A place in the heatmap's square, by share of its width and height."""
    page.locator(".js-plotly-plot .cbaxis").first.wait_for(state="attached", timeout=60_000)
    page.wait_for_timeout(1500)
    box = page.evaluate(
        """() => { const l = document.querySelector('.js-plotly-plot')._fullLayout;
                   const r = document.querySelector('.js-plotly-plot').getBoundingClientRect();
                   return [r.x + l.xaxis2._offset, r.y + l.yaxis2._offset, l.xaxis2._length, l.yaxis2._length]; }"""
    )
    return box[0] + across * box[2], box[1] + down * box[3]


def test_a_cell_says_its_memories_and_opens_their_pair(server: Server, page: Page) -> None:
    visit(page, f"{server.url}/overlap?conversation=demo&overlap_threshold=50")
    x, y = middle(page, 0.3, 0.7)
    page.mouse.click(x, y)
    arrive(page, "**overlap_a=**")
    link = asked(page)
    page.mouse.move(x, y - 200)
    page.mouse.move(x, y)
    for name in (link["overlap_a"], link["overlap_b"], "Jaccard: "):
        expect(page.locator(".hoverlayer").first).to_contain_text(name)
    page.locator("tbody tr").first.get_by_text("open", exact=True).click()
    arrive(page, "**/latents?**")


def test_categories_lead_to_their_memories_and_the_microscope(server: Server, page: Page) -> None:
    visit(page, f"{server.url}/overlap?overlap_by=category")
    x, y = middle(page, 0.5, 0.15)
    page.mouse.click(x, y)
    arrive(page, "**overlap_a=**")
    page.get_by_role("button", name="Compare their 240 memories").click()
    arrive(page, "**overlap_zoom=category**")
    expect(page.get_by_role("button", name="Back to all")).to_be_visible()
    page.locator(".st-key-overlap_clash_0 button").click()
    arrive(page, "**latents_view=pair**")


def test_it_fits_its_window(server: Server, browser: Browser) -> None:
    for width, scheme in ((1440, "dark"), (900, "light")):
        with opened(browser, width, scheme) as window:
            visit(window, f"{server.url}/overlap?overlap_by=session")
            window.locator(".js-plotly-plot .cbaxis").first.wait_for(state="attached", timeout=60_000)
            assert window.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
