"""What the trials do to a bank, step by step, and what must be true of it afterwards. Engines without weights."""

from __future__ import annotations

import os
import pickle
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from core import Query, Term
from core.bank import state
from core.bank.bank import MemoryBank
from core.progress import finish
from core.store import schema
from core.types import Memory, Question, Reading
from tests.fakes import FakeEncoder

T = TypeVar("T")
N = 240
WORDS = "lake house bread winter phone battery music garden river stone train letter".split()
OTHER = FakeEncoder("other", "0123456789abcdef")
state.CHARACTERS_PER_BATCH = 400  # several transactions an import


def reading() -> Reading:
    """Memories in dialogues, and questions whose evidence they are."""
    draw = random.Random(7)
    memories = [
        Memory(f"m{i}", f"{i} " + " ".join(draw.choices(WORDS, k=6)), conversation=f"c{i % 3}", position=i)
        for i in range(N)
    ]
    questions = [Question(f"q{i}", memories[i].text, memories[i].conversation, (f"m{i}",)) for i in range(12)]
    return Reading(memories, questions, [])


def opened(path: Path) -> MemoryBank:
    return MemoryBank.open(path, FakeEncoder())


def filled(path: Path) -> None:
    finish(opened(path).add(reading()))


def older(path: Path) -> None:
    """A bank of 240 memories as the first Mnemoscopes left it: three steps of the schema."""
    whole = path.with_name("whole.duckdb")
    filled(whole)
    with duckdb.connect(str(path)) as connection:
        schema.apply(connection, [1, 2, 3])
        connection.execute(f"attach '{whole}' as whole (read_only)")
        for table in ("memories", "questions", "engines", "codes"):
            names = [r[0] for r in connection.execute(f"describe {table}").fetchall()]
            listed = ", ".join(f'"{n}"' for n in names)
            connection.execute(f"insert into {table} ({listed}) select {listed} from whole.{table}")
    whole.unlink()


Step = Callable[[Path], Iterator[str]]
"""Does something to a bank and yields a word after each part that was confirmed to the user."""


def creation(path: Path) -> Iterator[str]:
    opened(path)
    yield "made"


def importing(path: Path) -> Iterator[str]:
    for progress in opened(path).add(reading()):
        yield f"memories {progress.done}"


def encoding(path: Path) -> Iterator[str]:
    for progress in opened(path).with_engine(OTHER).encode():
        yield f"codes {progress.done}"


def labels(path: Path) -> Iterator[str]:
    bank = opened(path)
    for latent in range(8):
        bank.latents.rename(latent, f"label {latent}")
        yield f"label {latent}"


def trust(path: Path) -> Iterator[str]:
    bank = opened(path)
    bank.latents.store([(latent, "yours", WORDS[latent % 12], None) for latent in range(60)])
    yield "labels"
    finish(bank.trust.refresh(anew=True))
    yield "trust"


def learning(path: Path) -> Iterator[str]:
    bank = opened(path)
    finish(bank.learning.learn(reading().questions, ["here"]))
    yield "learnt"


def editing(path: Path) -> Iterator[str]:
    bank = opened(path)
    for i in range(5):
        bank.compositions.save(f"mix {i}", Query("", terms=(Term(i, 1.0),)))
        yield f"mix {i}"
        bank.marks.mark("where is it?", f"m{i}", i % 2 == 0)
        yield f"mark {i}"


def upgrade(path: Path) -> Iterator[str]:
    opened(path)
    yield "upgraded"


STEPS: dict[str, tuple[Step, Callable[[Path], None] | None]] = {
    "creation": (creation, None),
    "import": (importing, None),
    "re-encoding": (encoding, filled),
    "labels": (labels, filled),
    "trust": (trust, filled),
    "learning": (learning, filled),
    "editing": (editing, filled),
    "migration": (upgrade, older),
}


def state_of(path: Path) -> dict[str, Any]:
    """What the bank holds, as sets and counts that show what is lost or doubled."""
    bank = opened(path)
    with bank.state.work() as cursor:

        def rows(sql: str) -> list[tuple[Any, ...]]:
            return cursor.execute(sql).fetchall()

        return {
            "memories": rows("select id, text from memories order by id"),
            "questions": rows("select id, text from questions order by id"),
            "codes": rows("select engine, memory from codes order by all"),
            "labels": rows("select latent, text from labels order by all"),
            "trust": rows("select latent, label from label_trust order by all"),
            "learnt": rows("select engine, questions from learnt"),
            "compositions": rows("select name from compositions order by all"),
            "marks": rows("select text, memory, correct from marks order by all"),
            "steps": rows("select number from schema_migrations order by 1"),
        }


def lost(confirmed: list[str], held: dict[str, Any]) -> list[str]:
    """What was confirmed and is not there."""
    labels_held = {f"label {latent}" for latent, _ in held["labels"]}
    there = labels_held | {name for (name,) in held["compositions"]}
    there |= {f"mark {memory[1:]}" for _, memory, _ in held["marks"]}
    there |= {"made"} | ({"labels"} if len(held["labels"]) >= 60 else set()) | ({"trust"} if held["trust"] else set())
    there |= {"learnt"} if held["learnt"] else set()
    there |= {"upgraded"} if len(held["steps"]) == len(schema.steps()) else set()
    return [word for word in confirmed if not word.startswith(("memories", "codes")) and word not in there]


def doubled(held: dict[str, Any]) -> list[str]:
    return [name for name, rows in held.items() if len(rows) != len(set(rows))]


def in_child(task: Callable[[], T]) -> tuple[int, T | str]:
    """(exit status, result or what went wrong) of a task in a fork: this process stays without DuckDB's threads."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(read)
        try:
            found: Any = ("ok", task())
        except BaseException as problem:
            found = ("failed", f"{type(problem).__name__}: {problem}")
        with os.fdopen(write, "wb") as stream:
            stream.write(pickle.dumps(found))
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        content = stream.read()
    _, status = os.waitpid(pid, 0)
    if not content:
        return status, f"ended with status {status}"
    kind, found = pickle.loads(content)
    return (0 if kind == "ok" else 1), found
