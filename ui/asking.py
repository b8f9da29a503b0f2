"""The widgets that make a ``Query``, and the chips that show what it fires."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from core import FUSIONS, WEIGHTINGS, Hits, MemoryBank, Query
from ui import banks, components, labels, link, parts, tray

CHIPS = 10
WEIGHTING_HELP = {
    "saturated": "Activations summed over the text, with diminishing returns and a correction for length, times "
    "rarity: what BM25 does with words.",
    "cosine": "Cosine of the strongest activations, all latents alike: the study's.",
    "cosine_idf": "The same cosine, rare latents counting more.",
}
FUSION_HELP = {
    "scaled": "Each side is divided by its best candidate, then the root of the sum of squares.",
    "study": "The root of the sum of squares of the raw scores, as in the study. With summed activations, the "
    "sparse side decides alone.",
    "z": "Each side in standard deviations above the mean of the candidates, added.",
}


def query_form(bank: MemoryBank) -> Query:
    """Text in a form; the filters beside it act at once."""
    row = st.container(horizontal=True, vertical_alignment="bottom", key="recall_row")
    with row, st.form("recall_form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Ask in your own words",
            key="recall_text",
            persist_state="session",
            placeholder="What do you want to recall?",
        )
        st.form_submit_button("Recall", type="primary")
    with row:
        conversation = parts.conversation_select(bank, width=190)
        k = st.number_input(
            "k", 1, link.MOST_HITS, key="recall_k", persist_state="session", help="Memories per column.", width=110
        )
    with row, st.popover("How it is scored"):
        weighting = st.selectbox(
            "Sparse score",
            list(WEIGHTINGS),
            format_func=lambda w: WEIGHTINGS[w].label,
            key="weighting",
            persist_state="session",
        )
        st.caption(WEIGHTING_HELP.get(weighting, ""))
        fusion = st.selectbox(
            "Combined score", list(FUSIONS), format_func=lambda f: FUSIONS[f][0], key="fusion", persist_state="session"
        )
        st.caption(FUSION_HELP.get(fusion, ""))
        balance = st.slider(
            "Weight of the dense side, the sparse side being 1", 0.0, 1.0, step=0.05, key="balance",
            persist_state="session", disabled=fusion == "study", help="The study's own rule has no weights.",
        )  # fmt: skip
        lexical = st.toggle("Show a column for words (BM25)", key="lexical", persist_state="session")
    terms, muted = tray.known(bank)
    return Query(
        text=text.strip(),
        conversation=conversation,
        k=int(k),
        weighting=weighting,
        fusion=fusion,
        balance=float(balance),
        terms=terms,
        muted=muted,
        lexical=lexical,
    )


def fired(bank: MemoryBank, hits: Hits, latent: int | None, choose: Callable[[int], None]) -> None:
    """The query's strongest latents, each with the token it peaked at, and the time it all took."""
    codes, text = hits.query_codes, hits.query.text
    chips, n = [], len(codes.latents)
    strongest = np.argsort(-codes.max, kind="stable")[:CHIPS]
    names = banks.labels(bank, codes.latents[strongest])
    for i in strongest:
        fires, start, end = int(codes.latents[i]), codes.token_start[codes.peak[i]], codes.token_end[codes.peak[i]]
        chip = components.chip(fires, text[int(start) : int(end)], float(codes.max[i]), labels.text(fires, names))
        chips.append(chip | {"off": fires in hits.query.muted})
    more = f"and {n - len(chips):,} more latents" if n > len(chips) else ""
    took = f"encoded {hits.encode_ms:.0f} ms · ranked {hits.n_candidates:,} in {hits.rank_ms:.0f} ms"
    data = {
        "before": "your query fires" if n else "no words are asked, only the latents below",
        "chips": chips,
        "after": f"{more} · {took}" if more else took,
        "latent": latent,
    }
    components.draw("chips", "recall_chips", data, latent=choose)


def python(bank: MemoryBank, query: Query, memory: str | None) -> str:
    """The same search in a notebook."""
    given = {"text": query.text, "conversation": query.conversation, "k": query.k, "weighting": query.weighting,
             "fusion": query.fusion, "balance": query.balance, "terms": query.terms, "muted": query.muted,
             "lexical": query.lexical}  # fmt: skip
    default = Query("")
    said = ", ".join(
        f"{name}={value!r}" for name, value in given.items() if name == "text" or value != getattr(default, name)
    )
    lines = [
        f"from core import MemoryBank, Query{', Term' if query.terms else ''}",
        "",
        f"bank = MemoryBank.open({str(bank.path)!r}, {bank.engine.name!r})",
        f"query = Query({said})",
        "hits = bank.search(query)",
        'for i in hits.top("combined"):',
        '    print(hits.ranks["combined"][i], hits.ids[i], hits.scores["combined"][i])',
    ]
    if memory:
        lines += ["", f"why = bank.explain(query, {memory!r})", "for share in why.shares[:10]:",
                  "    print(share.latent, share.share, share.query_token.text, share.memory_token.text)"]  # fmt: skip
    return "\n".join(lines)
