"""Which memories answer which questions, said by hand: evidence cases. ``bank.marks`` is the way here."""

from __future__ import annotations

import hashlib
from itertools import groupby

from core.bank.memories import Memories
from core.bank.state import BankState
from core.errors import CoreError
from core.store import kept
from core.types import Mark, Question

CATEGORY = "marks"
"""Of the questions made of marks."""


class Marks:
    """The right and wrong memories of questions that were asked of a bank."""

    def __init__(self, state: BankState) -> None:
        self._state = state

    def all(self, text: str | None = None) -> list[Mark]:
        """The marks of one question, or all of them, oldest first."""
        with self._state.work() as cursor:
            return kept.marks(cursor, None if text is None else text.strip())

    def mark(self, text: str, memory: str, right: bool) -> None:
        """Say that a memory answers a question, or that it does not; a mark that is there is replaced."""
        if not text.strip():
            raise CoreError("A mark needs a question in words: latents alone ask nothing that could be right or wrong.")
        Memories(self._state).get(memory)
        self._store(text, memory, right)

    def unmark(self, text: str, memory: str) -> None:
        self._store(text, memory, None)

    def _store(self, text: str, memory: str, right: bool | None) -> None:
        with self._state.write(new_version=False) as cursor:
            kept.set_mark(cursor, text.strip(), memory, right)

    def as_questions(self) -> list[Question]:
        """The right ones as evidence cases: a question for each text and conversation of its memories."""
        right = sorted((m.text, m.conversation, m.memory) for m in self.all() if m.right)
        return [
            Question(_name(*case), case[0], case[1], tuple(memory for *_, memory in found), "", CATEGORY, CATEGORY)
            for case, found in groupby(right, key=lambda m: m[:2])
        ]


def _name(text: str, conversation: str) -> str:
    digest = hashlib.sha256("\x00".join((conversation, text)).encode()).hexdigest()
    return f"{CATEGORY}/{digest[:12]}"
