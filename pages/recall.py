"""Which memories come back, and why? Dense, sparse and combined side by side, and the latents behind each hit."""

from __future__ import annotations

import streamlit as st

from core import Explanation, Hits, MemoryBank, Query
from ui.address import link, ways
from ui.kit import cards as hits
from ui.kit import choice, prose, states, threads, tray
from ui.kit import shares as why
from ui.kit.page import Body
from ui.kit.tokens import TokenValues
from ui.query import form as asking
from ui.query import marks
from ui.recall import whatif
from ui.session import answers
from ui.shell import frame

ALL = 10_000
FIRES, CAUSES = "where it fires", "what causes it"


def choose_memory(memory: str) -> None:
    st.session_state["memory"] = memory


def suggest(bank: MemoryBank) -> None:
    """Nothing was asked yet: offer questions that the bank came with."""
    st.write("Type a question above, or begin with one of these.")
    for question in bank.memories.questions()[:4]:
        st.button(prose.plain(question.text), on_click=ask, args=(question.text,), key=f"suggest_{question.id}")


def ask(text: str) -> None:
    st.session_state.update(recall_text=text, memory=None, latent=None, masked=[])


def known_memory(bank: MemoryBank, memory: str | None) -> str | None:
    """The memory of the link, where it exists."""
    if memory is None or answers.memories(bank, (memory,)):
        return memory
    link.note(f"{bank.name} has no memory “{memory[:80]}”; the best hit is explained instead.")
    st.session_state["memory"] = None
    return None


def explained(bank: MemoryBank, query: Query, found: Hits, memory: str, latent: int | None) -> Explanation:
    """The chosen hit: its standing, both texts with tinted tokens, its latents."""
    causes = bank.engine.warm and st.session_state.get("why_basis") == CAUSES
    explanation = answers.explain(bank, query, memory, causes)
    traces = [answers.trace(bank, text) if text else None for text in (query.text, explanation.memory.text)]
    stored = [(query.text, found.query_codes), (explanation.memory.text, answers.codes(bank, (memory,))[memory])]
    sides = [
        TokenValues.of_codes(text, codes) if trace is None else TokenValues.of_trace(trace)
        for trace, (text, codes) in zip(traces, stored, strict=True)
    ]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Why this one", anchor=False, width="content")
        st.text(memory, width="content")
        prose.small(why.standing(explanation))
        marks.buttons(bank, query.text, memory)
        st.button("Open in Memory", icon=":material/notes:", on_click=ways.open_memory, args=(memory, latent))
    words = answers.labels(bank, threads.asked(explanation.alignment))
    threads.draw(explanation, words, ways.open_latent)
    if bank.engine.warm:
        st.segmented_control(
            "What the words of the memory are given", [FIRES, CAUSES], default=FIRES, key="why_basis",
            label_visibility="collapsed", help="What causes it: the memory is read again without each of its words.",
        )  # fmt: skip
    whatif.edits(bank, query, explanation)
    whatif.flips(bank, query, explanation)
    everything = st.session_state.get("why_all", False)
    shown = ALL if everything else why.SHOWN
    names = answers.labels(bank, why.listed(explanation, latent, shown))
    if latent is not None and latent not in {share.latent for share in explanation.shares}:
        st.caption(f"Latent {latent} does not fire in both texts, so it adds nothing here.")
    with st.expander("Latent by latent", expanded=latent is not None, icon=":material/table_rows:"):
        drawn = why.data(explanation, sides[0], sides[1], latent, shown, names)
        why.draw(drawn, choice.choose_latent, ways.open_latent)
    with st.container(horizontal=True, vertical_alignment="center"):
        prose.small(why.summary(explanation, shown))
        marks.learn(bank, query.text)
        if len(explanation.shares) > why.SHOWN:
            st.toggle("Show all latents", key="why_all", width="content")
    if not sides[1].complete:
        st.caption("Each latent is tinted at the token of its peak; every token follows when the model is warm.")
    return explanation


def needs_model(query: Query) -> bool:
    """Masked words need every token's latents, and a refusal the codes of questions never stored."""
    return bool(query.masked) or (query.criterion == "fits" and query.threshold is None)


def draw(page: Body) -> None:
    bank = page.bank
    states.told_problem()
    if states.nothing_to_recall(bank):
        return
    query = asking.query_form(bank)
    tray.draw(bank, "recall_tray", text=query.text, on_recall=True)
    if not query.text and not query.terms:
        suggest(bank)
        return
    page.query = query
    if query.text and not (bank.engine.warm or (bank.knows_query(query.text) and not needs_model(query))):
        states.waiting_for_model("this query is answered")
        return
    memory = known_memory(bank, st.session_state.get("memory"))
    found = answers.search(bank, query, (memory,) if memory else ())
    latent = choice.known_latent(bank)
    asking.fired(bank, found, latent, choice.choose_latent)
    best = next((found.ids[i] for mode in ("combined", "dense", "sparse") for i in found.top(mode)), None)
    if best is None:
        st.write("Nothing stored resembles this query. Ask in other words, or choose another conversation.")
        return
    if found.verdict is not None:
        prose.small(hits.fitting(found.verdict))
    if nothing := hits.nothing(found):
        st.info(nothing, icon=":material/search_off:")
    memory = memory if memory in found.ids else best
    memories = answers.memories(bank, found.ids)
    marked = answers.marks(bank, query.text)
    joined = answers.threads(bank, query, found.ids)
    hits.draw(found, memories, answers.codes(bank, found.ids), memory, choose_memory, marked, joined)
    page.export("hits", lambda: hits.export_rows(found, memories))
    if rows := whatif.disagreement(bank, query, found):
        page.export("disagreement", lambda: rows)
    explanation = explained(bank, query, found, memory, latent)
    page.export(
        "explanation", lambda: why.export_rows(explanation, answers.labels(bank, why.listed(explanation, None, ALL)))
    )
    page.export("pairs", lambda: threads.export_rows(explanation))
    if marked:
        page.export("marks", lambda: marks.export_rows(bank))
    page.python = asking.python(bank, query, memory)


frame.enter()
with frame.body("recall") as body:
    draw(body)
