"""The command line: a second skin over ``MemoryBank``. ``python -m core --help``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from core.cli import (
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
from core.errors import CoreError

OK, PROBLEM, USAGE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 a problem said in a sentence on stderr, 2 wrong usage."""
    commands = Commands()
    for room in (
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
    ):
        room.register(commands)
    arguments = commands.parser.parse_args(argv)
    try:
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
    return OK


if __name__ == "__main__":
    sys.exit(main())
