"""One row, whatever file it stood in, becomes one memory or one refusal."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import TypeAlias

from core.readers import files
from core.types import Memory, Question, Reading, Refusal

MAX_TEXT = 1_000_000
"""Characters a memory may have."""
MAX_POSITION = 2**31 - 1

FIELDS: dict[str, tuple[str, ...]] = {
    "text": ("text", "content", "memory", "message", "body"),
    "id": ("id",),
    "role": ("role", "speaker", "author"),
    "conversation": ("conversation", "conversation_id", "thread"),
    "session": ("session",),
    "position": ("position",),
    "created": ("created", "timestamp", "date", "created_at"),
    "category": ("category", "label"),
}
"""The names a field may have in a file, in any case; the first one present is taken, the others go to ``meta``."""


class Fault(Exception):
    """Why a row is refused. The reason goes on from “line 3, field “text”: …”."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


Record: TypeAlias = "tuple[int, object]"
"""A line number and what was read there, which may be a ``Fault``."""


def read_rows(records: Iterable[Record], source: str) -> Reading:
    """The memories of a file of rows, in their order."""
    collected = _Rows(source)
    for line, value in records:
        collected.take(line, value)
    return Reading(collected.memories, [], collected.refused)


def gathered(found: Iterable[Memory | Question | Refusal]) -> Reading:
    """Memories, questions and refusals in one stream, laid in their three lists."""
    reading = Reading([], [], [])
    for item in found:
        if isinstance(item, Memory):
            reading.memories.append(item)
        elif isinstance(item, Question):
            reading.questions.append(item)
        else:
            reading.refused.append(item)
    return reading


def has_text(names: Iterable[str]) -> bool:
    """Whether one of these column names is that of the text."""
    return "text" in _names(names)


def without_text(source: str, names: Iterable[str]) -> str:
    """The sentence for a file that has no text anywhere."""
    found = ", ".join(_shown(name) for name in list(names)[:12]) or "none"
    return (
        f"{source} has no field “text” (or {', '.join(FIELDS['text'][1:])}); it has {found}. "
        "Rename the field that holds the words to “text”."
    )


