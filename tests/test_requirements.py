"""Dependencies are stated once, in pyproject.toml; what is written from them, and what is installed, agrees."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from docs.requirements import written

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = (ROOT / "pyproject.toml").read_text()
PROJECT = tomllib.loads(PYPROJECT)["project"]
STATED = [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]


def pinned() -> dict[str, str]:
    """Name (in PEP 503's spelling) to version, of every line of constraints.txt."""
    lines = re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    return {canonical(name): version for name, version in lines}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_requirements_are_those_of_the_project() -> None:
    text = (ROOT / "requirements.txt").read_text()
    assert text == written(PYPROJECT), "state it in pyproject.toml, then: make requirements"
    listed = [line.partition("#")[0].strip() for line in text.splitlines() if line[0] not in "#-"]
    assert listed == [one for one in STATED if not one.startswith("mnemoscope[")], "a dependency lacks its reason"


@pytest.mark.parametrize("stated", [one for one in STATED if not one.startswith("mnemoscope[")])
def test_a_tested_version_is_pinned_and_installed(stated: str) -> None:
    wanted = Requirement(stated)
    assert pinned()[canonical(wanted.name)] in wanted.specifier, "constraints.txt pins another: make constraints"
    assert version(wanted.name) in wanted.specifier
