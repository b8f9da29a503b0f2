"""Missed questions: which, what was recalled instead, and which latents put it first."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from core import MODES, Confusion, Memory, MemoryBank, Mode, Run
from core.evaluation import Outcome
from ui.address import link, ways
from ui.evaluate import charts as charts_evaluation
from ui.kit import cards as hits
from ui.kit import choice, labels, prose, states
from ui.kit.colours import MODE_COLOURS
from ui.query import form as asking
from ui.session import answers

INSTEAD = 3
SHOWN = 8
"""Latents of each side."""


def mode_select() -> Mode:
    chosen = st.segmented_control(
        "Mode", MODES, format_func=str.capitalize, key="run_mode", persist_state="session", required=True
    )
    return chosen or MODES[0]


def draw(bank: MemoryBank, run: Run, cases: Sequence[Outcome], latent: int | None) -> None:
    """The list, then the chosen question."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="misses_row"):
        mode = mode_select()
        category = category_select(cases)
    asked = [case for case in cases if not category or case.question.category == category]
    missed = [case for case in asked if case.missed(mode)]
    if not missed:
        st.write(f"None of these {len(asked):,} questions was missed: all their evidence is among the first 10.")
        return
    st.caption(
        f"{len(missed):,} of {len(asked):,} questions were missed by {mode}: not all of their evidence is among its "
        "first 10. Choose one to see what came instead."
    )
    case = listing(run, mode, category, missed)
    with states.problems():
        question(bank, run, mode, case, latent)


def category_select(cases: Sequence[Outcome]) -> str:
    known = sorted({case.question.category for case in cases if case.question.category})
    chosen = st.session_state.get("run_category", "")
    if chosen and chosen not in known:
        link.note(f"No question of this run has the category “{chosen[:40]}”; all of them are shown.")
        st.session_state["run_category"] = ""
    picked: str = st.selectbox(
        "Category", ["", *known], format_func=lambda name: name or "all", key="run_category", persist_state="session",
        width=190, disabled=not known,
    )  # fmt: skip
    return picked


def listing(run: Run, mode: Mode, category: str, missed: Sequence[Outcome]) -> Outcome:
    """A row per missed question, and the one that is chosen: by a click, by the link, or the first."""
    wanted = st.session_state.get("run_question", "")
    at = next((i for i, case in enumerate(missed) if case.question.id == wanted), 0)
    stamp = hashlib.sha256(f"{run.id} {mode} {category}".encode()).hexdigest()[:12]

    def on_select() -> None:
        rows = st.session_state[f"misses_{stamp}"].selection.rows
        if rows:
            choose_question(missed[rows[0]].question.id)

    st.dataframe(
        [
            {
                "question": case.question.text,
                "category": case.question.category,
                "conversation": case.question.conversation,
                "ranks": _ranks(case, mode),
            }
            for case in missed
        ],
        key=f"misses_{stamp}", on_select=on_select, selection_mode="single-row", hide_index=True,
        selection_default={"selection": {"rows": [at], "columns": [], "cells": []}},
        height="content" if len(missed) < 8 else 283, alt=f"{len(missed)} questions missed by {mode}.",
        column_config={
            "question": st.column_config.TextColumn("Question", width="large"),
            "category": st.column_config.TextColumn("Category", width="small"),
            "conversation": st.column_config.TextColumn("Conversation", width="small"),
            "ranks": st.column_config.TextColumn("Ranks of its evidence", width="medium"),
        },
    )  # fmt: skip
    return missed[at]


def _ranks(case: Outcome, mode: Mode) -> str:
    lost = len(set(case.question.evidence)) - len(case.ranks[mode])
    return ", ".join([*(f"{rank:,}" for rank in case.ranks[mode]), *([f"{lost} not in the bank"] if lost else [])])


def choose_question(question: str) -> None:
    st.session_state.update(run_question=question, run_wrong="", run_right="")


def choose_wrong(memory: str) -> None:
    st.session_state["run_wrong"] = memory


def choose_right(memory: str) -> None:
    st.session_state["run_right"] = memory


def question(bank: MemoryBank, run: Run, mode: Mode, case: Outcome, latent: int | None) -> None:
    """The evidence with its ranks, what was recalled instead, and why."""
    asked = case.question
    gold = tuple(dict.fromkeys(asked.evidence))
    first = tuple(name for name in case.top[mode] if name not in gold)[:INSTEAD]
    standing = answers.run_standing(bank, run.id, asked.id, (*gold, *first))
    places = standing[mode]
    instead = tuple(name for name in first if name in places and places[name][1] > 0)
    memories = answers.memories(bank, (*gold, *instead))
    rights = sorted((name for name in gold if name in places), key=lambda name: places[name])
    below = [name for name in rights if places[name][0] > len(case.top[mode])]
    right = _chosen("run_right", rights, (below or rights)[:1])
    wrong = _chosen("run_wrong", instead, instead[:1])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(prose.plain(asked.text), anchor=False, width="stretch")
        st.button(
            "Open in Recall", icon=":material/manage_search:", on_click=asking.ask,
            args=(asked.text, asked.conversation, right or wrong or None, run.settings),
            help="There, rarity counts over the whole bank, here over the dialogue alone: ranks may differ a little.",
        )  # fmt: skip
    answer = f" · answer: {asked.answer}" if asked.answer else ""
    prose.small(f"{asked.conversation or 'no conversation'} · category {asked.category or 'none'}{answer}")
    if sorted(rank for rank, _ in (places[name] for name in rights)) != sorted(case.ranks[mode]):
        st.caption("The bank has changed since this run: what follows is ranked as the bank is now.")
    left, middle = st.columns(2, gap="large")
    with left:
        _cards(bank, "miss_right", "The evidence", rights, places, memories, right, mode, choose_right,
               "None of it is in this bank.")  # fmt: skip
    with middle:
        _cards(bank, "miss_wrong", "Recalled instead", instead, places, memories, wrong, mode, choose_wrong,
               "Nothing: no memory has anything in common with the question.")  # fmt: skip
    if right and wrong:
        why(bank, run, mode, case, wrong, right, standing, latent)


