"""Runs of the lab: kept, found again, deleted; what the command prints; the API over the shipped model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import CoreError, Lab, MemoryBank, NarrativeMemoryAPI
from core.__main__ import main
from core.lab.episodes import CATEGORIES
from core.lab.plan import PHASES, PRESETS, LabPlan, reported
from core.lab.runs import bank_episodes
from core.progress import finish
from core.types import Memory, Reading
from tests.fakes import FakeEncoder
from tests.handmade import python

SHORT = replace(PHASES[5], epochs=6, n=5, width=40, size=8, seeds=2)


def test_a_run_comes_back_as_it_was() -> None:
    run = finish(Lab().train(SHORT, name=" my  run "))
    again = Lab().get(run.head.id)
    assert again.head == run.head
    assert again.head.name == "my run"
    assert again.figures() == run.figures()
    np.testing.assert_array_equal(again.seeds[1].traces, run.seeds[1].traces)
    assert len(again.seeds[0].curves.total) == 6


def test_equal_plans_are_one_run() -> None:
    first = finish(Lab().train(SHORT))
    assert len(list(Lab().train(SHORT))) == 0  # no step: it is only read
    assert finish(Lab().train(replace(SHORT, beta=0.1))).head.id != first.head.id
    assert len(Lab().list()) == 2
    Lab().delete(first.head.id)
    with pytest.raises(CoreError, match="has no run"):
        Lab().get(first.head.id)
    assert len(Lab().list()) == 1


@pytest.mark.parametrize("run", ["../banks", "", "nobody", "a/b"])
def test_a_run_is_an_id_and_no_path(run: str) -> None:
    with pytest.raises(CoreError, match="has no run"):
        Lab().delete(run)


def test_weights_go_to_categories_in_their_order() -> None:
    plan = replace(SHORT, weights=(0.1, 0.5), kept=(20.0,))
    found = plan.objective(["x", "y", "x", "z"])
    assert found.sparsity_weights.tolist() == pytest.approx([0.1, 0.5, 0.1, 1])
    assert found.reconstruction_weights.tolist() == [20, 1, 20, 1]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"beta": -1.0}, "β must be from 0 to 100; -1 was given"),
        ({"seeds": 50}, "The number of seeds must be from 1 to 20"),
        ({"lr": float("nan")}, "learning rate"),
        ({"weights": (-1.0,)}, "Weights must be from 0"),
    ],
)
def test_a_plan_refuses_what_cannot_be(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(CoreError, match=sentence):
        replace(SHORT, **changes)  # type: ignore[arg-type]


def test_what_the_source_reports_belongs_to_its_beta() -> None:
    found = reported(PHASES[5])
    assert found is not None
    assert found.active == dict(zip(CATEGORIES, (4, 1, 1), strict=True))
    assert reported(replace(PHASES[5], beta=0.2)) is None
    assert reported(PHASES[3]) is not None


def test_the_memories_of_a_bank_by_category(tmp_path: Path, encoder: FakeEncoder) -> None:
    bank = MemoryBank.open(tmp_path / "b.duckdb", encoder)
    named = [("a", "Routine"), ("b", "zebra"), ("c", "Strong Emotional"), ("d", ""), ("e", "Routine")]
    rows = [Memory(i, f"text {i}", category=c, position=n) for n, (i, c) in enumerate(named)]
    finish(bank.add(Reading(rows, [], [])))
    found = bank_episodes(bank, 10)
    assert found.categories == ("Strong Emotional", "Routine", "Routine", "zebra")
    assert found.names == ("c", "a", "e", "b")
    assert bank_episodes(bank, 2).names == ("c", "b")
    run = finish(Lab().train(replace(SHORT, phase=6, episodes="bank", projection=True, revive=2, seeds=1), bank))
    assert run.seeds[0].target.shape == (4, 40)
    assert run.head.bank == "b"


def lab(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["lab", *arguments, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_phase_5_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """As the source found: Emotional is the least sparse by far, and Chaotic and Routine share nothing."""
    found = lab(capsys, "--phase", "5", "--beta", "0.0005", "--seeds", "5")
    rows: dict[str, dict[str, float]] = found["categories"]  # type: ignore[assignment]
    assert set(rows) == set(CATEGORIES)
    emotional, *others = (rows[name]["sparsity"] for name in CATEGORIES)
    assert min(others) - emotional >= 0.05
    assert all(row["active"] >= 1 for row in rows.values())
    assert set(found["cosine"]) == {  # type: ignore[call-overload]
        "Strong Emotional / Complex/Chaotic", "Strong Emotional / Routine", "Complex/Chaotic / Routine"
    }  # fmt: skip
    assert found["overlap"]["0"]["core"] == 0  # type: ignore[index]
    assert len(found["seeds"]) == 5  # type: ignore[arg-type]


@pytest.mark.parametrize("phase", [name for name in PRESETS if name not in ("5", "text")])
def test_every_phase_of_the_command(phase: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = lab(capsys, "--phase", phase, "--epochs", "20", "--noise", "0.1", "--weights", "2,1", "--target", "0.1")
    assert found["plan"]["phase"] == int(phase)  # type: ignore[index]
    assert found["plan"]["weights"] == [2.0, 1.0]  # type: ignore[index]
    assert found["categories"]


def test_the_text_phase_wants_a_bank(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "--phase", "text"]) == 1
    assert "give a --bank" in capsys.readouterr().err


# --- the API ----------------------------------------------------------------------------------------------------------


def test_the_calls_of_the_source() -> None:
    api = NarrativeMemoryAPI()
    indices, activations = api.retrieve_top_k_memories(neuron_index=10, k=5)
    assert len(indices) == len(activations) == 5
    assert isinstance(indices[0].item(), int)
    assert activations[0].item() >= activations[4].item() > 0
    assert api.memory_trace(indices[0])[10] == activations[0]
    indices, scores = api.retrieve_memories_composite(positive_neurons=[15], negative_neurons=[5], k=3)
    first = api.memory_trace(indices[0].item())
    assert scores[0].item() == pytest.approx(first[15] - first[5])
    assert api.get_narrative_text(indices[0]) == api.texts[indices[0].item()]
    assert set(api.categories) == set(CATEGORIES)
    assert api.n_neurons == 30


def test_at_least_20_of_30_latents_are_alive_on_the_demo() -> None:
    api = NarrativeMemoryAPI()
    assert (api.activations.max(axis=0).toarray() > 0).sum() >= 20
    compared = api.compare_categories()
    assert {one.category for one in compared} == set(CATEGORIES)
    assert all((one.rate_low <= one.rate).all() and (one.rate <= one.rate_high).all() for one in compared)


def test_the_api_loads_no_torch(tmp_path: Path) -> None:
    code = """import os, sys
