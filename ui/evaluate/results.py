"""The figures of a run: the study's table redrawn, curves, categories, what combining gains; and as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core import CRITERIA, MODES, Mode, Run
from core.evaluation import STUDY, Outcome, recall_curve
from ui.evaluate import charts as charts_evaluation
from ui.evaluate import runs as evaluation
from ui.kit import prose
from ui.kit.colours import MODE_COLOURS

ORDER: tuple[Mode, ...] = ("sparse", "dense", "combined", "lexical")
"""As in the study's table."""
FEW = 10
"""Questions below which a bootstrap is too sure of itself."""
UNMEASURED = "not measured: needs a reader model"
RULES = {
    "top": "the {k} best memories of its dialogue",
    "study": "every memory that scores {number:g} standard deviations above the mean of its dialogue",
    "gap": "every memory above the largest step between two neighbouring scores",
    "budget": "the best memories that fit into {number:,.0f} characters",
    "fits": "the {k} best memories, or none where too little of the question fits",
}
"""What each criterion recalls for a question, with its usual number."""
FIGURES = {
    "recall@10": "recall@10",
    "ndcg@10": "nDCG@10",
    "within_5300_chars": "all evidence in 5,300 characters",
}


def table(run: Run) -> None:
    """The study's table, ours beside its own, under one criterion."""
    known = list(run.report["modes"]["dense"]["criteria"])
    if st.session_state["run_criterion"] not in known:
        st.session_state["run_criterion"] = "study"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.subheader("The study’s table, with this run beside it", anchor=False, width="stretch")
        criterion = st.selectbox(
            "Recalled is", known, format_func=lambda c: CRITERIA[c].label, key="run_criterion",
            persist_state="session", width=270,
        )  # fmt: skip
    st.html(study_table(run.report["modes"], criterion))
    rule = RULES[criterion].format(k=run.settings.k, number=CRITERIA[criterion].default or 0)
    st.caption(
        f"This run recalls, for each question, {rule}. Ranges are 95\u202f% intervals, ± one standard deviation. The "
        "study asked LongMemEval, with a larger model’s latents and vectors: where these are other questions, compare "
        "the pattern, not the digits."
    )


def study_table(modes: Mapping[Mode, Mapping[str, Any]], criterion: str) -> str:
    """As HTML: a column pair per mode, a row per figure."""
    heads = "".join(
        f'<th scope="colgroup" colspan="{2 if mode in STUDY else 1}" style="--mode:{MODE_COLOURS[mode]}">'
        f"{mode.capitalize()}</th>"
        for mode in ORDER
    )
    sides = "".join(
        ('<th scope="col">study</th>' if mode in STUDY else "") + '<th scope="col" class="ours">this run</th>'
        for mode in ORDER
    )
    rows = "".join(
        f'<tr><th scope="row">{name}<small>{what}</small></th>'
        + "".join(
            (f"<td>{theirs}</td>" if mode in STUDY else "") + f'<td class="ours">{ours}</td>'
            for mode, (theirs, ours) in cells.items()
        )
        + "</tr>"
        for name, what, cells in _rows(modes, criterion)
    )
    return (
        '<div class="mn-wide"><table class="mn-study">'
        f"<thead><tr><td></td>{heads}</tr><tr><td></td>{sides}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _rows(
    modes: Mapping[Mode, Mapping[str, Any]], criterion: str
) -> list[tuple[str, str, dict[Mode, tuple[str, str]]]]:
    """(figure, what it is, by mode the study's and ours)"""
    precision, answers, latency, length = {}, {}, {}, {}
    for mode in ORDER:
        ours, study = modes[mode]["criteria"][criterion], STUDY.get(mode)
        low, high = ours["interval"]
        sure = f"<b>{prose.percent(ours['context_precision'])}</b><small>{100 * low:.0f}–{100 * high:.0f}</small>"
        precision[mode] = (prose.percent(study.context_precision) if study else "", sure)
        answers[mode] = (
            prose.percent(study.answer_precision) if study else "",
            f'<small class="words">{UNMEASURED}</small>',
        )
        latency[mode] = (_spread(*study.latency_s) if study else "", _spread(**ours["latency_s"]))
        length[mode] = (_spread(*study.context_chars) if study else "", _spread(**ours["context_chars"]))
    return [
        ("Context precision", "complete evidence obtained", precision),
        ("Answer precision", "answered rightly", answers),
        ("Latency, s", "from words to memories", latency),
        ("Context length", "characters obtained", length),
    ]


