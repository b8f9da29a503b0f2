"""Memories in, latents stored, memories recalled and explained: the whole bank with an engine that needs no weights."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import core.bank.state
from core import MemoryBank, Query, Question
from core.bank.intake import Intake
from core.errors import CoreError, EngineMismatch, EngineMissing
from core.progress import finish
from core.retrieval.fusion import FUSIONS
from core.retrieval.similarity import WEIGHTINGS
from core.types import Hits, Memory, Progress, Reading, Term
from tests.fakes import N_LATENTS, D, FakeEncoder, latent_of
from tests.handmade import python

LAKE = ("The lake house was cold", "We rowed over the lake", "Grandmother baked bread", "Bread and a house")


def jsonl(path: Path, *rows: dict[str, Any] | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def ranked(hits: Hits, mode: str = "sparse") -> list[str]:
    return [hits.ids[i] for i in hits.top(mode)]  # type: ignore[arg-type]


# --- import -----------------------------------------------------------------------------------------------------------


def test_a_file_end_to_end(tmp_path: Path, encoder: FakeEncoder) -> None:
    file = jsonl(
        tmp_path / "diary.jsonl",
        {"id": "a", "text": "The lake froze.", "speaker": "Ana", "mood": "calm"},
        {"id": "b", "text": "We skated at dawn."},
        "not json",
        {"id": "c"},
        {"id": "a", "text": "The lake froze.", "speaker": "Ana"},
        {"id": "b", "text": "Something else."},
        {"text": "A row without an id."},
    )
    bank = MemoryBank.open(tmp_path / "bank.duckdb", encoder)
    report = finish(bank.import_files([file]))
    assert (report.read, report.added, report.already_there, report.encoded) == (7, 4, 1, 4)
    assert [(r.line, r.field) for r in report.refused] == [(3, ""), (4, "text")]
    assert report.read == report.added + report.already_there + len(report.refused)
    assert bank.memory("a") == Memory("a", "The lake froze.", "Ana", source="diary.jsonl", meta={"mood": "calm"})
    assert bank.memories.counts() == {"memories": 4, "questions": 0, "conversations": 0, "sources": 1}
    assert ranked(bank.search(Query("lake"))) == ["a"]

    again = finish(bank.import_files([file]))
    assert (again.read, again.added, again.already_there, again.encoded) == (7, 0, 5, 0)
    assert again.refused == report.refused
    assert encoder.encoded.count("The lake froze.") == 1


def test_several_files_are_one_report(tmp_path: Path, encoder: FakeEncoder) -> None:
    files = [
        jsonl(tmp_path / "one" / "d.jsonl", {"id": "a", "text": "First."}),
        jsonl(tmp_path / "two" / "d.jsonl", {"id": "a", "text": "Changed."}, {"id": "b", "text": "New."}),
        jsonl(tmp_path / "e.jsonl", {"id": "a", "text": "Of another file."}),
    ]
    bank = MemoryBank.open(tmp_path / "bank.duckdb", encoder)
    report = finish(bank.import_files(files))
    assert (report.read, report.added, report.already_there, report.encoded) == (4, 4, 0, 4)
    assert report.refused == report.offered == ()
    found = {m.id: m.text for m in bank.memories.find()}
    assert found == {"a": "First.", "d/a": "Changed.", "b": "New.", "e/a": "Of another file."}


def test_storing_without_encoding(tmp_path: Path, encoder: FakeEncoder) -> None:
    bank = MemoryBank.open(tmp_path / "bank.duckdb", encoder)
    report = finish(bank.add(Reading([Memory("a", "words")], [], []), encode=False))
    assert (report.added, report.encoded, encoder.encoded) == (1, 0, [])
    assert len(bank.index()) == 0
    assert finish(bank.encode()) == 1
    assert len(bank.index()) == 1


def test_questions_are_counted_and_kept(tmp_path: Path, encoder: FakeEncoder) -> None:
    bank = MemoryBank.open(tmp_path / "bank.duckdb", encoder)
    question = Question("q", "When?", "c", ("a",), "noon", "2", "s")
    report = finish(bank.add(Reading([Memory("a", "At noon.", conversation="c")], [question], [])))
    assert report.questions == 1
    assert bank.memories.questions() == [question]


def test_progress_counts_characters_up_to_the_end(
    tmp_path: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.bank.state, "CHARACTERS_PER_BATCH", 10)
    bank = MemoryBank.open(tmp_path / "bank.duckdb", encoder)
    rows = [Memory(str(i), "x" * length) for i, length in enumerate((4, 1, 12, 7))]
    assert list(bank.add(Reading(rows, [], []))) == [
        Progress(12, 24, "3 of 4 memories encoded"),  # 1, 4 and 7 together reach ten
        Progress(24, 24, "4 of 4 memories encoded"),
    ]


def test_a_cold_engine_is_loaded_first_and_only_where_it_is_needed(tmp_path: Path) -> None:
    cold = FakeEncoder(warm=False)
    bank = MemoryBank.open(tmp_path / "bank.duckdb", cold)
    assert list(bank.encode()) == []
    assert not cold.warm
    first = next(bank.add(Reading([Memory("a", "words")], [], [])))
    assert first == Progress(0, 5, "loading fake")
    assert not cold.warm


# --- stop, kill, go on ------------------------------------------------------------------------------------------------

TWELVE = [{"id": f"m{i:02}", "text": f"text number {i:02} of 12"} for i in range(12)]
BATCH = 60  # three of these texts reach it


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core.bank.state, "CHARACTERS_PER_BATCH", BATCH)


@pytest.mark.usefixtures("small_batches")
def test_a_stopped_import_goes_on_where_it_was(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "twelve.jsonl", *TWELVE)
    first = FakeEncoder()
    task = MemoryBank.open(tmp_path / "bank.duckdb", first).import_files([file])
    assert next(p for p in task if p.note.startswith("6 of 12"))
    task.close()
    assert len(first.encoded) == 6

    second = FakeEncoder()
    bank = MemoryBank.open(tmp_path / "bank.duckdb", second)
    assert (bank.health().memories, bank.health().pending) == (6, 6)
    assert finish(bank.encode()) == 6
    assert sorted(first.encoded + second.encoded) == [row["text"] for row in TWELVE]
    assert finish(bank.encode()) == 0


@pytest.mark.usefixtures("small_batches")
def test_an_engine_that_fails_keeps_what_was_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = FakeEncoder()
    bank = MemoryBank.open(tmp_path / "bank.duckdb", encoder)
    task = bank.import_files([jsonl(tmp_path / "twelve.jsonl", *TWELVE)])
    assert next(p for p in task if p.note.startswith("3 of 12"))
    with monkeypatch.context() as broken:
        broken.setattr(encoder, "encode", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            next(task)
    assert bank.health().pending == 9
    assert finish(bank.encode()) == 9


SLOW_IMPORT = f"""
import sys
import core.bank.state
from core import MemoryBank
from core.progress import finish
from core.store import intake, tables
from tests.fakes import FakeEncoder