os.environ['MNEMOSCOPE_DATA'] = sys.argv[1]
from core import NarrativeMemoryAPI
NarrativeMemoryAPI().retrieve_top_k_memories(3)
print('torch' in sys.modules)"""
    out, problem = python(code, tmp_path).communicate(timeout=180)
    assert out.strip() == "False", problem


def test_the_api_over_any_bank(make_bank: object) -> None:
    bank = make_bank("fox", "fox sees fox", "owl")  # type: ignore[operator]
    api = NarrativeMemoryAPI(bank)
    from tests.fakes import latent_of

    indices, activations = api.retrieve_top_k_memories(latent_of("fox"), k=5)
    assert indices.tolist() == [0, 1]
    assert activations.tolist() == [3, 3]
    indices, scores = api.retrieve_memories_composite([latent_of("fox")], [latent_of("sees")], k=2)
    assert (indices.tolist(), scores.tolist()) == ([0, 2], [3, 0])
    wrong = (
        lambda: api.retrieve_top_k_memories(512),
        lambda: api.get_narrative_text(3),
        lambda: api.memory_trace(-1),
        api.retrieve_memories_composite,
        lambda: api.retrieve_top_k_memories(1, 0),
    )
    for call in wrong:
        with pytest.raises(CoreError):
            call()
    with pytest.raises(CoreError, match="no categories"):
        api.compare_categories()


def test_a_plan_is_written_and_read() -> None:
    assert eval(repr(SHORT), {"LabPlan": LabPlan}) == SHORT
