"""The command line: a second skin over ``MemoryBank``. ``mnemoscope --help``, or ``python -m core --help``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from core.cli import (
    app,
    comparing,
    composing,
    dictionary,
    engines,
    generating,
    groups,
    lab,
    labels,
    measuring,
    memories,
    repairing,
)
from core.cli.shared import Commands
from core.demo import open_demo
from core.errors import CoreError

OK, PROBLEM, USAGE = 0, 1, 2
ROOMS = (
    app,
    memories,
    engines,
    composing,
    dictionary,
    labels,
    groups,
    comparing,
    measuring,
    lab,
    generating,
    repairing,
)


def commands() -> Commands:
    """The parser of the whole command line, each room's commands in it."""
    found = Commands()
    for room in ROOMS:
        room.register(found)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 a problem said in a sentence on stderr, 2 wrong usage. No arguments mean ``run``."""
    given = sys.argv[1:] if argv is None else argv
    if unread := _not_utf8(given):
        print(f"error: {unread} is not UTF-8: type it, or rename the file, in UTF-8.", file=sys.stderr)
        return USAGE
    arguments = understood(commands().parser, given)
    try:
        if getattr(arguments, "bank", None) == "demo" and not Path("demo").exists():
            arguments.bank = str(open_demo().path)
        result, lines = arguments.run(arguments)
        print(json.dumps(result, ensure_ascii=False, default=str) if arguments.json else "\n".join(lines), flush=True)
    except CoreError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return PROBLEM
    except KeyboardInterrupt:
        print("Stopped. What was stored so far is kept; the same command goes on from there.", file=sys.stderr)
        return PROBLEM
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains while it ends
    except OSError as problem:  # a folder that is not there, a name too long, a disk that is full
        print(f"error: {_in_words(problem)}", file=sys.stderr)
        return PROBLEM
    return OK


def understood(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace:
    """The parsed arguments. What the parser does not know is passed on where the command passes on, else refused."""
    arguments, unknown = parser.parse_known_args(argv or ["run"])
    if unknown and not hasattr(arguments, "passed_on"):
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    arguments.passed_on = unknown
    return arguments


def _not_utf8(argv: Sequence[str]) -> str:
    """The first argument that is not UTF-8, as it can be shown; empty where all are."""
    return next((repr(text) for text in argv if text != text.encode(errors="ignore").decode()), "")


def _in_words(problem: OSError) -> str:
    """Which file, and what is wrong with it."""
    if problem.filename and problem.strerror:
        return f"{str(problem.filename)[:200]}: {problem.strerror}. Choose another file or folder."
    return f"{problem}. Choose another file or folder."


if __name__ == "__main__":
    sys.exit(main())
