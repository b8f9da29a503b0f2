"""Episodes to train small SAEs on: vectors whose structure is known, so that one sees what a trace keeps of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.types import Floats

CATEGORIES = ("Strong Emotional", "Complex/Chaotic", "Routine")
IMPORTANT, PLAIN = "Important", "Plain"
CYCLES = 4
"""Full waves along an episode, so that one of them fills a quarter."""
AMPLITUDE = 0.25
QUICKER = 3
"""How much higher the frequency of a chaotic quarter is."""
BOOSTED = 0.1
"""Share of an important random episode's indices that are boosted."""


@dataclass(frozen=True, slots=True)
class Episodes:
    """n episodes and what is known of them."""

    values: Floats
    """float32 [n, width]"""
    categories: tuple[str, ...]
    names: tuple[str, ...]
    clean: Floats | None = None
    """The same without noise; None where nobody knows it."""

    def __len__(self) -> int:
        return len(self.values)


def random(n: int, width: int, boost: float, seed: int) -> Episodes:
    """Uniform noise from 0 to 1, with ``boost`` added on a tenth of the indices of the first two episodes (of n > 2).

    Values above 1 become 1.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(size=(n, width))
    important = 2 if n > 2 else 0
    added = np.zeros((n, width))
    for episode in added[:important]:
        episode[rng.choice(width, max(1, round(BOOSTED * width)), replace=False)] = boost
    values, clean = np.clip(drawn + added, 0, 1), np.where(added > 0, np.clip(0.5 + added, 0, 1), 0.5)
    categories = (IMPORTANT,) * important + (PLAIN,) * (n - important)
    return Episodes(values.astype(np.float32), categories, _numbered(n), clean.astype(np.float32))


def waves(n: int, width: int, boost: float, noise: float, seed: int) -> Episodes:
    """Sine waves around 0.5 with Gaussian noise of standard deviation ``noise``: the same event, told n times.

    The first, “Strong Emotional”, has its amplitude multiplied by ``boost`` in its first quarter; the second,
    “Complex/Chaotic”, three times the frequency in its second quarter; the others are “Routine”.
    """
    turn = 2 * np.pi * CYCLES * np.arange(width) / width
    wave = np.tile(AMPLITUDE * np.sin(turn), (n, 1))
    quarter = width // 4
    wave[:1, :quarter] *= boost
    wave[1:2, quarter : 2 * quarter] = AMPLITUDE * np.sin(QUICKER * turn[quarter : 2 * quarter])
    clean = np.clip(0.5 + wave, 0, 1)
    values = np.clip(0.5 + wave + noise * np.random.default_rng(seed).normal(size=wave.shape), 0, 1)
    categories = (*CATEGORIES[: min(n, 2)], *CATEGORIES[2:] * (n - 2))
    return Episodes(values.astype(np.float32), categories, _numbered(n), clean.astype(np.float32))


def _numbered(n: int) -> tuple[str, ...]:
    return tuple(f"episode {i}" for i in range(n))
