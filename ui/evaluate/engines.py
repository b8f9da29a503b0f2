"""Engine against engine on the Evaluate page: what is compared, the figures side by side, and as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core import QUESTIONS, EngineComparison, MemoryBank, Mode
from core.evaluation import Comparison, Difference
from ui.address import link
from ui.evaluate import charts as charts_evaluation
from ui.evaluate import runs as evaluation
from ui.evaluate.results import FIGURES, said_gain
from ui.kit import prose, states
from ui.kit.export import notebook
from ui.kit.page import Body
from ui.query import form as asking
from ui.query.fields import unless_usual
from ui.session import answers, banks, jobs

MODES: tuple[Mode, ...] = ("dense", "sparse", "combined")
SEPARABILITY = {"effect": "effect", "share_positive": "SEP > 0", "auc": "AUC"}
LATENTS = {
    "n_latents": "latents in the dictionary",
    "d": "numbers of the dense vector",
    "l0": "L0: latents active per token",
    "latents_per_memory": "latents active per memory",
    "density": "memories that a latent fires in, median",
    "silent_share": "latents silent in this bank",
    "fvu": "FVU: variance left out",
}
SHARES = {"density", "silent_share"}
TO = "\u2060–\u2060"
"""Between the ends of an interval, which stay on one line."""
COMPARING = "Comparing engines on "


def draw(page: Body) -> None:
    bank = page.bank
    form(bank)
    busy = evaluation.progress(bank)
    kept = bank.versus.list()
    if not kept:
        if not busy:
            st.write(
                "No engines were compared here yet. Compare asks every question of each, and sets side by side what "
                "comes back, how far the rankings agree, and what the dictionaries are like."
            )
        return
    shown = head(bank, kept)
    page.query = shown.settings
    first, second = pair(shown)
    page.export("engines", lambda: rows(shown, first, second))
    page.export("rank agreement", lambda: agreement_rows(shown, first, second))
    page.python = python(bank, shown)
    figures(shown, first, second)


# --- what is compared -------------------------------------------------------------------------------------------------


def form(bank: MemoryBank) -> None:
    """Engines, categories, scoring, Compare."""
    held = {one.name: one for one in answers.held_codes(bank) if one.state != "older"}
    whole = sorted((name for name, one in held.items() if not one.pending), key=lambda name: name != bank.engine.name)
    questions = answers.run_sources(bank).get(QUESTIONS, {})
    if len(whole) < 2 or not questions:
        need = "codes of two engines for all its memories" if questions else "questions whose evidence is known"
        states.to_library(f"A comparison needs a bank with {need}. “{bank.name}” has none yet: the Library makes them.")
        return
    job = jobs.get(evaluation.key(bank))
    with st.container(horizontal=True, vertical_alignment="bottom", key="evaluate_row"):
        chosen = st.multiselect("Engines", whole, default=whole[:2], key=f"versus_engines_{bank.name}", width=330)
        st.multiselect(
            "Categories", sorted(questions), format_func=lambda c: f"{c or 'none'} ({questions[c]:,})",
            placeholder="all", key=f"versus_categories_{bank.name}", width=300,
        )  # fmt: skip
        with st.popover("How it is scored", key="versus_scored"):
            asking.scoring(bank)
        st.button(
            "Compare", type="primary", icon=":material/compare_arrows:", on_click=start, args=(bank, chosen),
            disabled=len(chosen) < 2 or (job is not None and job.running), key="versus_start",
        )  # fmt: skip


def start(bank: MemoryBank, engines: Sequence[str]) -> None:
    """Begin to compare what the form names, in the background."""
    state = st.session_state
    with states.kept_problem():
        task = bank.versus.run(
            [banks.encoder(bank, name) for name in engines],
            unless_usual(evaluation.settings()),
            state[f"versus_categories_{bank.name}"] or None,
        )
        jobs.start(evaluation.key(bank), f"{COMPARING}{bank.name}", task)


def head(bank: MemoryBank, kept: Sequence[EngineComparison]) -> EngineComparison:
    """Which comparison, and its end."""
    by_id, state = {one.id: one for one in kept}, st.session_state
    if state.get("versus") not in by_id:
        if state.get("versus"):
            link.note(f"{bank.name} has no comparison “{state['versus'][:40]}”: it may have been deleted.")
        state["versus"] = kept[0].id
    titles = {one.id: title(one) for one in kept}
    with st.container(horizontal=True, vertical_alignment="bottom", key="evaluate_runs"):
        st.selectbox(
            f"Comparison ({len(kept)})", list(titles), format_func=lambda name: titles[name], key="versus",
            persist_state="session",
        )  # fmt: skip
        with st.popover("Delete", icon=":material/delete:"):
            st.write(f"Delete “{prose.plain(titles[state['versus']])}”? This cannot be undone.")
            st.button("Delete this comparison", type="primary", on_click=delete, args=(bank, state["versus"]))
    shown = by_id[state["versus"]]
    for warning in shown.report["warnings"]:
        st.caption(prose.plain(warning))
    return shown


def delete(bank: MemoryBank, name: str) -> None:
    with states.kept_problem():
        bank.versus.delete(name)
        st.session_state["versus"] = ""


def title(one: EngineComparison) -> str:
    asked = "all categories" if one.categories is None else f"categories {', '.join(one.categories)}"
    when = evaluation.local(one.created)
    return (
        f"{' against '.join(one.engines)} · {evaluation.scored(one.settings)} · {one.report['n_questions']:,} "
        f"questions, {asked} · {when:%d %b %H:%M}"
    )


def pair(shown: EngineComparison) -> tuple[int, int]:
    """Which two of the engines stand side by side: positions."""
    pairs = [(one["first"], one["second"]) for one in shown.report["pairs"]]
    names = list(shown.engines)
    if len(pairs) == 1:
        return 0, 1
    titles = [f"{a} against {b}" for a, b in pairs]
    if st.session_state.get("versus_pair") not in titles:
        st.session_state["versus_pair"] = titles[0]
    chosen = st.segmented_control(
        "Side by side", titles, key="versus_pair", persist_state="session", required=True, wrap=True
    )
    a, b = pairs[titles.index(chosen or titles[0])]
    return names.index(a), names.index(b)


# --- the figures ------------------------------------------------------------------------------------------------------


def figures(shown: EngineComparison, first: int, second: int) -> None:
    a, b = (shown.report["engines"][i] for i in (first, second))
    with st.container(key="evaluate_figures"):
        left, right = st.columns(2, gap="large")
    with left:
        st.plotly_chart(
            charts_evaluation.differences(gained(shown, first, second), FIGURES), key="versus_gains",
            config={"displayModeBar": False}, alt=f"What {b['name']} gains over {a['name']}, by figure and mode.",
        )  # fmt: skip
        st.caption(f"Right of the line {prose.plain(b['name'])} is better, left of it {prose.plain(a['name'])}.")
    with right:
        st.subheader("How far do their rankings agree?", anchor=False)
        st.table(agreement_table(shown, first, second), border="horizontal", hide_index=True)
        st.caption(
            "Means over the questions with 95\u202f% intervals. Spearman’s ρ of all memories of the dialogue: 1 is the "
            "same order, 0 none in common."
        )
    sides = side_by_side(shown, first, second)
    for name, said, more in (
        (
            "recall",
            "What comes back",
            "Means with 95\u202f% intervals; the difference is paired, question by question.",
        ),
        ("separability", "Are related questions nearer than unrelated ones?", separability_words(shown)),
        ("dictionary", "The dictionaries on this bank", "Of all memories, so there is no interval."),
    ):
        if sides[name]:
            st.subheader(said, anchor=False)
            st.table(sides[name], border="horizontal", hide_index=True)
            st.caption(more)
    prose.facts(
        {one["name"]: " · ".join(filter(None, (one["model_name"], one["hook"], one["sae"], one["fingerprint"])))
         for one in (a, b)}
    )  # fmt: skip


def separability_words(shown: EngineComparison) -> str:
    return (
        f"SEP = SIM(context, its question) − SIM(context, another question), over {shown.report['n_cases']:,} cases "
        "made of this bank’s questions. Effect: mean over standard deviation."
    )


def gained(shown: EngineComparison, first: int, second: int) -> Comparison:
    """What the second gains, as the figure of two runs takes it."""
    engines, (sign, one) = shown.report["engines"], _pair(shown, first, second)
    found: dict[Mode, dict[str, Difference]] = {}
    for mode in MODES:
        found[mode] = {}
        for name in FIGURES:
            low, high = sorted(sign * end for end in one["gains"][mode][name]["interval"])
            before, after = (engines[i]["modes"][mode][name]["mean"] for i in (first, second))
            found[mode][name] = Difference(before, after, low, high)
    return Comparison(shown.report["n_questions"], 0, 0, found, {})


def _pair(shown: EngineComparison, first: int, second: int) -> tuple[int, Mapping[str, Any]]:
    """(1, the pair's part of the report), or −1 where it stands the other way round there."""
    names = (shown.engines[first], shown.engines[second])
    for one in shown.report["pairs"]:
        if (one["first"], one["second"]) == names:
            return 1, one
    return -1, next(one for one in shown.report["pairs"] if (one["second"], one["first"]) == names)


def rows(shown: EngineComparison, first: int, second: int) -> list[dict[str, Any]]:
    """A row per figure: both engines' value, the difference, its interval where there is one."""
    a, b = (shown.report["engines"][i] for i in (first, second))
    sign, one = _pair(shown, first, second)
    said = {"comparison": shown.id, "first": a["name"], "second": b["name"], "first_fingerprint": a["fingerprint"],
            "second_fingerprint": b["fingerprint"]}  # fmt: skip

    def row(part: str, mode: str, figure: str, x: Any, y: Any, gain: Mapping[str, Any] | None) -> dict[str, Any]:
        low, high = (None, None) if gain is None or None in gain["interval"] else sorted(
            sign * end for end in gain["interval"]
        )  # fmt: skip
        ends = [side["interval"] if isinstance(side, Mapping) else (None, None) for side in (x, y)]
        x, y = (side["mean"] if isinstance(side, Mapping) else side for side in (x, y))
        return {
            **said, "part": part, "mode": mode, "figure": figure, "value_first": x, "first_low": ends[0][0],
            "first_high": ends[0][1], "value_second": y, "second_low": ends[1][0], "second_high": ends[1][1],
            "difference": None if x is None or y is None else y - x, "low": low, "high": high,
        }  # fmt: skip

    found = [
        row("recall", mode, figure, a["modes"][mode][figure], b["modes"][mode][figure], one["gains"][mode][figure])
        for mode in MODES
        for figure in FIGURES
    ]
    found += [
        row("separability", mode, figure, a["separability"][mode][figure], b["separability"][mode][figure],
            one["separability"][mode].get(figure))
        for mode in a["separability"]
        for figure in SEPARABILITY
    ]  # fmt: skip
    return found + [row("dictionary", "", name, a["latents"][name], b["latents"][name], None) for name in LATENTS]


def side_by_side(shown: EngineComparison, first: int, second: int) -> dict[str, list[dict[str, str]]]:
    """The same as three tables of words."""
    a, b = shown.engines[first], shown.engines[second]
    tables: dict[str, list[dict[str, str]]] = {"recall": [], "separability": [], "dictionary": []}
    for row in rows(shown, first, second):
        share = row["part"] == "recall" or row["figure"] in SHARES | {"share_positive"}
        name = {**FIGURES, **SEPARABILITY, **LATENTS}[row["figure"]]
        tables[row["part"]].append(
            {
                "figure": f"{row['mode'].capitalize()} · {name}" if row["mode"] else name,
                a: _value(row["value_first"], share, row["first_low"], row["first_high"]),
                b: _value(row["value_second"], share, row["second_low"], row["second_high"]),
                f"{b} − {a}": _difference(row, share),
            }
        )
    return tables


def _value(value: float | None, share: bool, low: float | None, high: float | None) -> str:
    if value is None:
        return "–"
    if not share:
        return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}" if abs(value) < 10 else f"{value:,.1f}"
    between = "" if low is None or high is None else f" ({100 * low:.0f}{TO}{100 * high:.0f})"
    return f"{100 * value:.1f}\u202f%{between}"


