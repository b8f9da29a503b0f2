"""Write docs/commands.md, every option of every command, from the command line's own help: ``make commands``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from core.__main__ import commands

ROOT = Path(__file__).resolve().parent.parent
HEAD = """\
# Every option of every command

Written from the help of the commands by `make commands`; a test keeps both equal. What the commands are for,
and their JSON: [the command line](cli.md).
"""
_HIDDEN = {"help", "json"}


def written() -> str:
    """The page: a heading a command, its sentence, its arguments."""
    parts = [HEAD]
    for name, parser in commands().all().items():
        parts += _section(name, parser)
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for inner, sub in action.choices.items():
                    parts += _section(f"{name} {inner}", sub)
    return "".join(parts)


def _section(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"\n## {name}\n\n{parser.description}\n"
    arguments = [a for a in parser._actions if a.dest not in _HIDDEN and not isinstance(a, argparse._SubParsersAction)]
    if arguments:
        yield "\n"
    for action in arguments:
        yield f"- `{_spelled(action)}`{_said(action)}\n"


def _spelled(action: argparse.Action) -> str:
    """As one types it: ``--k K``, ``--mode dense|sparse``, ``FILE…``."""
    place = action.metavar or action.dest.upper()
    value = (
        "|".join(map(str, action.choices)) if action.choices else " ".join([place] if isinstance(place, str) else place)
    )
    if not action.option_strings:
        return value + ("…" if action.nargs in ("+", "*") else "")
    return action.option_strings[-1] + ("" if action.nargs == 0 else f" {value}")


def _said(action: argparse.Action) -> str:
    text = (
        (action.help or "") % {"default": action.default} if action.help and "%(" in action.help else action.help or ""
    )
    text = text.replace("%%", "%").rstrip(".:")
    must = " (required)" if action.required and action.option_strings else ""
    return must + (f": {text}" if text else "")


if __name__ == "__main__":
    (ROOT / "docs" / "commands.md").write_text(written())
