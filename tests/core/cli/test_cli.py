"""The command line: --json alone on stdout, sentences on stderr, exit codes 0, 1 and 2."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import core.__main__ as cli
from core import MemoryBank, settings
from core.cli import engines
from core.encoding.catalogue import Catalogue
from core.encoding.engines import Engine, EngineSpec
from core.progress import finish
from core.retrieval.criteria import CRITERIA
from tests.fakes import N_LATENTS, FakeEncoder
from tests.handmade import ROOT

NAMED = Engine.named
TURNS = ("The lake froze last night", "Grandmother baked bread", "We skated over the lake at dawn", "Nothing new")

SHARE = {"latent", "share", "query_value", "memory_value", "weight", "query_token", "memory_token", "memory"}
PROVENANCE = {"bank", "bank_version", "engine", "model", "hook", "sae", "fingerprint"}
SCORED = PROVENANCE | {"weighting", "fusion", "balance", "context"}
FIGURES = {f"{name}@{k}" for name in ("any", "all", "recall") for k in (5, 10, 20)} | {
    "ndcg@10",
    "mrr",
    "all_within_chars",
}
SCHEMA = {
    "import": {
        "read", "added", "already_there", "refused", "questions", "encoded", "bank", "total",
        "refused_more", "left_out", "emptied", "said", "offered", "replaced",
    },
    "search": {"query", "mode", "fit", "n_candidates", "encode_ms", "rank_ms", "hits", "provenance"},
    "memory": {
        "id", "text", "role", "conversation", "session", "position", "created", "category", "source", "meta",
        "n_latents", "fvu", "latents", "provenance",
    },
    "info": {"bank", "memories", "questions", "conversations", "sources", "engines", "health"},
    "engines": {"name", "title", "ready", "missing", "bytes", "licence", "hook"},
    "evaluate": {"n_questions", "modes", "differences", "provenance", "warnings"},
    "learn-weights": {"learnt_on", "raised_above_1.5", "silenced_below_0.67"},
}  # fmt: skip
INSIDE = {
    "import": {"source", "line", "field", "reason"},
    "search": {
        "text", "conversation", "k", "weighting", "fusion", "balance", "context", "criterion", "threshold", "terms",
        "muted", "masked", "lexical", "id", "scores", "ranks", "shares",
    },
    "memory": {"latent", "max", "sum", "token", "start", "end"},
    "info": {
        "engine", "fingerprint", "memories", "pending", "tokens", "l0", "fvu", "latents_per_memory", "silent_share",
        "training", "missing",
    },
    "evaluate": {
        "by_category", "latency_ms", "p50", "p95", "n", "data", "data_sha256", "categories", "learnt_on", "interval",
        "criteria", "context_precision", "context_chars", "latency_s", "mean", "sd", "cross_validated", "held_out",
        "folds",
    },
}  # fmt: skip
"""What the objects inside hold, for the page that describes them."""


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeEncoder:
    """Every engine is the fake one, and the cache is the test's own."""
    fake = FakeEncoder()
    monkeypatch.setattr("core.encoding.engines.Engine.named", lambda _: fake)
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path / "cache"))
    return fake


@pytest.fixture
def locomo(tmp_path: Path) -> Path:
    """Two dialogues of four turns; the last question has no evidence."""

    def sample(name: str) -> dict[str, Any]:
        turns = [{"speaker": "Ana", "dia_id": f"D1:{i}", "text": text} for i, text in enumerate(TURNS, 1)]
        asked = [("What froze?", ["D1:1"], 1), ("Who baked?", ["D1:2"], 2), ("Where did they skate?", ["D1:3"], 2)]
        qa = [{"question": q, "answer": "a", "evidence": e, "category": c} for q, e, c in [*asked, ("Why?", [], 5)]]
        talk = {"speaker_a": "Ana", "session_1_date_time": "7:12 pm on 3 March, 2025", "session_1": turns}
        return {"sample_id": name, "conversation": talk, "qa": qa}

    file = tmp_path / "two.json"
    file.write_text(json.dumps([sample("c1"), sample("c2")]))
    return file


