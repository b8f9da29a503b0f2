"""Presets, what an engine still needs, and the fingerprint that keeps codes apart."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.encoding import catalogue, engines
from core.encoding.engines import Engine, EngineSpec, presets
from core.errors import CoreError, EngineMissing
from tests.handmade import ROOT


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def spec(tmp_path: Path) -> EngineSpec:
    """An engine whose files are there, though no model could be made of them."""
    for folder in ("model", "sae", "dense"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{folder}.safetensors").write_bytes(folder.encode())
    (tmp_path / "sae" / "cfg.json").write_text("{}")
    model, sae = f"folder:{tmp_path}/model", f"folder:{tmp_path}/sae"
    return EngineSpec("tiny", "A tiny one", model, "nobody/tiny", "blocks.0.hook_resid_post", 64, sae, "pooled")


def fingerprint(spec: EngineSpec) -> str:
    return Engine(spec).fingerprint


# --- presets ----------------------------------------------------------------------------------------------------------


def test_presets_parse_and_carry_their_name() -> None:
    known = presets()
    assert "minilm" in known
    for name, spec in known.items():
        assert spec.name == name
        assert spec.window > 8
        assert spec.hook.startswith("blocks.") if spec.kind == "tokens" else spec.hook == "embedding"
        assert spec.title
        assert spec.model_name


def test_an_unknown_engine_names_the_known_ones(monkeypatch: pytest.MonkeyPatch, spec: EngineSpec) -> None:
    monkeypatch.setattr(engines, "presets", lambda: {"tiny": spec, "huge": replace(spec, name="huge")})
    with pytest.raises(EngineMissing, match=r"^No engine is called “gemma”. Known: tiny, huge.$"):
        Engine.named("gemma")
    assert Engine.named("huge").name == "huge"


def test_a_preset_with_an_unknown_field_is_loud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "assets" / "engines.toml").read_text(encoding="utf-8")
    (tmp_path / "engines.toml").write_text(text.replace("window = ", "windows = "), encoding="utf-8")
    monkeypatch.setattr(engines, "ASSETS", tmp_path)
    with pytest.raises(TypeError, match="windows"):
        presets()


# --- what is missing --------------------------------------------------------------------------------------------------


def test_nothing_is_missing_where_all_files_are(spec: EngineSpec) -> None:
    assert Engine(spec).missing() == []


@pytest.mark.parametrize(
    ("broken", "sentences"),
    [
        ({"model": "folder:/no/model"}, ["no folder /no/model"]),
        ({"sae": "assets:sae/nothing"}, ["sae/nothing"]),
        (
            {"model": "package:no_such_wheel/m", "sae": "folder:/no/sae"},
            ["“no-such-wheel” is not installed", "/no/sae"],
        ),
        ({"dense": "folder:/no/dense"}, ["no folder /no/dense"]),
    ],
)
def test_every_missing_part_is_one_sentence(spec: EngineSpec, broken: dict[str, str], sentences: list[str]) -> None:
    engine = Engine(replace(spec, **broken))
    found = engine.missing()
    assert [part in sentence for part, sentence in zip(sentences, found, strict=True)] == [True] * len(sentences)
    with pytest.raises(EngineMissing):
        _ = engine.fingerprint


@pytest.mark.parametrize("lost", ["sae/cfg.json", "sae/sae.safetensors", "model/model.safetensors"])
def test_a_lost_file_is_said_before_encoding(spec: EngineSpec, tmp_path: Path, lost: str) -> None:
    (tmp_path / lost).unlink()
    engine = Engine(spec)
    (sentence,) = engine.missing()
    assert str(tmp_path / Path(lost).parent) in sentence
    with pytest.raises(EngineMissing, match="holds no"):
        _ = engine.fingerprint


def test_statistics_alone_are_no_sae(spec: EngineSpec, tmp_path: Path) -> None:
    (tmp_path / "sae" / "sae.safetensors").rename(tmp_path / "sae" / "stats.safetensors")
    assert "holds no SAE" in Engine(spec).missing()[0]


# --- the fingerprint --------------------------------------------------------------------------------------------------


def test_the_fingerprint_is_stable(spec: EngineSpec) -> None:
    first = fingerprint(spec)
    assert len(first) == 16
    assert int(first, 16) >= 0
    assert fingerprint(spec) == first
    code = f"from core.encoding.engines import *; print(Engine({spec!r}).fingerprint)"
    again = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert again.stdout.strip() == first


@pytest.mark.parametrize(
    "change",
    [
        {"hook": "blocks.0.hook_resid_pre"},
        {"window": 65},
        {"document_prefix": "search_document: "},
        {"query_prefix": "search_query: "},
    ],
)
def test_what_changes_codes_changes_the_fingerprint(spec: EngineSpec, change: dict[str, object]) -> None:
    assert fingerprint(replace(spec, **change)) != fingerprint(spec)


@pytest.mark.parametrize("file", ["model/model.safetensors", "sae/sae.safetensors", "sae/cfg.json"])
def test_other_files_are_another_engine(spec: EngineSpec, tmp_path: Path, file: str) -> None:
    before = fingerprint(spec)
    (tmp_path / file).write_bytes(b"other content")
    assert fingerprint(spec) != before


def test_a_dense_embedder_of_its_own_counts(spec: EngineSpec, tmp_path: Path) -> None:
    apart = replace(spec, dense=f"folder:{tmp_path}/dense")
    before = fingerprint(apart)
    assert before != fingerprint(spec)
    (tmp_path / "dense" / "dense.safetensors").write_bytes(b"other")
    assert fingerprint(apart) != before


def test_a_new_code_format_is_another_engine(spec: EngineSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(spec)
    monkeypatch.setattr(engines, "CODE_FORMAT", engines.CODE_FORMAT + 1)
    assert fingerprint(spec) != before


def test_names_places_and_statistics_do_not_count(spec: EngineSpec, tmp_path: Path) -> None:
    before = fingerprint(spec)
    shutil.copytree(tmp_path / "model", tmp_path / "moved")
    for beside in ("stats", "trust", "learnt"):
        (tmp_path / "sae" / f"{beside}.safetensors").write_bytes(b"density")
    (tmp_path / "sae" / "report.json").write_text("{}")
    moved = replace(spec, name="other", title="Other", model_name="x/y", model=f"folder:{tmp_path}/moved")
    assert fingerprint(moved) == before


def test_learnt_weights_come_with_the_catalogue(spec: EngineSpec, tmp_path: Path) -> None:
    """In half precision, with what they were learnt on; nothing where nobody learnt any."""
    before = fingerprint(spec)
    theta, learnt_on = Engine(spec).catalogue.learnt
    assert (len(theta), learnt_on) == (0, "")
    catalogue.write_learnt(tmp_path / "sae", np.asarray([0.5, -0.1, 0], np.float32), "three questions")
    theta, learnt_on = Engine(spec).catalogue.learnt
    assert (theta.dtype, learnt_on) == (np.float32, "three questions")
    assert theta.tolist() == [0.5, float(np.float16(-0.1)), 0]
    assert fingerprint(spec) == before


# --- without weights --------------------------------------------------------------------------------------------------


def test_about_holds_the_preset_and_the_training(spec: EngineSpec, tmp_path: Path) -> None:
    assert Engine(spec).about["training"] is None
    (tmp_path / "sae" / "report.json").write_text(json.dumps({"fvu": 0.3}))
    about = Engine(spec).about
    assert about["training"] == {"fvu": 0.3}
    assert about["hook"] == spec.hook
    assert Engine(replace(spec, sae="folder:/no/sae")).about["training"] is None


def test_no_text_is_said_before_anything_is_loaded(spec: EngineSpec) -> None:
    engine = Engine(spec)
    with pytest.raises(CoreError, match="no text to encode"):
        engine.encode([])
    assert not engine.warm


def test_missing_files_are_a_sentence_on_encoding(spec: EngineSpec) -> None:
    engine = Engine(replace(spec, model="folder:/no/model"))
    call: Callable[[], object]
    for call in (engine.load, lambda: engine.encode(["a"]), lambda: engine.trace("a")):
        with pytest.raises(EngineMissing, match="/no/model"):
            call()
