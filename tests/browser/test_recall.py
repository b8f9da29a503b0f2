from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Server, arrive, opened, visit

SECONDS_TO_THE_FIRST_PAGE = 3.0


def chosen_cards(page: Page) -> list[str]:
    """Ids of the outlined cards, one per column that has it."""
    return [c.get_attribute("data-id") or "" for c in page.locator('.card[aria-pressed="true"]').all()]


def asked(page: Page) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def reasons(page: Page) -> Locator:
    """The rows of the table of latents, which Recall keeps folded until a latent is chosen."""
    page.get_by_text("Latent by latent", exact=True).click()
    return page.locator("tbody tr")


def mapped_torch(server: Server) -> bool:
    """Whether the server's process has loaded torch."""
    return "libtorch" in Path(f"/proc/{server.process.pid}/maps").read_text()


def test_first_page_comes_soon_and_without_torch(fresh_server: Callable[[], Server], browser: Browser) -> None:
    """From a server that nobody has visited to ranked memories with their reasons, as after ``make install``.

    Three seconds is what a quiet machine of two cores takes. A test cannot claim a speed, since other programs run
    beside it: it fails at twice that, the best of three, where something slow has come into the way.
    """
    seconds, loaded = [], []
    allowed = 2 * SECONDS_TO_THE_FIRST_PAGE * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    print(f"load {os.getloadavg()[0]:.1f}")
    for _ in range(3):
        server = fresh_server()
        with opened(browser) as page:
            started = time.monotonic()
            page.goto(server.url, wait_until="commit")
            page.locator(".card").first.wait_for()
            seconds.append(time.monotonic() - started)
            loaded.append(mapped_torch(server))
            assert page.locator(".chip").count() >= 5
        server.stop()
        if seconds[-1] <= allowed:
            break
    print("seconds to the first page:", *(f"{s:.2f}" for s in seconds))
    assert min(seconds) <= allowed, seconds
    assert not loaded[-1]


def test_a_chosen_hit_is_outlined_everywhere_and_in_the_address(server: Server, page: Page) -> None:
    visit(page, server.url)
    card = page.locator('section[aria-label="Sparse"] .card').nth(2)
    wanted = card.get_attribute("data-id")
    card.click()
    arrive(page, "**memory=**")
    assert asked(page)["memory"] == wanted
    expect(page.locator(f'section[aria-label="Sparse"] .card[data-id="{wanted}"]')).to_have_attribute(
        "aria-pressed", "true"
    )
    outlined = chosen_cards(page)
    assert set(outlined) == {wanted}
    present = page.locator(f'.card[data-id="{wanted}"]').count()
    assert len(outlined) == present >= 2
    expect(page.get_by_text(str(wanted), exact=True).last).to_be_visible()


def test_the_keyboard_chooses_too(server: Server, page: Page) -> None:
    visit(page, server.url)
    card = page.locator('section[aria-label="Dense"] .card').nth(1)
    card.focus()
    page.keyboard.press("Enter")
    arrive(page, "**memory=**")
    assert asked(page)["memory"] == card.get_attribute("data-id")
    expect(card).to_be_focused()


def test_the_link_reopens_the_same_view(server: Server, page: Page, browser: Browser) -> None:
    visit(page, f"{server.url}/recall?recall_k=5&lexical=true&weighting=cosine&conversation=demo")
    page.locator('section[aria-label="Lexical"] .card').nth(1).click()
    arrive(page, "**memory=**")
    reasons(page).locator("button").first.click()
    arrive(page, "**latent=**")
    seen, link = page.locator(".columns").inner_text(), page.url
    with opened(browser) as other:
        visit(other, link)
        other.locator(".card").first.wait_for()
        expect(other.locator("tr.chosen")).to_be_visible()
        assert other.locator(".columns").inner_text() == seen
        assert chosen_cards(other) == chosen_cards(page)
        assert asked(other) == asked(page)


def test_a_new_question_waits_for_the_model_and_is_then_answered(server: Server, page: Page) -> None:
    visit(page, server.url)
    page.get_by_label("Ask in your own words").fill("a dog at the vet")
    page.get_by_role("button", name="Recall", exact=True).click()
    arrive(page, "**recall_text=a+dog**")
    page.locator(".chip", has_text="dog").first.wait_for(timeout=60_000)
    assert page.locator('section[aria-label="Combined"] .card').count() == 10
    expect(page.get_by_text("model ready")).to_be_visible()


def test_quick_clicks_end_where_the_last_one_went(server: Server, page: Page) -> None:
    visit(page, server.url)
    cards = page.locator('section[aria-label="Combined"] .card')
    cards.first.wait_for()
    for i in (1, 2, 3):
        cards.nth(i).click()
    wanted = cards.nth(3).get_attribute("data-id")
    expect(cards.nth(3)).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("wanted => new URLSearchParams(location.search).get('memory') === wanted", arg=wanted)
    page.wait_for_timeout(800)
    assert asked(page)["memory"] == wanted
    assert set(chosen_cards(page)) == {wanted}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 900])
def test_nothing_sticks_out(server: Server, browser: Browser, scheme: str, width: int, tmp_path: Path) -> None:
    """No page is wider than its window, in both themes; the console stays silent (see ``opened``)."""
    for address in ("recall", "memory", "library"):
        with opened(browser, width, scheme) as window:
            visit(window, f"{server.url}/{address}")
            window.locator("h1").wait_for()
            window.wait_for_timeout(700)
            wide = window.evaluate(
                "(main => main.scrollWidth - main.clientWidth)(document.querySelector('[data-testid=stMain]'))"
            )
            assert wide <= 0, address
            dark = window.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
            assert (sum(map(int, dark[4:-1].split(","))) < 200) == (scheme == "dark")
            assert window.screenshot(path=tmp_path / "seen.png")
