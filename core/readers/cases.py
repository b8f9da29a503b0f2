"""Separability cases: read from a file, or drawn from a bank's questions."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from core.errors import CoreError
from core.readers import files, jsonl
from core.readers.ledger import Fault
from core.readers.limits import MAX_TEXT
from core.types import Case, Question, Refusal

NEEDED = {"context": "context", "related": "related", "unrelated": "unrelated"}
OPTIONAL = {"elsewhere": "unrelated_other_dialogue", "context_id": "context_id"}
"""Our names, and those of the file."""
MOST_CASES = 2000
"""More questions than this are drawn from by lot: the figures no longer move."""
SEED = 0


def read_cases(file: Path) -> tuple[list[Case], list[Refusal]]:
    """The cases of a JSON Lines file, and a sentence for every line that is none.

    Raises CoreError where the file cannot be read, or holds no case at all.
    """
    source = file.name
    files.check_presence(file, source)
    cases: dict[str, Case] = {}
    refused: list[Refusal] = []
    with files.troubles_told(file, source):
        for line, value in jsonl.lines(file, files.codec_of(file, source)):
            try:
                case = _case(line, value)
                if case.id in cases:
                    raise Fault("case", f"the id “{case.id}” stood on an earlier line; that one was kept")
                cases[case.id] = case
            except Fault as fault:
                refused.append(Refusal(source, line, fault.field, fault.reason))
    if not cases:
        first = f" {refused[0]}." if refused else ""
        raise CoreError(
            f"{source} holds no case: each line is an object with the texts context, related and unrelated.{first}"
        )
    return list(cases.values()), refused


def _case(line: int, value: object) -> Case:
    if isinstance(value, Fault):
        raise value
    if not isinstance(value, dict):
        raise Fault("", f"is a {type(value).__name__}; an object with context, related and unrelated is expected")
    texts = {ours: _text(value, theirs, needed=True) for ours, theirs in NEEDED.items()}
    others = {ours: _text(value, theirs, needed=False) for ours, theirs in OPTIONAL.items()}
    return Case(str(value.get("case") or f"line {line}"), **texts, **others)


def _text(row: Mapping[str, object], field: str, needed: bool) -> str:
    text = row.get(field)
    if text is None and not needed:
        return ""
    if text is None:
        raise Fault(field, "is missing")
    if not isinstance(text, str):
        raise Fault(field, f"is a {type(text).__name__}; a text is expected")
    if needed and not text.strip():
        raise Fault(field, "is empty")
    if len(text) > MAX_TEXT:
        raise Fault(field, f"is longer than {MAX_TEXT:,} characters")
    if files.surrogate_in(text):
        raise Fault(field, "holds half of a character (a lone surrogate)")
    return text


def of_questions(questions: Sequence[Question], texts: Mapping[str, str]) -> list[Case]:
    """A case for each question that one memory answers: that memory, the question, and two others drawn by lot.

    texts: the memories' texts by id. The unrelated question is one of the same dialogue whose evidence lies elsewhere;
    the one from elsewhere is of another dialogue, where there is another. The seed is fixed.
    """
    by_dialogue: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        by_dialogue[question.conversation].append(question)
    lot = random.Random(SEED)  # noqa: S311 - a draw that anybody can repeat
    asked = [q for q in questions if len(q.evidence) == 1 and q.evidence[0] in texts]
    if len(asked) > MOST_CASES:
        asked = sorted(lot.sample(asked, MOST_CASES), key=lambda q: (q.conversation, q.id))
    cases = []
    for question in asked:
        (evidence,) = question.evidence
        other = _drawn(lot, by_dialogue[question.conversation], question, {evidence})
        if other is None:
            continue
        dialogues = [name for name in by_dialogue if name != question.conversation]
        far = lot.choice(by_dialogue[lot.choice(dialogues)]).text if dialogues else ""
        cases.append(Case(question.id, texts[evidence], question.text, other.text, far, evidence))
    return cases


def _drawn(
    lot: random.Random, among: Sequence[Question], question: Question, evidence: Collection[str]
) -> Question | None:
    """Another question whose evidence is known and lies elsewhere."""
    others = [q for q in among if q.text != question.text and q.evidence and not set(evidence) & set(q.evidence)]
    return lot.choice(others) if others else None
