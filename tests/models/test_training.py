"""Training a dictionary on the token states of the default engine's model: small, on texts made here."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import Engine
from core.analysis.trust import ENOUGH
from core.encoding import catalogue
from core.errors import CoreError
from core.progress import finish
from core.settings import cache_folder
from core.training import corpus as texts
from core.training import residual
from core.training.corpus import pieces
from core.training.describe import describe
from core.training.residual import TrainingPlan, train
from core.types import Progress

PLAN = TrainingPlan(tokens=20_000, d_sae=256, k=4, batch=512)
PLACES = "harbour kitchen station forest garden library market bridge cellar rooftop".split()
DEEDS = (
    "lost a glove|met an old friend|heard the rain|fixed the radio|found a letter|waited for Ana|sang out loud".split(
        "|"
    )
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hundred short texts: dialogue in one file, prose in a packed one."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)

    def sentence() -> str:
        return f"In the {rng.choice(PLACES)} we {rng.choice(DEEDS)} at {rng.integers(1, 12)} o'clock."

    talks = ["\n".join(f"{'USER' if i % 2 else 'AGENT'}: {sentence()}" for i in range(5)) for _ in range(150)]
    prose = [" ".join(sentence() for _ in range(6)) for _ in range(150)]
    (folder / "talks.jsonl").write_text("\n".join(json.dumps({"text": t}) for t in talks) + "\n")
    with gzip.open(folder / "prose.jsonl.gz", "wt") as file:
        file.write("\n".join(json.dumps({"text": t}) for t in prose) + "\n\n")
    return folder


# --- the corpus as pieces (no model) ----------------------------------------------------------------------------------


def first(corpus: Path, n: int, seed: int = 0, held_out: bool = False) -> list[str]:
    stream = pieces(corpus, seed, held_out)
    return [next(stream) for _ in range(n)]


def test_pieces_are_the_same_for_the_same_seed(corpus: Path) -> None:
    assert first(corpus, 300) == first(corpus, 300)
    assert first(corpus, 300) != first(corpus, 300, seed=1)


def test_pieces_are_of_the_size_of_memories(corpus: Path) -> None:
    found = first(corpus, 500)
    assert all(1 < len(piece) <= 4000 for piece in found)
    assert {piece.count("\n") + 1 for piece in found if "\n" in piece} == {2, 3, 4}
    assert max(piece.count("o'clock.") for piece in found) <= 5
    assert len({piece.count("o'clock.") for piece in found}) == 5


def test_what_is_held_out_is_never_trained_on(tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"Text number {i}."}) for i in range(200)]
    (tmp_path / "c.jsonl").write_text("\n".join(lines))
    trained, held_out = set(first(tmp_path, 2000)), set(first(tmp_path, 50, held_out=True))
    assert held_out == {f"Text number {i}." for i in range(0, 200, texts.HELD_OUT_EVERY)}
    assert trained == {f"Text number {i}." for i in range(200)} - held_out


def test_labels_of_speakers_become_names_or_go(corpus: Path) -> None:
    talk = [line for piece in first(corpus, 500) for line in piece.split("\n") if "\n" in piece]
    assert not any(line.startswith(("USER", "AGENT")) for line in talk)
    named = [line.split(":")[0] for line in talk if ": " in line]
    assert 0.2 < len(named) / len(talk) < 0.8
    assert set(named) <= set(texts.NAMES)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "holds no .jsonl or .jsonl.gz files"),
        ({"notes.txt": "words"}, "holds no .jsonl or .jsonl.gz files"),
        ({"empty.jsonl": "\n"}, "has too few records to train on"),
        ({"one.jsonl": '{"text": "The only one."}'}, "has too few records to train on"),
    ],
)
def test_a_corpus_that_is_none(tmp_path: Path, files: dict[str, str], sentence: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(CoreError, match=sentence):
        first(tmp_path, 1)


# --- training (real weights) ------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and buffers that a tiny training fills. The folder to save in."""
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(residual, "BUFFER_TOKENS", 4096)
    monkeypatch.setattr(residual, "PIECES_PER_CHUNK", 32)
    monkeypatch.setattr(residual, "HELD_OUT_TOKENS", 3000)
    return tmp_path / "out"


