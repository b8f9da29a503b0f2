"""The right of Compose: the memories that a mixture of latents brings, and what each latent contributed."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from core import WEIGHTINGS, Codes, Hits, Memory, MemoryBank, Query, Term
from core.types import Floats
from ui.address import ways
from ui.compose import composer
from ui.kit import components, labels, prose, tray
from ui.kit.cards import MARKS, marked
from ui.kit.export import notebook
from ui.query.marks import toggle
from ui.session import answers

SHOWN = 420
"""Characters of a memory that travel to a card."""
NAMED = 4
"""Contributions said in words under a bar."""
_SATURATED = "“…” is the latent's rarity times its activations in the memory, summed and saturated as in BM25."
MEANING = {
    "activation": "“…” is the strongest activation of that latent in the memory.",
    "saturated": _SATURATED,
    "learnt": _SATURATED,
    "yours": _SATURATED,
    "cosine": "“…” is the latent's strongest activation in the memory, over the length of all of them.",
    "cosine_idf": "“…” is the latent's rarity squared times its strongest activation in the memory, over the length "
    "of all of them.",
}
WORDS = "words"


# --- what the component draws -----------------------------------------------------------------------------------------


def named(terms: Sequence[Term], names: labels.Names) -> list[str]:
    """Labels, those hardly better than chance with their doubt, with the number where two latents share one; numbers
    where there is none."""
    found = [labels.marked(names.get(term.latent)) for term in terms]
    return [
        f"latent {term.latent}" if not text else f"{text} {term.latent}" if found.count(text) > 1 else text
        for term, text in zip(terms, found, strict=True)
    ]


def data(
    hits: Hits,
    shares: Floats,
    memories: Mapping[str, Memory],
    codes: Mapping[str, Codes],
    names: labels.Names,
    likes: tuple[Sequence[str], Sequence[str]],
    marks: Mapping[str, bool],
) -> dict[str, Any]:
    """Cards in the order of the score. shares: what the words and each term add, a row for each card."""
    top = hits.top("sparse")
    plus, minus = np.maximum(shares, 0).sum(axis=1), np.maximum(-shares, 0).sum(axis=1)
    left, span = float(minus.max(initial=0)), float(plus.max(initial=0) + minus.max(initial=0)) or 1.0
    called, rows = [WORDS, *named(hits.query.terms, names)], []
    for rank, (i, share) in enumerate(zip(top, shares, strict=True), 1):
        memory, score = memories[hits.ids[i]], prose.number(float(hits.scores["sparse"][i]))
        said = [f"{called[int(j)]} {signed(share[j])}" for j in np.argsort(-np.abs(share), kind="stable") if share[j]]
        rows.append(
            {
                "id": memory.id,
                "rank": str(rank),
                "score": score,
                "segments": segments(share, called, left, span),
                "said": f"{score}: {', '.join(said)}",
                "parts": " · ".join(said[:NAMED]) + (f" · {len(said) - NAMED} more" if len(said) > NAMED else ""),
                "pieces": pieces(memory.text, codes[memory.id], hits.query.terms, share[1:], called[1:]),
                "liked": memory.id in likes[0],
                "disliked": memory.id in likes[1],
                "mark": MARKS.get(marks.get(memory.id)),
                "aria": f"rank {rank}{marked(marks.get(memory.id))}: {prose.short(memory.text, 160)}",
            }
        )
    return {"rows": rows, "zero": round(100 * left / span, 2), "marking": bool(hits.query.text)}


def signed(value: float) -> str:
    """+4.1, −.300"""
    return f"{'+' if value > 0 else '−'}{prose.number(abs(float(value)))}"


def segments(share: Floats, called: Sequence[str], left: float, span: float) -> list[dict[str, Any]]:
    """The pieces of one bar in percent of its width: what speaks for the memory right of zero, what against it left."""
    found, ends = [], {1: left, -1: left}
    for j in map(int, np.flatnonzero(share)):
        sign = 1 if share[j] > 0 else -1
        size = abs(float(share[j]))
        start = ends[sign] if sign > 0 else ends[sign] - size
        ends[sign] += sign * size
        kind = WORDS if j == 0 else "plus" if sign > 0 else "minus"
        found.append(
            {"kind": kind, "from": round(100 * start / span, 2), "width": round(100 * size / span, 2),
             "title": f"{called[j]} {signed(share[j])}"}
        )  # fmt: skip
    return found


def pieces(
    text: str, codes: Codes, terms: Sequence[Term], share: Floats, called: Sequence[str]
) -> list[tuple[str, str, str]]:
    """The text in order as (words, plus or minus or nothing, which latent), tinted where a term's latent peaks."""
    spans: dict[tuple[int, int], tuple[str, str]] = {}
    for j in map(int, np.argsort(-np.abs(share), kind="stable")):
        at = int(np.searchsorted(codes.latents, terms[j].latent))
        if share[j] and at < len(codes.latents) and codes.latents[at] == terms[j].latent:
            token = codes.peak[at]
            span = (int(codes.token_start[token]), int(codes.token_end[token]))
            spans.setdefault(span, ("plus" if share[j] > 0 else "minus", f"{called[j]} {signed(share[j])}"))
    first = next(iter(spans), (0, 0))[0]
    low = 0 if first < SHOWN * 2 // 3 else text.rfind(" ", 0, first - SHOWN // 3) + 1
    high = min(len(text), low + SHOWN)
    found: list[tuple[str, str, str]] = [("… ", "", "")] if low else []
    cursor = low
    for (start, end), (kind, title) in sorted(spans.items()):
        if start < cursor or end > high:
            continue
        found += [(text[cursor:start], "", "")] if start > cursor else []
        found.append((text[start:end], kind, title))
        cursor = end
    found += [(text[cursor:high], "", "")] if high > cursor else []
    return [*found, (" …", "", "")] if high < len(text) else found


