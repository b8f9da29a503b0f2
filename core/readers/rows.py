"""One row, whatever file it stood in, becomes one memory or one refusal: its text decides, other fields may be odd."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypeAlias

from core.readers import dates, files, limits, values
from core.readers.content import spoken
from core.readers.ledger import Fault, Ledger
from core.types import Memory, Question, Reading, Refusal

__all__ = ["FIELDS", "Fault", "Gatherer", "Item", "Record", "Row", "has_text", "read_rows", "row_of", "without_text"]

FIELDS: dict[str, tuple[str, ...]] = {
    "text": ("text", "content", "memory", "message", "body", "memory_text"),
    "id": ("id", "_id", "uuid", "memory_id"),
    "role": ("role", "speaker", "author", "sender", "sender_name"),
    "conversation": ("conversation", "conversation_id", "thread"),
    "session": ("session",),
    "position": ("position",),
    "created": ("created", "timestamp", "date", "created_at", "timestamp_ms", "create_time"),
    "category": ("category", "label"),
}
"""The names a field may have in a file, in any case; the first one present is taken, the others go to ``meta``."""
OWN = {"id", "text", "role", "conversation", "session", "position", "created", "category", "source", "meta"}
"""The columns of a bank's own export."""
GAP = timedelta(hours=6)
"""Silence that begins a new session where a source knows none."""

Record: TypeAlias = "tuple[int, object]"
"""A line number and what was read there, which may be a ``Fault``."""


@dataclass(slots=True)
class Row:
    """A memory as a format's reader found it: any value may still be of any kind."""

    line: int
    text: object
    id: object = None
    role: object = None
    conversation: object = None
    session: object = None
    position: object = None
    created: object = None
    category: object = None
    meta: Mapping[str, object] = field(default_factory=dict)
    cut: bool = False
    """Whether its session follows from the silence before it."""
    source: object = None
    """The file it once came from, where it is a bank's own export."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What the file calls our fields, where it has another name for them."""
    order: bool | None = None
    """Whether this format puts the day before the month, where it is known to."""

    def name(self, ours: str) -> str:
        return self.names.get(ours, ours)


Item: TypeAlias = "Row | Memory | Question | Refusal"


