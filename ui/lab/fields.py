"""Fields of the Lab: what the next run is to be, and which runs are looked at."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st

from core.lab import LIMITS, MOST_SEEDS, PENALTIES, PRESETS, SOURCES, traces
from ui.address.fields import Field, Unknown, any_text, at_most, field, one_of, real, shortest, switch, whole
from ui.kit.fields import PICTURE

VIEWS = {
    "sparsity": "Sparsity",
    "traces": "Traces",
    "distinct": "Distinctiveness",
    "overlap": "Overlap",
    "reconstruction": "Reconstruction",
    "latents": "Latents by category",
    "losses": "Losses",
}
MEASURED = {"rate": "firing rate", "mean": "mean activation"}
MOST_RUNS = 4
"""Runs side by side."""


def _of_phase(name: str) -> Any:
    """What the phase of the session has for a field of the form; weights as text."""
    value = getattr(PRESETS[st.session_state.get("lab_phase", "5")], name)
    return ", ".join(f"{one:g}" for one in value) if isinstance(value, tuple) else value


def _number(name: str) -> Field:
    """A number of the form; left out of the address where it is the phase's own."""
    low, high = LIMITS[name]
    is_whole = isinstance(getattr(PRESETS["5"], name), int)

    def read(value: str) -> float:
        number = real(value)
        if number is None or not low <= number <= high or (is_whole and number != int(number)):
            raise Unknown(f"The link asks for {name} = “{value[:40]}”: a number from {low:g} to {high:g} is expected.")
        return int(number) if is_whole else number

    return field(f"lab_{name}", read, lambda: _of_phase(name), write=shortest)


def _runs(value: str) -> list[str]:
    if not re.fullmatch(r"[0-9a-f]{8}(,[0-9a-f]{8})*", value, re.ASCII):
        raise Unknown(f"The link shows the runs “{value[:40]}”: their ids are expected, like 1f2e3d4c,5b6a7988.")
    return at_most(list(dict.fromkeys(value.split(","))), MOST_RUNS, "runs")


PHASE = field("lab_phase", one_of("phase", lambda: PRESETS), "5")
FORM = (
    *map(_number, LIMITS),
    field("lab_penalty", one_of("penalty", lambda: PENALTIES), lambda: _of_phase("penalty")),
    field("lab_episodes", one_of("kind of episodes", lambda: SOURCES), lambda: _of_phase("episodes")),
    field("lab_output", one_of("output", lambda: ("sigmoid", "linear")), lambda: _of_phase("output")),
    field("lab_projection", switch("projection"), lambda: _of_phase("projection")),
    field("lab_weights", any_text, lambda: _of_phase("weights")),
    field("lab_kept", any_text, lambda: _of_phase("kept")),
)
"""What the next run is to be, where it is not as the phase has it."""
FIELDS = (
    PHASE,  # first, since the defaults of the form follow from it
    *FORM,
    field("lab_runs", _runs, list, write=",".join),
    field("lab_view", one_of("view", lambda: VIEWS), "sparsity"),
    field("lab_shown", whole("seed", 0, MOST_SEEDS - 1), 0),
    field("lab_episode", whole("episode", 0, 100_000), 0),
    field("lab_above", one_of("threshold", lambda: [f"{t:g}" for t in traces.THRESHOLDS]), "0"),
    field("lab_measure", one_of("measure", lambda: MEASURED), "rate"),
    PICTURE,
)