core.bank.state.CHARACTERS_PER_BATCH = {BATCH}
path, file, where, nth = sys.argv[1:]
owner = {{"encode": FakeEncoder, "add": intake}}.get(where, tables)
name = where
original, calls = getattr(owner, name), 0

def stopping(*arguments, **named):
    global calls
    calls += 1
    result = original(*arguments, **named)
    if calls == int(nth):
        print("now", flush=True)
        sys.stdin.readline()
    return result

setattr(owner, name, stopping)
finish(MemoryBank.open(path, FakeEncoder()).import_files([file]))
print("finished", flush=True)
"""
"""An import that says “now” at the end of one of its steps, and waits there to be killed."""


@pytest.mark.parametrize(
    ("where", "nth", "stored", "encoded"),
    [
        pytest.param("add", 1, 0, 0, id="while the memories are stored"),
        pytest.param("encode", 1, 12, 0, id="while the first batch is encoded"),
        pytest.param("encode", 3, 12, 6, id="while the third batch is encoded"),
        pytest.param("add_codes", 3, 12, 6, id="between the third batch and its commit"),
        pytest.param("add_codes", 4, 12, 9, id="before the very last commit"),
    ],
)
def test_kill_9_in_mid_import_and_again(tmp_path: Path, where: str, nth: int, stored: int, encoded: int) -> None:
    file = jsonl(tmp_path / "twelve.jsonl", *TWELVE)
    with python(SLOW_IMPORT, tmp_path / "killed.duckdb", file, where, str(nth)) as other:
        assert other.stdout
        assert other.stdout.readline() == "now\n"
        os.kill(other.pid, signal.SIGKILL)
        assert other.wait() == -signal.SIGKILL

    encoder = FakeEncoder()
    killed = MemoryBank.open(tmp_path / "killed.duckdb", encoder)
    assert (killed.memories.counts()["memories"], killed.health().memories) == (stored, encoded)
    report = finish(killed.import_files([file]))
    assert (report.read, report.added, report.already_there) == (12, 12 - stored, stored)
    assert report.encoded == len(encoder.encoded) == 12 - encoded

    whole = MemoryBank.open(tmp_path / "whole.duckdb", FakeEncoder())
    finish(whole.import_files([file]))
    for what in ("memories", "codes"):
        assert killed.memories.table(what).equals(whole.memories.table(what)), what


# --- the index is the bank as it is now -------------------------------------------------------------------------------

ADD_ONE = """
import sys
from core import MemoryBank
from core.progress import finish
from core.types import Memory, Reading
from tests.fakes import FakeEncoder
finish(MemoryBank.open(sys.argv[1], FakeEncoder()).add(Reading([Memory("new", "a zebra")], [], [])))
"""


def add_in_another_process(bank: MemoryBank) -> None:
    with python(ADD_ONE, bank.path) as other:
        assert other.communicate()[1] == ""


def add_through_another_bank(bank: MemoryBank) -> None:
    finish(MemoryBank.open(bank.path, FakeEncoder()).add(Reading([Memory("new", "a zebra")], [], [])))


def add_while_somebody_reads(bank: MemoryBank) -> None:
    with bank.state.work():
        add_through_another_bank(bank)
        assert ranked(bank.search(Query("zebra"))) == ["new"]


@pytest.mark.parametrize("add", [add_in_another_process, add_through_another_bank, add_while_somebody_reads])
@pytest.mark.lets_go
def test_the_index_is_swapped_when_somebody_writes(
    make_bank: Callable[..., MemoryBank], add: Callable[[MemoryBank], None]
) -> None:
    bank = make_bank(*LAKE)
    before, version = bank.index(), bank.version
    assert ranked(bank.search(Query("zebra"))) == []
    add(bank)
    assert ranked(bank.search(Query("zebra"))) == ["new"]
    assert bank.version > version
    assert len(before) == 4  # whoever still holds the old one is not disturbed


def test_the_index_is_kept_while_nobody_writes(make_bank: Callable[..., MemoryBank]) -> None:
    bank = make_bank(*LAKE)
    index = bank.index()
    bank.search(Query("lake"))
    MemoryBank.open(bank.path, FakeEncoder()).memories.counts()
    assert bank.index() is index


def test_what_is_written_during_a_load_is_seen_next_time(
    make_bank: Callable[..., MemoryBank], monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = make_bank(*LAKE)
    load = bank.state._load_index

    def load_and_be_overtaken(*swapped: bool) -> Any:
        index = load(*swapped)
        monkeypatch.undo()
        add_through_another_bank(bank)
        return index

    monkeypatch.setattr(bank.state, "_load_index", load_and_be_overtaken)
    bank.index()
    assert "new" in bank.index().ids


# --- engines never meet -----------------------------------------------------------------------------------------------


def test_codes_of_two_engines_are_never_mixed(tmp_path: Path) -> None:
    one, two = FakeEncoder(fingerprint="1" * 16), FakeEncoder("other", "2" * 16)
    first, second = (MemoryBank.open(tmp_path / "bank.duckdb", engine) for engine in (one, two))
    finish(first.add(Reading([Memory("a", "the lake")], [], [])))
    first.state.store_queries(["lake"])
    assert second.search(Query("lake")).ids == ()
    assert second.health().pending == 1

    finish(second.add(Reading([Memory("b", "a lake")], [], [])))
    assert two.encoded == ["lake", "a lake", "the lake"]
    assert second.search(Query("lake")).ids == ("a", "b")
    assert first.search(Query("lake")).ids == ("a",)
    assert (first.index().fingerprint, second.index().fingerprint) == ("1" * 16, "2" * 16)
    assert second.provenance()["fingerprint"] == "2" * 16
    assert set(first.memories.table("codes")["engine"].to_pylist()) == {"1" * 16}
    cold = MemoryBank.open(first.path, FakeEncoder(fingerprint="2" * 16, warm=False))
    assert not cold.knows_query("lake")  # only the first engine's code of it is stored


@pytest.mark.parametrize("wrong", [{"n_latents": N_LATENTS + 1}, {"dense": np.zeros((1, D + 1), np.float32)}])
def test_codes_of_another_shape_are_refused(make_bank: Callable[..., MemoryBank], wrong: dict[str, Any]) -> None:
    bank = make_bank("the lake")
    finish(bank.add(Reading([Memory("late", "a late one")], [], []), encode=False))
    codes = bank.engine.encode(["a late one"])
    version = bank.version
    with pytest.raises(EngineMismatch, match=r"Nothing was stored.$"):
        Intake(bank.state).adopt(["late"], replace(codes, **wrong), [], codes.take([]))
    assert bank.version == version
    assert bank.codes("late") is None


def test_adopted_codes_answer_without_the_model(make_bank: Callable[..., MemoryBank], tmp_path: Path) -> None:
    made = make_bank(*LAKE)
    cold = FakeEncoder(warm=False)
    bank = MemoryBank.open(tmp_path / "adopting.duckdb", cold)
    finish(bank.add(Reading([made.memory(name) for name in made.index().ids], [], []), encode=False))
    Intake(bank.state).adopt(made.index().ids, made.index().codes, ["lake"], made.encode_query("lake"))
    assert bank.search(Query("lake")).scores["sparse"].tolist() == made.search(Query("lake")).scores["sparse"].tolist()
    assert cold.encoded == []
    assert not cold.warm


# --- search -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lexical", [False, True])
@pytest.mark.parametrize("conversation", [None, "nobody"])
def test_no_memories_yet(make_bank: Callable[..., MemoryBank], lexical: bool, conversation: str | None) -> None:
    hits = make_bank().search(Query("lake", conversation, lexical=lexical))
    assert (hits.ids, hits.n_candidates, hits.top("dense")) == ((), 0, [])


@pytest.mark.parametrize("text", ["", " ", "\n\t  "])
def test_a_blank_query_is_a_sentence(make_bank: Callable[..., MemoryBank], text: str, encoder: FakeEncoder) -> None:
    bank = make_bank(*LAKE)
    with pytest.raises(CoreError, match=r"^The query is empty: type a few words.$"):
        bank.search(Query(text))
    assert text not in encoder.encoded


@pytest.mark.parametrize("text", ["!!!", "👩‍👩‍👧‍👦", "…"])
def test_nothing_fires_for_the_query(make_bank: Callable[..., MemoryBank], text: str) -> None:
    hits = make_bank(*LAKE).search(Query(text))
    assert [ranked(hits, mode) for mode in hits.scores] == [[], [], []]


def test_k_larger_than_the_bank(make_bank: Callable[..., MemoryBank]) -> None:
    hits = make_bank(*LAKE).search(Query("lake house", k=1000))
    assert hits.ids == ("m0", "m1", "m2", "m3")
    assert ranked(hits) == ["m0", "m3", "m1"]  # “house” is longer than “lake”, and m3 shorter than m1


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_equal_scores_go_to_the_smaller_id(make_bank: Callable[..., MemoryBank], weighting: str, fusion: str) -> None:
    names = ["c/9", "c/10", "c/2", "c/1", "c/8", "c/30", "c/4"]
    turns = [Memory(name, "Bye for now", position=i) for i, name in enumerate(names)]
    bank = make_bank(*turns, Memory("x", "something else entirely"))
    hits = bank.search(Query("bye", weighting=weighting, fusion=fusion, k=5))
    for mode in ("dense", "sparse", "combined"):
        assert ranked(hits, mode) == sorted(names)[:5], mode


def test_only_one_conversation(make_bank: Callable[..., MemoryBank]) -> None:
    bank = make_bank(
        Memory("a", "the lake", conversation="x"),
        Memory("b", "a lake", conversation="y"),
        Memory("c", "lakes", conversation="y", position=1),
    )
    hits = bank.search(Query("lake", "y", lexical=True))
    assert (hits.ids, hits.n_candidates) == (("b", "c"), 2)
    assert hits.ranks["sparse"].tolist() == [1, 2]
    assert bank.search(Query("lake", "")).ids == ()
    assert bank.memories.conversations() == [("x", 1), ("y", 2)]


# --- latents asked for by hand ----------------------------------------------------------------------------------------

PLUS_LAKE, MINUS_HOUSE = Term(latent_of("lake"), 1.0), Term(latent_of("house"), -0.5)


def test_latents_alone_need_no_model(make_bank: Callable[..., MemoryBank]) -> None:
    cold = FakeEncoder(warm=False)
    bank = MemoryBank.open(make_bank(*LAKE).path, cold)
    query = Query("", weighting="activation", terms=(PLUS_LAKE, MINUS_HOUSE))
    hits = bank.search(query)
    assert [(hits.ids[i], hits.scores["sparse"][i]) for i in hits.top("sparse")] == [("m1", 4), ("m0", 1.5)]
    assert hits.top("dense") == []
    assert {s.latent: s.share for s in bank.explain(query, "m0").shares} == {
        PLUS_LAKE.latent: 4,
        MINUS_HOUSE.latent: -2.5,
    }
    assert cold.encoded == []


def test_latents_beside_words(make_bank: Callable[..., MemoryBank]) -> None:
    bank = make_bank(*LAKE)
    assert ranked(bank.search(Query("bread", weighting="activation", terms=(PLUS_LAKE,)))) == ["m2", "m3", "m0", "m1"]
    muted = Query("bread lake", weighting="activation", muted=(latent_of("bread"),))
    assert ranked(bank.search(muted)) == ["m0", "m1"]


@pytest.mark.parametrize("edit", [{"terms": (Term(N_LATENTS, 1),)}, {"muted": (N_LATENTS,)}])
def test_a_latent_that_does_not_exist(make_bank: Callable[..., MemoryBank], edit: dict[str, Any]) -> None:
    with pytest.raises(CoreError, match=r"^Latent 512 does not exist: this dictionary has 512 \(0–511\).$"):
        make_bank(*LAKE).search(Query("lake", **edit))


def test_latents_asked_of_an_empty_bank(make_bank: Callable[..., MemoryBank]) -> None:
    assert make_bank().search(Query("", terms=(PLUS_LAKE,))).ids == ()


def test_a_named_memory_is_placed_too(make_bank: Callable[..., MemoryBank]) -> None:
    hits = make_bank(*LAKE).search(Query("lake", k=1), also=("m2",))
    assert "m2" in hits.ids
    assert hits.scores["sparse"][hits.ids.index("m2")] == 0


def test_times_are_reported(make_bank: Callable[..., MemoryBank]) -> None:
    hits = make_bank(*LAKE).search(Query("lake"))
    assert hits.encode_ms > 0
    assert hits.rank_ms > 0


# --- why --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_shares_sum_to_the_sparse_score(make_bank: Callable[..., MemoryBank], weighting: str, fusion: str) -> None:
    bank = make_bank(*LAKE, "lake lake house", "nothing")
    query = Query("the lake house bread", weighting=weighting, fusion=fusion, lexical=True, k=3)
    hits = bank.search(query, also=("m5",))
    for i, name in enumerate(hits.ids):
        why = bank.explain(query, name)
        assert sum(share.share for share in why.shares) == pytest.approx(why.scores["sparse"], abs=1e-5)
        assert [s.share for s in why.shares] == sorted((s.share for s in why.shares), reverse=True)
        for mode, values in hits.scores.items():
            assert why.scores[mode] == values[i]
            assert why.ranks[mode] == hits.ranks[mode][i]
        join = (lambda d, s: d + s) if fusion == "z" else np.hypot
        assert join(why.parts["dense"], why.parts["sparse"]) == pytest.approx(why.scores["combined"], rel=1e-5)


def test_the_tokens_on_both_sides(make_bank: Callable[..., MemoryBank]) -> None:
    bank = make_bank("Our House, our lake!", "a lake", "dry")
    why = bank.explain(Query("a lake near the house"), "m0")
    tokens = {s.latent: (s.query_token.text, s.memory_token.text) for s in why.shares}
    assert tokens == {latent_of("lake"): ("lake", "lake"), latent_of("house"): ("house", "House")}
    house = next(s for s in why.shares if s.latent == latent_of("house"))
    assert (house.query_value, house.memory_value) == (5, 5)
    assert (house.memory_token.start, house.memory_token.end) == (4, 9)
    assert (house.query_token.start, house.query_token.end) == (16, 21)
    assert house.weight == pytest.approx(np.log(1 + 2.5 / 1.5))  # in one of three memories
    assert why.memory.text == "Our House, our lake!"


def test_nothing_in_common_has_no_shares(make_bank: Callable[..., MemoryBank]) -> None:
    why = make_bank(*LAKE).explain(Query("zebra"), "m0")
    assert (why.shares, why.scores["sparse"]) == ((), 0)


def test_an_unknown_memory_is_named_with_its_neighbours(make_bank: Callable[..., MemoryBank]) -> None:
    bank = make_bank(*LAKE, Memory("conv-1/D1:10", "ten"), Memory("conv-1/D1:1", "one"))
    with pytest.raises(CoreError) as problem:
        bank.explain(Query("lake"), "D1:1")
    assert str(problem.value) == "No memory has the id “D1:1” in test. Near: conv-1/D1:1, conv-1/D1:10."
    with pytest.raises(CoreError, match=r"^No memory has the id “zzz” in test.$"):
        bank.memory("zzz")


def test_what_cannot_be_explained_is_a_sentence(make_bank: Callable[..., MemoryBank]) -> None:
    bank = make_bank(Memory("a", "the lake", conversation="x"))
    finish(bank.add(Reading([Memory("late", "a late one")], [], []), encode=False))
    for call in (lambda: bank.explain(Query("lake"), "late"), lambda: bank.similar("late")):
        with pytest.raises(CoreError, match="“late” has no codes of engine fake yet: encode the bank first"):
            call()
    with pytest.raises(CoreError, match="“a” is not part of conversation “y”, which the query asks for"):
        bank.explain(Query("lake", "y"), "a")
    assert bank.codes("late") is None


# --- one memory -------------------------------------------------------------------------------------------------------


def test_similar_memories_with_itself_first(make_bank: Callable[..., MemoryBank], encoder: FakeEncoder) -> None:
    bank = make_bank(*LAKE)
    encoder.encoded.clear()
    hits = bank.similar("m0", k=2)
    assert ranked(hits)[0] == ranked(hits, "dense")[0] == "m0"
    assert ranked(hits)[1] == "m1"  # “the” and “lake”
    assert len(ranked(hits)) == 3
    assert encoder.encoded == []


def test_similar_within_its_conversation(make_bank: Callable[..., MemoryBank]) -> None:
    bank = make_bank(*(Memory(f"{c}{i}", f"lake {c} {i}", conversation=c) for c in "xy" for i in range(2)))
    hits = bank.similar("x0", mode_query=Query("", "x", weighting="cosine", lexical=True))
    assert hits.ids == ("x0", "x1")
    assert hits.query.weighting == "cosine"
    assert "lexical" in hits.scores


def test_around_a_memory(make_bank: Callable[..., MemoryBank]) -> None:
    turns = [Memory(f"c/{i}", f"turn {i}", conversation="c", position=i) for i in range(5)]
    bank = make_bank(*turns, Memory("alone", "alone"))
    assert bank.memories.around(turns[3], 1) == turns[2:]
    assert bank.memories.around(bank.memory("alone")) == [bank.memory("alone")]


def test_find_ignores_case_and_blanks_around(make_bank: Callable[..., MemoryBank]) -> None:
    bank = make_bank(*LAKE)
    assert [m.id for m in bank.memories.find("  LAKE ")] == ["m0", "m1"]
    assert [m.id for m in bank.memories.find("m2")] == ["m2"]
    assert len(bank.memories.find(limit=3)) == 3


def test_the_trace_of_a_memory(make_bank: Callable[..., MemoryBank]) -> None:
    trace = make_bank(*LAKE).trace(LAKE[1])
    assert trace.tokens == ["We", "rowed", "over", "the", "lake"]
    assert trace.latents.tolist() == [latent_of(word) for word in trace.tokens]


# --- queries that need no model ---------------------------------------------------------------------------------------


def test_a_stored_query_is_answered_by_a_cold_engine(make_bank: Callable[..., MemoryBank]) -> None:
    warm = make_bank(*LAKE)
    stored = warm.state.store_queries(["lake house", "bread", "lake house"])
    assert set(stored) == {"lake house", "bread"}
    expected = warm.search(Query("lake house"))

    cold = FakeEncoder(warm=False)
    bank = MemoryBank.open(warm.path, cold)
    assert bank.knows_query("lake house")
    assert not bank.knows_query("lake  house")
    hits = bank.search(Query("lake house"))
    assert bank.explain(Query("lake house"), "m0").shares
    assert hits.ids == expected.ids
    assert hits.scores["combined"].tolist() == expected.scores["combined"].tolist()
    assert cold.encoded == []
    assert not cold.warm

    bank.search(Query("lake  house"))
    assert cold.encoded == ["lake  house"]
    assert bank.knows_query("anything")  # now that the model is loaded


def test_storing_queries_encodes_only_what_is_new(make_bank: Callable[..., MemoryBank], encoder: FakeEncoder) -> None:
    bank = make_bank(*LAKE)
    bank.state.store_queries(["one", "two"])
    encoder.encoded.clear()
    assert set(bank.state.store_queries(["two", "three"])) == {"two", "three"}
    assert encoder.encoded == ["three"]
    assert bank.state.store_queries([]) == {}


def test_a_query_is_encoded_once(make_bank: Callable[..., MemoryBank], encoder: FakeEncoder) -> None:
    bank = make_bank(*LAKE)
    for query in (Query("lake"), Query("lake", k=3), Query("lake", weighting="cosine")):
        bank.search(query)
    assert encoder.encoded.count("lake") == 1


def test_the_memory_of_queries_is_bounded(
    make_bank: Callable[..., MemoryBank], encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.bank.state, "QUERIES_REMEMBERED", 2)
    bank = make_bank(*LAKE)
    for text in ("one", "two", "three", "three", "two", "one"):
        bank.encode_query(text)
    assert [encoder.encoded.count(text) for text in ("one", "two", "three")] == [2, 1, 1]


# --- evaluation -------------------------------------------------------------------------------------------------------


def _long_words(n: int) -> list[str]:
    """Words of a hundred characters that share no latent with each other or with “alpha”."""
    words: dict[int, str] = {latent_of("alpha"): ""}
    for i in count():
        word = f"{i:0100}"
        words.setdefault(latent_of(word), word)
        if len(words) > n:
            return [w for w in words.values() if w]
    raise AssertionError


LONG_WORDS = _long_words(14)


def dialogue(name: str, n: int) -> list[Memory]:
    """n turns; the one with rank r for “alpha” has r − 1 other words, and costs 101 (r − 1) + 6 characters.

    Ids count down, so that their order is not that of the ranks.
    """
    texts = [" ".join(["alpha", *LONG_WORDS[:i]]) for i in range(n)]
    return [Memory(f"{name}{99 - i}", text, conversation=name, position=i) for i, text in enumerate(texts)]


def at(name: str, *ranks: int) -> tuple[str, ...]:
    return tuple(f"{name}{100 - rank}" for rank in ranks)


QUESTIONS = [
    Question("q1", "alpha?", "A", at("A", 1, 7), category="1"),
    Question("q2", "alpha!", "A", at("A", 11), category="2"),
    Question("q3", "alpha", "B", at("B", 3, 15), category="2"),
    Question("q4", "alpha", "B", (), category="1"),
]
# A context filled by rank holds 7 turns in 2,200 characters, 10 in 5,300 and 14 in 10,500.
IDEAL_OF_TWO = 1 + 1 / log2(3)
PER_QUESTION: dict[str, list[float]] = {
    "any@5": [1, 0, 1], "any@10": [1, 0, 1], "any@20": [1, 1, 1],
    "all@5": [0, 0, 0], "all@10": [1, 0, 0], "all@20": [1, 1, 1],
    "recall@5": [0.5, 0, 0.5], "recall@10": [1, 0, 0.5], "recall@20": [1, 1, 1],
    "ndcg@10": [(1 + 1 / log2(8)) / IDEAL_OF_TWO, 0, (1 / log2(4)) / IDEAL_OF_TWO],
    "mrr": [1, 1 / 11, 1 / 3],
    "2200": [1, 0, 0], "5300": [1, 0, 0], "10500": [1, 1, 0],
}  # fmt: skip


def expected(*chosen: int) -> dict[str, Any]:
    means = {name: round(float(np.mean([values[i] for i in chosen])), 4) for name, values in PER_QUESTION.items()}
    return {name: means[name] for name in means if "@" in name or name == "mrr"} | {
        "all_within_chars": {budget: means[budget] for budget in ("2200", "5300", "10500")}
    }


ALONE = Query("", context=0)
"""Each memory is judged by itself."""


@pytest.fixture
def two_dialogues(make_bank: Callable[..., MemoryBank]) -> MemoryBank:
    """The turns of both would outrank each other's, were they ranked together."""
    bank = make_bank(*dialogue("A", 12), *dialogue("B", 15))
    finish(bank.add(Reading([], QUESTIONS, [])))
    return bank


