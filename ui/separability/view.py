"""How well cases separate in every mode, and the latents that helped or confused one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from core import SIMILARITIES, Case, MemoryBank, Mode, ModeDifference, ModeSeparation, Separation
from core.types import CaseLatent
from ui.address import link, ways
from ui.kit import components, labels, look, prose
from ui.kit import shares as why
from ui.kit.export import notebook
from ui.kit.figures import for_paper, picture
from ui.kit.tokens import TokenValues
from ui.separability import charts as charts_separability
from ui.session import answers

SHOWN = 10
"""Latents in either table before “show all”."""
TITLE = "Is the related question nearer to its context than an unrelated one?"
FIGURES = {
    "share_positive": "share above 0",
    "effect": "effect",
    "auc": "AUC",
}
HELPED = {
    "bar": "part of SIM(C, R)",
    "value": "adds to R",
    "pair": "question token → context token",
    "weight": "adds to NR",
}
CONFUSED = {
    "bar": "part of SIM(C, NR)",
    "value": "adds to NR",
    "pair": "question token → context token",
    "weight": "adds to R",
}


# --- the figure -------------------------------------------------------------------------------------------------------


def violins(
    bank: MemoryBank, found: Separation, easy: bool, chosen: Case, kind: str, source: str
) -> None:  # fmt: skip
    modes, cases = sides(found, easy)
    key = f"sep_violins_{len(cases)}_{found.similarity}_{easy}_{abs(hash(chosen.id))}"

    def on_select() -> None:
        points = st.session_state[key].selection.points
        if points and "customdata" in points[0]:
            st.session_state["sep_case"] = cases[int(points[0]["customdata"][0])].id

    others = [case.elsewhere if easy else case.unrelated for case in cases]
    figure = charts_separability.violins(modes, cases, others, cases.index(chosen), look.accent())
    what = (
        f"{len(cases):,} cases: {source} · {SIMILARITIES[found.similarity]} · grey: 95 % of SEPs of permuted questions"
    )
    for_paper(figure, TITLE, answers.provenance(bank), what)
    st.plotly_chart(figure, key=key, on_select=on_select, selection_mode="points",
                    config=picture(f"{bank.name}-separability", kind))  # fmt: skip


def sides(found: Separation, easy: bool) -> tuple[Mapping[Mode, ModeSeparation], Sequence[Case]]:
    return (found.modes_easy, found.cases_easy) if easy else (found.modes, found.cases)


def table(modes: Mapping[Mode, ModeSeparation]) -> None:
    """The figures of every mode, as a paper's table has them."""
    rows = [
        {
            "mode": mode,
            "share above 0": f"{100 * m.share_positive:.0f} %",
            "mean ± sd": f"{_three(m.mean)} ± {_three(m.sd)}",
            "effect": f"{m.effect:.2f}",
            "AUC": f"{m.auc:.3f}",
            "null mean (95 %)": "{} ({} to {})".format(*map(_three, (m.null_mean, *m.null_interval))),
            "p": f"{m.p:.3f}",
        }
        for mode, m in modes.items()
    ]
    st.table(rows, border="horizontal", hide_index=True)
    st.caption(
        "Effect is mean over sd. AUC: how often a related similarity of any case exceeds an unrelated one of any case. "
        "Null: both questions dealt to other contexts, 1,000 times; p is the share of deals that reach the real mean."
    )


def _three(value: float) -> str:
    """Three digits, a true minus, and no minus before 0.000."""
    text = f"{value:.3f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")


def compared(bank: MemoryBank, found: Sequence[ModeDifference], kind: str, n: int) -> None:
    """One figure of every mode minus that of every other, with its interval."""
    if not found:
        st.caption("With a single case, modes cannot be compared.")
        return
    figure = st.segmented_control(
        "Compared by", list(FIGURES), format_func=lambda name: FIGURES[name], key="sep_figure",
        persist_state="session", required=True,
    )  # fmt: skip
    rows = [
        (f"{d.first} − {d.second}", d.value, d.low, d.high) for d in found if d.figure == figure and np.isfinite(d.low)
    ]
    drawn = charts_separability.intervals(rows)
    drawn.update_xaxes(title={"text": f"difference in {FIGURES[figure or next(iter(FIGURES))]}"})
    for_paper(drawn, "Which mode separates better?", answers.provenance(bank), f"{n:,} cases, paired bootstrap, 95 %")
    st.plotly_chart(drawn, key="sep_intervals", config=picture(f"{bank.name}-separability-modes", kind))


