"""Small SAEs of narratives: plan, train, measure, keep."""

from core.lab import traces
from core.lab.plan import (
    BETAS,
    LIMITS,
    MOST_SEEDS,
    NAMES,
    PENALTIES,
    PRESETS,
    SOURCES,
    Curves,
    LabPlan,
    TrainingProgress,
    reported,
)
from core.lab.runs import Lab, LabRun, RunHead, SeedRun, pair_name, said

__all__ = [
    "BETAS",
    "LIMITS",
    "MOST_SEEDS",
    "NAMES",
    "PENALTIES",
    "PRESETS",
    "SOURCES",
    "Curves",
    "Lab",
    "LabPlan",
    "LabRun",
    "RunHead",
    "SeedRun",
    "TrainingProgress",
    "pair_name",
    "reported",
    "said",
    "traces",
]