# --- the page's right side --------------------------------------------------------------------------------------------


def draw(bank: MemoryBank, hits: Hits, shares: Floats, memories: Mapping[str, Memory]) -> None:
    """The cards, with what can be done with each."""
    query = hits.query
    codes = answers.codes(bank, tuple(hits.ids[i] for i in hits.top("sparse")))
    names = answers.labels(bank, [term.latent for term in query.terms])
    drawn = data(hits, shares, memories, codes, names, composer.likes(bank), answers.marks(bank, query.text))
    prose.small(f"{WEIGHTINGS[query.weighting].label} · ranked {hits.n_candidates:,} memories in {hits.rank_ms:.0f} ms")
    components.draw(
        "mixture", "compose_hits", drawn,
        open=ways.open_memory,
        like=composer.step("more like", composer.like),
        dislike=composer.step("less like", composer.dislike),
        right=lambda memory: toggle(bank, query.text, memory, True),
        wrong=lambda memory: toggle(bank, query.text, memory, False),
    )  # fmt: skip


def nothing(query: Query) -> None:
    """No memory scores above 0: what to do about it."""
    if query.terms and not query.text and all(term.weight < 0 for term in query.terms):
        st.write("Minus alone brings nothing: give some latent a weight above 0, or begin with words.")
    else:
        st.write("No memory scores above 0 for this mixture. Take a minus out, or choose another conversation.")


def examples(bank: MemoryBank) -> None:
    """Nothing is composed yet: mixtures of this bank's own latents to begin with."""
    st.write("Mix latents as you would mix colours: plus for what a memory should fire, minus for what it should not.")
    found = answers.examples(bank)
    if found:
        st.caption("Begin with one of these, or add latents on the left.")
    else:
        st.caption("Add latents on the left, by label or number, from a memory or from a text.")
    for i, terms in enumerate(found):
        names = answers.labels(bank, [term.latent for term in terms])
        said = " ".join(f"{tray.signed(t.weight)[0]} {n}" for t, n in zip(terms, named(terms, names), strict=True))
        st.button(
            prose.plain(said), icon=":material/tune:", key=f"compose_example_{i}", on_click=composer.use,
            args=(Query("", weighting="activation", terms=terms), "an example"),
        )  # fmt: skip


def equation(query: Query, names: labels.Names) -> None:
    """The score as a sum, in words."""
    said = []
    if query.text:
        muted = f", {len(query.muted)} muted" if query.muted else ""
        said.append(f"<i>words</i> “{html.escape(prose.short(query.text, 60))}”{muted}")
    for term, name in zip(query.terms, named(query.terms, names), strict=True):
        kind = "plus" if term.weight > 0 else "minus"
        size = f"{abs(term.weight):g}\u202f·\u202f" if abs(term.weight) != 1 else ""
        sign = "" if not said and term.weight > 0 else "+ " if term.weight > 0 else "− "
        said.append(f'<span class="mn-{kind}">{sign}{size}“{html.escape(name)}”</span>')
    st.html(f'<div class="mn-equation">score = {" ".join(said)}</div>')
    prose.small(MEANING.get(query.weighting, ""))


def python(bank: MemoryBank, query: Query) -> str:
    """The same in a notebook."""
    if not query.text and not query.terms:
        found = ["for terms in bank.compositions.examples():", "    print(terms, bank.compose(terms, k=3).ids)"]
        return notebook(bank, *found)
    where = f", conversation={query.conversation!r}" if query.conversation is not None else ""
    terms = ", ".join(f"Term({term.latent}, {term.weight:+g})" for term in query.terms)
    if not query.text and query.weighting == "activation":
        names, asked = "MemoryBank, Term", f"bank.compose([{terms}], k={query.k}{where})"
    else:
        names = "MemoryBank, Query, Term" if terms else "MemoryBank, Query"
        asked = f"{query.text!r}{where}, k={query.k}, weighting={query.weighting!r}"
        asked += f", terms=({terms},)" if terms else ""
        asked = f"bank.search(Query({asked}{f', muted={query.muted!r}' if query.muted else ''}))"
    return notebook(
        bank,
        f"hits = {asked}",
        'best = [hits.ids[i] for i in hits.top("sparse")]',
        "for memory, shares in zip(best, bank.recall.contributions(hits.query, best)):",
        "    print(memory, shares.sum(), shares)",
        names=names,
    )


def export_rows(
    hits: Hits, shares: Floats, memories: Mapping[str, Memory], names: labels.Names
) -> list[dict[str, Any]]:
    """One row per memory: its words, its score, and what each latent added."""
    rows = []
    for rank, (i, share) in enumerate(zip(hits.top("sparse"), shares, strict=True), 1):
        memory = memories[hits.ids[i]]
        row: dict[str, Any] = {"query": hits.query.text, "rank": rank, "id": memory.id, "text": memory.text,
                               "score": float(hits.scores["sparse"][i]), "from_words": float(share[0])}  # fmt: skip
        for term, value in zip(hits.query.terms, share[1:], strict=True):
            row[f"{tray.signed(term.weight)} {labels.said(term.latent, names)}"] = float(value)
        rows.append(row)
    return rows