def test_every_figure_by_hand(two_dialogues: MemoryBank) -> None:
    report = finish(two_dialogues.runs.evaluate(ALONE)).report
    assert set(report) == {"n_questions", "modes", "differences", "provenance", "warnings"}
    assert report["warnings"] == []
    assert report["n_questions"] == 3
    assert list(report["modes"]) == ["dense", "sparse", "combined", "lexical"]
    for mode, figures in report["modes"].items():
        latency = figures.pop("latency_ms")
        assert set(latency) == {"p50", "p95"}
        assert 0 < latency["p50"] <= latency["p95"]
        by_category = figures.pop("by_category")
        extra = {name: figures.pop(name) for name in ("interval", "criteria")}
        assert set(extra["interval"]) == {"recall@10", "ndcg@10", "within_5300_chars"}
        assert figures.keys() == expected(0).keys()
        assert [row.pop("interval").keys() for row in by_category.values()] == [extra["interval"].keys()] * 2
        if mode in ("sparse", "lexical"):
            assert figures == expected(0, 1, 2)
            assert by_category == {"1": {"n": 1} | expected(0), "2": {"n": 2} | expected(1, 2)}
        assert [(c, set(row)) for c, row in by_category.items()] == [("1", {"n", *figures}), ("2", {"n", *figures})]


