"""Explanations of Neuronpedia: every shape its exports have had, what is refused, and its API."""

from __future__ import annotations

import gzip
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from core import MemoryBank
from core.bank.labels import LONGEST_LABEL
from core.encoding.catalogue import Catalogue
from core.errors import CoreError
from core.labelling.by_model import LabelReport
from core.labelling.neuronpedia import fetch_neuronpedia, label_from_neuronpedia, read_neuronpedia
from core.llm.http import Line
from core.progress import finish
from core.types import Memory, Reading
from tests.fakes import FakeEncoder
from tests.served import Asked, Step, serve

SAE = "gemma-2b/6-res-jb"


def record(index: Any, description: Any = "lakes", **more: Any) -> dict[str, Any]:
    return {
        "modelId": "gemma-2b", "layer": "6-res-jb", "index": index, "description": description,
        "explanationModelName": "gpt-4o-mini", "typeName": "oai_token-act-pair",
    } | more  # fmt: skip


def lines(*records: Any) -> str:
    return "\n".join(r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records) + "\n"


@pytest.fixture
def export(tmp_path: Path) -> Any:
    def write(text: str | bytes, name: str = "batch-0.jsonl") -> Path:
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return write


TWO = [(3, "neuronpedia", "lakes", None), (5, "neuronpedia", "bread", 0.5)]
RECORDS = [record("5", "bread", scoreV1=0.5), record("3")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("batch-0.jsonl", lines(*RECORDS)),
        ("blank.jsonl", "\n" + lines(*RECORDS) + "\n\n"),
        ("bom.jsonl", "\ufeff" + lines(*RECORDS)),
        ("crlf.jsonl", lines(*RECORDS).replace("\n", "\r\n")),
        ("batch-0.jsonl.gz", gzip.compress(lines(*RECORDS).encode())),
        ("list.json", json.dumps(RECORDS, indent=2)),
        ("older.json", json.dumps({"explanations": RECORDS})),
        ("older.json.gz", gzip.compress(json.dumps({"explanations": RECORDS}, indent=1).encode())),
        ("scores.jsonl", lines({"index": "3", "explanations": [{"description": "lakes"}]}, RECORDS[0])),
    ],
)
def test_every_shape_of_an_export(name: str, content: str | bytes, export: Any) -> None:
    assert read_neuronpedia(export(content, name), 10, SAE) == TWO


def test_one_record_alone(export: Any) -> None:
    assert read_neuronpedia(export(lines(record(3))), 10) == TWO[:1]


def test_a_folder_of_batches(tmp_path: Path) -> None:
    (tmp_path / "batch-0.jsonl.gz").write_bytes(gzip.compress(lines(RECORDS[0]).encode()))
    (tmp_path / "batch-1.jsonl").write_text(lines(RECORDS[1]))
    (tmp_path / "readme.txt").write_text("not an export")
    assert read_neuronpedia(tmp_path, 10) == TWO
    (tmp_path / "empty").mkdir()
    with pytest.raises(CoreError, match=r"folder empty holds no \.jsonl"):
        read_neuronpedia(tmp_path / "empty", 10)


@pytest.mark.parametrize(
    ("records", "text", "score"),
    [
        ([record(1, "a", scoreV1=0.2), record(1, "b", scoreV1=0.7), record(1, "c")], "b", 0.7),
        ([record(1, "first"), record(1, "second")], "first", None),
        ([record(1, "first"), record(1, "second", scoreV1=-0.1)], "second", -0.1),
        ([record(1, "a", scoreV1=0.5), record(1, "b", scoreV1=0.5)], "a", 0.5),
        ([record(1, "a", scores=[{"value": 0.6}, {"value": 1.0}, {"value": None}])], "a", 0.8),
        ([record(1, "a", scoreV1=0.5, scoreV2=0.9)], "a", 0.9),
        ([record(1, "a", scoreV1=float("nan"), scores=[])], "a", None),
        ([record(1, None), record(1, " "), record(1, "kept")], "kept", None),
    ],
)
def test_the_best_scored_counts_else_the_first(records: list[Any], text: str, score: float | None, export: Any) -> None:
    ((_, _, found, value),) = read_neuronpedia(export(lines(*records)), 10)
    assert (found, value) == (text, pytest.approx(score) if score is not None else None)


def test_texts_become_labels(export: Any) -> None:
    long, odd = record(1, "w" * 900), record(2, " one\u2028two\nthree. ")
    (_, _, cut, _), (_, _, flat, _) = read_neuronpedia(export(lines(long, odd)), 10)
    assert len(cut) == LONGEST_LABEL
    assert flat == "one two three"


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ('{"index": "1", "descr', "batch-0.jsonl, line 2: this is no JSON"),
        ("17", "batch-0.jsonl, line 2: an explanation is an object"),
        (
            record(10),
            "line 2, field “index”: latent 10 does not exist, this dictionary has 10. The file belongs to another",
        ),
        (record("9" * 30), "belongs to another SAE"),
        (record("-1"), 'line 2, field “index”: a latent\'s number is needed, this is "-1"'),
        (record(None), "this is null"),
        (record(True), "this is true"),
        (record("²"), "a latent's number"),
        ({"description": "x"}, "line 2, field “index”"),
        ({"index": "1"}, "line 2, field “description”: the explanation is missing"),
        (record(1, 7), "line 2, field “description”: text is needed, this is 7"),
        (
            record(1, layer="9-res-jb"),
            "line 2: this explains gemma-2b/9-res-jb, and the engine's SAE is gemma-2b/6-res-jb",
        ),
        ({"index": 1, "explanations": ["x"]}, "line 2, field “explanations”: its items are objects"),
    ],
)
def test_bad_lines_are_named(bad: Any, sentence: str, export: Any) -> None:
    with pytest.raises(CoreError) as raised:
        read_neuronpedia(export(lines(record(1), bad)), 10, SAE)
    assert sentence in str(raised.value)


