"""Where things lie on this machine. Nothing here reads the environment at import time but the folders' names."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import platformdirs

_BESIDE = Path(__file__).resolve().parent.parent
HOME = _BESIDE if (_BESIDE / "app.py").is_file() else _BESIDE / "mnemoscope"
"""The folder of ``app.py``, ``pages/`` and ``assets/``: a checkout's root, or the installed package's own folder."""

ASSETS = HOME / "assets"
"""What ships with the product: presets, dictionaries, the demo."""


def command() -> str:
    """How a shell calls the command line here: by its name where the package is installed, else as a module."""
    try:
        distribution("mnemoscope")
    except PackageNotFoundError:
        return "python -m core"
    return "mnemoscope"


def cache_folder() -> Path:
    """Things that can be made again: converted weights, cached codes, training checkpoints."""
    return Path(os.environ.get("MNEMOSCOPE_CACHE") or platformdirs.user_cache_path("mnemoscope"))


def data_folder() -> Path:
    """Things that cannot: the user's banks."""
    return Path(os.environ.get("MNEMOSCOPE_DATA") or platformdirs.user_data_path("mnemoscope"))


def read_only() -> bool:
    """Whether banks may only be looked at: MNEMOSCOPE_READ_ONLY is set, for a demo that many share."""
    return os.environ.get("MNEMOSCOPE_READ_ONLY", "").lower() not in ("", "0", "false", "no")


def hub_first() -> bool:
    """Whether a model that also travels in packages is taken from the hub where it answers."""
    return os.environ.get("MNEMOSCOPE_SOURCE", "packages").strip().lower() == "hub"
