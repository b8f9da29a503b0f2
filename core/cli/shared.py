"""What every command of the command line shares."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Generator
from math import isnan
from typing import Any, TypeVar

from core import __version__
from core.bank.bank import MemoryBank
from core.errors import CoreError
from core.retrieval.fusion import FUSIONS
from core.retrieval.similarity import WEIGHTINGS
from core.settings import command
from core.types import Label, Progress, Query

T = TypeVar("T")
Result = tuple[Any, list[str]]
"""What ``--json`` prints, and the lines a person reads."""


class Commands:
    """The parser, to which each room of commands adds its own."""

    def __init__(self) -> None:
        self.parser = argparse.ArgumentParser(prog=command(), description="Why did my assistant remember that?")
        self.parser.add_argument("--version", action="version", version=f"mnemoscope {__version__}")
        self._commands = self.parser.add_subparsers(required=True, metavar="COMMAND")

    def all(self) -> dict[str, argparse.ArgumentParser]:
        """The parser of each command, in the order of the help."""
        return dict(self._commands.choices)

    def add(
        self, name: str, run: Callable[[argparse.Namespace], Result], help: str, bank: bool = True, json: bool = True
    ) -> argparse.ArgumentParser:
        sub = self._commands.add_parser(name, help=help, description=help)
        sub.set_defaults(run=run, json=False)
        if json:
            sub.add_argument("--json", action="store_true", help="machine-readable output alone on stdout")
        if bank:
            sub.add_argument("--bank", required=True, help="the bank's file; “demo” is the one that ships")
            sub.add_argument("--engine", default="minilm", help="engine whose codes are used (default minilm)")
        return sub


def similarity(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--weighting", choices=list(WEIGHTINGS), default=Query("").weighting)
    sub.add_argument("--fusion", choices=list(FUSIONS), default=Query("").fusion)
    sub.add_argument("--balance", type=share, help="weight of the dense side, 0 to 1 (default: the engine's own)")
    sub.add_argument(
        "--context", type=share, default=Query("").context, help="share of neighbouring turns' scores added, 0 to 1"
    )


def asked_for(a: argparse.Namespace, text: str = "") -> Query:
    """The query that the options of ``similarity`` describe."""
    return Query(text, weighting=a.weighting, fusion=a.fusion, balance=a.balance, context=a.context)


def called(label: Label) -> str:
    """A label on a line of a list, with how far it is trusted: phone battery (trust 0.81)"""
    return label.text if not label.text or isnan(label.believed) else f"{label.text} (trust {label.believed:.2f})"


def share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{value:g} is not from 0 to 1")
    return value


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a positive number")
    return value


def drawn(task: Generator[Progress, None, T]) -> T:
    """Run a long task, with its progress and the time it still needs on stderr; what the generator returns."""
    started, last = time.monotonic(), 0.0
    while True:
        try:
            p = next(task)
        except StopIteration as end:
            if last and sys.stderr.isatty():
                print(file=sys.stderr)
            return end.value  # type: ignore[no-any-return]
        now = time.monotonic()
        if now - last > (0.2 if sys.stderr.isatty() else 5) or p.done == p.total:
            last = now
            left = (now - started) * (p.total - p.done) / p.done if p.done else 0
            text = f"{p.done / max(p.total, 1):4.0%}  {p.note}" + (f", about {left:.0f} s left" if left >= 1 else "")
            print(
                f"\r\x1b[K{text}" if sys.stderr.isatty() else text,
                end="" if sys.stderr.isatty() else "\n",
                file=sys.stderr,
            )


def known_conversation(bank: MemoryBank, conversation: str | None) -> None:
    """Refuse a conversation that the bank does not have, and say which it has."""
    names = [name for name, _ in bank.memories.conversations()]
    if conversation is not None and conversation not in names:
        known = f"It has {', '.join(names[:8])}{' …' if len(names) > 8 else ''}." if names else "It has none."
        raise CoreError(f"{bank.name} has no conversation “{conversation}”. {known}")


def short(text: str, width: int = 100) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"
