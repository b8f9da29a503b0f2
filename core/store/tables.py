"""What is read from a bank and written to it. Every function takes a cursor; rows travel as Arrow tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from core.errors import EngineMismatch
from core.types import Codes, Memory, Question

Cursor = duckdb.DuckDBPyConnection

_MEMORY = "id, text, role, conversation, session, position, created, category, source, meta"
_LISTS = ("latents", "max", "sum", "peak")
_TOKEN_LISTS = ("token_start", "token_end")
_LABELS = ["id", "text", "conversation", "category", "session", "position"]
_CODE = "dense, part_start, part_latents, latents, max, sum, peak, token_start, token_end, n_active, residual, variance"


# --- memories ---------------------------------------------------------------------------------------------------------


def memory_table(rows: Sequence[tuple[str, Memory]], hashes: list[str]) -> pa.Table:
    """(id, memory) of each row with its hash, as it is stored."""
    plain = {name: [getattr(m, name) for _, m in rows] for name in _MEMORY.split(", ") if name not in ("id", "meta")}
    columns: dict[str, Any] = {"id": [name for name, _ in rows], **plain, "hash": hashes}
    columns["meta"] = [json.dumps(dict(m.meta), ensure_ascii=False, sort_keys=True) for _, m in rows]
    columns["position"] = pa.array(columns["position"], pa.int32())
    columns["created"] = pa.array(columns["created"], pa.timestamp("us"))
    return pa.table(columns)


def _memories(cursor: Cursor, tail: str, parameters: Sequence[Any] = ()) -> list[Memory]:
    rows = cursor.execute(f"select {_MEMORY} from memories {tail}", list(parameters)).fetchall()
    names = _MEMORY.split(", ")
    return [Memory(**dict(zip(names, row, strict=True)) | {"meta": json.loads(row[-1])}) for row in rows]


def memories_by_id(cursor: Cursor, ids: Iterable[str]) -> dict[str, Memory]:
    return {m.id: m for m in _memories(cursor, "where id in (select unnest(?::varchar[]))", [list(ids)])}


def find_memories(cursor: Cursor, text: str, conversation: str | None, limit: int) -> list[Memory]:
    """Memories whose id or words contain the text, ids first; with no text, the first ones of the bank."""
    return _memories(
        cursor,
        """where (contains(lower(text), lower(?1)) or contains(lower(id), lower(?1)))
               and (?2 is null or conversation = ?2)
           order by contains(lower(id), lower(?1)) desc, conversation, position, id limit ?3""",
        [text, conversation, limit],
    )


def speakers(cursor: Cursor, conversation: str | None) -> list[str]:
    """Roles of a conversation, or of the whole bank: who speaks most often first."""
    rows = cursor.execute(
        """select role from memories where ?1::varchar is null or conversation = ?1
           group by role order by count(*) desc, role""",
        [conversation],
    ).fetchall()
    return [role for (role,) in rows]


def around(cursor: Cursor, memory: Memory, radius: int) -> list[Memory]:
    """The memory and those said just before and after it in its conversation."""
    return _memories(
        cursor,
        "where conversation = ? and position between ? and ? order by position, id",
        [memory.conversation, memory.position - radius, memory.position + radius],
    )


def conversations(cursor: Cursor) -> list[tuple[str, int]]:
    """(conversation, memories in it), memories that stand alone left out."""
    return cursor.execute(
        "select conversation, count(*) from memories where conversation <> '' group by 1 order by 1"
    ).fetchall()


def groups(cursor: Cursor) -> pa.Table:
    """(id, conversation, session, category) of every memory."""
    return cursor.sql("select id, conversation, session, category from memories order by id").to_arrow_table()


def memory_rows(cursor: Cursor) -> pa.Table:
    """Everything about every memory, for export."""
    return cursor.sql(f"select {_MEMORY} from memories order by conversation, position, id").to_arrow_table()


# --- questions --------------------------------------------------------------------------------------------------------


def add_questions(cursor: Cursor, questions: Sequence[Question]) -> None:
    """A question with a known id replaces the stored one: files are corrected, and evidence is theirs."""
    questions = list({q.id: q for q in questions}.values())
    if not questions:
        return
    names = ("id", "text", "conversation", "evidence", "answer", "category", "source")
    table = {name: [getattr(q, name) for q in questions] for name in names}
    table["evidence"] = pa.array([list(e) for e in table["evidence"]], pa.list_(pa.string()))
    cursor.register("incoming", pa.table(table))
    cursor.execute(f"insert or replace into questions by name select {', '.join(names)} from incoming")
    cursor.unregister("incoming")


def questions(cursor: Cursor) -> list[Question]:
    rows = cursor.execute(
        "select id, text, conversation, evidence, answer, category, source from questions order by conversation, id"
    ).fetchall()
    return [Question(r[0], r[1], r[2], tuple(r[3]), *r[4:]) for r in rows]


# --- engines and codes ------------------------------------------------------------------------------------------------


def add_engine(cursor: Cursor, fingerprint: str, name: str, codes: Codes, about: dict[str, Any]) -> None:
    known = _first(cursor, "select d, n_latents from engines where fingerprint = ?", [fingerprint])
    if known is None:
        cursor.execute(
            "insert into engines (fingerprint, name, d, n_latents, about) values (?, ?, ?, ?, ?)",
            [fingerprint, name, codes.d, codes.n_latents, json.dumps(about)],
        )
    elif known != (codes.d, codes.n_latents):
        raise EngineMismatch(
            f"Engine {name} gives {codes.d} dense numbers and {codes.n_latents} latents, but this bank's codes under "
            f"the same fingerprint {fingerprint} have {known[0]} and {known[1]}. Nothing was stored."
        )


def engines(cursor: Cursor) -> list[dict[str, Any]]:
    """Every engine the bank had codes of, latest last: fingerprint, name, d, n_latents, about, added, n_encoded."""
    rows = cursor.execute(
        """select fingerprint, name, d, n_latents, about, added, (select count(*) from codes where engine = fingerprint)
           from engines order by added, fingerprint"""
    ).fetchall()
    names = ("fingerprint", "name", "d", "n_latents", "about", "added", "n_encoded")
    return [dict(zip(names, row, strict=True)) | {"about": json.loads(row[4])} for row in rows]


def forget_codes(cursor: Cursor, fingerprint: str) -> None:
    """Delete the codes of an engine and what was measured or laid out with them."""
    cursor.execute("delete from map_points where map in (select id from maps where engine = ?)", [fingerprint])
    for table in ("codes", "query_codes", "text_codes", "label_trust", "maps"):
        cursor.execute(f"delete from {table} where engine = ?", [fingerprint])


def pending(cursor: Cursor, fingerprint: str) -> tuple[list[str], list[str]]:
    """(ids, texts) of memories without codes of an engine, by length of text, so that batches pad little."""
    rows = cursor.execute(
        """select id, text from memories m anti join (select memory from codes where engine = ?) c on c.memory = m.id
           order by length(text), id""",
        [fingerprint],
    ).fetchall()
    return [r[0] for r in rows], [r[1] for r in rows]


def add_codes(cursor: Cursor, fingerprint: str, ids: Sequence[str], codes: Codes) -> None:
    _insert_codes(cursor, "codes", "memory", fingerprint, ids, codes)


def add_query_codes(cursor: Cursor, fingerprint: str, texts: Sequence[str], codes: Codes) -> None:
    _insert_codes(cursor, "query_codes", "text", fingerprint, texts, codes)


def _insert_codes(cursor: Cursor, table: str, key: str, fingerprint: str, keys: Sequence[str], codes: Codes) -> None:
    incoming = code_table(codes).append_column(key, pa.array(list(keys), pa.string()))
    cursor.register("incoming", incoming)
    cursor.execute(
        f"insert or ignore into {table} (engine, {key}, {_CODE}) select ?, {key}, {_CODE} from incoming", [fingerprint]
    )
    cursor.unregister("incoming")


def load_codes(cursor: Cursor, fingerprint: str) -> tuple[pa.Table, Codes | None]:
    """(what the index tells memories apart by, for every encoded one, ascending by id; their codes in that order)."""
    engine = _first(cursor, "select n_latents from engines where fingerprint = ?", [fingerprint])
    table = cursor.sql(
        f"""select {", ".join(_LABELS)}, {_CODE} from codes join memories on id = memory
            where engine = ? order by id""",
        params=[fingerprint],
    ).to_arrow_table()
    return table.select(_LABELS), codes_of(table, engine[0]) if engine else None


def add_text_codes(cursor: Cursor, fingerprint: str, texts: Sequence[str], codes: Codes) -> None:
    _insert_codes(cursor, "text_codes", "text", fingerprint, texts, codes)


def load_query_codes(cursor: Cursor, fingerprint: str, texts: Sequence[str] | None = None) -> dict[str, Codes]:
    """Stored codes of queries, one row each, by text."""
    return _load_codes_by_text(cursor, "query_codes", fingerprint, texts)


def has_query_codes(cursor: Cursor, fingerprint: str, text: str) -> bool:
    """Whether a query's codes are stored: nothing is decoded."""
    return _first(cursor, "select 1 from query_codes where engine = ? and text = ?", [fingerprint, text]) is not None


