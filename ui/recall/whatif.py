"""What would have been recalled instead: what the edits of a query changed, the least edit that brings a memory back,
and where the columns disagree.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from core import Explanation, Hits, MemoryBank, Query
from ui.kit import labels, prose, tray
from ui.kit.fields import HEAVIEST
from ui.session import answers


def edits(bank: MemoryBank, query: Query, explanation: Explanation) -> None:
    """The chosen memory's ranks before latents were added or muted and words masked."""
    if not (query.terms or query.muted or query.masked) or not query.text:
        return
    plain = replace(query, terms=(), muted=(), masked=())
    memory = explanation.memory.id
    before = answers.search(bank, plain, (memory,))
    i = before.ids.index(memory)
    changed = " · ".join(
        f"{mode} {int(before.ranks[mode][i]):,} → {explanation.ranks[mode]:,}" for mode in ("sparse", "combined")
    )
    prose.small(f"Your edits changed its rank: {changed}")


def flips(bank: MemoryBank, query: Query, explanation: Explanation) -> None:
    """For a memory below the first k of the sparse column: the least edit of one latent that would bring it there."""
    rank = explanation.ranks["sparse"]
    if rank <= query.k:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        asked = st.toggle(f"What would bring it among the first {query.k} of sparse?", key="flips", width="content")
        if not asked:
            return
        found = answers.flips(bank, query, explanation.memory.id)
        if not found:
            prose.small("No edit of a single latent does.")
            return
        names = answers.labels(bank, [flip.term.latent for flip in found])
        for flip in found:
            weight = max(-HEAVIEST, min(HEAVIEST, flip.term.weight))
            sign = "+" if weight > 0 else "−"
            said = labels.marked(names.get(flip.term.latent)) or f"latent {flip.term.latent}"
            st.button(
                f"{sign}{prose.number(abs(flip.term.weight))} {prose.plain(said)} → rank {flip.rank:,}",
                on_click=tray.add,
                args=(flip.term.latent, round(weight, 3)),
                disabled=abs(flip.term.weight) > HEAVIEST,
                key=f"flip_{flip.term.latent}",
            )


def disagreement(bank: MemoryBank, query: Query, hits: Hits) -> list[dict[str, Any]]:
    """Pairs of columns: how much of their first k they share, how alike they rank, what only one of them finds."""
    if not st.toggle("Where the columns disagree", key="disagreement", width="content"):
        return []
    rows = [
        {
            "columns": f"{one.a} and {one.b}",
            "overlap": one.overlap,
            "tau": one.tau,
            "only_first": ", ".join(one.only_a),
            "only_second": ", ".join(one.only_b),
        }
        for one in answers.agreement(bank, query)
    ]
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "columns": st.column_config.TextColumn("Columns", width="small"),
            "overlap": st.column_config.NumberColumn(
                f"Shared of {query.k}", format="percent", width="small", help="Share of the first k that both have."
            ),
            "tau": st.column_config.NumberColumn(
                "Kendall’s τ", format="%.2f", width="small",
                help=f"How alike both rank all {hits.n_candidates:,} candidates: 1 the same order, 0 unrelated.",
            ),
            "only_first": st.column_config.TextColumn("Only in the first"),
            "only_second": st.column_config.TextColumn("Only in the second"),
        },
    )  # fmt: skip
    return rows
