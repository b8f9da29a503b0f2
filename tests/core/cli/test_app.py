"""The command that starts the pages: what it becomes, and what it passes on."""

from __future__ import annotations

import os
import sys

import pytest

import core.__main__ as cli
from core.settings import HOME


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments that the process was replaced with."""
    seen: list[str] = []
    monkeypatch.setattr(os, "execv", lambda _, arguments: seen.extend(arguments) or sys.exit(0))
    return seen


def started(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 0


@pytest.mark.parametrize("arguments", [[], ["run"]], ids=["alone", "run"])
def test_the_app_listens_to_this_machine_alone(became: list[str], arguments: list[str]) -> None:
    started(arguments)
    assert became == [
        sys.executable, "-P", "-m", "streamlit", "run", str(HOME / "app.py"),
        "--server.port", "8501", "--server.address", "localhost", "--server.fileWatcherType", "none",
    ]  # fmt: skip
    assert (HOME / "app.py").is_file()


def test_options_of_streamlit_are_passed_on_and_win(became: list[str]) -> None:
    started(["run", "--port", "9000", "--server.address", "0.0.0.0", "--server.headless=true"])
    assert became[6:8] == ["--server.port", "9000"]
    assert became[-3:] == ["--server.address", "0.0.0.0", "--server.headless=true"]


def test_other_commands_refuse_what_they_do_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["info", "--bank", "b", "--server.port", "9000"])
    assert end.value.code == 2
    assert "unrecognized arguments: --server.port 9000" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from core import __version__

    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"mnemoscope {__version__}\n"
