"""Training the small SAEs of short narratives, in PyTorch: their losses, and one run of one seed.

    input → projection (ReLU), where there is one → encoder (ReLU) → decoder (sigmoid or linear)

The decoder learns to give back the *target*: the projected input, or the input itself. The target is detached, so that
a projection cannot make its own task easy by becoming constant.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.encoding.sae.small_sae import SmallSAE
from core.lab.plan import Curves, Objective, TrainingProgress
from core.types import Floats

SMALLEST = 1e-6
"""Mean activations are kept this far from 0 and 1, where the divergence has no value."""
STEPS_SHOWN = 60
"""How often a run reports, and may be stopped."""
LEAST_GAIN = 1e-4
"""An epoch that lowers the best loss by a smaller share does not count as a gain."""
FIRING = 0.3
"""Share of the episodes that a revived latent begins by firing for."""
LAST_REVIVAL = 0.6
"""Share of the epochs after which no latent is revived any more, so that the last ones can settle."""
SPREAD = 0.25
"""A projection starts with outputs around 0.5 ± this: the scale of the waves, on which a sigmoid is at ease."""


def reconstruction_loss(decoded: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean over episodes of ``w_i · mean_t (x̂_it − x_it)²``. decoded, target: [n, t]; weights: [n]."""
    return (weights * (decoded - target).square().mean(dim=1)).mean()


def l1_loss(activations: Tensor, weights: Tensor) -> Tensor:
    """Mean over episodes of ``w_i · Σ_j |z_ij|``. activations: [n, m]."""
    return (weights * activations.abs().sum(dim=1)).mean()


def kl_loss(activations: Tensor, target: float, weights: Tensor) -> Tensor:
    """``Σ_j ρ ln(ρ/ρ̂_j) + (1 − ρ) ln((1 − ρ)/(1 − ρ̂_j))``, ρ̂_j = Σ_i w_i z_ij / Σ_i w_i (Ng 2011).

    ρ̂ is kept inside (0, 1): a latent whose mean activation is beyond feels no pull.
    """
    mean = (weights[:, None] * activations).sum(dim=0) / weights.sum()
    mean = mean.clamp(SMALLEST, 1 - SMALLEST)
    return (target * torch.log(target / mean) + (1 - target) * torch.log((1 - target) / (1 - mean))).sum()


