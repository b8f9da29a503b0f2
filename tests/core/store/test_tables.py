"""What is written to a bank and read from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from core.errors import EngineMismatch
from core.store import Database, intake, tables
from core.types import Codes, Memory, Question
from tests.handmade import assert_same_codes, codes, parted, random_codes

FULL = Memory(
    "c/1", "It rained.", "Ana", "c", "s1", 7, datetime(2023, 5, 20, 14, 30, 1, 5), "weather", "a.jsonl",
    {"mood": "wet", "nested": {"x": [1, None, "é"]}},
)  # fmt: skip
BOBBY = "Robert'); drop table memories; --"
HOSTILE = [
    BOBBY,
    "\"quoted\" 'twice' “thrice” `back` $1 ?1 :name %s {x} \\",
    "👩‍👩‍👧‍👦 🏳️‍🌈 العربية עברית 日本語 \u202e\u0301",
    "line\r\nbreaks\tand\u2028others\x00\x07",
    "%_*[a-z]",
    " ",
    "NULL",
]


def add(database: Database, *memories: Memory) -> tuple[int, int, list[str]]:
    with database.write() as cursor:
        stored = intake.add(cursor, memories)
    return stored.added, stored.there, [offer.new for offer in stored.offered]


def all_memories(database: Database) -> dict[str, Memory]:
    with database.work() as cursor:
        return tables.memories_by_id(cursor, tables.memory_rows(cursor)["id"].to_pylist())


# --- memories ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"conversation": "d"},
        {"created": None},
        {"role": "Ben"},
        {"text": "It snowed."},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_content_hash_covers(change: dict[str, object]) -> None:
    assert intake.content_of(replace(FULL, **change)) != intake.content_of(FULL)


@pytest.mark.parametrize(
    "change",
    [{"id": "c/2"}, {"source": "b"}, {"session": "s2"}, {"position": 8}, {"category": ""}, {"meta": {}}],
    ids=lambda change: next(iter(change)),
)
def test_the_content_hash_leaves_out(change: dict[str, object]) -> None:
    assert intake.content_of(replace(FULL, **change)) == intake.content_of(FULL)


def test_a_text_cannot_slip_into_the_next_field() -> None:
    joined = {intake.content_of(replace(FULL, conversation=s, role=r)) for s, r in (("ab", ""), ("a", "b"), ("", "ab"))}
    assert len(joined) == 3


def test_everything_comes_back_as_it_was(database: Database) -> None:
    bare = Memory("2", "Alone.")
    assert add(database, FULL, bare) == (2, 0, [])
    assert all_memories(database) == {"c/1": FULL, "2": bare}


def test_identical_texts_at_different_positions_are_both_stored(database: Database) -> None:
    turns = [Memory(f"c/{i}", "Bye!", "Ana", "c", "s1", i, source="a") for i in range(7)]
    assert add(database, *turns) == (7, 0, [])
    assert list(all_memories(database).values()) == turns


def test_adding_again_is_already_there(database: Database) -> None:
    rows = [FULL, replace(FULL, id="c/2", position=8)]
    add(database, rows[0])
    assert add(database, *rows) == (1, 1, [])
    assert add(database, *rows) == (0, 2, [])
    assert len(all_memories(database)) == 2


def test_the_same_row_twice_in_one_file_is_stored_once(database: Database) -> None:
    assert add(database, FULL, FULL) == (1, 1, [])


def test_an_id_of_another_source_gets_its_own_in_front(database: Database) -> None:
    other = replace(FULL, source="diary.2024.jsonl", text="Another text.")
    assert add(database, FULL, other) == (2, 0, [])  # within one batch
    third = replace(FULL, source="notes.csv", text="A third.")
    assert add(database, third) == (1, 0, [])  # and against what is stored
    assert {m.id: m.source for m in all_memories(database).values()} == {
        "c/1": "a.jsonl",
        "diary.2024/c/1": "diary.2024.jsonl",
        "notes/c/1": "notes.csv",
    }
    assert add(database, other, third) == (0, 2, [])


@pytest.mark.parametrize("renamed", [False, True], ids=["its id", "an id with its source in front"])
def test_another_text_under_a_known_id_is_offered(database: Database, renamed: bool) -> None:
    first = replace(FULL, source="b.jsonl", text="The first.")
    add(database, *([FULL] if renamed else []), first)
    before = all_memories(database)
    new = Memory("new", "kept", source="b.jsonl")
    assert add(database, replace(first, text="The second."), new) == (1, 0, ["The second."])
    assert all_memories(database) == before | {"new": new}


def test_two_rows_of_one_batch_that_claim_one_id(database: Database) -> None:
    assert add(database, FULL, replace(FULL, text="Different.")) == (1, 0, ["Different."])
    assert all_memories(database)["c/1"].text == FULL.text


def test_nothing_to_add(database: Database) -> None:
    assert add(database) == (0, 0, [])


@pytest.mark.parametrize("words", [*HOSTILE, "x" * 1_000_000], ids=range(len(HOSTILE) + 1))
def test_hostile_words_are_only_words(database: Database, words: str) -> None:
    meta = {"key": words, words: 1}
    memory = Memory(words, words, words, words, words, 0, None, words, words, meta)
    question = Question(words, words, words, (words, words), words, words, words)
    known = random_codes(1, 9, 0)
    with database.write() as cursor:
        assert intake.add(cursor, [memory, Memory("plain", "plain")]).added == 2
        tables.add_questions(cursor, [question])
        tables.add_engine(cursor, words, words, known, {"name": words})
        tables.add_codes(cursor, words, [words], known)
        tables.add_query_codes(cursor, words, [words], known)
    with database.work() as cursor:
        assert tables.memories_by_id(cursor, [words]) == {words: memory}
        assert tables.find_memories(cursor, words, None, 5)[0] == memory
        assert tables.find_memories(cursor, "", words, 5) == tables.around(cursor, memory, 3) == [memory]
        assert tables.conversations(cursor) == [(words, 1)]
        assert tables.questions(cursor) == [question]
        assert tables.pending(cursor, words) == (["plain"], ["plain"])
        assert tables.engines(cursor)[0]["about"] == {"name": words}
        assert_same_codes(tables.load_query_codes(cursor, words, [words])[words], known)
        labels, loaded = tables.load_codes(cursor, words)
        assert labels["text"].to_pylist() == [words]
        assert loaded is not None
        assert_same_codes(loaded, known)


# --- finding ----------------------------------------------------------------------------------------------------------


def test_find_looks_into_ids_and_words_ids_first(database: Database) -> None:
    add(
        database,
        Memory("1", "a Lake house", conversation="a", position=0),
        Memory("lake/2", "nothing", conversation="z", position=1),
        Memory("3", "by the LAKE", conversation="a", position=2),
        Memory("4", "dry", conversation="a", position=3),
    )
    with database.work() as cursor:
        assert [m.id for m in tables.find_memories(cursor, "lake", None, 9)] == ["lake/2", "1", "3"]
        assert [m.id for m in tables.find_memories(cursor, "lake", "a", 9)] == ["1", "3"]
        assert [m.id for m in tables.find_memories(cursor, "LAKE", None, 1)] == ["lake/2"]
        assert [m.id for m in tables.find_memories(cursor, "%", None, 9)] == []
        assert len(tables.find_memories(cursor, "", None, 9)) == 4


def test_around_stays_in_its_conversation_and_source(database: Database) -> None:
    turns = [Memory(f"c/{i}", f"turn {i}", conversation="c", position=i, source="a") for i in range(9)]
    other = [Memory(f"d/{i}", f"other {i}", conversation="d", position=i, source="a") for i in range(9)]
    again = [replace(m, source="b") for m in turns]
    add(database, *turns, *other, *again)
    with database.work() as cursor:
        assert tables.around(cursor, turns[4], 2) == turns[2:7]
        assert tables.around(cursor, turns[0], 2) == turns[:3]
        assert tables.around(cursor, turns[8], 0) == turns[8:]


def test_counts_leave_out_conversations_without_a_name(database: Database) -> None:
    add(database, Memory("1", "a"), Memory("2", "b", conversation="c", source="x"), Memory("3", "d", conversation="c"))
    with database.work() as cursor:
        assert tables.counts(cursor) == {"memories": 3, "questions": 0, "conversations": 1, "sources": 2}
        assert tables.conversations(cursor) == [("c", 2)]


# --- questions --------------------------------------------------------------------------------------------------------


def test_questions_are_replaced(database: Database) -> None:
    first = [Question("q1", "When?", "c", ("c/1",)), Question("q2", "Where?", "c", ())]
    mended = Question("q1", "When exactly?", "c", ("c/2", "c/1"), "noon", "2", "new.json")
    for batch in (first, [mended], []):
        with database.write() as cursor:
            tables.add_questions(cursor, batch)
    with database.work() as cursor:
        assert tables.questions(cursor) == [mended, first[1]]


def test_the_last_of_two_questions_with_one_id_stays(database: Database) -> None:
    with database.write() as cursor:
        tables.add_questions(cursor, [Question("q", "old", "c", ()), Question("q", "new", "c", ())])
    with database.work() as cursor:
        assert [q.text for q in tables.questions(cursor)] == ["new"]


# --- codes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(random_codes(200, 60, 1), id="many"),
        pytest.param(parted(random_codes(60, 30, 6), [1, 2, 3, 4] * 6), id="long texts in parts"),
        pytest.param(random_codes(1, 60, 2), id="one"),
        pytest.param(codes([{}, {}], 5, tokens=[0, 3]), id="nothing fires"),
        pytest.param(codes([{}, {4: (0.1, 0.7)}, {}], 5, tokens=[0, 2, 0]), id="empty first and last"),
    ],
)
def test_codes_survive_arrow_parquet_and_the_bank(database: Database, tmp_path: Path, known: Codes) -> None:
    table = tables.code_table(known)
    assert_same_codes(tables.codes_of(table, known.n_latents), known)
    pq.write_table(table, tmp_path / "codes.parquet", row_group_size=7)
    assert_same_codes(tables.codes_of(pq.read_table(tmp_path / "codes.parquet"), known.n_latents), known)
    ids = [f"m{i:03}" for i in range(len(known))]
    add(
        database,
        *(Memory(name, f"text {name}", conversation=f"c{name}", category="k", session="s", position=7) for name in ids),
    )
    half = len(ids) // 2
    with database.write() as cursor:
        tables.add_engine(cursor, "f", "fake", known, {})
        for part in (range(half, len(ids)), range(half)):  # stored in another order than read
            tables.add_codes(cursor, "f", [ids[i] for i in part], known.take(list(part)))
    with database.work() as cursor:
        labels, loaded = tables.load_codes(cursor, "f")
        assert tables.pending(cursor, "f") == ([], [])
    assert labels.to_pydict() == {
        "id": ids,
        "text": [f"text {name}" for name in ids],
        "conversation": [f"c{name}" for name in ids],
        "category": ["k"] * len(ids),
        "session": ["s"] * len(ids),
        "position": [7] * len(ids),
    }
    assert loaded is not None
    assert_same_codes(loaded, known)


def test_a_slice_of_a_table_gives_its_own_rows() -> None:
    known = parted(random_codes(40, 30, 3), [1, 3] * 10)
    assert_same_codes(tables.codes_of(tables.code_table(known).slice(5, 8), 30), known.take(list(range(5, 13))))


def test_a_bank_without_codes(database: Database) -> None:
    add(database, FULL)
    with database.work() as cursor:
        labels, loaded = tables.load_codes(cursor, "f")
        assert (len(labels), loaded) == (0, None)
        assert tables.load_query_codes(cursor, "f", ["a"]) == {}
        assert tables.pending(cursor, "f") == (["c/1"], [FULL.text])
        assert set(tables.code_sums(cursor, "f").values()) == {0.0}


def test_pending_is_what_this_engine_has_not_encoded_short_texts_first(database: Database) -> None:
    texts = {"a": "long text", "b": "x", "c": "mid", "d": "dim"}
    add(database, *(Memory(name, text) for name, text in texts.items()))
    with database.write() as cursor:
        tables.add_codes(cursor, "f", ["c"], codes([{1: (1, 1)}]))
        tables.add_codes(cursor, "another", ["a"], codes([{1: (1, 1)}]))
    with database.work() as cursor:
        assert tables.pending(cursor, "f") == (["b", "d", "a"], ["x", "dim", "long text"])


def test_codes_are_kept_apart_by_engine_and_never_overwritten(database: Database) -> None:
    add(database, FULL)
    first, second = codes([{1: (1, 1)}]), codes([{2: (5, 9)}], n_latents=8, dense=[[0, 1, 0]])
    with database.write() as cursor:
        tables.add_engine(cursor, "f", "one", first, {"a": 1})
        tables.add_engine(cursor, "g", "two", second, {})
        tables.add_codes(cursor, "f", ["c/1"], first)
        tables.add_codes(cursor, "g", ["c/1"], second)
        tables.add_codes(cursor, "f", ["c/1"], codes([{3: (7, 7)}]))
        tables.add_query_codes(cursor, "f", ["q"], first)
    with database.work() as cursor:
        for name, expected in (("f", first), ("g", second)):
            loaded = tables.load_codes(cursor, name)[1]
            assert loaded is not None
            assert_same_codes(loaded, expected)
        assert tables.load_query_codes(cursor, "g", ["q"]) == {}
        assert [(e["name"], e["d"], e["n_latents"], e["about"], e["n_encoded"]) for e in tables.engines(cursor)] == [
            ("one", 2, 6, {"a": 1}, 1),
            ("two", 3, 8, {}, 1),
        ]


@pytest.mark.parametrize("other", [codes([{}], n_latents=7), codes([{}], dense=[[1, 0, 0]])], ids=["latents", "dense"])
def test_one_fingerprint_has_one_shape(database: Database, other: Codes) -> None:
    with database.write() as cursor:
        tables.add_engine(cursor, "f", "fake", codes([{}]), {})
    with pytest.raises(EngineMismatch, match=r"have 2 and 6. Nothing was stored.$"), database.write() as cursor:
        tables.add_engine(cursor, "f", "fake", other, {})


def test_query_codes_by_text(database: Database) -> None:
    known = random_codes(3, 30, 4)
    with database.write() as cursor:
        tables.add_engine(cursor, "f", "fake", known, {})
        tables.add_query_codes(cursor, "f", ["one", "two", "Two"], known)
    with database.work() as cursor:
        some = tables.load_query_codes(cursor, "f", ["Two", "four"])
        assert list(some) == ["Two"]
        assert_same_codes(some["Two"], known.take([2]))
        assert set(tables.load_query_codes(cursor, "f")) == {"one", "two", "Two"}


def test_the_sums_that_health_is_made_of(database: Database) -> None:
    known = codes([{0: (1, 2), 3: (1, 1)}, {3: (2, 2)}, {}], tokens=[4, 2, 1])
    add(database, *(Memory(str(i), f"{i}") for i in range(3)))
    with database.write() as cursor:
        tables.add_codes(cursor, "f", ["0", "1", "2"], known)
        tables.add_codes(cursor, "g", ["0"], codes([{5: (1, 1)}], tokens=[99]))
    with database.work() as cursor:
        assert tables.code_sums(cursor, "f") == {
            "memories": 3,
            "tokens": 7,
            "active": 3,
            "residual": 3,
            "variance": 12,
            "postings": 3,
            "alive": 2,
        }


# --- rows of codes ----------------------------------------------------------------------------------------------------


def test_take_and_concat_are_inverse() -> None:
    known = parted(random_codes(60, 40, 5), [1, 2, 3] * 10)
    order = np.random.default_rng(0).permutation(30)
    parts = [known.take([i]) for i in order]
    assert_same_codes(Codes.concat(parts).take(np.argsort(order)), known)
    assert len(known.take([])) == 0
    assert_same_codes(known.take([4, 4]), Codes.concat([known.take([4])] * 2))


def test_merging_parts_pools_the_whole_text() -> None:
    known = parted(random_codes(60, 40, 5), [1, 2, 3] * 10)
    merged = known.merged()
    assert merged.n_parts == len(merged) == 30
    assert_same_codes(merged.merged(), merged)
    for i in range(30):
        row = known.row(i)
        fired = sorted(set(known.latents[row].tolist()))
        assert merged.latents[merged.row(i)].tolist() == fired
        for k, latent in enumerate(fired, merged.row(i).start):
            here = np.flatnonzero(known.latents[row] == latent) + row.start
            assert merged.max[k] == known.max[here].max()
            assert merged.sum[k] == pytest.approx(known.sum[here].sum(), rel=1e-6)
            assert merged.peak[k] == known.peak[here[known.max[here].argmax()]]
    for name in ("dense", "token_indptr", "token_start", "token_end", "n_active", "residual", "variance"):
        assert getattr(merged, name) is getattr(known, name)
