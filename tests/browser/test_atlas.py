from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, arrive, opened, visit
from tests.browser.test_recall import asked


def drag_around(page: Page, plot: int, share: float = 0.3) -> None:
    """A lasso around the middle of a figure."""
    area = page.locator(".js-plotly-plot").nth(plot).locator(".nsewdrag").first
    area.wait_for()
    box = area.bounding_box()
    assert box is not None
    x, y, r = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, share * box["height"]
    page.mouse.move(x - r, y)
    page.mouse.down()
    for dx, dy in ((0, -r), (r, 0), (0, r), (-r, 0)):
        page.mouse.move(x + dx, y + dy, steps=6)
    page.mouse.up()


def click_a_point(page: Page, at: str) -> None:
    """Point at a place of the first figure until it answers, then click. at: JavaScript of [x, y] in its axes."""
    plot = page.locator(".js-plotly-plot").first
    plot.wait_for(timeout=60_000)
    label = plot.locator(".hoverlayer .hovertext").first
    for _ in range(20):
        place = page.evaluate(
            """(at) => { const plot = document.querySelector('.js-plotly-plot'), box = plot.getBoundingClientRect();
                         const {xaxis, yaxis} = plot._fullLayout, [x, y] = (0, eval)(at)(plot);
                         return [box.x + xaxis._offset + xaxis.d2p(x), box.y + yaxis._offset + yaxis.d2p(y)]; }""",
            at,
        )
        page.mouse.move(place[0], place[1] - 80)
        page.mouse.move(*place, steps=4)
        page.wait_for_timeout(700)
        if label.count():
            break
    page.mouse.click(*place)


def await_quiet(page: Page, plot: int, n: int) -> None:
    """Until so many points of a figure are greyed: drawn, and not selected."""
    page.wait_for_function(
        """([plot, n]) => n === (document.querySelectorAll('.js-plotly-plot')[plot]?._fullData ?? [])
            .filter(t => t.selectedpoints).reduce((n, t) => n + t.x.length - t.selectedpoints.length, 0)""",
        arg=[plot, n],
        timeout=60_000,
        polling=200,
    )


def test_a_lasso_on_the_dense_map_selects_on_the_sparse_one(server: Server, page: Page, browser: Browser) -> None:
    visit(page, f"{server.url}/atlas?atlas_view=beside")
    page.locator(".js-plotly-plot").nth(1).wait_for(timeout=60_000)
    drag_around(page, 0)
    heading = page.get_by_text(re.compile(r"memories selected|One memory selected"))
    heading.wait_for(timeout=60_000)
    arrive(page, "**atlas_shape=dense**")
    n = int(heading.inner_text().split()[0].replace(",", ""))
    assert 0 < n < 525
    for plot in (0, 1):
        await_quiet(page, plot, 525 - n)
    expect(page.get_by_text("What sets the selection apart from all others?")).to_be_visible()
    with opened(browser) as other:
        visit(other, page.url)
        other.get_by_text(f"{n:,} memories selected").wait_for(timeout=60_000)
        await_quiet(other, 1, 525 - n)
    page.get_by_role("button", name="Clear the selection").click()
    arrive(page, re.compile("^(?!.*atlas_shape)"))
    expect(heading).to_have_count(0)


def test_a_click_reads_a_memory(server: Server, page: Page) -> None:
    visit(page, f"{server.url}/atlas")
    plot = page.locator(".js-plotly-plot").first
    plot.wait_for(timeout=60_000)
    page.wait_for_timeout(1500)
    plot.hover()
    page.locator('[data-attr="dragmode"][data-val="pan"]').first.click()
    click_a_point(page, "plot => [plot._fullData[1].x[3], plot._fullData[1].y[3]]")
    arrive(page, "**memory=**")
    expect(page.get_by_role("button", name="Open in Memory")).to_be_visible(timeout=20_000)


def test_a_distinguishing_latent_goes_to_compose(server: Server, page: Page) -> None:
    visit(page, f"{server.url}/atlas?atlas_field=category&atlas_value=Routine&latent=14760")
    page.get_by_text("120 memories selected").wait_for(timeout=60_000)
    page.locator(".st-key-contrast_plus button").click(timeout=60_000)
    arrive(page, "**terms=14760%3A1**")
    assert asked(page)["atlas_value"] == "Routine"


def test_they_fit_their_windows(server: Server, browser: Browser) -> None:
    for address in ("atlas?atlas_field=category&atlas_value=Routine", "timeline?latent=8628&memory=demo/D2:3"):
        for width, scheme in ((1440, "dark"), (900, "light")):
            with opened(browser, width, scheme) as window:
                visit(window, f"{server.url}/{address}")
                window.locator(".js-plotly-plot").first.wait_for(timeout=60_000)
                window.wait_for_timeout(1500)
                wide = window.evaluate(
                    "(main => main.scrollWidth - main.clientWidth)(document.querySelector('[data-testid=stMain]'))"
                )
                assert wide <= 0, address


def test_a_cell_of_the_timeline_is_read(server: Server, page: Page) -> None:
    visit(page, f"{server.url}/timeline")
    page.locator(".js-plotly-plot").first.wait_for(timeout=60_000)
    page.wait_for_timeout(1500)
    click_a_point(
        page, "plot => { const t = plot._fullData.find(t => t.type === 'scattergl'); return [t.x[0], t.y[0]]; }"
    )
    arrive(page, "**memory=**")
    expect(page.get_by_role("button", name="Open in Memory")).to_be_visible(timeout=20_000)
    expect(page.get_by_text(re.compile(r"^Enters at turn \d+"))).to_be_visible(timeout=20_000)
