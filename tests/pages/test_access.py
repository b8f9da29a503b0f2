"""An app that other machines reach asks who comes in, and opens no path of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st

from core import CoreError
from tests.fakes import FakeEncoder
from tests.pages.conftest import Shown
from ui.session import access
from ui.shell import frame


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with ``--server.address 0.0.0.0``."""
    known = st.get_option
    monkeypatch.setattr(st, "get_option", lambda name: "0.0.0.0" if name == "server.address" else known(name))


@pytest.mark.parametrize(
    ("address", "shared"),
    [
        ("localhost", False),
        ("127.0.0.1", False),
        ("127.8.9.1", False),
        ("::1", False),
        (None, True),
        ("", True),
        ("0.0.0.0", True),
        ("::", True),
        ("192.168.1.20", True),
        ("box.example.com", True),
    ],
)
def test_which_addresses_others_reach(address: str | None, shared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "get_option", lambda _: address)
    assert access.shared() is shared


def test_the_app_listens_on_this_machine_alone() -> None:
    assert st.get_option("server.address") == "localhost"
    assert not access.shared()


@pytest.mark.usefixtures("bound", "fake")
def test_nobody_comes_in_where_nothing_says_who_may() -> None:
    shown = Shown("recall")
    (sentence,) = shown.errors
    assert "MNEMOSCOPE_PASSWORD" in sentence
    assert not shown.at.title


@pytest.mark.usefixtures("bound", "fake")
def test_a_login_is_switched_off_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMOSCOPE_LOGIN", "off")
    assert [t.value for t in Shown("recall").at.title] == ["Which memories come back, and why?"]


@pytest.mark.usefixtures("fake")
def test_a_password_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMOSCOPE_PASSWORD", "sesame ö")
    monkeypatch.setattr(access, "SECONDS_AFTER_A_WRONG_PASSWORD", 0.0)
    shown = Shown("recall")
    assert [t.value for t in shown.at.title] == ["Mnemoscope"]
    assert not shown.at.sidebar.selectbox
    shown.at.text_input[0].set_value("open")
    shown.button("Enter").click().run()
    assert shown.errors == ["That is not the password."]
    shown.at.text_input[0].set_value("sesame ö")
    shown.button("Enter").click().run()
    assert shown.at.title[0].value != "Mnemoscope"


@pytest.mark.usefixtures("bound")
def test_no_path_of_the_server_is_opened(tmp_path: Path) -> None:
    for attempt in (lambda: access.server_path(str(tmp_path)), lambda: access.no_folders("", str(tmp_path))):
        with pytest.raises(CoreError, match="This app is reached from other machines"):
            attempt()
    access.no_folders("gemma-2b-res-jb/blocks.6.hook_resid_post", "google/gemma-2b", "pooled")


@pytest.mark.usefixtures("bound", "fake")
@pytest.mark.parametrize("button", ["Open", "Create there"])
def test_the_library_refuses_paths(button: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMOSCOPE_LOGIN", "off")
    shown = Shown("library")
    shown.at.text_input(key="library_open_path").set_value(str(tmp_path / "x.duckdb"))
    shown.button(button).click().run()
    assert shown.errors == [
        "This app is reached from other machines: paths on its own are not opened. Upload the file."
    ]
    assert not (tmp_path / "x.duckdb").exists()


@pytest.mark.parametrize("page", [entry.stem for entry in frame.entries()])
def test_every_page_shows_a_bank_that_may_only_be_read(
    fake: FakeEncoder, page: str, demo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNEMOSCOPE_READ_ONLY", "1")
    before = demo_file.read_bytes()
    assert Shown(page).errors == []
    assert demo_file.read_bytes() == before