@pytest.fixture
def bank(tmp_path: Path, locomo: Path) -> Path:
    path = tmp_path / "bank.duckdb"
    finish(MemoryBank.open(path).import_files([locomo]))
    return path


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """The parsed --json of a command that must succeed: one line, and nothing else on stdout."""

    def run(*arguments: str | Path) -> Any:
        capsys.readouterr()
        assert cli.main([*map(str, arguments), "--json"]) == 0
        out = capsys.readouterr().out
        assert out.count("\n") == 1
        return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))

    return run


@pytest.fixture
def fail(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The one sentence of a command that must fail, on stderr; stdout stays empty."""

    def run(*arguments: str | Path) -> str:
        capsys.readouterr()
        assert cli.main([*map(str, arguments)]) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert "Traceback" not in said.err
        *progress, line = said.err.splitlines()
        assert not [part for part in progress if "error" in part]
        assert line.startswith("error: ")
        assert line.endswith((".", ")"))
        return line.removeprefix("error: ")

    return run


# --- JSON -------------------------------------------------------------------------------------------------------------


def test_import(call: Callable[..., Any], tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"id": "a", "text": "The lake."}\n{"id": "b"}\n{"id": "c", "text": "A wood."}\n')
    bank = tmp_path / "new" / "bank.duckdb"
    report = call("import", rows, "--bank", bank)
    assert set(report) == SCHEMA["import"]
    assert report | {"refused": []} == {
        "read": 3, "added": 2, "already_there": 0, "refused": [], "questions": 0, "encoded": 2,
        "bank": str(bank), "total": 2, "refused_more": 0, "left_out": {}, "emptied": {}, "said": [], "offered": [],
        "replaced": 0,
    }  # fmt: skip
    (refusal,) = report["refused"]
    assert set(refusal) == INSIDE["import"]
    assert (refusal["source"], refusal["line"], refusal["field"]) == ("rows.jsonl", 2, "text")
    again = call("import", rows, rows, "--bank", bank, "--format", "jsonl")
    assert (again["read"], again["added"], again["already_there"], again["encoded"], again["total"]) == (6, 0, 4, 0, 2)


@pytest.mark.parametrize("mode", ["dense", "sparse", "combined", "lexical"])
def test_search(call: Callable[..., Any], bank: Path, mode: str) -> None:
    found = call("search", "the frozen lake", "--bank", bank, "--mode", mode, "--k", "3")
    assert set(found) == SCHEMA["search"]
    assert found["query"] == {
        "text": "the frozen lake", "conversation": None, "k": 3, "weighting": "learnt", "fusion": "scaled",
        "balance": 0.25, "context": 0.25, "criterion": "top", "threshold": None, "terms": [], "muted": [], "masked": [],
        "lexical": mode == "lexical",
    }  # fmt: skip
    assert (found["mode"], found["n_candidates"]) == (mode, 8)
    assert set(found["provenance"]) == SCORED
    modes = {"dense", "sparse", "combined"} | {mode}
    for place, hit in enumerate(found["hits"], 1):
        assert set(hit) == {"id", "text", "scores", "ranks"}
        assert set(hit["scores"]) == set(hit["ranks"]) == modes
        assert hit["ranks"][mode] == place
        assert hit["scores"][mode] > 0
    assert [hit["id"] for hit in found["hits"]][:2] in (["c1/D1:1", "c2/D1:1"], ["c1/D1:3", "c2/D1:3"])


def test_search_explained(call: Callable[..., Any], bank: Path) -> None:
    found = call("search", "lake", "--bank", bank, "--mode", "sparse", "--explain", "--weighting", "cosine")
    assert found["hits"]
    texts, around = {hit["id"]: hit["text"] for hit in found["hits"]}, 0
    for hit in found["hits"]:
        assert set(hit) == {"id", "text", "scores", "ranks", "why", "pairs", "same_word_share", "shares"}
        assert sum(share["share"] for share in hit["shares"]) == pytest.approx(hit["scores"]["sparse"], abs=1e-5)
        assert sum(pair["share"] for pair in hit["pairs"]) == pytest.approx(hit["scores"]["sparse"], abs=1e-5)
        assert {(p["query"], p["memory"], p["same"]) for p in hit["pairs"]} == {("lake", "lake", True)}
        assert hit["same_word_share"] == 1
        assert "“lake”" in hit["why"]
        for share in hit["shares"]:
            assert set(share) == SHARE
            around += bool(share["memory"])
            for side, text in (("query_token", "lake"), ("memory_token", texts[share["memory"] or hit["id"]])):
                span = share[side]
                assert set(span) == {"start", "end", "text"}
                assert text[span["start"] : span["end"]] == span["text"] == "lake"
    assert around == 10  # of four turns the first and third name the lake: 1, 2, 1 and 1 such neighbours, twice


def test_search_as_the_options_say(call: Callable[..., Any], bank: Path) -> None:
    options = {"balance": 0.75, "context": 0.0}
    found = call("search", "lake", "--bank", bank, *(s for n, v in options.items() for s in (f"--{n}", str(v))))
    assert {name: found["query"][name] for name in options} == options
    assert {name: found["provenance"][name] for name in options} == options
    own = {h["id"]: h["scores"]["sparse"] for h in found["hits"]}
    around = call("search", "lake", "--bank", bank, "--context", "1")["hits"]
    lifted = {h["id"]: h["scores"]["sparse"] for h in around}
    assert lifted["c1/D1:1"] == pytest.approx(own["c1/D1:1"] + 0.6 * own["c1/D1:3"], rel=1e-4)


def test_search_in_one_conversation(call: Callable[..., Any], bank: Path) -> None:
    found = call("search", "lake", "--bank", bank, "--conversation", "c2", "--fusion", "z")
    assert {hit["id"][:2] for hit in found["hits"]} == {"c2"}
    assert (found["n_candidates"], found["query"]["fusion"]) == (4, "z")


def test_search_that_finds_nothing(call: Callable[..., Any], bank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("search", "zebra", "--bank", bank, "--mode", "sparse")["hits"] == []
    assert cli.main(["search", "zebra", "--bank", str(bank), "--mode", "sparse"]) == 0
    assert "Nothing in bank has anything in common with this query (sparse)." in capsys.readouterr().out


def test_memory(call: Callable[..., Any], bank: Path) -> None:
    memory = call("memory", "c1/D1:1", "--bank", bank, "--k", "2")
    assert set(memory) == SCHEMA["memory"]
    assert (memory["id"], memory["text"], memory["role"]) == ("c1/D1:1", f"Ana: {TURNS[0]}", "Ana")
    assert memory["created"] == "2025-03-03 19:12:00"
    assert (memory["n_latents"], memory["fvu"]) == (6, 0.25)
    assert set(memory["provenance"]) == PROVENANCE
    assert [set(latent) for latent in memory["latents"]] == [INSIDE["memory"]] * 2
    for latent in memory["latents"]:
        assert memory["text"][latent["start"] : latent["end"]] == latent["token"]
        assert latent["max"] == len(latent["token"])
    assert {latent["token"] for latent in memory["latents"]} == {"froze", "night"}


def test_memory_without_codes(call: Callable[..., Any], bank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.encoding.engines.Engine.named", lambda _: FakeEncoder(fingerprint="another"))
    memory = call("memory", "c1/D1:1", "--bank", bank)
    assert (memory["n_latents"], memory["fvu"], memory["latents"]) == (0, None, [])


def test_info(call: Callable[..., Any], bank: Path) -> None:
    info = call("info", "--bank", bank)
    assert set(info) == SCHEMA["info"]
    assert set(info["health"]) == INSIDE["info"]
    assert (info["bank"], info["memories"], info["questions"], info["conversations"]) == (str(bank), 8, 8, 2)
    assert (info["health"]["memories"], info["health"]["pending"], info["health"]["missing"]) == (8, 0, [])


def test_engines(call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for folder in ("model", "sae"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "sae_weights.safetensors").write_bytes(b"1234")
    (tmp_path / "sae" / "cfg.json").touch()
    model, sae = f"folder:{tmp_path}/model", f"folder:{tmp_path}/sae"
    here = EngineSpec("here", "Is here", model, "x/y", "blocks.0.hook_resid_post", 64, sae, "pooled")
    monkeypatch.setattr(
        engines, "presets", lambda: {"here": here, "gone": replace(here, name="gone", sae="folder:/no/sae")}
    )
    first, second = call("engines")
    assert set(first) == SCHEMA["engines"] | {"fingerprint"}
    assert set(second) == SCHEMA["engines"]
    assert (first["name"], first["ready"], first["missing"], first["bytes"]) == ("here", True, [], 8)
    assert first["fingerprint"] == Engine(here).fingerprint
    assert (second["name"], second["ready"]) == ("gone", False)
    assert "/no/sae" in second["missing"][0]


def test_evaluate(call: Callable[..., Any], locomo: Path, engine: FakeEncoder) -> None:
    report = call("evaluate", locomo, "--format", "locomo", "--categories", "1, 2,3,4")
    assert set(report) == SCHEMA["evaluate"]
    assert report["n_questions"] == 6
    assert set(report["modes"]) == {"dense", "sparse", "combined", "lexical"}
    for figures in report["modes"].values():
        assert set(figures) == FIGURES | {"by_category", "latency_ms", "interval", "criteria"}
        assert set(figures["criteria"]) == set(CRITERIA)
        for row in figures["criteria"].values():
            assert set(row) == {"context_precision", "interval", "context_chars", "latency_s"}
            assert set(row["context_chars"]) == set(row["latency_s"]) == {"mean", "sd"}
        assert set(figures["all_within_chars"]) == {"2200", "5300", "10500"}
        assert set(figures["latency_ms"]) == {"p50", "p95"}
        assert set(figures["by_category"]) == {"1", "2"}
        assert [set(row) for row in figures["by_category"].values()] == [FIGURES | {"n", "interval"}] * 2
    assert report["modes"]["lexical"]["recall@5"] == 1
    provenance = report["provenance"]
    assert set(provenance) == SCORED | {"data", "data_sha256", "categories", "learnt_on"}
    assert (provenance["data"], provenance["categories"], provenance["learnt_on"]) == ("two.json", "1, 2,3,4", [])
    assert re.fullmatch("[0-9a-f]{64}", provenance["data_sha256"])

    engine.encoded.clear()
    again = call("evaluate", locomo)
    assert again["n_questions"] == 6  # the question without evidence is left out
    assert not any(text.startswith("Ana: ") for text in engine.encoded)  # no memory is encoded twice


def test_evaluate_with_weights_learnt_on_the_other_dialogue(
    call: Callable[..., Any], locomo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = call(
        "evaluate", locomo, "--cross-validate", "--context", "0", "--balance", "1", "--weighting", "saturated"
    )
    apart = report["cross_validated"]
    assert (apart["held_out"], apart["folds"], apart["n_questions"]) == (["c1", "c2"], 2, 6)
    assert set(apart["modes"]) == set(report["modes"])
    settings = {"weighting": "saturated", "fusion": "scaled", "balance": 1.0, "context": 0.0}
    assert {name: report["provenance"][name] for name in settings} == settings
    lines = said(capsys, "evaluate", locomo, "--cross-validate").splitlines()
    assert lines.index("with weights learnt on the other dialogues:") == len(lines) - 5


def test_learn_weights(call: Callable[..., Any], tmp_path: Path) -> None:
    lines = ["AGENT: trumpet lessons in Vienna", "USER: lovely garden flowers"] * 3
    rows = [json.dumps({"text": "\n".join(lines)})] + [
        json.dumps({"text": "\n".join([*lines, f"USER: umbrella umbrellas {'x' * i}"])}) for i in range(30)
    ]
    (tmp_path / "talk.jsonl").write_text("\n".join(rows))
    (tmp_path / "sae").mkdir()
    found = call("learn-weights", "--corpus", tmp_path, "--dialogues", "9", "--out", tmp_path / "sae")
    assert set(found) == SCHEMA["learn-weights"]
    theta, learnt_on = Catalogue(None, tmp_path / "sae").learnt
    assert learnt_on == found["learnt_on"]
    assert re.fullmatch(r"\d+ questions made of dialogue \(talk\)", learnt_on)
    assert theta.shape == (N_LATENTS,)
    assert found["raised_above_1.5"] == (np.exp(theta) > 1.5).sum()
    assert found["silenced_below_0.67"] == (np.exp(theta) < 0.67).sum()
    assert theta.any()


def test_evaluate_keeps_no_bank_of_a_changed_file(call: Callable[..., Any], locomo: Path) -> None:
    call("evaluate", locomo)
    samples = json.loads(locomo.read_text())
    locomo.write_text(json.dumps(samples[:1]))
    assert call("evaluate", locomo)["n_questions"] == 3


@pytest.mark.parametrize("command", SCHEMA)
def test_the_documentation_names_every_key(command: str) -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    block = re.search(rf"^{command} +(.+?)(?=^\S)", text.split("## JSON")[1], re.DOTALL | re.MULTILINE)
    assert block
    keys = SCHEMA[command] | INSIDE.get(command, set())
    assert {key for key in keys if f'"{key}"' not in block[1]} <= {f"{x}@{k}" for x in ("any", "all") for k in (5, 10)}


@pytest.mark.parametrize("keys", [SHARE, SCORED])
def test_the_documentation_names_shared_objects(keys: set[str]) -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert {key for key in keys if f'"{key}"' not in text} == set()


# --- for people -------------------------------------------------------------------------------------------------------


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    capsys.readouterr()
    assert cli.main([*map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_lines_for_a_person(capsys: pytest.CaptureFixture[str], bank: Path, locomo: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "The lake."}\n{"id": 3}\n')
    text = said(capsys, "import", rows, "--bank", bank)
    assert "2 read, 1 added, 0 already there, 1 refused" in text
    assert "refused: rows.jsonl, line 2, field “text”: " in text
    text = said(capsys, "search", "lake", "--bank", bank, "--explain", "--k", "1")
    assert "“lake” → “lake”" in text
    assert "ranked 9 memories" in text
    text = said(capsys, "memory", "c1/D1:1", "--bank", bank)
    assert TURNS[0] in text
    assert "at “froze”" in text
    assert "9 memories" in said(capsys, "info", "--bank", bank)
    assert "minilm" in said(capsys, "engines")
    assert re.search(r"^ *sparse +1\.000", said(capsys, "evaluate", locomo), re.MULTILINE)


def test_progress_goes_to_stderr(capsys: pytest.CaptureFixture[str], tmp_path: Path, locomo: Path) -> None:
    assert cli.main(["import", str(locomo), "--bank", str(tmp_path / "b.duckdb"), "--json"]) == 0
    assert "8 of 8 memories encoded" in capsys.readouterr().err


# --- problems ---------------------------------------------------------------------------------------------------------


def test_an_unknown_conversation_names_the_known_ones(fail: Callable[..., str], bank: Path, tmp_path: Path) -> None:
    arguments = ("search", "lake", "--conversation", "c3", "--bank")
    assert fail(*arguments, bank) == "bank has no conversation “c3”. It has c1, c2."
    MemoryBank.open(tmp_path / "empty.duckdb")
    assert fail(*arguments, tmp_path / "empty.duckdb") == "empty has no conversation “c3”. It has none."


@pytest.mark.parametrize("command", [["search", "lake"], ["memory", "x"], ["info"]], ids=lambda command: command[0])
def test_a_bank_that_is_not_there_is_not_made(fail: Callable[..., str], tmp_path: Path, command: list[str]) -> None:
    assert "There is no bank at" in fail(*command, "--bank", tmp_path / "none.duckdb")
    assert not (tmp_path / "none.duckdb").exists()


@pytest.mark.parametrize("command", [["search", "lake"], ["memory", "x"], ["info"], ["import", "x.jsonl"]])
def test_a_bank_that_is_none(fail: Callable[..., str], tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "notes.txt").write_text("words " * 5000)
    assert "is not a bank" in fail(*command, "--bank", tmp_path / "notes.txt")


def test_other_problems_are_sentences(fail: Callable[..., str], bank: Path, tmp_path: Path) -> None:
    assert fail("search", "  ", "--bank", bank) == "The query is empty: type a few words."
    assert fail("memory", "nobody", "--bank", bank) == "No memory has the id “nobody” in bank."
    assert "nothing.jsonl does not exist" in fail("import", tmp_path / "nothing.jsonl", "--bank", bank)
    assert "nothing.json cannot be read" in fail("evaluate", tmp_path / "nothing.json")
    assert "is a folder" in fail("import", tmp_path / "two.json", "--bank", tmp_path)


def test_evaluating_a_file_without_questions(fail: Callable[..., str], capsys: Any, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "The lake."}\n')
    assert cli.main(["evaluate", str(rows)]) == 1
    assert "has no question with evidence: import a LoCoMo or LongMemEval file." in capsys.readouterr().err


def test_an_unknown_engine_names_the_known_ones(
    fail: Callable[..., str], monkeypatch: pytest.MonkeyPatch, bank: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr("core.encoding.engines.Engine.named", NAMED)
    for arguments in (
        ("info", "--bank", bank, "--engine", "gemma"),
        ("engines", "--prepare", "gemma"),
        ("train-sae", "--corpus", tmp_path, "--engine", "gemma"),
    ):
        assert fail(*arguments).startswith("No engine is called “gemma”. Known: minilm")


def test_stopped_by_hand(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, bank: Path) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(MemoryBank, "health", interrupted)
    assert cli.main(["info", "--bank", str(bank)]) == 1
    told = capsys.readouterr()
    assert (told.out, told.err.startswith("Stopped. What was stored so far is kept")) == ("", True)


def test_our_own_mistakes_stay_loud(monkeypatch: pytest.MonkeyPatch, bank: Path) -> None:
    monkeypatch.setattr(MemoryBank, "health", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["info", "--bank", str(bank)])


@pytest.mark.parametrize(
    "arguments",
    [
        ["forget"],
        ["search", "lake"],
        ["search", "lake", "--bank", "b", "--mode", "telepathy"],
        ["search", "lake", "--bank", "b", "--k", "0"],
        ["search", "lake", "--bank", "b", "--k", "few"],
        ["search", "lake", "--bank", "b", "--weighting", "tfidf"],
        ["search", "lake", "--bank", "b", "--fusion", "rrf"],
        ["search", "lake", "--bank", "b", "--balance", "2"],
        ["search", "lake", "--bank", "b", "--context", "-0.1"],
        ["search", "lake", "--bank", "b", "--context", "nan"],
        ["learn-weights", "--corpus", "f", "--dialogues", "0"],
        ["learn-weights"],
        ["import", "--bank", "b"],
        ["import", "f", "--bank", "b", "--format", "pdf"],
        ["memory", "--bank", "b"],
        ["evaluate", "f", "--format", "csv"],
        ["train-sae"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert f"usage: {settings.command()}" in told.err


@pytest.mark.parametrize("command", ["", *SCHEMA, "train-sae"])
def test_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main([*command.split(), "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: {settings.command()}")
    if command:
        assert "--json" in text


# --- as a program -----------------------------------------------------------------------------------------------------


def test_a_reader_that_has_seen_enough() -> None:
    """As in `python -m core … | head`: no complaint about the broken pipe."""
    reading, writing = os.pipe()
    os.close(reading)
    buffered = os.environ | {"PYTHONUNBUFFERED": ""}
    done = subprocess.run(
        [sys.executable, "-m", "core", "engines"],
        cwd=ROOT, env=buffered, stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_exit_codes_of_the_program(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "core", "info", "--bank", tmp_path / "none.duckdb"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: There is no bank at")
