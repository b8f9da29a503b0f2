"""The lab on its page: the form of a run, training with its losses, and which runs stand side by side."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from core import CoreError, Lab, LabPlan, LabRun, MemoryBank
from core.lab import BETAS, LIMITS, NAMES, PENALTIES, PRESETS, SOURCES, RunHead, TrainingProgress, said
from ui.address import link
from ui.kit import prose, states, task
from ui.lab import charts as charts_lab
from ui.lab.fields import FORM, MOST_RUNS
from ui.session import jobs
from ui.session.jobs import Job

JOB = "lab"
HELP = {
    "beta": "Weight of the sparsity penalty against the reconstruction.",
    "target": "ρ: the mean activation that the KL penalty asks of every latent.",
    "size": "Latents of the SAE.",
    "epochs": "Passes over all episodes.",
    "lr": "Learning rate of Adam.",
    "patience": "Epochs without gain before an early stop; 0: never.",
    "revive": "Epochs between revivals of latents that no episode fires; 0: never, as in the source.",
    "seeds": "How often it is trained anew; figures are medians over the seeds.",
    "seed": "The first seed: of the weights and of the episodes' noise.",
    "noise": "Standard deviation of the waves' noise.",
    "boost": "What important indices get added, or an emotional quarter's amplitude is multiplied by.",
    "n": "Number of episodes; of a bank, at most so many memories.",
    "width": "Numbers in an episode; of a bank, in its projection.",
}
LABELS = {
    "beta": "β", "target": "Sparsity target ρ", "size": "Latents", "epochs": "Epochs", "lr": "Learning rate",
    "patience": "Patience", "revive": "Revive every", "seeds": "Seeds", "seed": "First seed", "noise": "Noise",
    "boost": "Boost", "n": "Episodes", "width": "Width",
}  # fmt: skip
FINE = ("beta", "target", "lr", "noise")


# --- what the next run is to be ---------------------------------------------------------------------------------------


def form(bank: MemoryBank) -> None:
    """A phase, its settings, Train."""
    busy = (job := jobs.get(JOB)) is not None and job.running
    st.segmented_control(
        "Phase", list(PRESETS), format_func=lambda p: f"{p}  {NAMES[int(p)]}" if p.isdigit() else "Text",
        key="lab_phase", persist_state="session", required=True, on_change=to_preset,
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom", key="lab_row"):
        _number("beta", 130)
        _number("seeds", 110)
        with st.popover("More settings", icon=":material/tune:"):
            _settings()
        st.button("Train", type="primary", icon=":material/play_arrow:", disabled=busy, on_click=start,
                  args=(bank,), key="lab_train")  # fmt: skip
        if st.session_state["lab_phase"] == "5":
            st.button(
                "Train the source’s three β", icon=":material/view_column:", disabled=busy, on_click=start,
                args=(bank, BETAS), key="lab_three", help=f"β = {', '.join(f'{b:g}' for b in BETAS)}, side by side",
            )  # fmt: skip
    edited = [f"{LABELS.get(name, name)} {value}" for name, value in _edited().items()]
    if edited:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Not as in the preset: {prose.plain(', '.join(edited))}.", width="content")
            st.button("Back to the preset", type="tertiary", on_click=to_preset, key="lab_reset")


def _settings() -> None:
    left, right = st.columns(2)
    with left:
        st.selectbox("Episodes are", list(SOURCES), format_func=lambda name: SOURCES[name], key="lab_episodes",
                     persist_state="session")  # fmt: skip
        st.selectbox("Penalty", list(PENALTIES), format_func=lambda name: PENALTIES[name], key="lab_penalty",
                     persist_state="session")  # fmt: skip
        st.selectbox("Decoder ends with", ["sigmoid", "linear"], key="lab_output", persist_state="session")
        st.toggle("Project the input first", key="lab_projection", persist_state="session",
                  help="To as many numbers as an episode is wide; then it starts from a wave run.")  # fmt: skip
        st.text_input("Weights of the penalty", key="lab_weights", persist_state="session",
                      help="By category, in their order: 0.1, 0.5, 1. A category without one has 1.")  # fmt: skip
        st.text_input("Weights of the reconstruction", key="lab_kept", persist_state="session")
    rest = [name for name in LIMITS if name not in ("beta", "seeds")]
    with left:
        for name in rest[:4]:
            _number(name)
    with right:
        for name in rest[4:]:
            _number(name)


def _number(name: str, width: Any = "stretch") -> None:
    low, high = LIMITS[name]
    whole = isinstance(getattr(PRESETS["5"], name), int)
    options: dict[str, Any] = (
        {"min_value": int(low), "max_value": int(high), "step": 100 if name == "epochs" else 1}
        if whole
        else {"min_value": float(low), "max_value": float(high), "format": "%.4f" if name in FINE else "%.2f",
              "step": 0.0001 if name in ("beta", "lr") else 0.01}
    )  # fmt: skip
    if not whole:
        st.session_state[f"lab_{name}"] = float(st.session_state[f"lab_{name}"])
    st.number_input(LABELS[name], key=f"lab_{name}", help=HELP[name], width=width, persist_state="session", **options)


def to_preset() -> None:
    """From a callback: every field as the phase has it."""
    for field in FORM:
        st.session_state[field.key] = field.default()


def _edited() -> dict[str, Any]:
    """Fields that are not as in the preset, as they read in the address."""
    return {
        field.key.removeprefix("lab_"): field.write(st.session_state[field.key])
        for field in FORM
        if st.session_state[field.key] != field.default() and field.key not in ("lab_beta", "lab_seeds")
    }


def plan() -> LabPlan:
    """What the form says."""
    state = st.session_state
    preset = PRESETS[state["lab_phase"]]
    plain = (*LIMITS, "penalty", "episodes", "output", "projection")
    fields = {name: state[f"lab_{name}"] for name in plain}
    return replace(preset, **fields, weights=_weights(state["lab_weights"]), kept=_weights(state["lab_kept"]))


def _weights(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(one) for one in text.replace(";", ",").split(",") if one.strip())
    except ValueError:
        raise CoreError(f"“{text[:60]}” are no weights: numbers are expected, like 0.1, 0.5, 1.") from None


# --- training ---------------------------------------------------------------------------------------------------------


def start(bank: MemoryBank, betas: Sequence[float] = ()) -> None:
    """Train what the form says, once or with each of some β."""
    with states.kept_problem():
        asked = plan()
        plans = [replace(asked, beta=beta) for beta in betas] or [asked]
        if asked.episodes == "bank":
            bank.index()
        jobs.start(JOB, "Training in the lab", training(plans, bank))


def training(plans: Sequence[LabPlan], bank: MemoryBank) -> Generator[TrainingProgress, None, tuple[str, ...]]:
    """One run after the other, as one task; returns their ids."""
    made = []
    for i, one in enumerate(plans):
        run = Lab().train(one, bank)
        while True:
            try:
                step = next(run)
            except StopIteration as end:
                made.append(end.value.head.id)
                break
            share = (i + step.done / max(step.total, 1)) / len(plans)
            yield replace(step, done=round(1000 * share), total=1000, note=f"{said(one)}: {step.note}")
    return tuple(made)


def progress() -> bool:
    """The running task with its losses, or how it ended: what it made becomes what is shown. Whether one is running."""
    kept = "The run that was training is not kept; earlier ones are."
    return task.panel(JOB, "lab_stop", kept, _show, also=_losses)


def _show(job: Job) -> None:
    st.session_state["lab_runs"] = list(job.results[-1])[:MOST_RUNS]


def _losses(job: Job) -> None:
    curves = getattr(job.progress, "curves", None)
    if curves is not None:
        st.plotly_chart(charts_lab.losses([("losses so far", [curves])]), key="lab_live")


# --- which runs are shown ---------------------------------------------------------------------------------------------


def chosen(heads: Sequence[RunHead]) -> list[LabRun]:
    """The runs of the link; without any, the newest. Side by side, and each deletable."""
    by_id = {head.id: head for head in heads}
    wanted = st.session_state["lab_runs"]
    for run in wanted:
        if run not in by_id:
            link.note(f"The lab has no run “{run}” on this machine: it may have been deleted, or trained elsewhere.")
    st.session_state["lab_runs"] = [run for run in wanted if run in by_id] or [heads[0].id]
    with st.container(horizontal=True, vertical_alignment="bottom", key="lab_runs_row"):
        st.multiselect(
            f"Runs side by side ({len(heads)} kept)", list(by_id), format_func=lambda run: title(by_id[run]),
            key="lab_runs", persist_state="session", max_selections=MOST_RUNS,
        )  # fmt: skip
        shown = st.session_state["lab_runs"]
        if not shown:
            return []
        with st.popover("Delete", icon=":material/delete:"):
            doomed = st.selectbox("Run", shown, format_func=lambda run: title(by_id[run]), key="lab_doomed")
            st.write("Its weights and figures are deleted from this machine. Training the plan again brings them back.")
            st.button("Delete this run", type="primary", on_click=delete, args=(doomed,), key="lab_delete")
    return [run_of(one) for one in shown]


def title(head: RunHead) -> str:
    seeds = "" if head.plan.seeds == 1 else f", {head.plan.seeds} seeds"
    where = f", {head.bank}" if head.bank else ""
    return f"{head.name}{seeds}{where} · {head.id}"


def delete(run: str) -> None:
    with states.kept_problem():
        Lab().delete(run)
        _run.clear()  # type: ignore[attr-defined]
        st.session_state["lab_runs"] = [one for one in st.session_state["lab_runs"] if one != run]


def run_of(run: str) -> LabRun:
    return _run(str(Lab().folder), run)


@st.cache_resource(max_entries=16, show_spinner=False)
def _run(folder: str, run: str) -> LabRun:
    return Lab().get(run)