def _difference(row: Mapping[str, Any], share: bool) -> str:
    if row["difference"] is None:
        return "–"
    if share and row["low"] is not None:
        return said_gain(row["difference"], row["low"], row["high"])
    if share:
        return f"{100 * row['difference']:+.1f} points".replace("-", "−")
    between = "" if row["low"] is None else f" ({row['low']:+.2f} to {row['high']:+.2f})"
    number = f"{row['difference']:+,}" if isinstance(row["difference"], int) else f"{row['difference']:+,.2f}"
    return f"{number}{between}".replace("-", "−")


def agreement_rows(shown: EngineComparison, first: int, second: int) -> list[dict[str, Any]]:
    _, one = _pair(shown, first, second)
    return [
        {"comparison": shown.id, "first": shown.engines[first], "second": shown.engines[second], "mode": mode,
         "figure": figure, "n": found["n_spearman"] if figure == "spearman" else shown.report["n_questions"],
         "value": found[figure]["mean"], "low": found[figure]["interval"][0], "high": found[figure]["interval"][1]}
        for mode, found in one["agreement"].items()
        for figure in ("overlap@10", "spearman")
        if found[figure] is not None
    ]  # fmt: skip


def agreement_table(shown: EngineComparison, first: int, second: int) -> list[dict[str, str]]:
    _, one = _pair(shown, first, second)

    def said(found: Mapping[str, Any] | None, scale: int, digits: int, unit: str) -> str:
        if found is None:
            return "–"
        mean, low, high = (scale * x for x in (found["mean"], *found["interval"]))
        return f"{mean:.{digits}f}{unit} ({low:.{digits}f}{TO}{high:.{digits}f})"

    return [
        {"mode": mode.capitalize(), "of the first 10 in both": said(found["overlap@10"], 100, 0, "\u202f%"),
         "Spearman’s ρ": said(found["spearman"], 1, 2, "")}
        for mode, found in one["agreement"].items()
    ]  # fmt: skip


def python(bank: MemoryBank, shown: EngineComparison) -> str:
    """The same in a notebook."""
    categories = None if shown.categories is None else list(shown.categories)
    return notebook(
        bank,
        f"found = bank.versus.get({shown.id!r})",
        f"# or again: for step in bank.versus.run({list(shown.engines)!r}, Query(''"
        f"{evaluation.written(shown.settings)}), {categories!r}): print(step)",
        'for engine in found.report["engines"]:',
        '    print(engine["name"], engine["modes"]["combined"]["recall@10"], engine["latents"])',
        'for pair in found.report["pairs"]:',
        '    print(pair["first"], pair["second"], pair["agreement"]["sparse"])',
        names="MemoryBank, Query",
    )
