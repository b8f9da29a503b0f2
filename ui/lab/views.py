"""Runs of the lab side by side: sparsity, traces, distinctiveness, overlap, reconstruction, latents, losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core import LabPlan, LabRun, MemoryBank
from core.lab import PENALTIES, PRESETS, SeedRun, pair_name, reported
from core.lab import traces as measures
from ui.kit import look, prose
from ui.kit.figures import for_paper, picture
from ui.lab import charts as charts_lab
from ui.lab.fields import MEASURED

SHOWN_LATENTS = 30
"""Latents of the comparison of categories: those that set them apart most."""
MEASURES = ("mean", "mean_low", "mean_high", "rate", "rate_low", "rate_high")


def short(run: LabRun) -> str:
    """What stands above a run's column."""
    plan = run.head.plan
    phase = f"phase {plan.phase}" if str(plan.phase) in PRESETS else "text"
    return f"β = {plan.beta:g} ({phase})"


def seed_shown(runs: Sequence[LabRun]) -> list[SeedRun]:
    """One seed of every run, chosen where any has several."""
    most = max(len(run.seeds) for run in runs)
    state = st.session_state
    state["lab_shown"] = min(state["lab_shown"], most - 1)
    if most > 1:
        st.selectbox("Seed", range(most), key="lab_shown", width=110, persist_state="session",
                     help="Which of the trained seeds is drawn.")  # fmt: skip
    return [run.seeds[min(state["lab_shown"], len(run.seeds) - 1)] for run in runs]


def figure(built: go.Figure, name: str, question: str, runs: Sequence[LabRun], note: str = "") -> None:
    """A figure with its title, the runs behind it, and a camera."""
    names = ", ".join(f"{run.head.id} (β {run.head.plan.beta:g}, {len(run.seeds)} seeds)" for run in runs)
    what = f"{'run' if len(runs) == 1 else 'runs'} {names}"
    for_paper(built, question, {"sae": _shape(runs[0].head.plan)}, what)
    kind = st.session_state.get("picture_format") or "svg"
    st.plotly_chart(built, key=f"lab_figure_{name}", config=picture(f"lab-{name}", kind))
    if note:
        st.caption(note)


def _shape(plan: LabPlan) -> str:
    first = "embedding → " if plan.projection else ""
    return f"small SAE {first}{plan.width} → {plan.size} → {plan.width}, {plan.output}, {PENALTIES[plan.penalty]}"


def sparsity(runs: Sequence[LabRun]) -> None:
    rows = []
    for run in runs:
        figures = run.figures()
        seeds = [one["categories"] for one in figures["seeds"]] or [figures["categories"]]
        source = reported(run.head.plan)
        rows.append((short(run), seeds, dict((source and source.sparsity) or {})))
    figure(charts_lab.sparsity(rows, look.theme()), "sparsity", "How sparse are the traces of each category?", runs,
           "Share of the latents whose activation is exactly 0 after the ReLU, mean over the category’s episodes; bars "
           "are medians over the seeds.")  # fmt: skip
    st.subheader("What the source reports, and what is measured here", anchor=False)
    st.table([_beside_source(run) for run in runs], border="horizontal", hide_index=True)


def _beside_source(run: LabRun) -> dict[str, str]:
    figures, source = run.figures(), reported(run.head.plan)
    per = ", ".join(f"{name} {row['sparsity']:.0%} ({row['active']:.3g} active)"
                    for name, row in figures["categories"].items())  # fmt: skip
    cosines = ", ".join(f"{pair} {value:.2f}" for pair, value in figures["cosine"].items())
    return {
        "run": short(run),
        "the source": prose.plain(source.says) if source else "says nothing of this setting",
        "here: sparsity": prose.plain(per),
        "cosine": prose.plain(cosines),
        "latents alive": f"{figures['alive']:g} of {run.head.plan.size}",
    }


def traces(runs: Sequence[LabRun]) -> None:
    seeds = seed_shown(runs)
    drawn = [
        (short(run), seed.traces, seed.episodes.categories, seed.episodes.names)
        for run, seed in zip(runs, seeds, strict=True)
    ]
    figure(charts_lab.traces(drawn, look.theme()), "traces", "Which latents does each episode fire?", runs)
    means = [(name, measures.means(values, categories)) for name, values, categories, _ in drawn]
    figure(charts_lab.mean_traces(means, look.theme()), "means", "The mean trace of each category", runs)


