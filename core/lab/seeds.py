"""One plan of the lab, trained with every one of its seeds. Loads torch when it begins."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from core.encoding.sae.small_sae import SmallSAE
from core.lab.episodes import Episodes, waves
from core.lab.plan import PHASES, LabPlan, TrainingProgress

if TYPE_CHECKING:
    from core.lab.train import Trained


def train_seeds(plan: LabPlan, made: Sequence[Episodes]) -> Generator[TrainingProgress, None, list[Trained]]:
    """Train on the episodes of each seed, one after the other. Equal plans and episodes give equal weights."""
    from core.lab.train import train

    trained = []
    for i, known in enumerate(made):
        seed = plan.seed + i
        start = (yield from _wave_run(plan, seed)) if plan.projection else None
        task = train(known.values, plan.objective(known.categories), seed, start)
        trained.append((yield from _relayed(task, partial(_placed, plan, i))))
    return trained


def _wave_run(plan: LabPlan, seed: int) -> Generator[TrainingProgress, None, SmallSAE]:
    """The phase 5 run whose encoder and decoder a projected plan starts from."""
    from core.lab.train import train

    first = replace(PHASES[5], width=plan.width, size=plan.size, output=plan.output)
    episodes = waves(first.n, first.width, first.boost, first.noise, seed)
    task = train(episodes.values, first.objective(episodes.categories), seed)
    done = (seed - plan.seed) * plan.epochs

    def placed(step: TrainingProgress) -> TrainingProgress:
        return replace(step, done=done, total=plan.seeds * plan.epochs, note="first the waves it starts from")

    return (yield from _relayed(task, placed)).sae


def _placed(plan: LabPlan, i: int, step: TrainingProgress) -> TrainingProgress:
    """The progress of the i-th seed as that of all."""
    note = f"seed {plan.seed + i}, {step.note}" if plan.seeds > 1 else step.note
    return replace(step, done=i * plan.epochs + step.done, total=plan.seeds * plan.epochs, note=note)


def _relayed(
    task: Generator[TrainingProgress, None, Trained], change: Callable[[TrainingProgress], TrainingProgress]
) -> Generator[TrainingProgress, None, Trained]:
    """A task whose progress is told in other words."""
    while True:
        try:
            step = next(task)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield change(step)