def _spread(mean: float, sd: float) -> str:
    digits = 0 if mean >= 2 else 3
    return f"{mean:,.{digits}f}<small>± {sd:,.{digits}f}</small>"


def curves(cases: Sequence[Outcome], run: Run) -> None:
    """recall@k, and recall@10 by category."""
    modes = {mode: run.report["modes"][mode] for mode in MODES}
    with st.container(key="evaluate_figures"):
        left, right = st.columns(2, gap="large")
    with left:
        found = {mode: recall_curve(cases, mode) for mode in MODES}
        at = ", ".join(f"{mode} {prose.percent(float(curve[9]))}" for mode, curve in found.items())
        st.plotly_chart(charts_evaluation.recall_curves(found), key="evaluate_curves",
                        config={"displayModeBar": False}, alt=f"Recall against k. At 10: {at}.")  # fmt: skip
    with right:
        st.plotly_chart(charts_evaluation.categories(modes), key="evaluate_by_category",
                        config={"displayModeBar": False}, alt="Recall at 10 by category and mode.")  # fmt: skip
    fewest = min(row["n"] for row in modes["dense"]["by_category"].values())
    if fewest < FEW:
        st.caption(f"Categories of fewer than {FEW} questions say little, however narrow their interval.")


def gains(run: Run) -> None:
    """What the combination gains over each other mode on the same questions."""
    st.subheader("What combining gains, question by question", anchor=False)
    rows = []
    for figure, name in FIGURES.items():
        row = {"percentage points": name}
        for pair, found in run.report["differences"].items():
            low, high = found[figure]["interval"]
            row[pair.replace(" - ", " − ")] = said_gain(found[figure]["mean"], low, high)
        rows.append(row)
    st.table(rows, border="horizontal", hide_index=True)
    st.caption(
        "In brackets the 95\u202f% interval of a paired bootstrap; where it holds 0, the difference may be chance."
    )


def said_gain(mean: float, low: float, high: float) -> str:
    """In percentage points, with its interval and whether it may be chance."""
    return f"{_signed(mean)} ({_signed(low)} to {_signed(high)}){_verdict(low, high)}"


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−") if round(100 * share, 1) else "0.0"


def _verdict(low: float, high: float) -> str:
    return " · may be chance" if low <= 0 <= high and low < high else ""


# --- out --------------------------------------------------------------------------------------------------------------


def figure_rows(run: Run) -> list[dict[str, Any]]:
    """A row per mode and category, the whole run's first."""
    said, rows = evaluation.export_settings(run), []
    for mode, found in run.report["modes"].items():
        for category, figures in ({"": found} | found["by_category"]).items():
            plain = {name: value for name, value in figures.items() if isinstance(value, float | int)}
            within = {f"all_within_{budget}_chars": value for budget, value in figures["all_within_chars"].items()}
            sure = {
                f"{name}_{end}": value
                for name, both in figures["interval"].items()
                for end, value in zip(("low", "high"), both, strict=True)
            }
            n = {"n": run.report["n_questions"]} if category == "" and figures is found else {}
            rows.append({**said, "mode": mode, "category": category, **n, **plain, **within, **sure})
    return rows


def criterion_rows(run: Run) -> list[dict[str, Any]]:
    """The study's table under every criterion, a row per mode."""
    return [
        {
            **evaluation.export_settings(run), "mode": mode, "criterion": name,
            "context_precision": found["context_precision"], "low": found["interval"][0],
            "high": found["interval"][1], "context_chars_mean": found["context_chars"]["mean"],
            "context_chars_sd": found["context_chars"]["sd"], "latency_s_mean": found["latency_s"]["mean"],
            "latency_s_sd": found["latency_s"]["sd"],
            "study_context_precision": STUDY[mode].context_precision if mode in STUDY else None,
        }
        for mode, figures in run.report["modes"].items()
        for name, found in figures["criteria"].items()
    ]  # fmt: skip


def case_rows(run: Run, cases: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A row per question and mode."""
    said = evaluation.export_settings(run)
    return [
        {
            **said, "question": case.question.id, "text": case.question.text,
            "conversation": case.question.conversation, "category": case.question.category,
            "evidence": " ".join(case.question.evidence), "mode": mode, "ranks": " ".join(map(str, case.ranks[mode])),
            "first_10": " ".join(case.top[mode]), **case.measures[mode],
            **{f"complete_by_{name}": there for name, (there, _) in case.recalled[mode].items()},
            **{f"characters_by_{name}": n for name, (_, n) in case.recalled[mode].items()},
        }
        for case in cases
        for mode in case.ranks
    ]  # fmt: skip
