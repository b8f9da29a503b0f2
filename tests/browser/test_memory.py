from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, arrive, visit
from tests.browser.test_recall import asked, reasons


def test_a_deep_link_into_a_fresh_server_has_its_frame(fresh_server: Callable[[], Server], page: Page) -> None:
    visit(page, f"{fresh_server().url}/memory?memory=demo%2FD2%3A2&memory_near=dialogue")
    expect(page.get_by_test_id("stSidebar").get_by_text("525 memories")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("What fired while this memory was read?")
    assert asked(page) == {"memory": "demo/D2:2", "memory_near": "dialogue"}
    expect(page.locator('.card[aria-pressed="true"]')).to_have_attribute("data-id", "demo/D2:2")


def test_a_token_is_chosen_by_click_and_by_keyboard(server: Server, page: Page) -> None:
    visit(page, f"{server.url}/memory?memory=demo%2FD2%3A2")
    token = page.locator(".words .token", has_text="Phone")
    token.hover()
    expect(page.locator(".tip")).to_be_visible()
    token.click()
    arrive(page, "**token=**")
    number = int(asked(page)["token"])
    expect(token).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text("at “Phone”")).to_be_visible()
    token.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    arrive(page, f"**token={number + 1}**")


def test_a_latent_is_chosen_from_its_chip(server: Server, page: Page) -> None:
    visit(page, f"{server.url}/memory?memory=demo%2FD2%3A2&token=3")
    page.locator(".chip").first.click()
    arrive(page, "**latent=**")
    expect(page.get_by_text(re.compile(rf"Tinted by .*latent {asked(page)['latent']}\b"))).to_be_visible()


def test_neighbours_lead_on(server: Server, page: Page) -> None:
    visit(page, f"{server.url}/memory?memory=demo%2FD2%3A2")
    card = page.locator(".card").nth(1)
    wanted = card.get_attribute("data-id")
    card.click()
    page.wait_for_function("wanted => new URLSearchParams(location.search).get('memory') === wanted", arg=wanted)
    expect(page.locator("dd", has_text=str(wanted)).first).to_be_visible()


def test_from_recall_to_memory_with_the_latent(server: Server, page: Page) -> None:
    visit(page, f"{server.url}/recall?memory=demo%2FD2%3A2")
    reasons(page).first.locator("button").first.click()
    arrive(page, "**latent=**")
    page.get_by_role("button", name="Open in Memory").click()
    arrive(page, "**/memory?**")
    assert asked(page)["memory"] == "demo/D2:2"
    assert asked(page)["latent"].isdigit()
    page.get_by_test_id("stSidebar").get_by_text("Recall").click()
    arrive(page, "**/recall?**")
    assert asked(page)["memory"] == "demo/D2:2"
