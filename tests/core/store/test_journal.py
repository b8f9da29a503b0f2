"""A journal that lost something says so; one that a kill left whole says nothing."""

from __future__ import annotations

import logging

import pytest

from core.errors import BankDamaged
from core.store import Database, journal
from tests.core.store.test_database import version
from tests.handmade import python

KILLED = """
import duckdb, os, sys
connection = duckdb.connect(sys.argv[1])
for i in range(int(sys.argv[2])):
    connection.execute("update bank set version = version + 1")
os._exit(9)
"""


@pytest.fixture
def killed(database: Database) -> Database:
    """A bank whose last ten changes lie in its journal."""
    with python(KILLED, database.path, "10") as other:
        other.wait()
    return database


def test_a_whole_journal_is_taken_in_silence(killed: Database) -> None:
    assert journal.loss(killed.path) == ""
    assert version(killed) == 11
    assert killed.notices == ()


def test_no_journal_and_an_empty_one(database: Database) -> None:
    assert journal.loss(database.path) == ""
    journal.beside(database.path).touch()
    assert journal.loss(database.path) == ""


@pytest.mark.parametrize("cut", [1, 5, 12, 25])
def test_a_change_that_was_cut_off_is_said(killed: Database, cut: int, caplog: pytest.LogCaptureFixture) -> None:
    wal = journal.beside(killed.path)
    wal.write_bytes(wal.read_bytes()[:-cut])
    with caplog.at_level(logging.WARNING, "mnemoscope"):
        assert version(killed) == 10
    sentence = "The last change to bank.duckdb was cut off before it was written to its end"
    assert sentence in caplog.text
    assert killed.notices[0].startswith(sentence)
    assert version(killed) == 10
    assert len(killed.notices) == 1


@pytest.mark.parametrize("at", [0, 10, 20, 100, 300])
def test_damage_before_whole_changes_is_said_and_the_journal_kept(killed: Database, at: int) -> None:
    """DuckDB drops some of them without a word and refuses others."""
    wal = journal.beside(killed.path)
    content = bytearray(wal.read_bytes())
    content[at] ^= 1
    wal.write_bytes(content)
    try:
        found = version(killed)
    except BankDamaged:
        assert wal.exists()
    else:
        assert found < 11 or not killed.notices
        assert found == 11 or "The journal of bank.duckdb is damaged from byte" in killed.notices[0]
    if journal.beside(killed.path).with_suffix(".wal.damaged").exists():
        assert wal.with_suffix(".wal.damaged").read_bytes() == content


def test_the_checksum_is_duckdbs(killed: Database) -> None:
    content = journal.beside(killed.path).read_bytes()
    at, lengths = journal._header(content), set()
    while at < len(content):
        size, expected = journal.FRAME.unpack_from(content, at)
        at += journal.FRAME.size
        assert journal.checksum(content[at : at + size]) == expected
        at += size
        lengths.add(size % 8)
    assert len(lengths) > 1


def test_a_journal_of_nothing_known_is_said(database: Database) -> None:
    journal.beside(database.path).write_bytes(b"hello" * 20)
    assert "cut off" in journal.loss(database.path)