@pytest.mark.parametrize("weighting", sorted(set(WEIGHTINGS) - {"activation"}))  # without IDF, long words win
def test_the_weighting_asked_for_is_measured(two_dialogues: MemoryBank, weighting: str) -> None:
    report = finish(two_dialogues.runs.evaluate(replace(ALONE, weighting=weighting, fusion="z"))).report
    assert report["modes"]["sparse"]["recall@10"] == expected(0, 1, 2)["recall@10"]
    assert report["provenance"]["weighting"] == weighting
    assert report["provenance"]["fusion"] == "z"


def test_only_some_categories(two_dialogues: MemoryBank) -> None:
    report = finish(two_dialogues.runs.evaluate(ALONE, categories=["2"])).report
    assert report["n_questions"] == 2
    assert report["modes"]["sparse"]["recall@10"] == 0.25
    with pytest.raises(CoreError, match=r"test has no question of category 5, 6 with evidence: import a LoCoMo"):
        finish(two_dialogues.runs.evaluate(categories=["5", "6"]))


def test_a_bank_without_questions_cannot_be_measured(make_bank: Callable[..., MemoryBank]) -> None:
    with pytest.raises(CoreError, match=r"^test has no question with evidence: import a LoCoMo or LongMemEval file.$"):
        finish(make_bank(*LAKE).runs.evaluate())