def counted_passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Tokens that the model reads from now on, pass by pass."""
    read: list[int] = []
    original: Callable[..., Any] = residual.states_of

    def watched(*arguments: Any) -> Any:
        for states in original(*arguments):
            read.append(len(states))
            yield states

    monkeypatch.setattr(residual, "states_of", watched)
    return read


@pytest.mark.models
@pytest.mark.parametrize(("architecture", "tokens"), [("topk", 20_000), ("batchtopk", 10_000)])
def test_a_small_training(minilm: Engine, corpus: Path, small: Path, architecture: str, tokens: int) -> None:
    import torch
    from sae_lens import SAE

    from core.encoding.sae.dictionary import load

    seen = list(train(minilm.spec, corpus, replace(PLAN, architecture=architecture, tokens=tokens), small))
    assert all(isinstance(p, Progress) and p.total == tokens for p in seen)
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert seen[-1].done == tokens

    report = json.loads((small / "report.json").read_text())
    assert 0 < report["fvu"] < 1
    assert 0 < report["l0"] <= (4 if architecture == "topk" else 256)  # BatchTopK's threshold lags in so short a run
    assert 0 <= report["dead_share"] <= 1
    assert report["held_out_tokens"] == 3000
    assert (report["engine"], report["hook"]) == ("minilm", minilm.spec.hook)
    assert report["plan"]["tokens"] == tokens
    assert report["corpus"] == ["prose.jsonl.gz", "talks.jsonl"]
    assert set(report) == {
        "fvu", "l0", "dead_share", "held_out_tokens", "engine", "model", "hook", "plan", "corpus", "minutes",
        "tokens_per_second",
    }  # fmt: skip

    theirs, ours = SAE.load_from_disk(small, device="cpu", dtype="float32"), load(small)
    assert (theirs.cfg.d_in, theirs.cfg.d_sae) == (ours.d_in, ours.n_latents) == (384, 256)
    assert theirs.cfg.metadata.hook_name == minilm.spec.hook
    model = minilm._parts()[0]
    states = torch.cat(list(residual.states_of(model, first(corpus, 40, held_out=True))))
    expected, found = theirs.encode(states), ours.encode(states)
    dense = torch.zeros_like(expected)
    dense[found.row, found.latent] = found.value
    torch.testing.assert_close(dense, expected, atol=1e-4, rtol=1e-4)
    assert not (cache_folder() / "training").exists() or not list((cache_folder() / "training").iterdir())

    engine = Engine(replace(minilm.spec, sae=f"folder:{small}"), dtype=torch.float32)  # and an engine can use it
    assert engine.missing() == []
    assert engine.about["training"] == report
    codes = engine.encode(["In the harbour we lost a glove at 3 o'clock."])
    assert 0 < len(codes.latents) <= 256
    assert engine.fingerprint != minilm.fingerprint


@pytest.mark.models
def test_a_stopped_training_goes_on_from_its_checkpoint(
    minilm: Engine, corpus: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saving, plan = residual._checkpoint, replace(PLAN, tokens=10_240, batch=256)

    def save_once(*arguments: Any) -> None:
        saving(*arguments)
        monkeypatch.setattr(residual, "CHECKPOINT_SECONDS", 3600)

    monkeypatch.setattr(residual, "_checkpoint", save_once)
    task = train(minilm.spec, corpus, plan, small)
    half = next(p for p in task if p.note.startswith("loss"))
    assert half.done == 20 * plan.batch
    monkeypatch.setattr(residual, "CHECKPOINT_SECONDS", 0)  # as soon as it goes on
    next(task)
    task.close()
    (checkpoint,) = (cache_folder() / "training").glob("*/step_*/position.json")
    assert checkpoint.parent.name == "step_20"
    assert json.loads(checkpoint.read_text())["chunks"] > 0
    assert not small.exists()

    other = train(minilm.spec, corpus, replace(plan, seed=1), small)  # another plan begins at its own beginning
    assert next(p for p in other if p.note.startswith("loss")).done == half.done
    other.close()

    read = counted_passes(monkeypatch)
    seen, trained_on = [], 0
    for p in train(minilm.spec, corpus, plan, small):
        seen.append(p)
        trained_on = trained_on if p.note.startswith("measuring") else sum(read)
    assert [p.done for p in seen if p.note.startswith("loss")] == [plan.tokens]
    assert 0 < trained_on < 0.9 * plan.tokens  # the second half, and what fills the buffer
    assert 0 < json.loads((small / "report.json").read_text())["fvu"] < 1
    assert not list((cache_folder() / "training").iterdir())


@pytest.mark.models
def test_an_architecture_that_cannot_be_trained(minilm: Engine, corpus: Path, small: Path) -> None:
    with pytest.raises(CoreError, match="“gated” cannot be trained here: choose one of topk, batchtopk"):
        finish(train(minilm.spec, corpus, replace(PLAN, architecture="gated"), small))


@pytest.mark.models
def test_going_on_with_rounds_of_correction_and_new_directions_for_spellings(
    minilm: Engine, corpus: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from core.encoding.sae.dictionary import PlainDictionary, load
    from core.training import resume

    monkeypatch.setattr(resume, "COUNTED_TOKENS", 3000)
    monkeypatch.setattr(resume, "DRAWN_TOKENS", 2000)
    spelled: list[int] = []
    go_on = resume.go_on

    def watched(*arguments: Any) -> int:
        spelled.append(int(arguments[-1].sum()))
        return go_on(*arguments)

    monkeypatch.setattr(resume, "go_on", watched)
    plan = replace(PLAN, tokens=8_000)
    list(train(minilm.spec, corpus, plan, small / "first"))
    again = replace(plan, start=str(small / "first"), rounds=2, spellings=3)
    list(train(minilm.spec, corpus, again, small / "second"))
    assert 0 < spelled[0] < 256
    report = json.loads((small / "second" / "report.json").read_text())
    assert (report["plan"]["rounds"], report["plan"]["spellings"]) == (2, 3)
    sae = load(small / "second")
    assert isinstance(sae, PlainDictionary)
    assert sae.rounds == 2
    states = torch.cat(list(residual.states_of(minilm._parts()[0], first(corpus, 40, held_out=True))))
    found = sae.encode(states)
    assert bool((torch.bincount(found.row, minlength=len(states)) <= 4).all())


@pytest.mark.models
def test_a_trained_sae_is_given_rounds_and_measured_again(minilm: Engine, corpus: Path, small: Path) -> None:
    list(train(minilm.spec, corpus, replace(PLAN, tokens=8_000), small))
    first = json.loads((small / "report.json").read_text())
    again = finish(residual.measure(minilm.spec, small, corpus))
    assert again == first
    corrected = finish(residual.measure(minilm.spec, small, corpus, rounds=6))
    assert corrected["fvu"] < first["fvu"]
    assert corrected["plan"] == first["plan"]
    assert json.loads((small / "report.json").read_text()) == corrected
    assert json.loads((small / "cfg.json").read_text())["metadata"]["correction_rounds"] == 6
    with pytest.raises(CoreError, match="41 rounds of correction: a number from 0 to 40"):
        finish(residual.measure(minilm.spec, small, corpus, rounds=41))
    assert json.loads((small / "cfg.json").read_text())["metadata"]["correction_rounds"] == 6


@pytest.mark.models
def test_an_sae_that_could_not_be_measured_encodes_as_before(
    minilm: Engine, corpus: Path, small: Path, tmp_path: Path
) -> None:
    list(train(minilm.spec, corpus, replace(PLAN, tokens=8_000), small))
    before = {path: path.read_bytes() for path in small.iterdir()}
    (tmp_path / "nothing").mkdir()
    with pytest.raises(CoreError, match="jsonl"):
        finish(residual.measure(minilm.spec, small, tmp_path / "nothing", rounds=6))
    assert {path: path.read_bytes() for path in small.iterdir()} == before


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ("{", r"cfg\.json is no JSON: .*Put the SAE's own cfg\.json back"),
        ("[]", r"cfg\.json does not hold an SAE's fields"),
        ('{"architecture": "topk", "metadata": 3}', r"cfg\.json does not hold an SAE's fields"),
    ],
)
def test_rounds_are_not_written_into_a_damaged_file(minilm: Engine, tmp_path: Path, held: str, said: str) -> None:
    (tmp_path / "cfg.json").write_text(held)
    with pytest.raises(CoreError, match=said):
        finish(residual.measure(minilm.spec, tmp_path, tmp_path, rounds=6))
    assert (tmp_path / "cfg.json").read_text() == held


@pytest.mark.models
def test_a_trained_sae_is_described(minilm: Engine, corpus: Path, small: Path) -> None:
    """Sixty words make up these texts: labels are made of them, and tell held-out texts apart."""
    list(train(minilm.spec, corpus, PLAN, small))
    steps = describe(minilm.spec, small, corpus, ["The library was dark.", "A glove!"], tokens=8_000)
    seen: list[Progress] = []
    try:
        while True:
            seen.append(next(steps))
    except StopIteration as stopped:
        report = stopped.value
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert seen[-1].done == seen[-1].total == 12_000
    assert report["n_latents"] > 30
    assert report["mean_auroc"] > 0.65 > 0.6 > report["shuffled_auroc"] > 0.4
    found = catalogue.read(small)
    believed, on = found.column("trust", 256), found.column("trust_n", 256)
    assert (np.isnan(believed) | (on >= ENOUGH)).all()  # a few windows a side would say .00 or 1.00
    labels = found.column("label", 256).tolist()
    said = {
        word for label in labels for word in label.lower().replace("/", " ").replace("“", "").replace("”", "").split()
    }
    known = {word.strip(".'") for text in first(corpus, 400) for word in text.lower().replace(":", " : ").split()}
    assert len(said - known - {"o'clock", "."}) == 0
    assert max(label.count(" / ") for label in labels) <= 2
    assert json.loads((small / "report.json").read_text())["labels"]["mean_auroc"] == report["mean_auroc"]


def test_rounds_are_for_topk() -> None:
    with pytest.raises(CoreError, match="for TopK SAEs, and this one is jumprelu: leave --rounds out"):
        residual.new_sae(replace(PLAN, architecture="jumprelu", rounds=1), 8)
    with pytest.raises(CoreError, match="-1 rounds of correction: a number from 0 to 40"):
        residual.new_sae(replace(PLAN, rounds=-1), 8)


def test_only_latents_of_a_trained_sae_are_replaced() -> None:
    with pytest.raises(CoreError, match="say which with --from FOLDER"):
        residual.new_sae(replace(PLAN, spellings=4), 8)
