"""Memories into the bank: what is new, what is there already, what was corrected, and in which order it was said."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

import duckdb
import pyarrow as pa

from core.store import tables
from core.types import Memory, Replacement

Cursor = duckdb.DuckDBPyConnection


@dataclass(slots=True)
class Added:
    """What became of some memories."""

    added: int = 0
    there: int = 0
    replaced: int = 0
    offered: list[Replacement] = field(default_factory=list)
    conversations: set[str] = field(default_factory=set)
    """Those that got new memories."""


def content_of(m: Memory) -> str:
    """What makes a memory the same memory, whatever its file and row: who said what, where and when. 32 hex digits."""
    created = f"{m.created:%Y-%m-%dT%H:%M:%S.%f}" if m.created else ""
    parts = "\x1f".join((m.conversation, m.role, created, m.text))
    return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def add(
    cursor: Cursor, memories: Sequence[Memory], generated: Mapping[str, int] | None = None, correct: bool = False
) -> Added:
    """Store what is new. An id that another source uses already gets its source's name in front.

    generated: ids that the file did not give -> which occurrence of the same words it is: these are told by content.
    correct: whether a known id with another text replaces the stored one, which is kept as a version; otherwise the
    correction is only offered.
    """
    result = Added()
    if not memories:
        return result
    given = generated or {}
    contents = [content_of(m) for m in memories]
    ids, times = _occurrences(cursor, contents)
    stored = _stored(cursor, memories)
    numbers: dict[str, int] = {}
    rows: list[tuple[Memory, str]] = []
    moved: list[tuple[str, int]] = []
    for memory, content in zip(memories, contents, strict=True):
        if memory.id in given and given[memory.id] <= times.get(content, 0):
            result.there += 1
            if known_id := ids.get(f"{content}:{given[memory.id]}"):
                moved.append((known_id, memory.position))
            continue
        named = _named(cursor, memory, stored, numbers) if memory.id in given else _own(memory, stored)
        known = stored.get(named.id)
        if known is not None and known[0] == named.text:
            result.there += 1
            moved.append((named.id, named.position))
        elif known is not None:
            _corrected(cursor, named, known, correct, result)
        else:
            times[content] = times.get(content, 0) + 1
            stored[named.id] = named.text, named.source
            rows.append((named, f"{content}:{times[content]}"))
            result.conversations.add(named.conversation)
    _insert(cursor, rows)
    if rows and moved:
        _move(cursor, moved)
    result.added = len(rows)
    return result


def _occurrences(cursor: Cursor, contents: Sequence[str]) -> tuple[dict[str, str], dict[str, int]]:
    """(ids by content and occurrence, the highest occurrence by content) of what the bank holds of some contents."""
    cursor.register("incoming", pa.table({"content": list(set(contents))}))
    found = cursor.execute(
        "select hash, id from memories where split_part(hash, ':', 1) in (select content from incoming)"
    ).fetchall()
    cursor.unregister("incoming")
    times: dict[str, int] = {}
    for digest, _ in found:
        content, _, number = digest.partition(":")
        times[content] = max(times.get(content, 0), int(number))
    return dict(found), times


def _stored(cursor: Cursor, memories: Sequence[Memory]) -> dict[str, tuple[str, str]]:
    """(text, source) of the memories that have one of these ids, also with their source's name in front."""
    ids = [id for m in memories for id in (m.id, _prefixed(m))]
    cursor.register("incoming", pa.table({"id": ids}))
    found = cursor.execute("select id, text, source from memories where id in (select id from incoming)").fetchall()
    cursor.unregister("incoming")
    return {id: (text, source) for id, text, source in found}


def _prefixed(memory: Memory) -> str:
    return f"{PurePath(memory.source).stem}/{memory.id}"


def _own(memory: Memory, stored: Mapping[str, tuple[str, str]]) -> Memory:
    """The memory under its own id, or with its source's name in front where another source uses that id."""
    known = stored.get(memory.id)
    if known is None or known[1] == memory.source or known[0] == memory.text:
        return memory
    return replace(memory, id=_prefixed(memory))


