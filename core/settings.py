"""Where things lie on this machine. Nothing here reads the environment at import time but the folders' names."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

ASSETS = Path(__file__).resolve().parent.parent / "assets"
"""What ships with the product: presets, dictionaries, the demo."""


def cache_folder() -> Path:
    """Things that can be made again: converted weights, cached codes, training checkpoints."""
    return Path(os.environ.get("MNEMOSCOPE_CACHE") or platformdirs.user_cache_path("mnemoscope"))


def data_folder() -> Path:
    """Things that cannot: the user's banks."""
    return Path(os.environ.get("MNEMOSCOPE_DATA") or platformdirs.user_data_path("mnemoscope"))


def read_only() -> bool:
    """Whether banks may only be looked at: MNEMOSCOPE_READ_ONLY is set, for a demo that many share."""
    return os.environ.get("MNEMOSCOPE_READ_ONLY", "").lower() not in ("", "0", "false", "no")