class _Rows:
    """What has been read of one file, and what a later row needs to know of the earlier ones."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.stem = files.stem(source)
        self.count = 0
        self.memories: list[Memory] = []
        self.refused: list[Refusal] = []
        self.first_of_id: dict[str, tuple[Memory, int]] = {}
        self.next_position: dict[str, int] = {}

    def take(self, line: int, value: object) -> None:
        """Keep the row as a memory, or the reason why not."""
        self.count += 1
        try:
            self.memories.append(self._memory(line, value))
        except Fault as fault:
            self.refused.append(Refusal(self.source, line, fault.field, fault.reason))
        except RecursionError:
            self.refused.append(Refusal(self.source, line, "", "is nested too deeply; a flat object is expected"))

    def _memory(self, line: int, value: object) -> Memory:
        if isinstance(value, Fault):
            raise value
        if not isinstance(value, Mapping):
            raise Fault("", f"is {kind_of(value)}; an object with a field “text” is expected")
        names = _names(value)
        if "text" not in names:
            raise Fault("text", f"is missing; one of {', '.join(FIELDS['text'])} is expected")
        name = {field: names.get(field, field) for field in FIELDS}
        given = {field: value.get(name[field]) for field in FIELDS}
        key = label(given["id"], name["id"])
        memory = Memory(
            id=key if key.strip() else f"{self.stem}/{self.count}",
            text=words(given["text"], name["text"]),
            role=label(given["role"], name["role"]),
            conversation=label(given["conversation"], name["conversation"]),
            session=label(given["session"], name["session"]),
            position=-1,
            created=moment(given["created"], name["created"]),
            category=label(given["category"], name["category"]),
            source=self.source,
            meta=_meta(value, set(names.values())),
        )
        return self._placed(memory, place(given["position"], name["position"]), line, name["id"])

    def _placed(self, memory: Memory, position: int | None, line: int, id_name: str) -> Memory:
        """The memory with its position; refused when an earlier, different row has its id."""
        earlier, earlier_line = self.first_of_id.get(memory.id, (None, 0))
        if earlier is None:
            running = self.next_position.get(memory.conversation, 0) if position is None else position
            memory = replace(memory, position=running)
            self.first_of_id[memory.id] = memory, line
            self.next_position[memory.conversation] = running + 1
            return memory
        memory = replace(memory, position=earlier.position if position is None else position)
        if _content(memory) == _content(earlier):
            return memory
        differs = "text" if memory.text != earlier.text else "place or speaker"
        found = f"“{_shown(memory.id)}” belongs to line {earlier_line} already, with a different {differs}"
        raise Fault(id_name, f"{found}; ids must be unique")


def _content(memory: Memory) -> tuple[str, str, int, str, str]:
    """What makes two rows of one file the same memory."""
    return memory.conversation, memory.session, memory.position, memory.role, memory.text


def _names(names: Iterable[str]) -> dict[str, str]:
    """Which of our fields are present, and the name each has in the file."""
    present: dict[str, str] = {}
    for name in names:
        present.setdefault(name.strip().lower(), name)
    found: dict[str, str] = {}
    for field, aliases in FIELDS.items():
        for alias in aliases:
            if alias in present:
                found[field] = present[alias]
                break
    return found


def words(value: object, name: str = "text") -> str:
    """A text that can be remembered, as it stands in the file."""
    if value is None or _is_nan(value):
        raise Fault(name, "is missing or empty; a string is expected")
    if not isinstance(value, str):
        raise Fault(name, f"is {kind_of(value)}; a string is expected")
    if not value.strip():
        raise Fault(name, "is blank; a memory needs words")
    if len(value) > MAX_TEXT:
        raise Fault(name, f"has {len(value):,} characters; at most {MAX_TEXT:,} are read, so split it")
    return _clean(value, name)


def label(value: object, name: str) -> str:
    """A short string such as a role; numbers are written out, nothing becomes an empty string."""
    if value is None or _is_nan(value):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise Fault(name, f"is {kind_of(value)}; a string or a whole number is expected")
    return _clean(value, name)


def place(value: object, name: str) -> int | None:
    """A position in a conversation; None when there is none given."""
    if value is None or _is_nan(value) or value == "":
        return None
    expected = "a whole number from 0 is expected"
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,10}\s*", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Fault(name, f"is {_described(value)}; {expected}")
    if not 0 <= value <= MAX_POSITION:
        raise Fault(name, f"is {_shown(value)}; {expected}, up to {MAX_POSITION}")
    return value


def moment(value: object, name: str) -> datetime | None:
    """A date and time without zone: what carries an offset, and epoch seconds, are turned into UTC."""
    if value is None or _is_nan(value) or value == "":
        return None
    try:
        found = _moment(value)
        # combine() also turns a pandas Timestamp, which pyarrow gives for nanoseconds, into a plain datetime.
        found = datetime.combine(found.date(), found.timetz())
        return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        expected = "a date like 2023-05-20T14:30:00 (ISO 8601) or epoch seconds are expected"
        raise Fault(name, f"is {_described(value)}; {expected}") from error


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError("no date")
    text = str(value).strip()
    if re.fullmatch(r"[0-9]{4}", text):
        raise ValueError("a bare year, which would pass for a second of 1970")
    is_number = re.fullmatch(r"-?[0-9]+(\.[0-9]+)?(e\+?[0-9]+)?", text) is not None
    is_day = re.fullmatch(r"(19|20)[0-9]{2}(0[1-9]|1[0-2])[0-3][0-9]", text) is not None
    if is_number and not is_day:
        return datetime.fromtimestamp(float(text), UTC)
    return datetime.fromisoformat(text)


def _meta(row: Mapping[str, object], taken: set[str]) -> dict[str, object]:
    """The fields that have no place of their own, ready for JSON; empty ones and bytes are left out."""
    kept = {name: _plain(value, name) for name, value in row.items() if name not in taken}
    return {_clean(name, name): value for name, value in kept.items() if value is not None}


def _plain(value: object, name: str) -> object:
    """A value JSON can write: scalars of other libraries unwrapped, dates as ISO text, NaN and bytes as None."""
    plain: object
    match value:
        case None | int():
            plain = value
        case str():
            plain = _clean(value, name, nul=True)
        case float():
            plain = value if math.isfinite(value) else None
        case Mapping():
            plain = {_clean(str(key), name): _plain(item, name) for key, item in value.items()}
        case list() | tuple():
            plain = [_plain(item, name) for item in value]
        case date() | time():
            plain = value.isoformat()
        case bytes() | bytearray() | memoryview():
            plain = None
        case _:
            plain = _plain(value.tolist(), name) if hasattr(value, "tolist") else str(value)
    return plain


def _clean(text: str, name: str, nul: bool = False) -> str:
    """The text itself, when UTF-8 can write it and, unless ``nul``, it has no NUL character."""
    if surrogate := files.surrogate_in(text):
        shown = name if not files.surrogate_in(name) else ""
        raise Fault(shown, f"is not UTF-8 text (it holds U+{ord(surrogate):04X}); save the file as UTF-8")
    if "\0" in text and not nul:
        raise Fault(name, "holds a NUL character; remove it")
    return text


def kind_of(value: object) -> str:
    """What a value is, in words a person who wrote the file would use."""
    if value is None:
        return "null"
    for kind, article in _KINDS.items():
        if isinstance(value, kind):
            return article
    return f"a {type(value).__name__}"


_KINDS: dict[type, str] = {
    bool: "true or false", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object",
    bytes: "binary data", date: "a date",
}  # fmt: skip


def _described(value: object) -> str:
    return f"“{_shown(value)}”" if isinstance(value, str) else _shown(value) if _is_number(value) else kind_of(value)


def _shown(value: object) -> str:
    text = str(value) if not isinstance(value, int) or abs(value) < 10**40 else "a very large number"
    text = text.encode("utf-8", errors="replace").decode()
    return text if len(text) <= 40 else f"{text[:39]}…"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
