"""Commands that ask in latents, and those for what is kept of it: compositions and marks."""

from __future__ import annotations

import argparse
import re
from dataclasses import asdict, replace

from core.bank.bank import MemoryBank
from core.cli.shared import Commands, Result, known_conversation, positive, short
from core.errors import CoreError
from core.retrieval.similarity import WEIGHTINGS
from core.types import Query, Term


def register(commands: Commands) -> None:
    sub = commands.add("compose", _compose, "Ask in latents: +15 -5, or with weights 15:2 5:-0.5.")
    sub.add_argument("terms", nargs="*", type=_term, metavar="TERM")
    sub.add_argument("--text", default="", help="words to begin with; the latents are added to what they fire")
    sub.add_argument("--like", action="append", default=[], metavar="ID", help="add the latents that set it apart")
    sub.add_argument("--dislike", action="append", default=[], metavar="ID", help="take away those of this one")
    sub.add_argument("--conversation", help="only memories of this conversation")
    sub.add_argument("--k", type=positive, help="how many (default 10)")
    sub.add_argument("--weighting", choices=list(WEIGHTINGS), help="default: activation; with words: that of search")
    sub.add_argument("--save", metavar="NAME", help="keep this composition in the bank")
    sub.add_argument("--load", metavar="NAME", help="begin with one that is kept")
    sub.add_argument("--list", action="store_true", help="what is kept, instead of asking")

    commands.add("marks", _marks, "Which memories were marked right or wrong for which questions.")


def _compose(a: argparse.Namespace) -> Result:
    bank = MemoryBank.open(a.bank, a.engine, create=False)
    if a.list:
        return _kept(bank)
    query = _asked(bank, a)
    hits = bank.search(query)
    if a.save:
        bank.compositions.save(a.save, query)
    best = [(hits.ids[i], float(hits.scores["sparse"][i])) for i in hits.top("sparse")]
    shares = bank.recall.contributions(query, [name for name, _ in best])
    memories = bank.memories.of(name for name, _ in best)
    result = {
        "text": query.text,
        "terms": [asdict(term) for term in query.terms],
        "hits": [
            {
                "id": name,
                "text": memories[name].text,
                "score": round(score, 6),
                "from_words": round(float(share[0]), 6),
                "from_terms": [round(float(value), 6) for value in share[1:]],
            }
            for (name, score), share in zip(best, shares, strict=True)
        ],
        "provenance": bank.provenance(query),
    }
    lines = [
        f"{place:3}  {score:8.3f}  {name}  {short(memories[name].text)}" for place, (name, score) in enumerate(best, 1)
    ]
    return result, lines or [f"No memory in {bank.name} scores above 0 for these latents."]


def _asked(bank: MemoryBank, a: argparse.Namespace) -> Query:
    """What the options say, on top of what was loaded."""
    start = bank.compositions.load(a.load) if a.load else Query("")
    text = a.text or start.text
    usual = start.weighting if a.load and not a.text else Query("").weighting if text else "activation"
    weighting = a.weighting or usual
    likes = bank.more_like(a.like, a.dislike, weighting=weighting) if a.like or a.dislike else ()
    terms = (*start.terms, *a.terms, *likes)
    if not terms and not text:
        raise CoreError("There is no latent to compose: give at least one, for example +15.")
    query = replace(start, text=text, terms=terms, weighting=weighting, k=a.k or start.k)
    if a.conversation is not None:
        query = replace(query, conversation=a.conversation)
    known_conversation(bank, query.conversation)
    return query


def _kept(bank: MemoryBank) -> Result:
    saved = bank.compositions.saved()
    result = [{"name": name, "query": asdict(query)} for name, query in saved.items()]
    lines = [
        f"{name}: " + " ".join([*([f"“{query.text}”"] if query.text else []), *map(_said, query.terms)])
        for name, query in saved.items()
    ]
    return result, lines or [f"{bank.name} has no saved composition yet: add --save NAME to one."]


def _said(term: Term) -> str:
    """A term as it is written behind ``compose``."""
    return f"{term.weight:+.0f}"[0] + str(term.latent) if abs(term.weight) == 1 else f"{term.latent}:{term.weight:g}"


def _marks(a: argparse.Namespace) -> Result:
    bank = MemoryBank.open(a.bank, a.engine, create=False)
    found = bank.marks.all()
    lines = [f"{'right' if mark.right else 'wrong'}  {mark.memory}  {mark.text}" for mark in found]
    return [asdict(mark) for mark in found], lines or [f"Nothing is marked in {bank.name} yet."]


def _term(text: str) -> Term:
    """“+15”, “-5” or “5:-0.5”: a latent, and how much of it."""
    match = re.fullmatch(r"(?:([+-])(\d+)|(\d+):([+-]?\d+(?:\.\d+)?))", text)
    if not match:
        raise argparse.ArgumentTypeError(f"“{text}” is no term: write +15, -5 or 5:-0.5")
    return Term(int(match[2]), 1.0 if match[1] == "+" else -1.0) if match[2] else Term(int(match[3]), float(match[4]))
