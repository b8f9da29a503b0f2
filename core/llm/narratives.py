"""Short narratives by a language model: what it is asked, which answers are kept, and a run that may stop anywhere.

They are kept one JSON object a line, with category and text, as the readers take them. A batch that an endpoint still
works on is kept beside them, in a file of the same name that ends in .batch.json.
"""

from __future__ import annotations

import json
import os
import random
import threading
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import chain, zip_longest
from pathlib import Path

from scipy import sparse

from core.analysis.duplicates import NEAR, resemblance, shingles
from core.errors import CoreError, EndpointRefuses
from core.llm import batches
from core.llm.batches import Batch, NoBatches, State
from core.llm.endpoint import Endpoint, Estimate, Request, json_in, printable
from core.readers import files, jsonl, rows
from core.types import Progress

CATEGORIES = {
    "Strong Emotional": "One moment that moved whoever tells it more than anything that year: loss, joy, fear, shame, "
    "love. What was done, said and seen carries it; the feeling is never named.",
    "Complex/Chaotic": "Too much at once: several people, plans that collide, interruptions, sums and times that do "
    "not add up. As hard to follow as it was to live through, though every sentence is clear.",
    "Routine": "Something done as on any other day, step after step, calmly and in order. Nothing goes wrong and "
    "nothing is special about it.",
}
"""The known categories and what the model is told of them; any other name is told as it is."""
SHORTEST, LONGEST = 80, 1_000
"""Characters of a narrative that is kept."""
AGAIN = 2
FAILURES_IN_A_ROW = 10
TOKENS_OF_A_NARRATIVE = 120
MOST_TOKENS = 1_500
"""Room for models that think aloud."""
FIRST_LOOK, LONGEST_LOOK = 5.0, 60.0
"""Seconds between two looks at a batch: more and more."""
INSTRUCTION = """You write short narratives that read like somebody's own memory of something that happened to them.
Concrete: names, places, objects, times, what was said. Ordinary words; no title, no moral, no summing up.
Never name the category. Begin anywhere but with the weather, the date or “I remember”.
Write in English.
Answer with JSON alone: {"category": "...", "text": "..."}."""
TELLERS = """a bus driver|a girl of nine|a retired welder|a night nurse|twins in their forties|a trainee cook
a beekeeper|a widower of eighty|a court clerk|a new father|an exchange student|a market trader|a choir singer
a roofer|a school secretary|a goalkeeper|a translator|a farmer's daughter|a paramedic|a locksmith|a bookkeeper
a ferry hand|a music teacher|somebody who has just moved""".replace("\n", "|").split("|")
PLACES = """a launderette|the back of a lorry|a hospital corridor|a balcony on the sixth floor|an allotment
a railway platform|a village hall|the kitchen|a border crossing|a school gym|a car park|an office after hours
a lake shore|a hardware shop|a stairwell|a courtroom|a bakery before dawn|an airport gate|a workshop
a grandmother's flat|a campsite|a town library|a harbour|a waiting room""".replace("\n", "|").split("|")
THINGS = """a borrowed key|a letter|a bicycle|a recipe|a broken tooth|two tickets|a coat|a photograph|a jar
a phone with an empty battery|a suitcase|a ladder|a bill|a dog|a radio|a birthday cake|a parcel|a shopping list
a pair of boots|a piano|a map|a blanket|a thermos flask|a wedding ring""".replace("\n", "|").split("|")

WORDS = (40, 50, 60, 70, 80, 90)
START = b'{"category": '
"""How a line of ours begins."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What became of a run. asked = kept + duplicates + unfit + failed."""

    asked: int = 0
    """Requests that ended."""
    kept: int = 0
    duplicates: int = 0
    """Said nearly what another narrative of the file says."""
    unfit: int = 0
    """No JSON, another category than the one asked for, too short or too long."""
    failed: int = 0
    """Requests without an answer."""
    missing: int = 0
    """Narratives that the file still lacks."""
    in_a_row: int = 0
    """Requests since the last narrative that was kept."""
    last_problem: str = ""
    batched: bool = False
    """False also where a batch was wanted and the endpoint takes none."""

    @property
    def refused(self) -> int:
        return self.duplicates + self.unfit + self.failed

    def __str__(self) -> str:
        found = ((self.duplicates, "duplicates"), (self.unfit, "unfit"), (self.failed, "failed"))
        refused = ", ".join(f"{n:,} {what}" for n, what in found if n)
        text = f"{self.kept:,} narratives kept of {self.asked:,} asked for{f' ({refused})' if refused else ''}."
        if self.missing:
            text += f" {self.missing:,} are still missing: the same command goes on."
        return f"{text} The last problem: {self.last_problem}" if self.missing and self.last_problem else text


