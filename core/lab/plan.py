"""What a run of the lab is asked for, and what its source reports: plain types, no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from core.encoding.sae.small_sae import Output
from core.errors import CoreError
from core.lab.episodes import CATEGORIES
from core.types import Floats, Progress

Penalty = Literal["kl", "l1"]
Source = Literal["random", "waves", "bank"]
PENALTIES: dict[Penalty, str] = {"kl": "KL to a sparsity target", "l1": "L1"}
SOURCES: dict[Source, str] = {
    "random": "random, with boosted indices",
    "waves": "noisy sine waves",
    "bank": "this bank’s memories",
}
MOST_SEEDS, MOST_EPOCHS, MOST_EPISODES, WIDEST = 20, 20_000, 2_000, 2_048


@dataclass(frozen=True, slots=True)
class Objective:
    """What one training minimises, and for how long: reconstruction + β · sparsity."""

    size: int
    """m, latents"""
    penalty: Penalty
    beta: float
    target: float
    """ρ, the mean activation that the KL penalty asks for."""
    sparsity_weights: Floats
    """float32 [n], one per episode"""
    reconstruction_weights: Floats
    output: Output
    epochs: int
    lr: float
    patience: int = 0
    """Epochs without gain after which training stops; 0: never."""
    projection: int = 0
    """Width of the projection; 0: none."""
    revive: int = 0
    """Epochs between revivals of dead latents; 0: never."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Losses by epoch, float32 [e]: total = reconstruction + β · sparsity."""

    total: Floats
    reconstruction: Floats
    sparsity: Floats
    """Times β."""

    @staticmethod
    def of(rows: Sequence[tuple[float, float, float]]) -> Curves:
        return Curves(*np.asarray(rows, np.float32).reshape(-1, 3).T)


@dataclass(frozen=True, slots=True)
class TrainingProgress(Progress):
    """Progress with the losses so far, for a page that draws them."""

    curves: Curves | None = None