# --- one case ---------------------------------------------------------------------------------------------------------


def chosen_case(found: Separation, easy: bool) -> Case:
    """The case of the link; without one, the one that the combined mode gets most wrong."""
    modes, cases = sides(found, easy)
    wanted = st.session_state.get("sep_case")
    by_id = {case.id: case for case in cases}
    if wanted and wanted not in by_id:
        link.note(f"There is no case “{wanted[:80]}” here; this is the one that separates least.")
    worst = cases[int(modes["combined"].sep.argmin())]
    return by_id.get(wanted, worst) if wanted else worst


def case_select(found: Separation, easy: bool, chosen: Case) -> None:
    """Every case by its SEP, lowest first: the way there without a mouse."""
    modes, cases = sides(found, easy)
    sep = modes["combined"].sep
    order = sep.argsort(kind="stable")
    said = {cases[i].id: f"{_three(sep[i])}  {cases[i].id} — {prose.short(cases[i].related, 70)}" for i in order}
    st.session_state["sep_pick"] = chosen.id
    st.selectbox("Case, lowest combined SEP first", list(said), key="sep_pick", format_func=lambda name: said[name],
                 on_change=lambda: st.session_state.update(sep_case=st.session_state["sep_pick"]))  # fmt: skip


def standing(found: Separation, easy: bool, chosen: Case) -> str:
    modes, cases = sides(found, easy)
    i = cases.index(chosen)
    return " · ".join(
        f"{mode} {_three(m.related[i])} − {_three(m.unrelated[i])} = {_three(m.sep[i])}" for mode, m in modes.items()
    )


def case(bank: MemoryBank, found: Separation, easy: bool, chosen: Case, choose: Any, latent: int | None) -> None:
    """The context with either question: what helped on the left, what confused on the right."""
    case_select(found, easy, chosen)
    with st.container(horizontal=True, vertical_alignment="center"):
        prose.small(standing(found, easy, chosen))
        if chosen.context_id and answers.memories(bank, (chosen.context_id,)):
            st.button(
                "Open the context", icon=":material/notes:", on_click=ways.open_memory, args=(chosen.context_id, latent)
            )
    latents = answers.case_latents(bank, chosen, found.similarity, easy)
    other = chosen.elsewhere if easy else chosen.unrelated
    with st.container(key="sep_sides"):
        left, right = st.columns(2, gap="large")
    with left:
        st.subheader("What helped: nearer to the related question", anchor=False)
        side(
            bank,
            "sep_helped",
            chosen.context,
            chosen.related,
            [x for x in latents if x.helped > 0],
            False,
            choose,
            latent,
        )
    with right:
        st.subheader("What confused: nearer to the unrelated one", anchor=False)
        wrong = [x for x in reversed(latents) if x.helped < 0]
        side(bank, "sep_confused", chosen.context, other, wrong, True, choose, latent)


def side(
    bank: MemoryBank, key: str, context: str, question: str, found: Sequence[CaseLatent], unrelated: bool, choose: Any,
    latent: int | None,
) -> None:  # fmt: skip
    everything = st.session_state.get(f"{key}_all", False)
    shown = found if everything else found[:SHOWN]
    names = answers.labels(bank, (one.latent for one in shown))
    drawn = data(context, question, found, shown, unrelated, latent, names)
    components.draw("why", key, drawn, latent=choose, open=ways.open_latent)
    total = sum(abs(one.helped) for one in found)
    if not found:
        st.write("No latent did.")
    else:
        with st.container(horizontal=True, vertical_alignment="center"):
            prose.small(f"{len(found):,} latents, together {'−' if unrelated else '+'}{total:.3f} of the sparse SEP.")
            if len(found) > SHOWN:
                st.toggle("Show all", key=f"{key}_all", width="content")