def test_progress_of_an_evaluation(two_dialogues: MemoryBank) -> None:
    seen = list(two_dialogues.runs.evaluate())
    assert [(p.done, p.total) for p in seen] == [(0, 3), (2, 3), (3, 3)]


def test_a_second_evaluation_encodes_only_to_measure_the_time(two_dialogues: MemoryBank, encoder: FakeEncoder) -> None:
    finish(two_dialogues.runs.evaluate())
    encoder.encoded.clear()
    finish(two_dialogues.runs.evaluate())
    assert encoder.encoded == ["alpha?", "alpha!", "alpha"]


# --- health, provenance, export ---------------------------------------------------------------------------------------


def test_health_by_hand(make_bank: Callable[..., MemoryBank]) -> None:
    bank = make_bank("one two three four", "five six")
    finish(bank.add(Reading([Memory("late", "a late one")], [], []), encode=False))
    health = bank.health()
    assert (health.engine, health.fingerprint, health.missing) == ("fake", "fa4efa4efa4efa4e", ())
    assert (health.memories, health.pending, health.tokens) == (2, 1, 6)
    assert (health.l0, health.fvu, health.latents_per_memory) == (1, 0.25, 3)
    assert health.silent_share == pytest.approx(1 - 6 / N_LATENTS)
    assert health.training == {"fvu": 0.25, "l0": 1.0}