class Net(nn.Module):
    """The SAE while it learns."""

    def __init__(self, d_in: int, objective: Objective) -> None:
        super().__init__()
        width = objective.projection or d_in
        self.projection = nn.Linear(d_in, width) if objective.projection else None
        self.encoder = nn.Linear(width, objective.size)
        self.decoder = nn.Linear(objective.size, width)
        self.sigmoid = objective.output == "sigmoid"

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(activations [n, m], decoded [n, t], target [n, t], detached)"""
        target = x if self.projection is None else torch.relu(self.projection(x))
        activations = torch.relu(self.encoder(target))
        decoded = self.decoder(activations)
        return activations, torch.sigmoid(decoded) if self.sigmoid else decoded, target.detach()

    @torch.no_grad()
    def start_from(self, known: SmallSAE) -> None:
        """Encoder and decoder of another run."""
        for mine, weight, bias in (
            (self.encoder, known.W_enc, known.b_enc),
            (self.decoder, known.W_dec, known.b_dec),
        ):
            mine.weight.copy_(torch.from_numpy(weight.T.copy()))
            mine.bias.copy_(torch.from_numpy(bias))

    @torch.no_grad()
    def revive(self, x: Tensor) -> list[int]:
        """Give latents that no episode fires the direction of an episode that is reconstructed badly (Bricken et al.
        2023), with a bias that lets a share FIRING of the episodes fire them. Returns these latents.
        """
        activations, decoded, target = self(x)
        dead = torch.nonzero(~(activations > 0).any(dim=0)).flatten().tolist()
        left_out = target - decoded
        worst = left_out.square().sum(dim=1).argsort(descending=True)
        for place, latent in enumerate(dead):
            direction = nn.functional.normalize(left_out[worst[place % len(worst)]], dim=0)
            along = target @ direction
            self.encoder.weight[latent] = direction / along.std()
            self.encoder.bias[latent] = -torch.quantile(along / along.std(), 1 - FIRING)
            self.decoder.weight[:, latent] = direction
        return dead

    @torch.no_grad()
    def spread(self, x: Tensor) -> None:
        """Let a projection begin as a rotation of the centred episodes, on the scale of the waves."""
        if self.projection is not None:
            nn.init.orthogonal_(self.projection.weight)
            out = (x - x.mean(0)) @ self.projection.weight.T
            self.projection.weight *= SPREAD / out.std()
            self.projection.bias.copy_(0.5 - self.projection.weight @ x.mean(0))

    def arrays(self, x: Tensor) -> SmallSAE:
        """The weights as they are now."""
        with torch.no_grad():
            mean = self(x)[2].mean(0)

        def plain(tensor: Tensor) -> Floats:
            return np.array(tensor.detach().numpy(), np.float32)

        projection: dict[str, Any] = {}
        if self.projection is not None:
            projection = {"W_proj": plain(self.projection.weight.T), "b_proj": plain(self.projection.bias)}
        return SmallSAE(
            plain(self.encoder.weight.T), plain(self.encoder.bias), plain(self.decoder.weight.T),
            plain(self.decoder.bias), plain(mean), output="sigmoid" if self.sigmoid else "linear", **projection,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trained:
    """One seed's outcome."""

    sae: SmallSAE
    curves: Curves
    """As long as it was trained."""


def train(
    episodes: Floats, objective: Objective, seed: int, start: SmallSAE | None = None
) -> Generator[TrainingProgress, None, Trained]:
    """Full batches with Adam (Kingma and Ba 2015). episodes: float32 [n, d_in]. Equal seeds give equal weights."""
    x = torch.from_numpy(np.ascontiguousarray(episodes, np.float32))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = Net(x.shape[1], objective)
        net.spread(x)
    if start is not None:
        net.start_from(start)
    weights = tuple(
        torch.from_numpy(np.asarray(each, np.float32))
        for each in (objective.reconstruction_weights, objective.sparsity_weights)
    )
    optimiser = torch.optim.Adam(net.parameters(), lr=objective.lr)
    every = max(1, objective.epochs // STEPS_SHOWN)
    seen: list[tuple[float, float, float]] = []
    best, since = float("inf"), 0
    for epoch in range(objective.epochs):
        if objective.revive and epoch % objective.revive == 0 and epoch <= LAST_REVIVAL * objective.epochs:
            net.revive(x)
            optimiser = torch.optim.Adam(net.parameters(), lr=objective.lr)
        kept, sparse = _losses(net, x, objective, *weights)
        loss = kept + sparse
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        seen.append((float(loss.detach()), float(kept.detach()), float(sparse.detach())))
        total = seen[-1][0]
        gained = total < best * (1 - LEAST_GAIN)
        best, since = min(best, total), 0 if gained else since + 1
        if objective.patience and since >= objective.patience:
            break
        if epoch % every == 0:
            yield TrainingProgress(epoch, objective.epochs, f"epoch {epoch:,}, loss {total:.5f}", Curves.of(seen))
    return Trained(net.arrays(x), Curves.of(seen))


def _losses(net: Net, x: Tensor, objective: Objective, kept: Tensor, sparse: Tensor) -> tuple[Tensor, Tensor]:
    """(reconstruction, β · sparsity), with the weights of either."""
    activations, decoded, target = net(x)
    if objective.penalty == "kl":
        penalty = kl_loss(activations, objective.target, sparse)
    else:
        penalty = l1_loss(activations, sparse)
    return reconstruction_loss(decoded, target, kept), objective.beta * penalty
