"""Labels of one's own, in CSV as spreadsheets of all countries write it."""

from pathlib import Path

import pytest

from core.bank.bank import MemoryBank
from core.bank.labels import Labels
from core.errors import CoreError
from core.progress import finish
from core.types import Memory, Reading
from tests.fakes import FakeEncoder


def filled(folder: Path) -> MemoryBank:
    """A bank with one encoded memory, so that it knows how many latents its engine has."""
    bank = MemoryBank.open(folder / "bank.duckdb", FakeEncoder())
    finish(bank.add(Reading([Memory("a", "some words of a memory")], [], [])))
    return bank


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"Latent,Label\n3,caps\n", "caps"),
        (b"latent,label\n3.0,from a spreadsheet\n", "from a spreadsheet"),
        (b"\xef\xbb\xbflatent;label\n3;semicolons\n", "semicolons"),
        ("latent,label\n3,café\n".encode("latin-1"), "café"),
        ("latent,label\n3,café\n".encode("utf-16"), "café"),
        (b"sep=;\r\nlatent;label\r\n3;excel\r\n", "excel"),
        (b"latent,label\n3,'=1+1\n", "=1+1"),
    ],
)
def test_dialects_and_encodings(tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "labels.csv"
    file.write_bytes(content)
    bank = filled(tmp_path)
    assert Labels(bank.state).read_csv(file) == [(3, "yours", expected, None)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"latent,name\n3,x\n", "has no column “label”"),
        (b"latent,label\nthree,x\n", "line 2, field “latent”: “three” is no number"),
        (b'latent,label\n3,"open\n', "line 2: opens a quotation mark"),
    ],
)
def test_what_cannot_be_read_names_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "labels.csv"
    file.write_bytes(content)
    bank = filled(tmp_path)
    with pytest.raises(CoreError, match=said):
        Labels(bank.state).read_csv(file)