def test_records_of_a_list_are_counted(export: Any) -> None:
    with pytest.raises(CoreError, match=r"list\.json, record 2, field “index”"):
        read_neuronpedia(export(json.dumps([record(1), record("x")]), "list.json"), 10)


@pytest.mark.parametrize(
    "content", [gzip.compress(lines(record(1)).encode())[:-12], b"\x1f\x8b rubbish", b"\xff\xfe\x00", None]
)
def test_files_that_cannot_be_read(content: bytes | None, export: Any, tmp_path: Path) -> None:
    file = tmp_path / "absent.jsonl" if content is None else export(content)
    with pytest.raises(CoreError, match=rf"{file.name} cannot be read as an export"):
        read_neuronpedia(file, 10)


def test_an_empty_file_has_no_labels(export: Any) -> None:
    assert read_neuronpedia(export(""), 10) == []


# --- the API ----------------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.waited: list[float] = []

    def __call__(self, stop: threading.Event, seconds: float) -> bool:
        self.waited.append(seconds)
        return False


def api(asked: Asked) -> Step:
    """Latent 3 has two explanations, 4 none, 5 does not exist, 6 is refused."""
    found = {
        "3": Step(body={"index": "3", "explanations": [{"description": "lakes", "scores": []}, {"description": "ponds",
                  "scores": [{"value": 0.9, "explanationScoreTypeName": "eleuther_fuzz"}]}]}),
        "4": Step(body={"index": "4", "explanations": []}),
        "5": Step(404),
    }  # fmt: skip
    return found.get(asked.path.rpartition("/")[2], Step(403))


def test_the_api_is_asked_politely() -> None:
    clock = Clock()
    with serve(api) as served:
        found = dict(fetch_neuronpedia(SAE, [3, 4, 5, 6], served.url, Line(5, wait=clock)))
    assert [asked.path for asked in served.asked] == [f"/api/feature/gemma-2b/6-res-jb/{i}" for i in (3, 4, 5, 6)]
    assert found[3] == (3, "neuronpedia", "ponds", 0.9)
    assert found[4] is None
    assert found[5] is None
    assert "refuses the request (403)" in str(found[6])
    assert clock.waited == [0.5, 0.5, 0.5]


def test_a_busy_site_is_waited_for() -> None:
    clock = Clock()
    plan = [Step(429, headers={"Retry-After": "9"}), Step(body={"explanations": [{"description": "lakes"}]})]
    with serve(plan) as served:
        assert list(fetch_neuronpedia(SAE, [3], served.url, Line(5, wait=clock))) == [(3, TWO[0])]
    assert clock.waited == [9]


@pytest.mark.parametrize("body", ["<html>", "null", "[]", {"explanations": "x"}, {"explanations": [{}, 3]}])
def test_an_answer_of_another_kind_is_no_label(body: Any) -> None:
    with serve([Step(body=body)]) as served:
        ((_, found),) = fetch_neuronpedia(SAE, [3], served.url, Line(5, wait=Clock()))
    assert found is None or "no JSON" in str(found)


class Public(FakeEncoder):
    catalogue = Catalogue(None, None)  # type: ignore[assignment]
    sae = SAE

    @property
    def about(self) -> dict[str, Any]:
        return super().about | {"neuronpedia": self.sae}


@pytest.fixture
def bank(tmp_path: Path) -> MemoryBank:
    made = MemoryBank.open(tmp_path / "test.duckdb", Public())
    finish(made.add(Reading([Memory("m", "We rowed over the lake")], [], [])))
    return made


def test_labels_of_an_engine_on_neuronpedia(bank: MemoryBank) -> None:
    line = Line(5, wait=Clock())
    with serve(api) as served:
        report = finish(label_from_neuronpedia(bank, [3, 4, 5, 6], site=served.url, line=line))
        assert report == LabelReport("neuronpedia", 4, 0, 1, 2, 1, report.last_error)
        assert finish(label_from_neuronpedia(bank, [3], site=served.url, line=line)).already == 1
    label = bank.latents.labels([3])[3]
    assert (label.text, label.source, label.score) == ("ponds", "neuronpedia", pytest.approx(0.9))


def test_an_engine_of_our_own_is_not_on_neuronpedia(bank: MemoryBank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Public, "sae", "")
    with pytest.raises(CoreError, match="not on Neuronpedia"):
        finish(label_from_neuronpedia(bank, [3]))


def test_a_file_is_stored_as_it_was_read(bank: MemoryBank, export: Any) -> None:
    bank.latents.store(read_neuronpedia(export(lines(*RECORDS)), bank.latents.n, SAE))
    assert {i: one.text for i, one in bank.latents.labels([3, 5]).items()} == {3: "lakes", 5: "bread"}
