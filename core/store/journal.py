"""The journal (WAL) that a program leaves beside a bank when it ends in the middle of its work.

DuckDB takes from it what is whole and drops the rest without a word; here the rest is noticed before it is dropped.
"""

from __future__ import annotations

import shutil
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np

FRAME = struct.Struct("<QQ")
"""Size and checksum before each entry."""
FLUSH = b"d\x00d\xff\xff"
"""The entry that ends a transaction: DuckDB's WAL_FLUSH, field 100, type 100."""
CHECKPOINT = b"d\x00c"
"""How the entry begins that says where everything before it lies in the file: type 99."""
PRIME = np.uint64(0xBF58476D1CE4E5B9)
SEED, FACTOR, MASK = 0xE17A1465, 0xC6A4A7935BD1E995, 2**64 - 1


def beside(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def loss(path: Path) -> str:
    """What the journal of a bank cannot give back, as a sentence; empty where it is whole or there is none.

    A step whose end was never written was not confirmed to anybody: said, no more. Where whole steps follow the damage,
    they were, so the journal is kept beside the bank under another name.
    """
    try:
        content = beside(path).read_bytes()
    except OSError:
        return ""
    end, whole = _whole_until(content)
    if whole:
        return ""
    if FLUSH not in content[end:]:
        return (
            f"The last change to {path.name} was cut off before it was written to its end: it is not in the bank; "
            "everything before it is. Do it again if it is missing."
        )
    kept = beside(path).with_suffix(".wal.damaged")
    with suppress(OSError):
        shutil.copyfile(beside(path), kept)
    return (
        f"The journal of {path.name} is damaged from byte {end:,} of {len(content):,}: changes that it held from there "
        f"on are lost; everything before is in the bank. The damaged journal is kept as {kept.name}."
    )


def _whole_until(content: bytes) -> tuple[int, bool]:
    """(byte after the last whole transaction, whether nothing follows it)"""
    at = done = _header(content)
    if not at:
        return 0, not content
    while at + FRAME.size <= len(content):
        size, expected = FRAME.unpack_from(content, at)
        entry = content[at + FRAME.size : at + FRAME.size + size]
        if not size or len(entry) < size or checksum(entry) != expected:
            break
        at += FRAME.size + size
        done = at if entry == FLUSH or entry.startswith(CHECKPOINT) else done
    return done, done == len(content)


def _header(content: bytes) -> int:
    """Bytes of the first entry, which says the version and has neither size nor checksum; 0 where it is not one."""
    if not content.startswith(b"d\x00be\x00"):
        return 0
    end = content.find(b"\xff\xff", 6, 80)
    return end + 2 if end > 0 else 0


def checksum(data: bytes) -> int:
    """DuckDB's checksum of a block: xor of 8-byte words times a prime, and MurmurHash64A of what is left over."""
    whole = len(data) // 8 * 8
    words = np.frombuffer(data[:whole], "<u8")
    result = 5381 ^ int(np.bitwise_xor.reduce(words * PRIME, initial=np.uint64(0)))
    return result ^ _murmur(data[whole:]) if len(data) > whole else result


def _murmur(tail: bytes) -> int:
    h = (SEED ^ (len(tail) * FACTOR)) & MASK
    h ^= int.from_bytes(tail, "little")
    h = (h * FACTOR) & MASK
    h ^= h >> 47
    h = (h * FACTOR) & MASK
    return h ^ (h >> 47)