def test_health_of_an_empty_bank(make_bank: Callable[..., MemoryBank]) -> None:
    health = make_bank().health()
    assert (health.memories, health.pending, health.l0, health.fvu, health.silent_share) == (0, 0, 0, 0, 0)


class Missing(FakeEncoder):
    @property
    def fingerprint(self) -> str:
        raise EngineMissing("There is no folder /models/tiny.")


def test_health_of_an_engine_without_files(make_bank: Callable[..., MemoryBank]) -> None:
    bank = MemoryBank.open(make_bank(*LAKE).path, Missing())
    health = bank.health()
    assert (health.memories, health.pending, health.missing) == (0, 4, ("There is no folder /models/tiny.",))
    assert bank.memory("m0").text == LAKE[0]  # what was remembered can still be read
    with pytest.raises(EngineMissing):
        bank.search(Query("lake"))


def test_provenance_states_everything(make_bank: Callable[..., MemoryBank]) -> None:
    bank = make_bank(*LAKE)
    plain = bank.provenance()
    assert plain == {
        "bank": "test",
        "bank_version": bank.version,
        "engine": "fake",
        "model": "fake words",
        "hook": "none",
        "sae": "none",
        "fingerprint": "fa4efa4efa4efa4e",
    }
    query = Query("x", weighting="cosine", fusion="z", balance=0.5, context=0.125)
    settings = {"weighting": "cosine", "fusion": "z", "balance": 0.5, "context": 0.125}
    assert bank.provenance(query) == plain | settings


