"""Paths as people type them."""

from __future__ import annotations

import os
from pathlib import Path

from core.errors import CoreError


def given_path(path: str | Path) -> Path:
    """A path as somebody typed it, whole. Raises CoreError where no file can be called so."""
    try:
        whole = Path(path).expanduser().resolve()
        os.fsencode(whole)
        whole.exists()
    except (RuntimeError, ValueError) as problem:  # nobody is called so, a circle of links, half a character, NUL
        raise CoreError(f"{_shown(path)!r} is no path that a file could have: {problem}.") from problem
    except OSError as problem:
        raise CoreError(f"{_shown(path)} cannot be opened: {problem.strerror}.") from problem
    return whole


def _shown(path: str | Path) -> str:
    return str(path) if len(str(path)) < 200 else str(path)[:200] + "…"
