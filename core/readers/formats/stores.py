"""Dumps of memory stores: mem0, Letta, Zep, Graphiti, LangMem. Their memories stand alone; validity is a field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from core.readers.content import spoken
from core.readers.formats.base import Format, Object, Place, each, listed, mapped, rest, texts
from core.readers.formats.messages import turn
from core.readers.rows import Item, Row

WRAPPERS = ("results", "memories", "items", "data", "facts", "edges", "passages", "episodes", "nodes")
"""Fields that hold a page of a store's entries."""


def entries(value: Object) -> Iterator[tuple[str, Object]]:
    """(place, entry) of each entry: the object itself, or those of the pages that it wraps."""
    wrapped = [name for name in WRAPPERS if isinstance(value.get(name), list)]
    if not wrapped:
        yield "", value
    for name in wrapped:
        for i, entry in enumerate(value[name]):
            if isinstance(entry, Mapping):
                yield f"{name}[{i}].", entry


def _first(value: Object) -> Object:
    return next((entry for _, entry in entries(value)), {})


def _joined(value: object) -> str:
    return ", ".join(str(v) for v in value if isinstance(v, str)) if isinstance(value, list) else texts(value)


# --- mem0 -------------------------------------------------------------------------------------------------------------


def _is_mem0(value: Object) -> bool:
    entry = _first(value)
    own = {"user_id", "hash", "agent_id", "run_id", "categories", "app_id"}
    return isinstance(entry.get("memory"), str) and (bool(own & set(entry)) or entry is not value)


def _mem0(line: int, value: Object, place: Place) -> Iterator[Item]:
    for where, entry in entries(value):
        about = mapped(entry.get("metadata"))
        category = _joined(entry.get("categories")) or _joined(about.get("category"))
        taken = ("id", "memory", "created_at", "hash", "score", "categories", "embedding", "vector")
        yield Row(
            line, entry.get("memory"), id=entry.get("id"), created=entry.get("created_at"), category=category,
            meta=rest(entry, *taken), names={"text": f"{where}memory", "created": f"{where}created_at"},
        )  # fmt: skip


MEM0 = Format(
    "mem0",
    "mem0",
    "get_all() or search() as JSON, paged or not; one memory a line",
    "text, time, categories, user, metadata",
    "hashes, scores, embeddings",
    _is_mem0,
    each(_mem0),
    is_store=True,
)


# --- Letta ------------------------------------------------------------------------------------------------------------


def _is_letta(value: Object) -> bool:
    entry = _first(value)
    passage = "text" in entry and ("embedding_config" in entry or "organization_id" in entry or "archive_id" in entry)
    return passage or _is_agent_file(value)


def _is_agent_file(value: Object) -> bool:
    agents = listed(value.get("agents"))
    whole = bool(agents) and isinstance(agents[0], dict) and ("messages" in agents[0] or "block_ids" in agents[0])
    return whole or ("agent_type" in value and ("core_memory" in value or "messages" in value))


def _letta(line: int, value: Object, place: Place) -> Iterator[Item]:
    if _is_agent_file(value):
        yield from _agent_file(line, value, place)
        return
    for where, entry in entries(value):
        if entry.get("is_deleted"):
            place.leave_out("deleted passages")
            continue
        if entry.get("embedding"):
            place.leave_out("embeddings")
        taken = ("id", "text", "created_at", "metadata_", "metadata", "embedding", "embedding_config", "is_deleted")
        about = mapped(entry.get("metadata_")) or mapped(entry.get("metadata"))
        yield Row(
            line,
            entry.get("text"),
            id=entry.get("id"),
            created=entry.get("created_at"),
            category=_joined(entry.get("tags")),
            meta=rest(entry, *taken) | dict(about),
            names={"text": f"{where}text"},
        )