def load_text_codes(cursor: Cursor, fingerprint: str, texts: Sequence[str] | None = None) -> dict[str, Codes]:
    """Stored codes of texts that are no memories, one row each, by text."""
    return _load_codes_by_text(cursor, "text_codes", fingerprint, texts)


def _load_codes_by_text(
    cursor: Cursor, table_name: str, fingerprint: str, texts: Sequence[str] | None
) -> dict[str, Codes]:
    engine = _first(cursor, "select n_latents from engines where fingerprint = ?", [fingerprint])
    if engine is None:
        return {}
    table = cursor.sql(
        f"""select text, {_CODE} from {table_name}
            where engine = ?1 and (?2::varchar[] is null or text in (select unnest(?2::varchar[])))""",
        params=[fingerprint, None if texts is None else list(texts)],
    ).to_arrow_table()
    codes = codes_of(table, engine[0])
    return {text: codes.take([i]) for i, text in enumerate(table["text"].to_pylist())}


def code_sums(cursor: Cursor, fingerprint: str) -> dict[str, float]:
    """What the health of an engine on this bank is computed from."""
    row = cursor.execute(
        """select count(*), coalesce(sum(len(token_start)), 0), coalesce(sum(n_active), 0),
                  coalesce(sum(residual), 0), coalesce(sum(variance), 0),
                  coalesce(sum(len(list_distinct(latents))), 0),
                  (select count(distinct l) from (select unnest(latents) as l from codes where engine = ?1))
           from codes where engine = ?1""",
        [fingerprint],
    ).fetchall()[0]
    names = ("memories", "tokens", "active", "residual", "variance", "postings", "alive")
    return {name: float(value) for name, value in zip(names, row, strict=True)}


