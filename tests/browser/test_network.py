"""Nothing leaves this machine: every request of every page goes to the app's own server, and browsers are told so."""

from __future__ import annotations

import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Server, opened, visit
from ui.shell import frame
from ui.shell.headers import HEADERS


@pytest.mark.parametrize("name", [entry.stem for entry in frame.entries()])
def test_no_request_goes_elsewhere(server: Server, browser: Browser, name: str) -> None:
    asked: list[str] = []
    with opened(browser) as page:
        page.on("request", lambda request: asked.append(request.url))
        visit(page, f"{server.url}/{name}")
    places = {urlsplit(url).netloc for url in asked if not url.startswith(("data:", "blob:"))}
    assert places == {urlsplit(server.url).netloc}
    assert len(asked) > 10


@pytest.mark.parametrize("path", ["", "recall", "_stcore/health", "static/nothing.js"])
def test_every_answer_carries_the_headers(server: Server, path: str) -> None:
    request = urllib.request.Request(f"{server.url}/{path}")
    try:
        with urllib.request.urlopen(request) as answer:
            sent = answer.headers
    except urllib.error.HTTPError as problem:
        sent = problem.headers
    assert {name: sent[name] for name in HEADERS} == HEADERS