def distinct(runs: Sequence[LabRun]) -> None:
    names = {"cosine": "cosine, raw", "cosine_normalised": "cosine, normalised", "euclidean": "Euclidean, raw",
             "euclidean_normalised": "Euclidean, normalised"}  # fmt: skip
    rows: list[dict[str, str]] = []
    for run in runs:
        figures = run.figures()
        for pair in figures["cosine"]:
            values = {said: f"{figures[name][pair]:.3f}" for name, said in names.items()}
            rows.append({"run": short(run), "pair": prose.plain(pair), **values})
    if not rows:
        st.write("These runs have one category each: there is no pair to compare.")
        return
    st.table(rows, border="horizontal", hide_index=True)
    st.caption(
        "Between the mean traces of two categories, medians over the seeds. Normalised: each trace divided by its own "
        "length, which leaves the cosine as it is and takes strength out of the Euclidean distance."
    )


def overlap(runs: Sequence[LabRun]) -> None:
    seeds = seed_shown(runs)
    found = [measures.overlap(seed.traces, seed.episodes.categories) for seed in seeds]
    drawn = [(short(run), each) for run, each in zip(runs, found, strict=True)]
    figure(charts_lab.overlap(drawn, look.theme()), "overlap", "Which latents do the categories share?", runs)
    thresholds = [f"{shared.threshold:g}" for shared in found[0]]
    above = st.segmented_control("Latents above", thresholds, key="lab_above", persist_state="session", required=True)
    rows = []
    for run, each in zip(runs, found, strict=True):
        shared = each[thresholds.index(above or thresholds[0])]
        pairs = {pair_name(*pair): latents for pair, latents in shared.pairs.items()}
        alone = {f"{name} alone": latents for name, latents in shared.unique.items()}
        for who, latents in {"all categories (core)": shared.core, **pairs, **alone}.items():
            listed = ", ".join(map(str, latents)) or "none"
            rows.append({"run": short(run), "fired by": prose.plain(who), "n": str(len(latents)), "latents": listed})
    st.table(rows, border="horizontal", hide_index=True)
    st.caption("By the categories’ mean traces of one seed. A pair’s latents include the core.")