class Unfit(CoreError):
    """An answer that is no narrative as it was asked for."""


class Duplicate(CoreError):
    """A narrative that is there already, or nearly."""


Answer = tuple[str, str | CoreError]
"""(category that was asked for, answer or the problem in its place)"""


def generate(
    out: Path, n: int, categories: Sequence[str], endpoint: Endpoint, *, batch: bool = False, at_once: int = 4
) -> Generator[Progress, None, Generation]:
    """Ask a model for narratives until the file ``out`` holds n of the categories, in equal parts.

    What is in the file stays and counts, so a stopped run goes on where it was. Each answer is kept at once, or refused
    and asked for again, up to ``most_requests`` in all. batch: hand them in as one batch, after a first request that
    shows that the endpoint answers; a batch goes on while nobody waits, and the next run fetches its answers. An
    endpoint without batches is asked one by one, at_once at a time.
    Raises CoreError where the endpoint refuses the key or the model, and after FAILURES_IN_A_ROW of any kind.
    """
    shelf, waiting = Shelf(out, n, categories), Waiting(out, endpoint, batch)
    total = shelf.missing.total()
    handed_in = Counter(waiting.batch.keys if waiting.batch else ())
    most = handed_in.total() + most_requests((shelf.missing - handed_in).total())
    report, is_known = Generation(missing=total, batched=batch), False
    yield Progress(0, total, f"{total:,} narratives to write")
    while waiting.batch or report.missing:
        before, is_trial = report, report.batched and not (is_known or waiting.batch)
        requests = prompts(shelf.missing)[: 1 if is_trial else most - report.asked]
        by_batch = report.batched and not is_trial
        answers = _by_batch(endpoint, waiting, requests) if by_batch else _one_by_one(endpoint, requests, at_once)
        try:
            report = yield from _taken(answers, shelf, report, total, patient=by_batch)
        except NoBatches as problem:
            report = replace(report, batched=False)
            yield Progress(min(total, report.kept), total, f"{problem} It is asked one by one")
            continue
        if is_trial and report.failed > before.failed:
            raise CoreError(report.last_problem)
        if report.asked >= most or (by_batch and report.kept == before.kept):
            break
        is_known = True
    return report


def most_requests(missing: int) -> int:
    """What a run may ask for so many missing narratives: what cannot be kept is asked for again.

    A run that only fetches a batch asks for nothing more, as nobody agreed to it: the next one does.
    """
    return max(AGAIN * missing, FAILURES_IN_A_ROW) if missing else 0


def estimate_cost(out: Path, n: int, categories: Sequence[str], endpoint: Endpoint, batch: bool = False) -> Estimate:
    """What ``generate`` takes where every answer is kept, beyond a batch that is handed in; asks nothing of anyone."""
    waiting = Waiting(out, endpoint, batch).batch
    missing = Shelf(out, n, categories).missing - Counter(waiting.keys if waiting else ())
    return endpoint.estimate(prompts(missing), TOKENS_OF_A_NARRATIVE)


def _one_by_one(
    endpoint: Endpoint, requests: Sequence[Request[str]], at_once: int
) -> Generator[State | Answer, None, None]:
    """The answers as they come. Raises EndpointRefuses where no other can come."""
    with closing(endpoint.batched(requests, at_once)) as answers:
        for category, answer in answers:
            if isinstance(answer, EndpointRefuses):
                raise answer
            yield category, answer


