"""What ships with the product: its texts keep their promises, and answer before any model is loaded."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from core import DEMO_QUERY, MemoryBank, Query, data_folder, open_demo
from core.demo import DEMO, build, case_questions, demo_readings, shipped
from core.progress import finish
from core.store import tables
from core.types import Codes, Memory, Question, Reading
from tests.fakes import FakeEncoder
from tests.handmade import assert_same_codes, python

CASES: list[dict[str, Any]] = [
    json.loads(line) for line in (DEMO / "sep.jsonl").read_text(encoding="utf-8").splitlines()
]
NARRATIVES, DIALOGUE = demo_readings()
MEMORIES: dict[str, Memory] = {m.id: m for m in [*NARRATIVES.memories, *DIALOGUE.memories]}


# --- the texts --------------------------------------------------------------------------------------------------------


def test_every_row_is_read() -> None:
    assert (NARRATIVES.refused, DIALOGUE.refused) == ([], [])
    assert len(MEMORIES) == len(NARRATIVES.memories) + len(DIALOGUE.memories)


def test_narratives_of_three_kinds() -> None:
    kinds = Counter(m.category for m in NARRATIVES.memories)
    assert set(kinds) == {"Strong Emotional", "Complex/Chaotic", "Routine"}
    assert min(kinds.values()) == max(kinds.values()) >= 40


def test_narratives_are_short_and_vary_in_length() -> None:
    lengths = {m.id: len(m.text.split()) for m in NARRATIVES.memories}
    assert {name: n for name, n in lengths.items() if not 20 <= n <= 90} == {}
    for kind in {m.category for m in NARRATIVES.memories}:
        of_kind = [lengths[m.id] for m in NARRATIVES.memories if m.category == kind]
        assert max(of_kind) > 1.6 * min(of_kind), kind


def test_narratives_begin_in_different_ways() -> None:
    """No templates: no four words open two of them."""
    openings = Counter(" ".join(m.text.lower().split()[:4]) for m in NARRATIVES.memories)
    assert [words for words, n in openings.items() if n > 1] == []


def test_a_dialogue_of_several_sessions() -> None:
    turns = DIALOGUE.memories
    assert len(turns) >= 120
    assert len({m.session for m in turns}) >= 6
    assert {m.conversation for m in turns} == {"demo"}
    assert len({m.role for m in turns}) == 2
    assert [m.position for m in turns] == list(range(len(turns)))
    dates = [m.created for m in turns if m.created]
    assert len(dates) == len(turns)
    assert dates == sorted(dates)


def test_questions_with_evidence_that_exists() -> None:
    asked: list[Question] = DIALOGUE.questions
    assert len(asked) >= 40
    assert len({q.text for q in asked}) == len(asked)
    raw = [len(q["evidence"]) for sample in json.loads((DEMO / "dialogue.json").read_text()) for q in sample["qa"]]
    assert [len(q.evidence) for q in asked] == raw  # none was left out for want of a turn
    assert min(raw) >= 1
    assert {name for q in asked for name in q.evidence} <= set(MEMORIES)
    assert [q.id for q in asked if not q.answer] == []


# --- the separability cases -------------------------------------------------------------------------------------------


def test_a_hundred_cases_of_the_known_shape() -> None:
    assert len(CASES) == len({c["case"] for c in CASES}) == 100
    fields = {
        "case", "context", "context_id", "related", "unrelated", "unrelated_case", "unrelated_other_dialogue",
        "unrelated_other_dialogue_case",
    }  # fmt: skip
    assert {frozenset(c) for c in CASES} == {frozenset(fields)}
    assert [c["case"] for c in CASES if not all(isinstance(v, str) and v.strip() for v in c.values())] == []


def test_every_context_is_the_memory_it_names() -> None:
    wrong = [c["case"] for c in CASES if c["context_id"] not in MEMORIES]
    assert wrong == []
    assert [c["case"] for c in CASES if MEMORIES[c["context_id"]].text != c["context"]] == []
    assert len({c["context_id"] for c in CASES}) == 100
    assert len({MEMORIES[c["context_id"]].conversation for c in CASES}) == 2  # narratives and the dialogue


@pytest.mark.parametrize("field", ["unrelated", "unrelated_other_dialogue"])
def test_an_unrelated_question_is_the_related_one_of_another_case(field: str) -> None:
    related = {c["case"]: c["related"] for c in CASES}
    assert [c["case"] for c in CASES if related[c[f"{field}_case"]] != c[field]] == []
    assert [c["case"] for c in CASES if c[f"{field}_case"] == c["case"]] == []


def test_where_the_unrelated_questions_come_from() -> None:
    """“unrelated” is asked of the same kind of memory as the context, the other one of another kind."""
    kind = {c["case"]: (m := MEMORIES[c["context_id"]]).category or m.conversation for c in CASES}
    assert [c["case"] for c in CASES if kind[c["unrelated_case"]] != kind[c["case"]]] == []
    assert [c["case"] for c in CASES if kind[c["unrelated_other_dialogue_case"]] == kind[c["case"]]] == []


# --- the bank ---------------------------------------------------------------------------------------------------------

WITHOUT_A_MODEL = """
import sys
from core import DEMO_QUERY, Query, open_demo
bank = open_demo()
assert not bank.health().missing, bank.health().missing
assert bank.health().pending == 0, "the shipped codes are not of the shipped engine: run make demo"
assert bank.knows_query(DEMO_QUERY)
assert bank.separability.missing(bank.separability.cases("demo")) == 0
query = Query(DEMO_QUERY, lexical=True)
hits = bank.search(query)
assert all(hits.top(mode) for mode in ("dense", "sparse", "combined", "lexical"))
best = hits.ids[hits.top("combined")[0]]
why = bank.explain(query, best)
assert len(why.shares) > 3
assert all(s.query_token.text and s.memory_token.text for s in why.shares)
assert bank.memory(best).conversation == "demo"
assert bank.similar(best).ids
assert not bank.engine.warm
print(sorted({"torch", "sae_lens", "transformers", "sentence_transformers", "streamlit"} & set(sys.modules)))
"""


def test_real_latents_before_any_model_is_loaded(tmp_path: Path) -> None:
    with python(WITHOUT_A_MODEL) as other:
        out, problems = other.communicate()
    assert (out, problems) == ("[]\n", "")
    assert [p.name for p in (tmp_path / "data" / "banks").iterdir()] == ["demo.duckdb"]


def test_the_landing_query_finds_its_evidence() -> None:
    """The turn about the phone's battery comes first by latents alone, though no word of the query stands in it."""
    bank = open_demo()
    hits = bank.search(Query(DEMO_QUERY, lexical=True))
    best = hits.ids[hits.top("sparse")[0]]
    assert best == "demo/D2:3"
    assert hits.ranks["lexical"][hits.ids.index(best)] > 10
    tokens = [(s.query_token.text, s.memory_token.text) for s in bank.explain(hits.query, best).shares]
    assert ("charge", "battery") in tokens[:2]
    assert ("mobile", "phone") in tokens[:5]