LIMITS: Mapping[str, tuple[float, float]] = {
    "n": (1, MOST_EPISODES), "width": (8, WIDEST), "size": (2, WIDEST), "beta": (0, 100), "target": (0.001, 0.999),
    "epochs": (1, MOST_EPOCHS), "lr": (1e-6, 1), "patience": (0, MOST_EPOCHS), "revive": (0, MOST_EPOCHS),
    "noise": (0, 1), "boost": (0, 10), "seeds": (1, MOST_SEEDS), "seed": (0, 99_999),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LabPlan:
    """One run: episodes, objective, seeds. Equal plans give equal runs."""

    phase: int
    """1–5 as in the source; 6 is the text step."""
    episodes: Source
    n: int
    """Episodes; for a bank, at most so many memories."""
    penalty: Penalty
    beta: float
    weights: tuple[float, ...] = ()
    """Of the sparsity penalty, by category in the order of the episodes; 1 where none is given."""
    kept: tuple[float, ...] = ()
    """Of the reconstruction, likewise."""
    width: int = 300
    size: int = 30
    target: float = 0.05
    output: Output = "sigmoid"
    epochs: int = 500
    lr: float = 0.001
    patience: int = 0
    noise: float = 0.05
    boost: float = 1.8
    projection: bool = False
    """Whether the input is projected to ``width`` numbers first."""
    revive: int = 0
    """Epochs between revivals of dead latents; 0: never, as in the source."""
    seeds: int = 1
    seed: int = 0
    """The first of the seeds."""

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            if not low <= getattr(self, name) <= high:
                raise CoreError(f"{SAID[name]} must be from {low:g} to {high:g}; {getattr(self, name):g} was given.")
        if any(not 0 <= w <= 1000 for w in (*self.weights, *self.kept)):
            raise CoreError("Weights must be from 0 to 1,000.")

    def objective(self, categories: Sequence[str]) -> Objective:
        """What is minimised for episodes of these categories."""
        order = list(dict.fromkeys(categories))

        def each(weights: tuple[float, ...]) -> Floats:
            by = dict(zip(order, weights, strict=False))
            return np.asarray([by.get(name, 1.0) for name in categories], np.float32)

        return Objective(
            self.size, self.penalty, self.beta, self.target, each(self.weights), each(self.kept), self.output,
            self.epochs, self.lr, self.patience, self.width if self.projection else 0, self.revive,
        )  # fmt: skip


SAID = {
    "n": "The number of episodes", "width": "The width of an episode", "size": "The number of latents", "beta": "β",
    "target": "The sparsity target", "epochs": "The number of epochs", "lr": "The learning rate",
    "patience": "The patience", "revive": "The number of epochs between revivals", "noise": "The noise",
    "boost": "The boost", "seeds": "The number of seeds", "seed": "The seed",
}  # fmt: skip

PHASES: dict[int, LabPlan] = {
    1: LabPlan(1, "random", 1, "kl", 0.01),
    2: LabPlan(2, "random", 10, "kl", 1.0, boost=0.8),
    3: LabPlan(3, "waves", 10, "kl", 1.0, epochs=1500),
    4: LabPlan(4, "waves", 10, "kl", 3.0, weights=(5.0, 3.0, 1.0), epochs=1500),
    5: LabPlan(5, "waves", 10, "l1", 0.0005, weights=(0.1, 0.5, 1.0), kept=(20.0, 5.0, 1.0), lr=0.01),
}
"""The five phases of the source. What it does not state was found by us, and is in docs/lab.md."""
NAMES = {
    1: "One random episode",
    2: "Important indices",
    3: "Waves",
    4: "Weighted KL",
    5: "Weighted L1",
    6: "Text",
}
TEXT = LabPlan(
    6, "bank", MOST_EPISODES, "l1", 0.002, weights=(0.5, 0.75, 1.0), kept=(2.0, 1.5, 1.0), epochs=800, projection=True,
    revive=100, noise=0.0, boost=0.0,
)  # fmt: skip
"""The step after them: 384 → 300 → 30 → 300 on narratives, from the weights of a phase 5 run."""
PRESETS: dict[str, LabPlan] = {**{str(phase): plan for phase, plan in PHASES.items()}, "text": TEXT}
BETAS = (0.001, 0.0005, 0.0001)
"""What the source compares in phase 5."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What the source says of a phase, at one β where it names one."""

    phase: int
    says: str
    beta: float | None = None
    sparsity: Mapping[str, float] | None = None
    active: Mapping[str, float] | None = None
    cosine: Mapping[tuple[str, str], float] | None = None


_E, _C, _R = CATEGORIES
REPORTED = (
    Reported(1, "A minimal SAE learns one random episode."),
    Reported(2, "KL dominates the loss; reconstruction becomes low quickly; important indices survive, noise fades."),
    Reported(3, "Features are visibly preserved and noise is smoothed, but all traces are uniformly sparse."),
    Reported(4, "Weights have no effect: all traces at about 57 % sparsity.",
             sparsity={_E: 0.57, _C: 0.57, _R: 0.57}),
    Reported(5, "About 93 % sparse, some single-neuron codes, Emotional and Routine overlap strongly.", 0.001,
             sparsity={_E: 0.93, _C: 0.93, _R: 0.93}),
    Reported(5, "Emotional has 4 active neurons, the others 1 each; Chaotic is orthogonal; Emotional shares one neuron "
             "with Routine and one with Chaotic, and none is shared by all three.", 0.0005,
             sparsity={_E: 0.87, _C: 0.97, _R: 0.97}, active={_E: 4, _C: 1, _R: 1}, cosine={(_E, _R): 0.71}),
    Reported(5, "About 83 % sparse, with a stable core of three neurons shared by all events.", 0.0001,
             sparsity={_E: 0.83, _C: 0.83, _R: 0.83}, cosine={(_E, _R): 0.95}),
)  # fmt: skip


def reported(plan: LabPlan) -> Reported | None:
    """What the source says of a plan's phase, at the plan's β where it names one."""
    return next((r for r in REPORTED if r.phase == plan.phase and r.beta in (None, plan.beta)), None)


def plan_of(fields: Mapping[str, Any]) -> LabPlan:
    """A plan from what JSON keeps of it."""
    known: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return LabPlan(**known)
