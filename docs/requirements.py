"""Write requirements.txt from the dependencies that pyproject.toml states: ``make requirements``."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = """\
# What runs Mnemoscope, each with its reason. Written from pyproject.toml by: make requirements
# The versions that were tested together, and everything below them, are pinned in constraints.txt.
-c constraints.txt
"""
STATED = re.compile(r'^    "(?P<what>[A-Za-z][^"]*)", +# (?P<why>.+)$', re.MULTILINE)
"""A line of ``dependencies`` or of an extra: what, then why."""


def written(pyproject: str) -> str:
    """The text of requirements.txt: the dependencies and those of every extra."""
    project = pyproject[pyproject.index("\ndependencies = [") : pyproject.index("\n[project.scripts]")]
    found = [(line["what"], line["why"]) for line in STATED.finditer(project)]
    width = max(len(what) for what, _ in found) + 2
    return HEAD + "".join(f"{what:{width}}# {why}\n" for what, why in found)


if __name__ == "__main__":
    (ROOT / "requirements.txt").write_text(written((ROOT / "pyproject.toml").read_text()))
