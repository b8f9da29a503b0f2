"""Help and pages of every command, checked against each other."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from core.__main__ import commands
from docs.commands import written

DOCS = Path(__file__).resolve().parents[3] / "docs"
TABLE = [line for line in (DOCS / "cli.md").read_text().split("## ")[0].splitlines() if line.startswith("| `")]


def parsers() -> dict[str, argparse.ArgumentParser]:
    return commands().all()


def options(parser: argparse.ArgumentParser) -> set[str]:
    """Every long option, those of commands inside it too."""
    found = {name for action in parser._actions for name in action.option_strings if name.startswith("--")}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= set().union(*(options(inner) for inner in action.choices.values()))
    return found


def test_the_page_of_options_is_the_help() -> None:
    assert (DOCS / "commands.md").read_text() == written(), "make commands"


def test_the_table_has_every_command_and_no_other() -> None:
    named = {re.match(r"\| `([a-z-]+)", row)[1] for row in TABLE}  # type: ignore[index]
    assert named == set(parsers())


@pytest.mark.parametrize("row", TABLE, ids=lambda row: re.match(r"\| `([a-z-]+)", row)[1])
def test_the_table_invents_no_option(row: str) -> None:
    name = re.match(r"\| `([a-z-]+)", row)[1]  # type: ignore[index]
    said = set(re.findall(r"--[a-z][a-z-]*", row))
    known = options(parsers()[name])
    assert said <= known, f"`{name}` knows no {', '.join(sorted(said - known))}"


@pytest.mark.parametrize("name", list(parsers()))
def test_every_command_says_what_it_does(name: str) -> None:
    assert (parsers()[name].description or "").rstrip()[-1:] in (".", "?")
