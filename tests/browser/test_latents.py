from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, arrive, opened, quiet, visit
from tests.browser.test_recall import asked, reasons


def test_from_recall_to_a_latent_and_back_with_it(server: Server, page: Page) -> None:
    visit(page, f"{server.url}/recall")
    reasons(page).first.get_by_text("open", exact=True).click()
    arrive(page, "**/latents?**")
    latent = asked(page)["latent"]
    field = page.locator(".st-key-latent_label input")
    expect(page.get_by_text(f"Latent {latent}", exact=True)).to_be_visible()
    expect(page.locator(".passage .token").first).to_be_visible()
    page.locator('[data-at="head density"]').click()
    arrive(page, "**latents_sort=density**")
    quiet(page)
    row = page.locator("tr[data-latent]").nth(3)
    chosen = str(row.get_attribute("data-latent"))
    row.click()
    arrive(page, f"**latent={chosen}**")
    quiet(page)
    field.fill("<b>mine</b>")
    field.press("Enter")
    expect(page.locator("tr.chosen")).to_contain_text("<b>mine</b>", timeout=20_000)
    quiet(page)
    page.get_by_role("button", name="Take my label away").click()
    expect(page.locator("tr.chosen")).not_to_contain_text("mine", timeout=20_000)
    page.locator(".st-key-latent_plus button").first.click()
    arrive(page, "**terms=**")
    page.get_by_role("button", name="Ask with these on Recall").click()
    arrive(page, "**/recall?**")
    assert asked(page)["terms"] == f"{chosen}:1"
    page.locator(".chip", has_text="×").click()
    expect(page.locator(".chip", has_text="×")).to_have_count(0)
    arrive(page, re.compile("^(?!.*terms)"))


def test_the_microscope_leads_to_a_latent(server: Server, page: Page) -> None:
    visit(page, f"{server.url}/latents?latents_view=pair")
    page.locator("tbody tr").first.wait_for(timeout=60_000)
    page.locator("tbody tr").first.get_by_text("open", exact=True).click()
    arrive(page, re.compile(r"/latents\?latent=\d+$"))
    expect(page.locator(".st-key-latent_card")).to_be_visible()


def test_it_fits_its_window(server: Server, browser: Browser) -> None:
    for width, scheme in ((1440, "dark"), (900, "light")):
        with opened(browser, width, scheme) as window:
            visit(window, f"{server.url}/latents")
            window.locator("tr.chosen").wait_for()
            window.locator(".passage").first.wait_for()
            assert window.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
