"""The sparse training step is sae-lens' own step, computed on the latents that fire."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sae_lens import TopKTrainingSAE, TopKTrainingSAEConfig
from sae_lens.saes.sae import TrainStepInput

from core.training.residual import TrainingPlan, new_sae
from core.training.sparse_step import SparseTopKTrainingSAE

CONFIG: dict[str, Any] = {
    "d_in": 24,
    "d_sae": 96,
    "k": 5,
    "apply_b_dec_to_input": True,
    "normalize_activations": "none",
    "aux_loss_coefficient": 1 / 32,
    "rescale_acts_by_decoder_norm": False,
}


@pytest.mark.parametrize("n_dead", [0, 1, 7])
def test_loss_and_gradients_equal_the_dense_step(n_dead: int) -> None:
    torch.manual_seed(0)
    dense = TopKTrainingSAE(TopKTrainingSAEConfig(**CONFIG))
    sparse = SparseTopKTrainingSAE(TopKTrainingSAEConfig(**CONFIG))
    sparse.load_state_dict(dense.state_dict())
    dead = torch.zeros(96, dtype=torch.bool)
    dead[:n_dead] = True
    states = torch.randn(300, 24)
    out = []
    for sae in (dense, sparse):
        step = sae.training_forward_pass(TrainStepInput(states, {}, dead, 0, False))
        step.loss.backward()
        out.append(step)
    assert float(out[0].loss) == pytest.approx(float(out[1].loss), rel=1e-5)
    assert torch.equal(out[0].feature_acts > 0, out[1].feature_acts.to_dense() > 0)
    for (name, one), (_, two) in zip(dense.named_parameters(), sparse.named_parameters(), strict=True):
        assert torch.allclose(one.grad, two.grad, atol=1e-6), name


def test_the_decoder_keeps_its_length() -> None:
    sae = SparseTopKTrainingSAE(TopKTrainingSAEConfig(**CONFIG))
    with torch.no_grad():
        sae.W_dec *= 3
    sae.normalise()
    assert torch.allclose(sae.W_dec.norm(dim=1), torch.ones(96), atol=1e-5)


@pytest.mark.parametrize("architecture", ["topk", "batchtopk", "matryoshka", "jumprelu"])
def test_every_architecture_steps(architecture: str) -> None:
    sae = new_sae(TrainingPlan(1, 64, architecture, 4), 24)
    step = sae.training_forward_pass(
        TrainStepInput(torch.randn(32, 24), {"l0": 0.1}, torch.zeros(64, dtype=torch.bool), 0, False)
    )
    step.loss.backward()
    assert float(step.loss.detach()) > 0
