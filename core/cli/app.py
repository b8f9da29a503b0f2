"""The command that starts the pages."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from core.cli.shared import Commands, Result
from core.errors import CoreError
from core.settings import HOME


def register(commands: Commands) -> None:
    sub = commands.add(
        "run",
        _run,
        "Start the app; alone, the command does the same. Options of `streamlit run` are passed on.",
        bank=False,
        json=False,
    )
    sub.add_argument("--port", type=int, default=8501, help="where the app listens (default 8501)")
    sub.set_defaults(passed_on=[])


def _run(a: argparse.Namespace) -> Result:
    """Become the server, so that signals and the terminal are its own; never returns where a process can do that."""
    arguments = [sys.executable, *call(a.port, a.passed_on)]
    if os.name != "nt":
        sys.stdout.flush()
        os.execv(arguments[0], arguments)  # noqa: S606
    if code := subprocess.call(arguments):  # noqa: S603
        raise CoreError(f"The app ended with exit code {code}.")
    return {}, []


def call(port: int, passed_on: list[str]) -> list[str]:
    """Python's arguments that start the app. Only this machine reaches it, unless an option passed on says otherwise.

    ``-P`` keeps a folder named ``core`` where the command was given from being taken for ours.
    """
    chosen = ["--server.port", str(port), "--server.address", "localhost", "--server.fileWatcherType", "none"]
    return ["-P", "-m", "streamlit", "run", str(HOME / "app.py"), *chosen, *passed_on]
