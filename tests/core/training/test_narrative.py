"""The losses of the small SAEs against numbers worked out by hand, and what a run promises."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.encoding.sae.small_sae import SmallSAE
from core.lab.episodes import waves
from core.lab.plan import PHASES, Objective
from core.lab.train import Net, kl_loss, l1_loss, reconstruction_loss, train
from core.progress import finish

ONES = torch.ones(2)


def objective(n: int, **changes: object) -> Objective:
    plan = replace(PHASES[5], size=6, epochs=40)
    return replace(plan.objective(["a"] * n), **changes)  # type: ignore[arg-type]


def test_reconstruction_is_the_weighted_mean_of_mean_squares() -> None:
    decoded, target = torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([[0.0, 0.0], [0.5, 0.1]])
    # episodes: (1 + 0)/2 = 0.5 and (0 + 0.16)/2 = 0.08
    assert reconstruction_loss(decoded, target, ONES).item() == pytest.approx((0.5 + 0.08) / 2)
    assert reconstruction_loss(decoded, target, torch.tensor([2.0, 10.0])).item() == pytest.approx((1.0 + 0.8) / 2)


def test_l1_sums_latents_and_averages_episodes() -> None:
    activations = torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.5, 0.0]])
    assert l1_loss(activations, ONES).item() == pytest.approx((3.0 + 0.5) / 2)
    assert l1_loss(activations, torch.tensor([0.1, 4.0])).item() == pytest.approx((0.3 + 2.0) / 2)


def test_kl_compares_each_latents_mean_with_the_target() -> None:
    activations = torch.tensor([[0.2, 0.05], [0.6, 0.05]])
    # means 0.4 and 0.05; the second is on target and adds nothing
    by_hand = 0.05 * math.log(0.05 / 0.4) + 0.95 * math.log(0.95 / 0.6)
    assert kl_loss(activations, 0.05, ONES).item() == pytest.approx(by_hand, rel=1e-5)
    # weights 3 and 1: the first latent's mean is (0.6 + 0.6) / 4 = 0.3
    weighted = 0.05 * math.log(0.05 / 0.3) + 0.95 * math.log(0.95 / 0.7)
    assert kl_loss(activations, 0.05, torch.tensor([3.0, 1.0])).item() == pytest.approx(weighted, rel=1e-5)


def test_kl_of_a_silent_latent_and_of_one_beyond_1_is_finite() -> None:
    activations = torch.tensor([[0.0, 3.0]], requires_grad=True)
    loss = kl_loss(activations, 0.05, torch.ones(1))
    loss.backward()  # type: ignore[no-untyped-call]
    assert math.isfinite(loss.item())
    assert torch.isfinite(activations.grad).all()  # type: ignore[arg-type]


def test_equal_seeds_give_equal_weights_and_leave_other_draws_alone() -> None:
    x = waves(4, 40, 1.8, 0.05, 0).values
    torch.manual_seed(5)
    before = torch.rand(3)
    torch.manual_seed(5)
    first, second, other = (finish(train(x, objective(4), seed)).sae for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), before)
    np.testing.assert_array_equal(first.W_enc, second.W_enc)
    assert not np.array_equal(first.W_enc, other.W_enc)


def test_the_arrays_are_the_net(tmp_path: object) -> None:
    x = waves(4, 40, 1.8, 0.05, 0).values
    torch.manual_seed(0)
    net = Net(40, objective(4, projection=20))
    net.spread(torch.from_numpy(x))
    activations, decoded, target = (part.detach().numpy() for part in net(torch.from_numpy(x)))
    plain = net.arrays(torch.from_numpy(x))
    np.testing.assert_allclose(plain.target(x), target, atol=1e-5)
    np.testing.assert_allclose(plain.encode(x), activations, atol=1e-5)
    np.testing.assert_allclose(plain.decode(plain.encode(x)), decoded, atol=1e-5)


def test_the_projected_target_is_detached() -> None:
    """With a closed encoder nothing but the target depends on the projection: it must get no gradient."""
    net = Net(6, objective(2, projection=4))
    with torch.no_grad():
        net.encoder.bias.fill_(-100)
    _, decoded, target = net(torch.rand(2, 6))
    reconstruction_loss(decoded, target, ONES).backward()  # type: ignore[no-untyped-call]
    assert net.projection is not None
    assert not net.projection.weight.grad.any()  # type: ignore[union-attr]
    assert net.decoder.bias.grad.any()  # type: ignore[union-attr]


def test_losses_fall_and_add_up() -> None:
    x = waves(4, 40, 1.8, 0.05, 0).values
    curves = finish(train(x, objective(4, epochs=200), 0)).curves
    np.testing.assert_allclose(curves.total, curves.reconstruction + curves.sparsity, rtol=1e-4)
    assert curves.total[-1] < curves.total[0] / 2


def test_training_reports_its_losses_and_stops_early() -> None:
    x = waves(4, 40, 1.8, 0.05, 0).values
    steps = list(train(x, objective(4), 0))
    assert steps[-1].curves is not None
    assert len(steps[-1].curves.total) == steps[-1].done + 1
    short = finish(train(x, objective(4, epochs=400, lr=1e-6, patience=3), 0)).curves
    assert len(short.total) < 400


def test_dead_latents_are_revived() -> None:
    x = torch.from_numpy(waves(6, 40, 1.8, 0.05, 0).values)
    torch.manual_seed(0)
    net = Net(40, objective(6))
    with torch.no_grad():
        net.encoder.bias[2] = -100
    assert 2 in net.revive(x)
    assert (net(x)[0] > 0).any(dim=0)[2]


def test_a_run_can_start_from_another() -> None:
    x = waves(4, 40, 1.8, 0.05, 0).values
    start: SmallSAE = finish(train(x, objective(4), 0)).sae
    net = Net(40, objective(4))
    net.start_from(start)
    np.testing.assert_array_equal(net.arrays(torch.from_numpy(x)).W_enc, start.W_enc)
