"""A real Chromium on a real server. Without a browser: one visible line, and a failure where CI=true."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from core import open_demo
from tests.conftest import IN_CI

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = os.environ.get("MNEMOSCOPE_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
NO_BROWSER = "Chromium is not installed (apt-get install chromium)."
NOT_OURS = re.compile(r"_stcore|ERR_NAME_NOT_RESOLVED|ERR_INTERNET_DISCONNECTED|status of 404|Failed to load resource")
"""Streamlit looks for its own endpoints beside the page's path first, and for its makers' servers on the internet."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a browser one test stays, to say so in one line; with CI=true all stay, and fail."""
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.browser)
    if ours and not Path(CHROMIUM).exists() and not IN_CI:
        ours[0].add_marker(pytest.mark.skip(f"{NO_BROWSER} {len(ours)} browser tests are skipped."))
        config.hook.pytest_deselected(items=ours[1:])
        items[:] = [item for item in items if item not in ours[1:]]


@dataclass
class Server:
    """One ``streamlit run app.py`` with folders of its own."""

    data: Path
    url: str = ""
    process: subprocess.Popen[bytes] = field(default=None)  # type: ignore[assignment]
    environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> Server:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://localhost:{port}"
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true",
                   f"--server.port={port}", "--server.fileWatcherType=none", "--server.address=localhost"]  # fmt: skip
        environment = os.environ | {"MNEMOSCOPE_DATA": str(self.data)} | self.environment
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "server.log").open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1):
                    return self
            except OSError:
                assert self.process.poll() is None, (self.data / "server.log").read_text()
                time.sleep(0.05)
        raise AssertionError("the server did not start")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.fail(NO_BROWSER)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Server]:
    """Shared by the tests that leave the demo as it is."""
    running = Server(tmp_path_factory.mktemp("server")).start()
    yield running
    running.stop()


@pytest.fixture
def fresh_server(tmp_path: Path, browser: Browser) -> Iterator[Callable[[], Server]]:
    """fresh_server() starts one that nobody has visited."""
    running: list[Server] = []

    def start() -> Server:
        new = Server(tmp_path / f"server{len(running)}")
        (new.data / "banks").mkdir(parents=True)
        shutil.copy(open_demo().path, new.data / "banks")  # as `make install` leaves it
        running.append(new.start())
        return running[-1]

    yield start
    for one in running:
        one.stop()


STILL = """() => {
    const still = document.querySelector('.stApp[data-test-script-state="notRunning"]')
        && !document.querySelector('[data-stale="true"]');
    const now = performance.now();
    window.stillSince = still ? (window.stillSince ?? now) : null;
    return window.stillSince !== null && now - window.stillSince > 500;
}"""


def quiet(page: Page) -> None:
    """Until the page has stood still for half a second: while its script runs, what is clicked may be drawn anew, and a
    click of which one half falls on what is no more there is none.
    """
    page.evaluate("window.stillSince = null")
    page.wait_for_function(STILL, timeout=60_000, polling=50)


def visit(page: Page, address: str) -> None:
    """Open a link, and wait until all of the page is there."""
    page.goto(address, wait_until="commit")
    page.locator(".stApp").wait_for(timeout=60_000)
    quiet(page)


def arrive(page: Page, address: str | re.Pattern[str] | Callable[[str], bool], timeout: float = 20_000) -> None:
    """Until the browser shows an address, and all of what it means is drawn."""
    page.wait_for_url(address, timeout=timeout)
    quiet(page)


@contextmanager
def opened(browser: Browser, width: int = 1440, scheme: str = "light") -> Iterator[Page]:
    """A window of its own; it is an error if our page complained in its console."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints: list[str] = []
    page.on(
        "console", lambda m: complaints.append(m.text) if m.type == "error" and not NOT_OURS.search(m.text) else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
        assert not complaints, complaints
    finally:
        context.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with opened(browser) as window:
        yield window