def reconstruction(runs: Sequence[LabRun]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seeds = seed_shown(runs)
        first = seeds[0].episodes
        most = min(len(seed.episodes) for seed in seeds)
        st.session_state["lab_episode"] = min(st.session_state["lab_episode"], most - 1)
        st.selectbox(
            "Episode", range(most), key="lab_episode", persist_state="session", width=340,
            format_func=lambda i: f"{first.categories[i]}, {first.names[i]}",
        )  # fmt: skip
    i = st.session_state["lab_episode"]
    drawn = []
    for run, seed in zip(runs, seeds, strict=True):
        clean = None if seed.episodes.clean is None else seed.episodes.clean[i]
        drawn.append((short(run), seed.target[i], seed.decoded[i], clean))
    figure(charts_lab.reconstruction(drawn, look.theme()), "reconstruction", "What does the trace keep of it?", runs)
    errors = [f"{short(run)}: mse {_figure(run, 'mse'):.4f}" + (f", {_figure(run, 'clean_error'):.2f} of the noise left"
              if "clean_error" in run.figures() else "") for run in runs]  # fmt: skip
    prose.small(" · ".join(errors))


def _figure(run: LabRun, name: str) -> float:
    return float(run.figures()[name])


def latents(runs: Sequence[LabRun]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seeds = seed_shown(runs)
        measure = st.segmented_control("Compared by", list(MEASURED), format_func=lambda m: MEASURED[m],
                                       key="lab_measure", persist_state="session", required=True) or "rate"  # fmt: skip
    for run, seed in zip(runs, seeds, strict=True):
        found = measures.by_category(seed.traces, seed.episodes.categories)
        order = by_spread(found, measure)[:SHOWN_LATENTS]
        built = charts_lab.category_latents(found, measure, order, look.theme())
        figure(built, f"latents-{run.head.id}", f"Which latents set the categories apart? {short(run)}", [run])
    st.caption(
        "95 % intervals: Wilson’s for firing rates, a percentile bootstrap over the episodes for means. A category of "
        "one episode has no spread to resample."
    )


def by_spread(found: Sequence[measures.CategoryLatents], measure: str) -> list[int]:
    """Latents that any category fires, those first in which categories differ most."""
    values = np.stack([getattr(one, measure) for one in found])
    fired = np.flatnonzero(values.max(axis=0) > 0)
    spread = np.ptp(values, axis=0) if len(found) > 1 else values[0]
    return [int(i) for i in fired[np.argsort(-spread[fired], kind="stable")]]


def losses(runs: Sequence[LabRun]) -> None:
    drawn = [(short(run), [seed.curves for seed in run.seeds]) for run in runs]
    figure(charts_lab.losses(drawn), "losses", "How do the losses fall?", runs,
           "Total = reconstruction + β · sparsity; both parts with their weights by category.")  # fmt: skip


VIEWS: dict[str, Callable[[Sequence[LabRun]], None]] = {
    "sparsity": sparsity, "traces": traces, "distinct": distinct, "overlap": overlap, "reconstruction": reconstruction,
    "latents": latents, "losses": losses,
}  # fmt: skip


# --- out --------------------------------------------------------------------------------------------------------------


def figure_rows(runs: Sequence[LabRun]) -> list[dict[str, Any]]:
    """One row a run and category."""
    rows = []
    for run in runs:
        found = run.figures()
        shared = {f"cosine {pair}": value for pair, value in found["cosine"].items()}
        for name, row in found["categories"].items():
            rows.append({"run": run.head.id, "name": run.head.name, "category": name, **row, **shared,
                         "alive": found["alive"], "mse": found["mse"]})  # fmt: skip
    return rows


def trace_rows(runs: Sequence[LabRun]) -> list[dict[str, Any]]:
    """One row an activation above 0."""
    rows = []
    for run in runs:
        for seed in run.seeds:
            values = seed.traces
            for i, latent in zip(*np.nonzero(values), strict=True):
                rows.append({"run": run.head.id, "seed": seed.seed, "episode": seed.episodes.names[i],
                             "category": seed.episodes.categories[i], "latent": int(latent),
                             "activation": float(values[i, latent])})  # fmt: skip
    return rows


def loss_rows(runs: Sequence[LabRun]) -> list[dict[str, Any]]:
    return [
        {"run": run.head.id, "seed": seed.seed, "epoch": epoch + 1, **dict(zip(charts_lab.LOSSES, values, strict=True))}
        for run in runs
        for seed in run.seeds
        for epoch, values in enumerate(zip(*(getattr(seed.curves, n).tolist() for n in charts_lab.LOSSES), strict=True))
    ]


def latent_rows(runs: Sequence[LabRun]) -> list[dict[str, Any]]:
    """One row a run, seed, category and latent."""
    return [
        {"run": run.head.id, "seed": seed.seed, "category": one.category, "n": one.n, "latent": latent,
         **{name: float(getattr(one, name)[latent]) for name in MEASURES}}
        for run in runs
        for seed in run.seeds
        for one in measures.by_category(seed.traces, seed.episodes.categories)
        for latent in range(len(one.mean))
    ]  # fmt: skip


def python(bank: MemoryBank, runs: Sequence[LabRun]) -> str:
    """The same in a notebook."""
    own = any(run.head.plan.episodes == "bank" for run in runs)
    opened = [f"bank = MemoryBank.open({str(bank.path)!r}, {bank.engine.name!r})"] if own else []
    plans = [f"    {run.head.plan!r}," for run in runs]
    return "\n".join(
        [
            f"from core import Lab, LabPlan{', MemoryBank' if own else ''}",
            "from core.progress import finish",
            "",
            *opened,
            "plans = [",
            *plans,
            "]",
            "# a plan that was trained before is not trained again",
            f"runs = [finish(Lab().train(plan{', bank' if own else ''})) for plan in plans]",
            "for run in runs:",
            '    print(run.head.name, run.figures()["categories"])',
        ]
    )