def _by_batch(
    endpoint: Endpoint, waiting: Waiting, requests: Sequence[Request[str]]
) -> Generator[State | Answer, None, None]:
    """How far the batch is, until it ends, then its answers. It stays on disk until all of them are taken."""
    batch = waiting.batch or batches.upload(endpoint, requests[: batches.MOST_REQUESTS])
    if not batch.id:
        waiting.keep(batch)
        try:
            batch = batches.begin(endpoint, batch)
        except NoBatches:
            waiting.keep(None)
            raise
        waiting.keep(batch)
    pause = FIRST_LOOK
    while not (state := batches.look(endpoint, batch)).ended:
        yield state
        endpoint.line.wait(threading.Event(), pause)
        pause = min(2 * pause, LONGEST_LOOK)
    yield from batches.answers(endpoint, batch, state)
    waiting.keep(None)


def _taken(
    answers: Generator[State | Answer, None, None], shelf: Shelf, report: Generation, total: int, patient: bool
) -> Generator[Progress, None, Generation]:
    """Put the answers on the shelf; the report with them. patient: however many fail."""
    with closing(answers):
        for item in answers:
            if isinstance(item, State):
                done = min(total, report.kept + item.answered)
                yield Progress(done, total, f"{item.answered:,} answered, the batch is {item.status}")
                continue
            report = _judged(shelf, report, *item)
            if report.in_a_row >= FAILURES_IN_A_ROW and not patient:
                raise CoreError(
                    f"Stopped after {report.in_a_row} answers in a row that could not be kept, the last: "
                    f"{report.last_problem} {report.kept:,} were kept before; the same command goes on from there."
                )
            yield Progress(min(total, report.kept), total, f"{report.kept:,} kept, {report.refused:,} refused")
    return report


def _judged(shelf: Shelf, report: Generation, category: str, answer: str | CoreError) -> Generation:
    """The report with one answer more, which is put on the shelf where it is a narrative."""
    report = replace(report, asked=report.asked + 1, in_a_row=report.in_a_row + 1)
    try:
        if isinstance(answer, CoreError):
            raise answer
        text = read_narrative(answer, category)
        shelf.check(text)
    except Unfit as problem:
        return replace(report, unfit=report.unfit + 1, last_problem=str(problem))
    except Duplicate as problem:
        return replace(report, duplicates=report.duplicates + 1, last_problem=str(problem))
    except CoreError as problem:
        return replace(report, failed=report.failed + 1, last_problem=str(problem))
    shelf.put(category, text)
    return replace(report, kept=report.kept + 1, missing=shelf.missing.total(), in_a_row=0)


# --- the prompt and its answer ----------------------------------------------------------------------------------------


def prompts(missing: Mapping[str, int]) -> list[Request[str]]:
    """A request for each narrative that is missing, the categories in turn."""
    draw = random.Random()  # noqa: S311 (no secret); no seed: a later run asks for others
    turns = zip_longest(*([category] * n for category, n in missing.items()))
    return [prompt(category, draw) for category in chain.from_iterable(turns) if category is not None]


def prompt(category: str, draw: random.Random) -> Request[str]:
    """What a model is asked for one narrative; who, where and what is drawn, so that not all are alike."""
    about = CATEGORIES.get(category, f"A memory that anyone would file under “{category}”.")
    asked = (
        f"Category: {category}\n{about}\n\nWho tells it: {draw.choice(TELLERS)}. It happens in or near: "
        f"{draw.choice(PLACES)}. It has to do with: {draw.choice(THINGS)}. About {draw.choice(WORDS)} words."
    )
    messages = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": asked}]
    kinds = {"category": {"type": "string", "enum": [category]}, "text": {"type": "string"}}
    schema = {"type": "object", "properties": kinds, "required": list(kinds), "additionalProperties": False}
    return Request(category, messages, MOST_TOKENS, temperature=1.0, schema=schema)


def read_narrative(answer: str, category: str) -> str:
    """The narrative in a model's answer, on one line. Raises Unfit where it is not as it was asked for."""
    found = json_in(answer) or {}
    told, text = found.get("category"), found.get("text")
    if not (isinstance(told, str) and isinstance(text, str)):
        raise Unfit(f"The model answered with something that is no narrative: “{printable(answer)[:80]}”.")
    if told.strip().casefold() != category.casefold():
        raise Unfit(f"The model wrote “{printable(told)[:40]}” where “{category}” was asked for.")
    text = printable(text)
    if not SHORTEST <= len(text) <= LONGEST:
        raise Unfit(f"A narrative has {len(text):,} characters; {SHORTEST} to {LONGEST:,} are kept.")
    return text