def test_the_second_time_it_is_only_opened() -> None:
    first = open_demo()
    assert first.path == data_folder() / "banks" / "demo.duckdb"
    stamp, version = first.path.stat().st_mtime_ns, first.version
    second = open_demo()
    assert (second.path, second.version) == (first.path, version)
    assert first.path.stat().st_mtime_ns == stamp
    assert second.memories.counts() == {
        "memories": len(MEMORIES),
        "questions": len(DIALOGUE.questions),
        "conversations": 1,
        "sources": 2,
    }


def test_what_a_visitor_adds_to_the_demo_stays() -> None:
    bank = open_demo()
    finish(bank.add(Reading([Memory("mine", "My own memory.")], [], []), encode=False))
    assert open_demo().memory("mine").text == "My own memory."


def test_codes_of_another_engine_are_not_adopted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.encoding.engines.Engine.named", lambda _: FakeEncoder("minilm", warm=False))
    bank = open_demo()
    assert (bank.health().memories, bank.health().pending) == (0, len(MEMORIES))
    assert not bank.knows_query(DEMO_QUERY)


def test_building_writes_what_opening_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = FakeEncoder()
    files = [tmp_path / f"{name}.parquet" for name in ("codes", "query", "trust")]
    monkeypatch.setattr("core.encoding.engines.Engine.named", lambda _: made)
    monkeypatch.setattr("core.demo.shipped", lambda _: tuple(files))
    n, size = build()
    assert n == len(MEMORIES)
    assert size == sum(file.stat().st_size for file in files)
    expected = made.encode([DEMO_QUERY, *case_questions()])
    assert_same_codes(tables.codes_of(pq.read_table(tmp_path / "query.parquet"), expected.n_latents), halved(expected))

    cold = FakeEncoder(warm=False)
    monkeypatch.setattr("core.encoding.engines.Engine.named", lambda _: cold)
    bank: MemoryBank = open_demo()
    assert bank.health().pending == 0
    assert bank.search(Query(DEMO_QUERY)).top("sparse")
    assert cold.encoded == []


def halved(codes: Codes) -> Codes:
    """What is shipped: half precision."""
    short = {name: getattr(codes, name).astype("float16").astype("float32") for name in ("dense", "max", "sum")}
    return replace(codes, **short)


def test_the_shipped_files_exist() -> None:
    assert all(file.is_file() for file in shipped("minilm"))
