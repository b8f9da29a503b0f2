"""A bank that cannot be read is one sentence on every page, and no traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.fakes import FakeEncoder
from tests.pages.conftest import Shown
from ui.shell import frame

PAGES = [entry.stem for entry in frame.entries()]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100_000])


def text(path: Path) -> None:
    path.write_text("Dear diary, " * 100)


def newer(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("insert into schema_migrations values (9999, current_timestamp)")


def dropped(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("drop table codes")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (cut, "is damaged"),
        (text, "is not a bank"),
        (newer, "a newer Mnemoscope"),
        (dropped, "it lacks the table codes"),
    ],
    ids=["cut", "text", "newer", "dropped"],
)
def test_one_sentence(
    fake: FakeEncoder, demo_file: Path, tmp_path: Path, harm: Callable[[Path], None], said: str, page: str
) -> None:
    path = tmp_path / "data" / "banks" / "broken.duckdb"
    path.write_bytes(demo_file.read_bytes())
    harm(path)
    shown = Shown(page, bank="broken")
    (sentence,) = shown.errors
    assert said in sentence
    assert "This bank cannot be opened." in shown.words
