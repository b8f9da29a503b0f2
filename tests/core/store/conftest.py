"""A database of its own for every test of the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.store import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "bank.duckdb")