def _chosen(key: str, known: Sequence[str], usual: Sequence[str]) -> str:
    """The memory of the link where it is one of these."""
    wanted = st.session_state.get(key, "")
    return wanted if wanted in known else next(iter(usual), "")


def _cards(
    bank: MemoryBank, key: str, label: str, ids: Sequence[str], places: Mapping[str, tuple[int, float]],
    memories: Mapping[str, Memory], chosen: str, mode: Mode, choose: Any, nothing: str,
) -> None:  # fmt: skip
    codes = answers.codes(bank, tuple(ids))
    rows = []
    for name in ids:
        rank, score = places[name]
        said = f"rank {rank}, {mode} {prose.number(score)}: {prose.short(memories[name].text, 160)}"
        rows.append(
            {**hits.card(memories[name], codes.get(name)), "rank": f"{rank:,}", "score": prose.number(score),
             "aria": said}
        )  # fmt: skip
    st.markdown(f"**{label}**")
    hits.draw_list(key, label, rows, chosen, MODE_COLOURS[mode], "" if rows else nothing, choose)


def why(
    bank: MemoryBank, run: Run, mode: Mode, case: Outcome, wrong: str, right: str,
    standing: Mapping[Mode, Mapping[str, tuple[int, float]]], latent: int | None,
) -> None:  # fmt: skip
    """Which latents speak for the memory that came first, and which for the evidence."""
    found = answers.run_confusion(bank, run.id, case.question.id, wrong, right)
    st.caption(_standing(standing, wrong, right))
    if mode in ("dense", "lexical"):
        st.caption(f"{mode.capitalize()} has no latents: this is how the sparse side sees the two.")
    shown = sides(found)
    if not shown:
        st.write("Neither shares a latent with the question.")
        return
    names = answers.labels(bank, (int(found.latents[i]) for i in shown))
    stamp = hashlib.sha256(f"{run.id} {case.question.id} {wrong} {right} {latent}".encode()).hexdigest()[:12]
    key = f"confusion_{stamp}"

    def on_select() -> None:
        points = st.session_state[key].selection.points
        if points:
            choice.choose_latent(int(points[0]["customdata"][0]))

    figure = charts_evaluation.confusion(found, shown, {i: labels.marked(label) for i, label in names.items()}, latent)
    st.plotly_chart(figure, key=key, on_select=on_select, selection_mode="points", config={"displayModeBar": False},
                    alt=summary(found))  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        prose.small(summary(found))
        if latent is not None:
            said = labels.said(latent, answers.labels(bank, [latent]))
            st.button(f"Open {prose.plain(said)}", icon=":material/grain:", on_click=ways.open_latent, args=(latent,))


def _standing(standing: Mapping[Mode, Mapping[str, tuple[int, float]]], wrong: str, right: str) -> str:
    said = [
        f"{mode} {prose.number(found[wrong][1])} (rank {found[wrong][0]:,}) against {prose.number(found[right][1])} "
        f"(rank {found[right][0]:,})"
        for mode, found in standing.items()
    ]
    return " · ".join(said)


def sides(found: Confusion) -> list[int]:
    """Positions of the latents that speak most for either memory."""
    gap = found.wrong - found.right
    first = [int(i) for i in np.flatnonzero(gap > 0)[:SHOWN]]
    return first + [int(i) for i in np.flatnonzero(gap < 0)[-SHOWN:]]


def summary(found: Confusion) -> str:
    """Both sides in a sentence."""
    gap = found.wrong - found.right
    more, less = float(gap[gap > 0].sum()), float(-gap[gap < 0].sum())
    return (
        f"{int((gap > 0).sum()):,} latents speak for what came first (+{prose.number(more)}), {int((gap < 0).sum()):,} "
        f"for the evidence (−{prose.number(less)}); together {_signed(more - less)} in the sparse score."
    )


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else '−'}{prose.number(abs(value))}"


def export_rows(run: Run, cases: Sequence[Outcome], mode: Mode) -> list[dict[str, Any]]:
    """Every missed question of a mode, with what came first instead."""
    return [
        {
            "run": run.id, "mode": mode, "question": case.question.id, "text": case.question.text,
            "category": case.question.category, "evidence": " ".join(case.question.evidence),
            "ranks": " ".join(map(str, case.ranks[mode])),
            "instead": " ".join([name for name in case.top[mode] if name not in case.question.evidence][:INSTEAD]),
        }
        for case in cases
        if case.missed(mode)
    ]  # fmt: skip
