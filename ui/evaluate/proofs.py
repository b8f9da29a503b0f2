"""Below the figures of a run: two runs compared, explanations put to the test, latents of answered and missed ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from core import ENOUGH_QUESTIONS, Contrast, CoreError, MemoryBank, Mode, Run
from core.evaluation import Change, Comparison
from ui.address import link, ways
from ui.evaluate import charts as charts_evaluation
from ui.evaluate import misses, results
from ui.evaluate import runs as evaluation
from ui.kit import choice, labels, prose, states
from ui.session import answers, jobs

AUDITED = 12
"""Latents of each side."""


# --- two runs ---------------------------------------------------------------------------------------------------------


def compare(bank: MemoryBank, run: Run, runs: Sequence[Run]) -> Comparison | None:
    """What this run gains over another: figures with intervals, questions won and lost."""
    others = {
        one.id: evaluation.title(one) + ("" if one.engine == run.engine else f" · with {evaluation.made_with(one)}")
        for one in runs
        if one.id != run.id
    }
    if not others:
        st.write("There is one run only. Run again with another scoring to compare the two.")
        return None
    if st.session_state.get("run_other") not in others:
        if st.session_state.get("run_other"):
            link.note("The run to compare with is not there any more; this is the newest of the others.")
        st.session_state["run_other"] = next(iter(others))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        other = st.selectbox(
            "What does it gain over", list(others), format_func=lambda name: others[name], key="run_other",
            persist_state="session",
        )  # fmt: skip
        mode = misses.mode_select()
    with states.problems():
        found = answers.run_comparison(bank, other, run.id)
        left, right = st.columns([6, 5], gap="large")
        with left:
            st.plotly_chart(charts_evaluation.differences(found, results.FIGURES), key="evaluate_differences",
                            config={"displayModeBar": False}, alt="Gains of each figure and mode.")  # fmt: skip
        with right:
            changed(found, mode)
        return found
    return None


def changed(found: Comparison, mode: Mode) -> None:
    """Questions that one of them answers better."""
    changes = found.changes[mode]
    won = [change for change in changes if change.after > change.before]
    alone = found.only_before + found.only_after
    apart = f" {alone:,} were asked in one of them alone and do not count." if alone else ""
    st.markdown(f"**{mode.capitalize()}: {len(won):,} won, {len(changes) - len(won):,} lost**")
    st.caption(f"By recall@10, of {found.n:,} questions that both asked.{apart}")
    if changes:
        st.dataframe(
            change_rows(changes), hide_index=True, height="content" if len(changes) < 12 else 430,
            alt=f"{len(changes)} questions whose recall changed.",
            column_config={
                "text": st.column_config.TextColumn("Question", width=330),
                "before": st.column_config.NumberColumn("before", format="percent", width="small"),
                "after": st.column_config.NumberColumn("after", format="percent", width="small"),
            },
            column_order=("text", "before", "after"),
        )  # fmt: skip


def change_rows(changes: Sequence[Change]) -> list[dict[str, Any]]:
    return [
        {"question": c.question.id, "text": c.question.text, "category": c.question.category,
         "before": c.before, "after": c.after}
        for c in changes
    ]  # fmt: skip


def difference_rows(found: Comparison, before: str, after: str) -> list[dict[str, Any]]:
    return [
        {"before_run": before, "after_run": after, "n": found.n, "mode": mode, "figure": name, "before": one.before,
         "after": one.after, "gain": one.gain, "low": one.low, "high": one.high}
        for mode, figures in found.differences.items()
        for name, one in figures.items()
    ]  # fmt: skip


# --- faithfulness -----------------------------------------------------------------------------------------------------


def faithfulness(bank: MemoryBank, run: Run) -> None:
    """Whether the latents that explain a hit carry it: measured on demand, kept with the run."""
    st.write(
        "The explanation of a hit names the latents with the largest shares of its sparse score. If that is the true "
        "reason, the memory must fall when they are muted, and hardly move when other latents are."
    )
    found = run.report.get("faithfulness")
    job = jobs.get(evaluation.key(bank))
    if found is None or run.engine != bank.engine.fingerprint:
        st.button(
            "Mute and rank again", type="primary", icon=":material/volume_off:", key="evaluate_mute",
            on_click=evaluation.start_muting, args=(bank, run.id), disabled=job is not None and job.running,
        )  # fmt: skip
        return
    st.markdown(prose.plain(verdict(found)))
    st.table(muting_rows(found), border="horizontal", hide_index=True)
    st.caption(
        f"Of {found['n_questions']:,} questions, the {found['n']:,} whose evidence is among the first "
        f"{found['first']} of the sparse mode; the best of it is ranked again, exactly, without "
        f"{found['muted']} latents: those with the largest shares, and others of its shared latents that about as many "
        "memories fire, drawn by lot. In brackets the 95\u202f% interval of a bootstrap over the questions."
    )


def verdict(found: Mapping[str, Any]) -> str:
    """What muting says of the explanations, in words."""
    explaining, matched = (found[side]["rank_lost"] for side in ("explaining", "matched"))
    low, high = found["difference"]["log2_rank_ratio"]["interval"]
    both = (
        f"Without the three latents that explain it most, a hit falls by {explaining['mean']:.1f} ranks on average; "
        f"without three shared latents that are as common, by {matched['mean']:.1f}."
    )
    more = f" The first cost more in {found['wins']['mean']:.0%} of the hits, as much in {found['ties']:.0%}."
    if low > 0:
        return f"{both}{more} The shares tell true."
    if high < 0:
        return f"{both}{more} The shares mislead: latents that are not named matter more."
    return f"{both}{more} The difference may be chance."


def muting_rows(found: Mapping[str, Any]) -> list[dict[str, str]]:
    """Both ways of muting, and what lies between them."""
    rows = []
    for side, name in (("explaining", "the three largest shares"), ("matched", "three others as common")):
        one = found[side]
        rows.append(
            {
                "muted": name,
                "ranks lost": _interval(one["rank_lost"], 2),
                "median": f"{one['rank_lost']['median']:g}",
                "doublings of the rank": _interval(one["log2_rank_ratio"], 2),
                "score taken away": prose.percent(one["score_removed"]["mean"]),
                "fired by": prose.percent(one["density"]),
            }
        )
    apart = found["difference"]
    rows.append(
        {
            "muted": "difference", "ranks lost": _interval(apart["rank_lost"], 2), "median": "",
            "doublings of the rank": _interval(apart["log2_rank_ratio"], 2), "score taken away": "", "fired by": "",
        }
    )  # fmt: skip
    return rows


def _interval(figure: Mapping[str, Any], digits: int) -> str:
    low, high = figure["interval"]
    return f"{figure['mean']:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})".replace("-", "−")


# --- latents of the misses --------------------------------------------------------------------------------------------


def audit(bank: MemoryBank, run: Run, latent: int | None) -> Contrast | None:
    """Latents of the questions that tell answered from missed ones."""
    mode = misses.mode_select()
    if run.engine != bank.engine.fingerprint:
        st.write("This run was made with another engine, whose latents are not these.")
        return None
    try:
        found = answers.run_audit(bank, run.id, mode)
    except CoreError as all_alike:
        st.write(prose.plain(f"{all_alike} There is nothing to tell apart."))
        return None
    sure = found.sure
    st.write(
        f"{found.n_a:,} questions were answered by {mode}, {found.n_b:,} missed. Of {len(found.latents):,} latents "
        f"that at least {ENOUGH_QUESTIONS} questions fire, {sure or 'none'} tell{'s' if sure == 1 else ''} the two "
        f"apart at a false discovery rate of 5\u202f%."
    )
    if not len(found.latents):
        return found
    at = _both_ends(found)
    names = answers.labels(bank, (int(found.latents[i]) for i in at))
    key = f"audit_{run.id}_{mode}"

    def on_select() -> None:
        rows = st.session_state[key].selection.rows
        if rows:
            choice.choose_latent(int(found.latents[at[rows[0]]]))

    st.dataframe(
        [row | labels.cells(row["latent"], names) for row in audit_rows(found, at, names)],
        key=key, on_select=on_select, selection_mode="single-row", hide_index=True,
        height="content", placeholder="–", alt="Latents by their log-odds of standing in answered questions.",
        column_order=("label", "latent", "answered", "missed", "log_odds", "low", "high", "q", "trust"),
        column_config={
            "latent": st.column_config.NumberColumn("Latent", format="%d", width="small"),
            "label": st.column_config.TextColumn("Label", width="medium"),
            "trust": labels.trust_column(),
            "answered": st.column_config.NumberColumn("Answered", format="percent", width="small",
                                                      help="Share of the answered questions that fire it."),
            "missed": st.column_config.NumberColumn("Missed", format="percent", width="small",
                                                    help="Share of the missed questions that fire it."),
            "log_odds": st.column_config.NumberColumn("Log-odds", format="%+.2f", width="small"),
            "low": st.column_config.NumberColumn("from", format="%+.2f", width="small"),
            "high": st.column_config.NumberColumn("to", format="%+.2f", width="small"),
            "q": st.column_config.NumberColumn("q", format="%.3f", width="small", help="The smallest false discovery "
                                               "rate at which this latent still counts as found."),
        },
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Above 0: more often in questions that were answered; below 0: in those that were missed.")
        if latent is not None:
            said = labels.said(latent, answers.labels(bank, [latent]))
            st.button(f"Open {prose.plain(said)}", icon=":material/grain:", on_click=ways.open_latent, args=(latent,))
    return found


def _both_ends(found: Contrast) -> list[int]:
    """Positions of the surest latents of either side."""
    of_answered, of_missed = np.flatnonzero(found.log_odds > 0), np.flatnonzero(found.log_odds < 0)
    return [int(i) for i in (*of_answered[:AUDITED], *of_missed[:AUDITED][::-1])]


def audit_rows(found: Contrast, at: Sequence[int], names: labels.Names) -> list[dict[str, Any]]:
    rows = []
    for i in at:
        rows.append(
            {
                **labels.columns(int(found.latents[i]), names),
                "answered": float(found.fires_a[i]) / max(found.n_a, 1),
                "missed": float(found.fires_b[i]) / max(found.n_b, 1), "log_odds": float(found.log_odds[i]),
                "low": float(found.low[i]), "high": float(found.high[i]), "q": float(found.q[i]),
            }
        )  # fmt: skip
    return rows