def data(
    context: str, question: str, found: Sequence[CaseLatent], shown: Sequence[CaseLatent], unrelated: bool,
    latent: int | None, names: labels.Names,
) -> dict[str, Any]:  # fmt: skip
    """What the why component draws: both texts tinted at the peaks of the latents."""
    words = {"query": _peaks(question, [(x.latent, _asked(x, unrelated), abs(x.helped)) for x in found]),
             "memory": _peaks(context, [(x.latent, x.context_token, abs(x.helped)) for x in found])}  # fmt: skip
    whole = sum(x.unrelated if unrelated else x.related for x in found) or 1.0
    largest = max((x.unrelated if unrelated else x.related for x in found), default=1.0) or 1.0
    rows = []
    for x in shown:
        here, there = (x.unrelated, x.related) if unrelated else (x.related, x.unrelated)
        rows.append(
            {
                **why.named(x.latent, names),
                "percent": prose.percent(here / whole),
                "width": round(62 * here / largest, 1),
                "minus": unrelated,
                "value": prose.number(here),
                "weight": prose.number(there) if there else "–",
                "from": _asked(x, unrelated).text,
                "to": x.context_token.text,
                **{name: tokens.of(x.latent) for name, tokens in words.items()},
            }
        )
    spread = {x.latent: abs(x.helped) for x in found}
    said = {"query": "unrelated question" if unrelated else "related question", "memory": "context"}
    drawn: dict[str, Any] = {
        name: {"pieces": tokens.pieces(), "total": why.totals(tokens, spread), "said": said[name]}
        for name, tokens in words.items()
    }
    return drawn | {
        "rows": rows, "latent": latent, "heads": CONFUSED if unrelated else HELPED, "even": True, "editing": False,
        "weight_help": "What the same latent adds to the similarity with the other question.",
        "trust_help": labels.TRUST_HELP,
    }  # fmt: skip


def _asked(one: CaseLatent, unrelated: bool) -> Any:
    return one.unrelated_token if unrelated else one.related_token


def _peaks(text: str, found: Sequence[tuple[int, Any, float]]) -> TokenValues:
    """A text whose tokens are the peaks of some latents; what lies between them is one stretch."""
    spans = sorted({(span.start, span.end) for _, span, _ in found if span.end > span.start})
    place = {span: i for i, span in enumerate(spans)}
    kept = [(place[span.start, span.end], latent, value) for latent, span, value in found if span.end > span.start]
    token, latent, value = (np.asarray([row[i] for row in kept]) for i in range(3))
    return TokenValues(
        text, np.asarray([a for a, _ in spans], np.int32), np.asarray([b for _, b in spans], np.int32),
        token.astype(np.int64), latent.astype(np.int32), value.astype(np.float32), False,
    )  # fmt: skip


# --- out --------------------------------------------------------------------------------------------------------------


def export_cases(found: Separation, easy: bool) -> list[dict[str, Any]]:
    """One row per case, with its similarities in every mode."""
    modes, cases = sides(found, easy)
    return [
        {
            "case": case.id, "context": case.context, "related": case.related,
            "unrelated": case.elsewhere if easy else case.unrelated,
            **{
                f"{mode}_{name}": float(getattr(m, name)[i])
                for mode, m in modes.items()
                for name in ("related", "unrelated", "sep")
            },
        }
        for i, case in enumerate(cases)
    ]  # fmt: skip


def export_modes(found: Separation, easy: bool) -> list[dict[str, Any]]:
    modes, cases = sides(found, easy)
    return [
        {
            "mode": mode, "n_cases": len(cases), "similarity": found.similarity, "share_positive": m.share_positive,
            "mean": m.mean, "sd": m.sd, "effect": m.effect, "auc": m.auc, "null_mean": m.null_mean,
            "null_low": m.null_interval[0], "null_high": m.null_interval[1], "p": m.p,
        }
        for mode, m in modes.items()
    ]  # fmt: skip


def export_latents(bank: MemoryBank, found: Separation, easy: bool, chosen: Case) -> list[dict[str, Any]]:
    latents = answers.case_latents(bank, chosen, found.similarity, easy)
    names = answers.labels(bank, (one.latent for one in latents))
    return [
        {
            "case": chosen.id, **labels.columns(one.latent, names), "related": one.related,
            "unrelated": one.unrelated, "helped": one.helped, "context_token": one.context_token.text,
            "related_token": one.related_token.text, "unrelated_token": one.unrelated_token.text,
        }
        for one in latents
    ]  # fmt: skip


def python(bank: MemoryBank, source: str, similarity: str, chosen: Case) -> str:
    return notebook(
        bank,
        f"cases = bank.separability.cases({source!r})",
        f"found = bank.separability.measure(cases, {similarity!r})",
        "for mode, figures in found.modes.items():",
        "    print(mode, figures.share_positive, figures.mean, figures.sd, figures.effect, figures.auc)",
        f"case = next(c for c in cases if c.id == {chosen.id!r})",
        f"for one in bank.separability.latents(case, {similarity!r})[:10]:",
        "    print(one.latent, one.helped, one.context_token.text, one.related_token.text)",
    )