def _agent_file(line: int, value: Object, place: Place) -> Iterator[Item]:
    """Blocks of core memory, then the messages of each agent, then its passages."""
    agents = [mapped(a) for a in listed(value.get("agents"))] or [value]
    for entry in (*listed(value.get("blocks")), *(b for a in agents for b in listed(a.get("core_memory")))):
        block = mapped(entry)
        if texts(block.get("value")).strip():
            yield Row(
                line, block["value"], id=block.get("id"), category=block.get("label") or "block", meta={"kind": "block"}
            )
    for agent in agents:
        name = agent.get("name") or agent.get("id") or place.stem
        for i, message in enumerate(listed(agent.get("messages"))):
            row = turn(line, mapped(message), place, name, mapped(message).get("id"), f"messages[{i}]")
            if row is not None:
                yield row
    for passage in listed(value.get("passages")) + listed(value.get("archival_memory")):
        yield from _letta(line, mapped(passage), place)


LETTA = Format(
    "letta",
    "Letta (MemGPT)",
    "archival passages as JSON; agent files (.af)",
    "text, time, tags; of an agent its memory blocks and its messages",
    "deleted passages, embeddings, tool calls, system notes",
    _is_letta,
    each(_letta),
    is_store=True,
)


# --- Zep and Graphiti -------------------------------------------------------------------------------------------------


def _is_graph(value: Object) -> bool:
    entry = _first(value)
    node = "summary" in entry and ("labels" in entry or "group_id" in entry)
    return isinstance(entry.get("fact"), str) or node or (entry is not value and "source_description" in entry)


def _graph(line: int, value: Object, place: Place) -> Iterator[Item]:
    for where, entry in entries(value):
        name = next((n for n in ("fact", "content", "summary") if texts(entry.get(n)).strip()), "")
        if not name:
            place.leave_out("nodes without a summary")
            continue
        text, taken = entry[name], ["uuid", "created_at", name, "fact_embedding", "name_embedding"]
        if name == "summary" and entry.get("name"):
            text = f"{entry['name']}: {text}"
        if any(e in entry for e in ("fact_embedding", "name_embedding")):
            place.leave_out("embeddings")
        category = entry.get("name") if name == "fact" else "entity" if name == "summary" else "episode"
        yield Row(
            line,
            text,
            id=entry.get("uuid"),
            role=entry.get("role"),
            created=entry.get("created_at") or entry.get("valid_at"),
            category=category,
            meta=rest(entry, *taken),
            names={"text": f"{where}{name}"},
        )


GRAPH = Format(
    "zep",
    "Zep and Graphiti",
    "facts (edges), entities and episodes as JSON",
    "text, time, relation; valid_at and invalid_at as fields",
    "embeddings, nodes without a summary",
    _is_graph,
    each(_graph),
    is_store=True,
)


# --- LangMem ----------------------------------------------------------------------------------------------------------


def _is_item(value: Object) -> bool:
    entry = _first(value)
    return "namespace" in entry and "key" in entry and "value" in entry


def _items(line: int, value: Object, place: Place) -> Iterator[Item]:
    for where, entry in entries(value):
        held = entry.get("value")
        inner = mapped(held)
        content = inner.get("content", held)
        words = spoken(content, place.ledger) or _written(content)
        namespace = entry.get("namespace")
        yield Row(
            line, words, id=entry.get("key"), created=entry.get("created_at") or entry.get("updated_at"),
            category=inner.get("kind"), names={"text": f"{where}value"},
            meta={"namespace": "/".join(map(str, namespace)) if isinstance(namespace, list) else namespace}
            | rest(entry, "namespace", "key", "value", "created_at", "score"),
        )  # fmt: skip


def _written(content: object) -> str:
    """A structured memory as words: ``city: Lisbon; since: March``."""
    return "; ".join(f"{k}: {v}" for k, v in mapped(content).items() if isinstance(v, str | int | float))


LANGMEM = Format(
    "langmem",
    "LangMem and LangGraph stores",
    "items as JSON",
    "text, time, kind, namespace",
    "scores",
    _is_item,
    each(_items),
    is_store=True,
)
