"""Generated inputs over the readers, the command line and the Python API: results or sentences, never a traceback.

python -m tests.trials.inputs [--times 100000] [--seed 1]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import random
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from core import Query, Term, readers
from core.__main__ import main as command
from core.encoding.engines import Engine
from core.errors import CoreError
from tests.fakes import FakeEncoder
from tests.trials import steps

PIECES = [
    "",
    " ",
    "\0",
    "\ud800",
    "\udcff",
    "'",
    '"',
    "=1+1",
    "<script>",
    "../",
    "~nobody/x",
    "x" * 300,
    "💥",
    "\u202e",
    "%00",
    "{",
    "}",
    "[",
    "]",
    ",",
    ";",
    "\n",
    "\r\n",
    "\t",
    "null",
    "NaN",
    "1e999",
    "-1",
    "0",
    "999999999999999999999",
    "text",
    "id",
    "role",
    "conversation",
    "lake",
    "house",
    "m1",
    "c1",
    ":",
    "true",
    "\ufeff",
    "\\",
    "--",
    "-",
    "--help",
    "select",
]
COMMANDS = [
    "search",
    "memory",
    "latent",
    "latents",
    "info",
    "compose",
    "contrast",
    "overlap",
    "marks",
    "repair",
    "pair",
]
OPTIONS = [
    "--k",
    "--mode",
    "--conversation",
    "--json",
    "--engine",
    "--limit",
    "--search",
    "--a",
    "--b",
    "--by",
    "--into",
]
ENDINGS = [".jsonl", ".json", ".csv", ".parquet", ".csv.gz", ".jsonl.gz", ".txt"]


def text(draw: random.Random) -> str:
    return draw.choice(["", " "]).join(draw.choices(PIECES, k=draw.randrange(1, 6)))


def one_file(draw: random.Random, folder: Path) -> None:
    """A file of rubbish, or of rows that are nearly right."""
    path = folder / f"f{draw.choice(ENDINGS)}"
    if draw.random() < 0.5:
        names, values = ["text", "id", "role", text(draw)], [text(draw), draw.random(), None, [], {}]
        rows = [{draw.choice(names): draw.choice(values)} for _ in range(3)]
        content = "\n".join(json.dumps(row) for row in rows).encode()
    elif draw.random() < 0.5:
        content = "\n".join(
            [draw.choice(["text,id", "text;role", text(draw)]), *(text(draw) for _ in range(3))]
        ).encode(errors="surrogatepass" if draw.random() < 0.5 else "replace")
    else:
        content = draw.randbytes(draw.randrange(200))
    path.write_bytes(content)
    readers.read(path, draw.choice(["auto", "auto", *readers.FORMATS]))


def one_command(draw: random.Random, path: Path) -> None:
    """A command with options in any order and values of any kind."""
    arguments = [draw.choice(COMMANDS)]
    for _ in range(draw.randrange(4)):
        arguments.append(draw.choice([draw.choice(OPTIONS), text(draw)]))
    arguments += ["--bank", str(path)] if draw.random() < 0.8 else []
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            code = command(arguments)
        except SystemExit as end:  # argparse: wrong usage, or help
            code = int(end.code or 0)
    if code not in (0, 1, 2):
        raise AssertionError(f"exit code {code}")


def one_call(draw: random.Random, bank: steps.MemoryBank) -> None:
    """A question of the Python API with wrong or odd values."""
    number = draw.choice([-1, 0, 3, 511, 512, 10**9])
    query = Query(text(draw), draw.choice([None, "c1", text(draw)]), draw.choice([1, 5, 10**6]))
    calls: list[Callable[[], object]] = [
        lambda: bank.search(query),
        lambda: bank.explain(query, draw.choice(["m1", text(draw)])),
        lambda: bank.compose([Term(number, draw.choice([1.0, -1.0, 0.0]))], k=3),
        lambda: bank.similar(text(draw)),
        lambda: bank.latents.rename(number, text(draw)),
        lambda: bank.latents.table(search=text(draw)),
        lambda: bank.marks.mark(text(draw), "m1", True),
        lambda: bank.compositions.save(text(draw), query),
        lambda: steps.opened(Path(text(draw) + "\0")),
    ]
    draw.choice(calls)()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    draw, counts, wrong = random.Random(a.seed), Counter[str](), Counter[str]()
    Engine.named = classmethod(lambda cls, name: FakeEncoder())  # type: ignore[method-assign,assignment]
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "bank.duckdb"
        steps.filled(path)
        bank = steps.opened(path)
        kinds = {"reader": (lambda: one_file(draw, Path(scratch)), 6), "call": (lambda: one_call(draw, bank), 3),
                 "command": (lambda: one_command(draw, path), 1)}  # fmt: skip
        names = [name for name, (_, share) in kinds.items() for _ in range(share)]
        for _ in range(a.times):
            kind = draw.choice(names)
            try:
                kinds[kind][0]()
                counts[f"{kind}: answered"] += 1
            except CoreError:
                counts[f"{kind}: a sentence"] += 1
            except Exception as problem:
                place = traceback.extract_tb(problem.__traceback__)[-1]
                wrong[f"{kind}: {type(problem).__name__} {str(problem)[:90]!r} in {place.filename}:{place.lineno}"] += 1
    print(f"{a.times} inputs; " + "; ".join(f"{name} {n}" for name, n in sorted(counts.items())))
    print(f"{sum(wrong.values())} wrong", *(f"{n} × {what}" for what, n in wrong.most_common(30)), sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
