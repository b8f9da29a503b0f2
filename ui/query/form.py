"""The widgets that make a ``Query``, and the chips that show what it fires."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from core import CRITERIA, FUSIONS, WEIGHTINGS, Hits, MemoryBank, Query
from ui.address import link, ways
from ui.kit import components, prose, tray, widgets
from ui.kit.export import notebook
from ui.query import fields
from ui.query.fields import DEFAULTS, MOST_CONTEXT, MOST_HITS, SCORING
from ui.session import answers

CHIPS = 10
WEIGHTING_HELP = {
    "learnt": "Activations summed over the text, with diminishing returns and a correction for length, times rarity "
    "(what BM25 does with words), times a weight per latent that was learnt from questions and answers.",
    "yours": "The same, with the weights learnt from this bank's own cases.",
    "saturated": "Activations summed over the text, with diminishing returns and a correction for length, times "
    "rarity: what BM25 does with words. Nothing learnt.",
    "cosine": "Cosine of the strongest activations, all latents alike: the study's.",
    "cosine_idf": "The same cosine, rare latents counting more.",
}
FUSION_HELP = {
    "scaled": "Each side is divided by its best candidate, then the root of the sum of squares.",
    "study": "The root of the sum of squares of the raw scores, as in the study. With summed activations, the "
    "sparse side decides alone.",
    "z": "Each side in standard deviations above the mean of the candidates, added.",
}


CRITERION_HELP = {
    "top": "The first k memories of each column.",
    "study": "Memories whose score lies z standard deviations above the mean of all candidates: those of the chosen "
    "conversation, or of the whole bank.",
    "gap": "Everything above the largest step between two neighbouring scores.",
    "budget": "The first memories that fit into so many characters of context.",
    "fits": "The first k, unless no memory carries enough of what the query fires. The least fit is learnt from "
    "questions about things that were never stored.",
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
        st.form_submit_button("Recall", type="primary", on_click=tray.unmask)
    with row:
        conversation = widgets.conversation_select(bank, width=190)
        k = st.number_input(
            "k", 1, MOST_HITS, key="recall_k", persist_state="session", help="Memories per column.", width=110
        )
        criterion = st.selectbox(
            "Recalled is", list(CRITERIA), format_func=lambda c: CRITERIA[c].label, key="criterion",
            persist_state="session", width=210, on_change=forget_threshold,
        )  # fmt: skip
    with row, st.popover("How it is scored"):
        threshold = threshold_input(criterion)
        scored = scoring(bank)
        lexical = st.toggle("Show a column for words (BM25)", key="lexical", persist_state="session")
    terms, muted = tray.known(bank)
    tray.words(bank, text.strip())  # forgets what a link masks beyond the words
    return Query(
        text=text.strip(),
        conversation=conversation,
        k=int(k),
        weighting=scored.weighting,
        fusion=scored.fusion,
        balance=scored.balance,
        context=scored.context,
        criterion=criterion,
        threshold=threshold,
        terms=terms,
        muted=muted,
        masked=tuple(tray.masked()),
        lexical=lexical,
    )


def scoring(bank: MemoryBank) -> Query:
    """How scores are made: the widgets, and their values in a query without words."""
    weightings = [w for w in WEIGHTINGS if w != "yours" or w in bank.index().learnt]
    if st.session_state.get("weighting") not in weightings:
        link.note("This bank has learnt no weights of its own; those that came with the dictionary are used.")
        st.session_state["weighting"] = DEFAULTS.weighting
    weighting = st.selectbox(
        "Sparse score",
        weightings,
        format_func=lambda w: WEIGHTINGS[w].label,
        key="weighting",
        persist_state="session",
    )
    st.caption(WEIGHTING_HELP.get(weighting, ""))
    context = st.slider(
        "Share of the neighbouring turns", 0.0, MOST_CONTEXT, step=0.05, key="context",
        persist_state="session", help="Part of the sparse scores of the memories said just before and after, in "
        "the same session, is added to a memory's own. Long memories take less of it.",
    )  # fmt: skip
    fusion = st.selectbox(
        "Combined score", list(FUSIONS), format_func=lambda f: FUSIONS[f][0], key="fusion", persist_state="session"
    )
    st.caption(FUSION_HELP.get(fusion, ""))
    balance = st.slider(
        "Weight of the dense side, the sparse side being 1", 0.0, 1.0, step=0.05, key="balance",
        persist_state="session", disabled=fusion == "study", help="The study's own rule has no weights.",
    )  # fmt: skip
    return Query("", weighting=weighting, fusion=fusion, balance=float(balance), context=float(context))


def forget_threshold() -> None:
    """Another criterion counts in other units."""
    st.session_state["threshold"] = None


def threshold_input(criterion: str) -> float | None:
    """The number of a criterion; None for its usual one. A number out of range is put back within it."""
    rule, given = CRITERIA[criterion], st.session_state.get("threshold")
    st.caption(CRITERION_HELP[criterion])
    if criterion == "top":
        return None
    if given is not None and not rule.least <= given <= rule.most:
        link.note(f"{rule.label}: {rule.unit} is {given:g}; from {rule.least:g} to {rule.most:g} is expected.")
        st.session_state["threshold"] = None
    whole = criterion in ("gap", "budget")
    return st.number_input(
        rule.unit.capitalize(), float(rule.least), float(rule.most), value=None, key="threshold",
        persist_state="session", step=1.0 if whole else 0.05, format="%.0f" if whole else "%.2f",
        placeholder="learnt from this bank" if rule.default is None else f"{rule.default:g}",
    )  # fmt: skip


def ask(text: str, conversation: str, memory: str, settings: Query) -> None:
    """From a callback: ask something on Recall, and look at one memory of the answer."""
    scored = {field.key: getattr(settings, field.key) for field in SCORING}
    st.session_state.update(
        recall_text=text, conversation=conversation, memory=memory, latent=None, masked=[], **scored
    )
    ways.to("recall")


def fired(bank: MemoryBank, hits: Hits, latent: int | None, choose: Callable[[int], None]) -> None:
    """The query's strongest latents, each with the token it peaked at, and the time it all took."""
    codes, text = hits.query_codes, hits.query.text
    chips, n = [], len(codes.latents)
    strongest = np.argsort(-codes.max, kind="stable")[:CHIPS]
    names = answers.labels(bank, codes.latents[strongest])
    for i in strongest:
        fires, start, end = int(codes.latents[i]), codes.token_start[codes.peak[i]], codes.token_end[codes.peak[i]]
        chip = components.chip(fires, text[int(start) : int(end)], float(codes.max[i]), names.get(fires))
        chips.append(chip | {"off": fires in hits.query.muted})
    more = f"and {n - len(chips):,} more latents" if n > len(chips) else ""
    fit = f"best fit {prose.percent(hits.fit)}" if np.isfinite(hits.fit) and n else ""
    took = f"encoded {hits.encode_ms:.0f} ms · ranked {hits.n_candidates:,} in {hits.rank_ms:.0f} ms"
    data = {
        "before": "your query fires" if n else "no words are asked, only the latents below",
        "chips": chips,
        "after": " · ".join(filter(None, [more, fit, took])),
        "latent": latent,
    }
    components.draw("chips", "recall_chips", data, latent=choose)


def python(bank: MemoryBank, query: Query, memory: str | None) -> str:
    """The same search in a notebook."""
    given = {"text": query.text, "conversation": query.conversation, "k": query.k, "weighting": query.weighting,
             "fusion": query.fusion, "balance": query.balance, "context": query.context, "criterion": query.criterion,
             "threshold": query.threshold, "terms": query.terms, "muted": query.muted, "masked": query.masked,
             "lexical": query.lexical}  # fmt: skip
    default = fields.usual()
    said = ", ".join(
        f"{name}={value!r}" for name, value in given.items() if name == "text" or value != getattr(default, name)
    )
    lines = [
        f"query = Query({said})",
        "hits = bank.search(query)",
        'for i in hits.recalled("combined"):',
        '    print(hits.ranks["combined"][i], hits.ids[i], hits.scores["combined"][i])',
    ]
    if memory:
        lines += ["", f"why = bank.explain(query, {memory!r})", "for share in why.shares[:10]:",
                  "    print(share.latent, share.share, share.query_token.text, share.memory_token.text)"]  # fmt: skip
    return notebook(bank, *lines, names=f"MemoryBank, Query{', Term' if query.terms else ''}")
