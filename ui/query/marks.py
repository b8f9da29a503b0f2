"""Right or wrong, said of a hit by hand: kept in the bank as an evidence case of what was asked."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import MemoryBank, Question
from ui.address import ways
from ui.kit import states
from ui.query.fields import MOST_LIKED
from ui.session import answers

SIDES = ((True, "Right", ":material/check:"), (False, "Wrong", ":material/close:"))
HELP = "Kept in this bank as an evidence case of the question: Evaluate can measure it, Compose can learn from it."


def toggle(bank: MemoryBank, text: str, memory: str, right: bool) -> None:
    """Mark a hit; a second click takes the mark away."""
    with states.kept_problem():
        if answers.marks(bank, text).get(memory) is right:
            bank.marks.unmark(text, memory)
        else:
            bank.marks.mark(text, memory, right)


def to_compose(bank: MemoryBank, text: str) -> None:
    """The marked memories of a question as those to be more and less like."""
    found = answers.marks(bank, text)
    liked = [memory for memory, right in found.items() if right]
    disliked = [memory for memory, right in found.items() if not right]
    st.session_state.update(compose_text=text, liked=liked[:MOST_LIKED], disliked=disliked[:MOST_LIKED])
    ways.to("compose")


def buttons(bank: MemoryBank, text: str, memory: str) -> None:
    """Right and wrong for the chosen hit, where words were asked."""
    if not text:
        return
    known = answers.marks(bank, text)
    for right, name, icon in SIDES:
        chosen = known.get(memory) is right
        st.button(
            f"Marked {name.lower()}" if chosen else name, icon=icon, key=f"mark_{name.lower()}", help=HELP,
            type="primary" if chosen else "secondary", on_click=toggle, args=(bank, text, memory, right),
        )  # fmt: skip


def learn(bank: MemoryBank, text: str) -> None:
    """The way from the marks of a question to latents with weights."""
    if known := answers.marks(bank, text):
        st.button(
            f"Compose from {len(known)} mark{'s' if len(known) > 1 else ''}", icon=":material/tune:", type="tertiary",
            on_click=to_compose, args=(bank, text), key="mark_compose",
            help="Turn what the right ones have and the wrong ones do not into latents with weights.",
        )  # fmt: skip


def cases(bank: MemoryBank) -> list[Question]:
    """What a bank knows the evidence of: its questions, and what was marked right."""
    return [question for question in (*bank.memories.questions(), *bank.marks.as_questions()) if question.evidence]


def export_rows(bank: MemoryBank) -> list[dict[str, Any]]:
    """Every mark of the bank."""
    found = bank.marks.all()
    memories = answers.memories(bank, tuple(sorted({mark.memory for mark in found})))
    return [
        {
            "query": mark.text,
            "memory": mark.memory,
            "conversation": mark.conversation,
            "mark": "right" if mark.right else "wrong",
            "marked": mark.marked,
            "text": memories[mark.memory].text,
        }
        for mark in found
    ]