def _named(cursor: Cursor, memory: Memory, stored: Mapping[str, tuple[str, str]], numbers: dict[str, int]) -> Memory:
    """A memory without an id of its own, under the next number that is free."""
    if memory.id not in stored:
        return memory
    stem = memory.id.rpartition("/")[0]
    if stem not in numbers:
        numbers[stem] = cursor.execute(
            """select coalesce(max(try_cast(substr(id, length(?1) + 2) as bigint)), 0) from memories
               where starts_with(id, ?1 || '/')""",
            [stem],
        ).fetchall()[0][0]
    while True:
        numbers[stem] += 1
        id = f"{stem}/{numbers[stem]}"
        if id not in stored:
            return replace(memory, id=id)


def _corrected(cursor: Cursor, memory: Memory, known: tuple[str, str], correct: bool, result: Added) -> None:
    if not correct:
        result.offered.append(Replacement(memory.id, known[0], memory.text, memory.source))
        return
    change_text(cursor, memory.id, memory.text)
    result.replaced += 1


def change_text(cursor: Cursor, memory: str, text: str) -> None:
    """Give a memory another text: the old one is kept as a version, its codes go, so that it is encoded anew."""
    cursor.execute(
        """insert into versions (memory, text, role, created, source)
           select id, text, role, created, source from memories where id = ?""",
        [memory],
    )
    old = tables.memories_by_id(cursor, [memory])[memory]
    content = content_of(replace(old, text=text))
    number = _occurrences(cursor, [content])[1].get(content, 0) + 1
    cursor.execute("update memories set text = ?, hash = ? where id = ?", [text, f"{content}:{number}", memory])
    cursor.execute("delete from codes where memory = ?", [memory])


def versions(cursor: Cursor, memory: str) -> list[tuple[str, Any]]:
    """(text, when it was replaced) of the texts a memory had before, the latest first."""
    return cursor.execute(
        "select text, replaced from versions where memory = ? order by replaced desc", [memory]
    ).fetchall()


def _insert(cursor: Cursor, rows: Sequence[tuple[Memory, str]]) -> None:
    if not rows:
        return
    first = cursor.execute("select coalesce(max(arrival), -1) + 1 from memories").fetchall()[0][0]
    table = tables.memory_table([(m.id, m) for m, _ in rows], [digest for _, digest in rows])
    table = table.append_column("arrival", pa.array(range(first, first + len(rows)), pa.int64()))
    cursor.register("incoming", table)
    cursor.execute("insert into memories by name select * from incoming")
    cursor.unregister("incoming")


def _move(cursor: Cursor, moved: Sequence[tuple[str, int]]) -> None:
    """Places in a file that has grown, for memories that were there already."""
    cursor.register(
        "incoming", pa.table({"id": [m[0] for m in moved], "position": pa.array([m[1] for m in moved], pa.int32())})
    )
    cursor.execute("update memories set position = i.position from incoming i where memories.id = i.id")
    cursor.unregister("incoming")


ORDER = """
    with spoken as (
        select id, conversation, source, position, arrival, created,
            created - lag(created) over (partition by conversation, source order by position, arrival) as step
        from memories
        where conversation <> '' and (?1::varchar[] is null or conversation in (select unnest(?1::varchar[])))
    ), sources as (
        select conversation, source, min(arrival) as begun,
            count(*) filter (step < interval 0 second) > count(*) filter (step > interval 0 second) as newest_first
        from spoken group by all
    ), keyed as (
        select s.id, s.conversation, s.position,
            coalesce(
                last_value(created ignore nulls) over (
                    partition by s.conversation, s.source order by s.position, s.arrival
                    rows between unbounded preceding and current row),
                first_value(created ignore nulls) over (
                    partition by s.conversation, s.source order by s.position, s.arrival
                    rows between current row and unbounded following)
            ) as moment,
            begun, case when newest_first then -s.position else s.position end as place, s.arrival
        from spoken s join sources using (conversation, source)
    ), ranked as (
        select id, conversation, position,
            row_number() over w - 1 as place, lag(position) over w as before
        from keyed window w as (partition by conversation order by moment nulls first, begun, place, arrival)
    ), wrong as (
        select conversation from ranked group by 1
        having not coalesce(bool_and(before is null or before < position), true)
    )
    update memories set position = r.place::integer from ranked r semi join wrong using (conversation)
    where memories.id = r.id and memories.position <> r.place
"""
"""Times decide, over all files; then files as they came, and places in them. A conversation in order is left alone."""


def put_in_order(cursor: Cursor, conversations: Sequence[str] | None = None) -> None:
    """Number the memories of some conversations, or of all, in the order they were said."""
    cursor.execute(ORDER, [None if conversations is None else list(conversations)])