def test_tables_for_export(make_bank: Callable[..., MemoryBank]) -> None:
    bank = make_bank(*LAKE)
    memories, codes = bank.memories.table(), bank.memories.table("codes")
    assert memories.column_names == [
        "id", "text", "role", "conversation", "session", "position", "created", "category", "source", "meta",
    ]  # fmt: skip
    assert memories["text"].to_pylist() == list(LAKE)
    assert codes.column_names == [
        "id", "engine", "dense", "latents", "max", "sum", "peak", "part_start", "part_latents", "token_start",
        "token_end", "n_active", "residual", "variance",
    ]  # fmt: skip
    assert codes["id"].to_pylist() == ["m0", "m1", "m2", "m3"]
    assert set(codes["engine"].to_pylist()) == {"fa4efa4efa4efa4e"}
    known = bank.codes("m1")
    assert known is not None
    assert codes["latents"][1].as_py() == known.latents.tolist()
    assert codes["max"][1].as_py() == known.max.tolist()


def test_no_codes_to_export_yet(make_bank: Callable[..., MemoryBank]) -> None:
    bank = make_bank()
    assert len(bank.memories.table()) == 0
    with pytest.raises(CoreError, match="test has no codes of engine fake yet"):
        bank.memories.table("codes")


def test_opening_loads_nothing_and_knows_its_engine(tmp_path: Path) -> None:
    bank = MemoryBank.open(tmp_path / "my memories.duckdb")
    assert (bank.engine.name, bank.name, bank.engine.warm) == ("minilm", "my memories", False)
    with pytest.raises(EngineMissing, match="No engine is called “nobody”"):
        MemoryBank.open(tmp_path / "other.duckdb", "nobody")