class Gatherer:
    """Makes memories of one file's rows, and knows what a later row needs to know of the earlier ones."""

    def __init__(self, ledger: Ledger, stem: str) -> None:
        self.ledger = ledger
        self.stem = stem
        self.count = 0
        self.first_of_id: dict[int, tuple[int, int]] = {}
        """Hash of an id -> (hash of the first row that had it, its position)."""
        self.times_met: dict[int, int] = {}
        self.next_position: dict[str, int] = {}
        self.last: dict[str, tuple[datetime, str]] = {}
        self.generated: dict[str, int] = {}
        """Ids that were given here since the file gave none -> which occurrence of the same words it is."""

    def memory(self, row: Row) -> Memory:
        """The memory of a row; raises ``Fault`` where it has no text that can be remembered."""
        text = values.words(row.text, row.name("text"), self.ledger)
        extra: dict[str, object] = {}
        conversation = self._label(row, "conversation", extra)
        role = self._label(row, "role", extra)
        created = self._created(row, extra)
        session = self._label(row, "session", extra) or (self._session(conversation, created) if row.cut else "")
        position = self._position(row, extra)
        key = self._label(row, "id", extra)
        key = key if key.strip() else ""
        memory = Memory(
            id=key,
            text=text,
            role=role,
            conversation=conversation,
            session=session,
            position=-1 if position is None else position,
            created=created,
            category=self._label(row, "category", extra),
            source=values.label(row.source, "source") or self.ledger.source,
            meta=values.meta(row.meta, set(), self.ledger) | extra if row.meta or extra else {},
        )
        return self._placed(memory, row)

    def _placed(self, memory: Memory, row: Row) -> Memory:
        """The memory with its id and position. An id that another row of the file has already is not its own."""
        content = hash((memory.conversation, memory.session, memory.role, memory.text))
        known = self.first_of_id.get(hash(memory.id)) if memory.id else None
        if known is not None and known[0] == content and memory.position in (-1, known[1]):
            return _with(memory, memory.id, known[1])
        if known is not None:
            self.ledger.leave_empty(
                row.name("id"), row.line, f"“{values.shown(memory.id)}” names an earlier row already"
            )
        id = memory.id if memory.id and known is None else self._own_id(memory)
        running = self.next_position.get(memory.conversation, 0)
        position = running if memory.position < 0 else memory.position
        self.next_position[memory.conversation] = max(running, position) + 1 if memory.position < 0 else position + 1
        self.first_of_id[hash(id)] = content, position
        return _with(memory, id, position)

    def _own_id(self, memory: Memory) -> str:
        id = f"{self.stem}/{self.count}"
        while hash(id) in self.first_of_id:
            id += "~"
        same = hash((memory.conversation, memory.role, memory.created, memory.text))
        met = self.times_met.get(same, 0) + 1 if memory.conversation else 1
        self.times_met[same] = met
        self.generated[id] = met
        return id

    def _label(self, row: Row, ours: str, extra: dict[str, object]) -> str:
        value = getattr(row, ours)
        if value is None:
            return ""
        try:
            return values.label(value, row.name(ours))
        except Fault:
            self._kept(row, ours, value, extra)
            return ""

    def _position(self, row: Row, extra: dict[str, object]) -> int | None:
        try:
            return values.place(row.position, row.name("position"))
        except Fault:
            self._kept(row, "position", row.position, extra)
            return None

    def _created(self, row: Row, extra: dict[str, object]) -> datetime | None:
        value = row.created
        if isinstance(value, Mapping) and len(value) == 1 and str(next(iter(value))).startswith("$"):
            value = next(iter(value.values()))
        wanted = self.ledger.options.day_first
        self.ledger.order.learn(value)
        first = wanted if wanted is not None else row.order if row.order is not None else self.ledger.order.day_first
        try:
            moment, doubt = dates.read(value, first)
        except ValueError:
            self._kept(row, "created", value, extra)
            return None
        if doubt:
            self.ledger.doubt(doubt, f"“{values.shown(value)}”")
        return moment

    def _kept(self, row: Row, ours: str, value: object, extra: dict[str, object]) -> None:
        """Count a value nobody understands, and keep it beside the memory under the file's own name for it."""
        self.ledger.leave_empty(row.name(ours), row.line, values.described(value))
        extra.update(values.meta({row.name(ours): value}, set()))

    def _session(self, conversation: str, created: datetime | None) -> str:
        """The running session of a conversation: named by the time of its first message."""
        if created is None:
            return self.last[conversation][1] if conversation in self.last else ""
        before = self.last.get(conversation)
        begins = before is None or abs(created - before[0]) > GAP or not before[1]
        name = f"{created:%Y-%m-%d %H:%M}" if begins or before is None else before[1]
        self.last[conversation] = created, name
        return name


def _with(memory: Memory, id: str, position: int) -> Memory:
    return Memory(
        id, memory.text, memory.role, memory.conversation, memory.session, position, memory.created, memory.category,
        memory.source, memory.meta,
    )  # fmt: skip


# --- rows of tables and of JSON objects that are flat -----------------------------------------------------------------


def names_of(names: Iterable[str]) -> Mapping[str, str]:
    """Which of our fields are present, and the name each has in the file."""
    return _names_of(tuple(names))


@lru_cache(maxsize=256)
def _names_of(names: tuple[str, ...]) -> Mapping[str, str]:
    present: dict[str, str] = {}
    for name in names:
        present.setdefault(str(name).strip().lower(), name)
    found: dict[str, str] = {}
    for ours, aliases in FIELDS.items():
        for alias in aliases:
            if alias in present:
                found[ours] = present[alias]
                break
    return found


def has_text(names: Iterable[str]) -> bool:
    """Whether one of these column names is that of the text."""
    return "text" in names_of(names)


def row_of(line: int, value: object, ledger: Ledger) -> Row:
    """A flat object with the fields of ``FIELDS``; raises ``Fault`` for anything else."""
    if isinstance(value, Fault):
        raise value
    if not isinstance(value, Mapping):
        raise Fault("", f"is {values.kind_of(value)}; an object with a field “text” is expected")
    names = names_of(value)
    if "text" not in names:
        raise Fault("text", f"is missing; one of {', '.join(FIELDS['text'])} is expected")
    if value.keys() >= OWN:
        return _exported(line, value)
    text = value[names["text"]]
    if isinstance(text, list | Mapping):
        text = spoken(text, ledger) or text
    given = {ours: value[name] for ours, name in names.items() if ours != "text"}
    taken = names.values()
    rest = {name: v for name, v in value.items() if name not in taken} if len(value) > len(names) else {}
    return Row(line, text, **given, meta=rest, names=names)  # type: ignore[arg-type]


