"""Narratives written by a language model, as a file that ``import`` reads."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from core.cli.shared import Commands, Result, drawn, positive
from core.errors import CoreError
from core.llm.endpoint import Endpoint
from core.llm.narratives import CATEGORIES, estimate_cost, generate, most_requests
from core.settings import command

AT_ONCE = 4


def register(commands: Commands) -> None:
    sub = commands.add(
        "generate", _generate, "Let a language model write short narratives, as a file that import reads.", bank=False
    )
    sub.add_argument("--n", type=positive, required=True, help="narratives that the file holds in the end")
    sub.add_argument(
        "--categories",
        type=_categories,
        default=list(CATEGORIES),
        metavar="A,B,…",
        help=f"in equal parts; any names (default {','.join(CATEGORIES)})",
    )
    sub.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON Lines; what it holds stays")
    sub.add_argument("--url", default="", help="the endpoint (default MNEMOSCOPE_LLM_URL)")
    sub.add_argument("--model", default="", help="the model's name there (default MNEMOSCOPE_LLM_MODEL)")
    sub.add_argument(
        "--batch", action="store_true", help="hand all in at once where the endpoint takes batches: cheaper, and slower"
    )
    sub.add_argument(
        "--at-once", type=positive, default=AT_ONCE, metavar="N", help=f"requests at a time (default {AT_ONCE})"
    )
    sub.add_argument("--estimate", action="store_true", help="say what it would take, and ask nothing")
    sub.add_argument("--yes", action="store_true", help="start without asking whether it may cost that")


def _generate(a: argparse.Namespace) -> Result:
    endpoint = Endpoint.from_environment(a.url, a.model)
    estimate = estimate_cost(a.out, a.n, a.categories, endpoint, a.batch)
    sentence = f"{endpoint.model} at {endpoint.place} is asked for nothing new."
    if estimate.requests:
        again = f"What cannot be kept is asked for again, up to {most_requests(estimate.requests):,} requests in all."
        sentence = f"{endpoint.model} at {endpoint.place} is asked: {estimate} {again}"
    told = {"model": endpoint.model, "endpoint": endpoint.place, "out": str(a.out), "estimate": asdict(estimate)}
    if a.estimate:
        return told, [sentence]
    print(sentence, file=sys.stderr)
    if estimate.requests and not a.yes:
        _agreed()
    report = drawn(generate(a.out, a.n, a.categories, endpoint, batch=a.batch, at_once=a.at_once))
    if report.missing and not report.kept:
        raise CoreError(str(report))
    return told | {"report": asdict(report)}, [str(report), f"{command()} import {a.out} --bank … reads them."]


def _agreed() -> None:
    """Ask whether to start. Raises CoreError where the answer is no, or where nobody is there to ask."""
    if not sys.stdin.isatty():
        raise CoreError("Nothing was asked: add --yes to start where nobody can be asked.")
    print("Start? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().casefold() not in ("y", "yes"):
        raise CoreError("Nothing was asked.")


def _categories(text: str) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise argparse.ArgumentTypeError("names no category")
    return names