# --- on disk ----------------------------------------------------------------------------------------------------------


class Shelf:
    """A file of narratives: what it holds, what it lacks of n in equal parts, and a line more for each that is kept."""

    def __init__(self, path: Path, n: int, categories: Sequence[str]) -> None:
        if path.suffix.lower() not in files.ONE_PER_LINE:
            raise CoreError(f"{path.name} is no name for JSON Lines: let it end in {' or '.join(files.ONE_PER_LINE)}.")
        if not path.parent.is_dir():
            raise CoreError(f"There is no folder {path.parent}: make it, or choose another file.")
        self._path = path
        self._torn, self._is_open = 0, False
        """Bytes of a last line that was left half written; whether the last line has no end."""
        records = self._records()
        reading = rows.read_rows(records, path.name)
        if reading.refused:
            raise CoreError(f"{reading.refused[0]}. Mend or remove that line, or choose another file.")
        part, rest = divmod(n, len(categories))
        wanted = Counter({category: part + (i < rest) for i, category in enumerate(categories)})
        self.missing = wanted - Counter(memory.category for memory in reading.memories)
        self._known = shingles([memory.text for memory in reading.memories])

    def check(self, text: str) -> None:
        """Raises Duplicate where the file has a text that says nearly the same."""
        alike = resemblance(self._known, shingles([text]))
        if alike.max(initial=0) >= NEAR:
            raise Duplicate(f"The model wrote what narrative {alike.argmax() + 1:,} says: “{text[:60]}…”.")

    def put(self, category: str, text: str) -> None:
        """Write a narrative at the end of the file."""
        line = json.dumps({"category": category, "text": text}, ensure_ascii=False) + "\n"
        with _written(self._path), self._path.open("ab") as file:
            if self._torn:
                file.truncate(file.tell() - self._torn)
            file.write(b"\n" * self._is_open + line.encode())
        self._torn, self._is_open = 0, False
        self.missing -= Counter([category])
        self._known = sparse.csr_array(sparse.vstack([self._known, shingles([text])]))

    def _records(self) -> list[rows.Record]:
        """The file's lines, without a last one of ours that a power cut or a full disk left half written."""
        with files.troubles_told(self._path, self._path.name):
            there = self._path.exists()
            tail = self._path.read_bytes().rpartition(b"\n")[2] if there else b""
            records = list(jsonl.lines(self._path)) if there else []
        is_half = tail.startswith(START) and isinstance(records[-1][1], rows.Fault)
        self._torn, self._is_open = len(tail) * is_half, bool(tail) and not is_half
        return records[:-1] if is_half else records


class Waiting:
    """The batch whose answers a file of narratives waits for, kept beside it."""

    def __init__(self, out: Path, endpoint: Endpoint, wanted: bool) -> None:
        self._path = out.with_suffix(".batch.json")
        self.batch: Batch | None = self._read() if self._path.exists() else None
        if self.batch is None:
            return
        give_up = f"or remove {self._path.name} to give its answers up"
        if (self.batch.place, self.batch.model) != (endpoint.place, endpoint.model):
            where = f"{self.batch.model} at {self.batch.place}"
            raise CoreError(f"{out.name} waits for a batch of {where}: name that model and address, {give_up}.")
        if not wanted:
            raise CoreError(f"{out.name} waits for a batch: add --batch to fetch its answers, {give_up}.")

    def keep(self, batch: Batch | None) -> None:
        """Put a batch on disk in one step; None: there is none any more."""
        self.batch = batch
        with _written(self._path):
            if batch is None:
                self._path.unlink(missing_ok=True)
                return
            half_done = self._path.with_suffix(".new")
            half_done.write_text(json.dumps(asdict(batch)), encoding="utf-8")
            os.replace(half_done, self._path)

    def _read(self) -> Batch:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return Batch(**(found | {"keys": tuple(found["keys"])}))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise CoreError(f"{self._path.name} is no batch that was kept: remove it to begin anew.") from error


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Turn what the disk complains about into a sentence."""
    try:
        yield
    except OSError as error:
        raise CoreError(f"{path.name} cannot be written ({error.strerror or error}).") from error