def _exported(line: int, value: Mapping[str, object]) -> Row:
    """A row of a bank's own export, whose meta is JSON."""
    meta = value["meta"]
    if isinstance(meta, str):
        try:
            meta = json.loads(meta)
        except ValueError:
            meta = {"meta": meta}
    own = {name: value[name] for name in OWN - {"meta", "text"}}
    rest = {name: v for name, v in value.items() if name not in OWN and not str(name).startswith("from_")}
    return Row(line, value["text"], **own, meta={**(meta if isinstance(meta, Mapping) else {}), **rest})  # type: ignore[arg-type]


def without_text(source: str, names: Iterable[str]) -> str:
    """The sentence for a file that has no text anywhere."""
    found = ", ".join(values.shown(name) for name in list(names)[:12]) or "none"
    return (
        f"{source} has no field “text” (or {', '.join(FIELDS['text'][1:])}); it has {found}. "
        "Rename the field that holds the words to “text”, or name it: --text-field NAME."
    )


def rows(records: Iterable[Record], ledger: Ledger) -> Iterator[Item]:
    """The rows of a file whose records are flat objects."""
    for line, value in records:
        try:
            yield row_of(line, value, ledger)
        except Fault as fault:
            yield Refusal(ledger.source, line, fault.field, fault.reason)


def gathered(items: Iterable[Item], ledger: Ledger, stem: str) -> Iterator[Reading]:
    """Batches of what a reader found, then one with everything that is said at the end."""
    gatherer = Gatherer(ledger, stem)
    batch, size = Reading([], [], []), 0
    for item in items:
        size += _take(item, gatherer, batch)
        if size >= limits.BATCH_CHARACTERS or len(batch.memories) >= limits.BATCH_ROWS:
            yield _handed_on(batch, gatherer)
            batch, size = Reading([], [], []), 0
        if gatherer.count > limits.MAX_ROWS:
            ledger.said.append(f"only the first {limits.MAX_ROWS:,} rows were read, split the file to read the rest")
            break
    yield _handed_on(batch, gatherer)
    yield ledger.closing()


def _take(item: Item, gatherer: Gatherer, batch: Reading) -> int:
    """Put one item where it belongs; how many characters it is."""
    ledger = gatherer.ledger
    if isinstance(item, Question):
        batch.questions.append(item)
        return len(item.text)
    gatherer.count += 1
    if isinstance(item, Memory):
        batch.memories.append(item)
        return len(item.text)
    if isinstance(item, Refusal):
        refusal = ledger.refuse(item.line, Fault(item.field, item.reason))
    else:
        try:
            batch.memories.append(gatherer.memory(item))
            return len(batch.memories[-1].text) + 200
        except Fault as fault:
            refusal = ledger.refuse(item.line, fault)
    if refusal is not None:
        batch.refused.append(refusal)
    return 200


def _handed_on(batch: Reading, gatherer: Gatherer) -> Reading:
    generated, gatherer.generated = gatherer.generated, {}
    return Reading(batch.memories, batch.questions, batch.refused, generated=generated)


def read_rows(records: Iterable[Record], source: str) -> Reading:
    """The memories of a few rows at once."""
    ledger = Ledger(source)
    return merged(gathered(rows(records, ledger), ledger, files.stem(source)))


def merged(parts: Iterable[Reading]) -> Reading:
    """Batches as one reading, for a file that fits."""
    whole = Reading([], [], [])
    left_out: dict[str, int] = {}
    emptied: dict[str, int] = {}
    said: list[str] = []
    generated: dict[str, int] = {}
    more = 0
    for part in parts:
        whole.memories.extend(part.memories)
        whole.questions.extend(part.questions)
        whole.refused.extend(part.refused)
        for total, counts in ((left_out, part.left_out), (emptied, part.emptied)):
            for name, count in counts.items():
                total[name] = total.get(name, 0) + count
        said += part.said
        generated |= part.generated
        more += part.refused_more
    return Reading(whole.memories, whole.questions, whole.refused, left_out, emptied, tuple(said), more, generated)
