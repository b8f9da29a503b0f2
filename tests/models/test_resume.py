"""Going on from a trained SAE: nothing changes but the scale, and seldom latents get new directions."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from core.encoding.sae.dictionary import load
from core.errors import CoreError
from core.training import assess, resume
from core.training.residual import TrainingPlan, new_sae

D, M, K = 16, 48, 4


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    torch.manual_seed(1)
    monkeypatch.setattr(resume, "COUNTED_TOKENS", 400)
    return torch.randn(600, D) * 0.2 + 0.1


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    sae = new_sae(TrainingPlan(1, M, "topk", K), D)
    with torch.no_grad():
        sae.b_dec.copy_(torch.randn(D) * 0.1)
        sae.b_enc[0] = -100.0  # never fires
    sae.normalise()
    sae.fold_activation_norm_scaling_factor(3.0)
    sae.cfg.normalize_activations = "none"
    sae.save_inference_model(tmp_path / "sae")
    return tmp_path / "sae"


def begin(
    trained: Path, seldom: int, states: torch.Tensor, width: int = M, spelled: torch.Tensor | None = None
) -> tuple[SimpleNamespace, int]:
    scaler = SimpleNamespace(scaling_factor=None)
    trainer = SimpleNamespace(sae=new_sae(TrainingPlan(1, width, "topk", K), D), activation_scaler=scaler)
    return trainer, resume.go_on(trainer, trained, seldom, states, spelled)


def test_nothing_changes_but_the_scale(trained: Path, states: torch.Tensor) -> None:
    trainer, replaced = begin(trained, 0, states)
    old, scale = load(trained), trainer.activation_scaler.scaling_factor
    assert replaced == 0
    with torch.no_grad():
        out = trainer.sae.decode(trainer.sae.encode(states * scale)) / scale
    assert torch.allclose(out, old.decode(old.encode(states), len(states)), atol=1e-4)
    assert torch.allclose(trainer.sae.W_dec.norm(dim=1), torch.ones(M), atol=1e-5)


def test_a_latent_that_never_fires_gets_a_direction_that_does(trained: Path, states: torch.Tensor) -> None:
    trainer, replaced = begin(trained, 1, states)
    assert replaced >= 1
    with torch.no_grad():
        acts = trainer.sae.encode(states * trainer.activation_scaler.scaling_factor)
    assert (acts[:, 0] > 0).any()


def test_latents_of_one_word_get_another_direction_and_the_others_keep_theirs(
    trained: Path, states: torch.Tensor
) -> None:
    old, words = load(trained), np.arange(600) % 20
    words[old.encode(states).row[old.encode(states).latent == 5].numpy()] = 99  # latent 5 fires on this word alone
    different = assess.different_words(old, states, words)
    assert (different[0], different[5]) == (0, 1)
    assert different.max() > 2
    trainer, replaced = begin(trained, 0, states, spelled=torch.from_numpy(different == 1))
    assert replaced == (different == 1).sum()
    same = torch.cosine_similarity(trainer.sae.W_dec, old.decoder, dim=1) > 0.999
    assert same.tolist() == (different != 1).tolist()


def test_another_width_is_refused(trained: Path, states: torch.Tensor) -> None:
    with pytest.raises(CoreError, match="48 latents of 16 numbers: ask for the same --width"):
        begin(trained, 0, states, width=32)
