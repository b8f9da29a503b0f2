"""Sixty kinds of damaged files, opened, read, written to and repaired: sentences alone, and nothing touched.

python -m tests.trials.damage [--kinds 60]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from core.errors import CoreError
from core.progress import finish
from core.store.repair import repair
from tests.trials import steps

BLOCK = 262_144


def kinds(whole: bytes) -> Iterator[tuple[str, bytes]]:
    """A name and the bytes of each damaged file."""
    draw = random.Random(3)

    def flipped(*places: int) -> bytes:
        content = bytearray(whole)
        for place in places:
            content[place] ^= 1 << draw.randrange(8)
        return bytes(content)

    for at in (0, 3, 8, 9, 12, 20, 60, 4096, 4100, 4104, 4112, 4120, 8192, 8196, 8200, 8208, 8216):
        yield f"bit flipped at {at}", flipped(at)
    for i in range(16):
        yield f"bit flipped in the blocks, {i}", flipped(draw.randrange(12_288, len(whole)))
    for size in (0, 1, 100, 4096, 8192, 12_288, 12_289, BLOCK, len(whole) // 4, len(whole) // 2, len(whole) - 1):
        yield f"cut at {size}", whole[:size]
    for i in range(6):
        at = draw.randrange(12_288, len(whole) - 4096)
        yield f"a page of zeros, {i}", whole[:at] + bytes(4096) + whole[at + 4096 :]
    for name, start in (("header", 0), ("first", 4096), ("second", 8192)):
        yield f"{name} of zeros", whole[:start] + bytes(4096) + whole[start + 4096 :]
    yield "both headers of zeros", whole[:4096] + bytes(8192) + whole[12_288:]
    yield "headers swapped", whole[:4096] + whole[8192:12_288] + whole[4096:8192] + whole[12_288:]
    yield "something behind it", whole + b"hello" * 1000
    yield (
        "blocks in reverse",
        whole[:12_288] + b"".join(whole[i : i + BLOCK] for i in reversed(range(12_288, len(whole), BLOCK))),
    )
    yield "text", b"Dear diary, " * 4000
    yield "noise", draw.randbytes(300_000)
    yield "noise behind the magic", whole[:12] + draw.randbytes(300_000)


def counted(path: Path) -> dict[str, int]:
    return steps.opened(path).memories.counts()


def tried(path: Path) -> dict[str, str]:
    """What each attempt said: a sentence, or “works”."""
    said = {}
    before = path.read_bytes()
    for name, attempt in {
        "open": lambda: counted(path),
        "read": lambda: steps.state_of(path),
        "search": lambda: steps.opened(path).search(steps.Query("lake house")),
        "repair": lambda: finish(repair(path, path.with_name("new.duckdb"))),
    }.items():
        try:
            attempt()
            said[name] = "works"
        except CoreError as problem:
            said[name] = str(problem)
        if name == "open" and said[name] != "works" and path.read_bytes() != before:
            raise AssertionError("a file that could not be opened was changed")
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", type=int, default=60)
    a = parser.parse_args()
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        status, problem = steps.in_child(lambda: steps.filled(folder / "whole.duckdb"))
        assert not status, problem
        whole = (folder / "whole.duckdb").read_bytes()
        chosen = list(kinds(whole))
        chosen = chosen[:: max(1, len(chosen) // a.kinds)][: a.kinds]
        for name, content in chosen:
            path = folder / "damaged.duckdb"
            for file in folder.glob("[dn]*"):
                file.unlink()
            path.write_bytes(content)
            status, said = steps.in_child(lambda p=path: tried(p))  # type: ignore[misc]
            if status or not isinstance(said, dict):
                wrong.append(f"{name}: {said}")
                print(wrong[-1], flush=True)
                continue
            counts.update(
                f"{attempt}: {'works' if told == 'works' else 'a sentence'}" for attempt, told in said.items()
            )
    print(f"{len(chosen)} kinds; " + "; ".join(f"{name} {n}" for name, n in sorted(counts.items())))
    print(f"{len(wrong)} wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