def identity(cursor: Cursor) -> tuple[str, int]:
    """(the bank's own id, its version): equal means the same content, whatever the file is called."""
    bank, version = cursor.execute("select id, version from bank").fetchall()[0]
    return bank, int(version)


def counts(cursor: Cursor) -> dict[str, int]:
    row = cursor.execute(
        """select (select count(*) from memories), (select count(*) from questions),
                  (select count(distinct conversation) from memories where conversation <> ''),
                  (select count(distinct source) from memories)"""
    ).fetchall()[0]
    return dict(zip(("memories", "questions", "conversations", "sources"), row, strict=True))


def _first(cursor: Cursor, query: str, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
    """The first row, all of them fetched: DuckDB allows no other work while a result is unfinished."""
    rows = cursor.execute(query, list(parameters)).fetchall()
    return rows[0] if rows else None


# --- codes as Arrow ---------------------------------------------------------------------------------------------------


def code_table(codes: Codes) -> pa.Table:
    """One row per text, with list columns: a CSR matrix as DuckDB and Parquet keep it.

    ``part_latents`` says how many of a text's latents each of its parts has.
    """
    columns = {"dense": _lists(np.arange(len(codes) + 1, dtype=np.int64) * codes.d, codes.dense.ravel())}
    text_indptr = codes.indptr[codes.part_indptr]
    columns |= {name: _lists(text_indptr, getattr(codes, name)) for name in _LISTS}
    columns["part_start"] = _lists(codes.part_indptr, codes.part_start)
    columns["part_latents"] = _lists(codes.part_indptr, np.diff(codes.indptr).astype(np.int32))
    columns |= {name: _lists(codes.token_indptr, getattr(codes, name)) for name in _TOKEN_LISTS}
    columns |= {name: pa.array(getattr(codes, name)) for name in ("n_active", "residual", "variance")}
    return pa.table(columns)


def codes_of(table: pa.Table, n_latents: int) -> Codes:
    """The inverse of ``code_table``, without a loop over rows."""
    part_indptr, part_latents = _flat(table, "part_latents", np.int32)
    indptr = np.concatenate([[0], np.cumsum(part_latents, dtype=np.int64)]).astype(np.int64)
    token_indptr, token_start = _flat(table, "token_start", np.int32)
    _, dense = _flat(table, "dense", np.float32)
    scalar = {name: _array(table[name].combine_chunks()) for name in ("n_active", "residual", "variance")}
    return Codes(
        dense.reshape(len(table), -1) if len(table) else np.zeros((0, 0), np.float32),
        n_latents,
        part_indptr,
        _flat(table, "part_start", np.int32)[1],
        indptr,
        _flat(table, "latents", np.int32)[1],
        _flat(table, "max", np.float32)[1],
        _flat(table, "sum", np.float32)[1],
        _flat(table, "peak", np.int32)[1],
        token_indptr,
        token_start,
        _flat(table, "token_end", np.int32)[1],
        scalar["n_active"].astype(np.int32),
        scalar["residual"].astype(np.float32),
        scalar["variance"].astype(np.float32),
    )


def _lists(indptr: np.ndarray, values: np.ndarray) -> pa.LargeListArray:
    return pa.LargeListArray.from_arrays(pa.array(indptr.astype(np.int64)), pa.array(values))


def _flat(table: pa.Table, name: str, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """(indptr, values) of a list column that may come in several chunks."""
    chunks = table[name].chunks
    values = [_array(chunk.flatten()) for chunk in chunks]
    lengths = [np.diff(_array(chunk.offsets)) for chunk in chunks]
    total = np.concatenate(lengths) if lengths else np.zeros(0, np.int64)
    indptr = np.concatenate([[0], np.cumsum(total, dtype=np.int64)])
    return indptr.astype(np.int64), np.concatenate(values).astype(dtype, copy=False) if values else np.zeros(0, dtype)


def _array(values: pa.Array) -> np.ndarray:
    """The numbers of an Arrow array without nulls. Its own ``to_numpy`` imports pandas, a quarter of a second."""
    return np.from_dlpack(values)
