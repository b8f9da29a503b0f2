"""The left of Compose: words to begin with, latents with sliders, memories to be more or less like."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import WEIGHTINGS, MemoryBank, Query
from ui.address import link, ways
from ui.compose import adding, composer, saved
from ui.kit import components, labels, prose, tray, widgets
from ui.kit.fields import HEAVIEST
from ui.query import form as asking
from ui.query.fields import MOST_HITS
from ui.session import answers

WORDS_SHOWN = 10


def query_form(bank: MemoryBank) -> Query:
    """Words, filters and the weighting; they act at once."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="compose_row"):
        st.text_input(
            "Begin with words, or leave it empty", key="compose_text", persist_state="session",
            placeholder="latents alone",
        )  # fmt: skip
        conversation = widgets.conversation_select(bank, width=190)
        k = st.number_input("k", 1, MOST_HITS, key="compose_k", persist_state="session", width=110,
                            help="How many memories.")  # fmt: skip
        with st.popover("How it is scored"):
            offered = ["", *(w for w in WEIGHTINGS if w != "yours" or w in bank.index().learnt)]
            if st.session_state["compose_weighting"] not in offered:
                link.note("This bank has learnt no weights of its own; it is scored as fits the query.")
                st.session_state["compose_weighting"] = ""
            chosen = st.selectbox(
                "Score", offered, key="compose_weighting", persist_state="session",
                format_func=lambda w: WEIGHTINGS[w].label if w else "As fits the query",
            )  # fmt: skip
            st.caption(
                asking.WEIGHTING_HELP.get(chosen, "")
                or "Latents alone: their strongest activations times the weights. With "
                "words: as Recall scores its sparse column."
            )
    return composer.query(bank, conversation, int(k))


# --- the latents ------------------------------------------------------------------------------------------------------


def rows(bank: MemoryBank) -> list[dict[str, Any]]:
    """One line with a slider for each latent."""
    terms = tray.terms()
    latents = [latent for latent, _ in terms]
    names, fired, n = answers.labels(bank, latents), bank.latents.fired_by(latents), len(bank.index())
    found = []
    for latent, weight in terms:
        label = names.get(latent)
        trust, share = labels.trust_short(label), prose.percent(fired[latent] / max(n, 1))
        found.append(
            {
                "latent": latent,
                "name": str(latent),
                "label": labels.text(latent, names),
                "said": labels.said(latent, names),
                "weight": weight,
                "fires": f"in {fired[latent]:,} ({share})" if fired[latent] else "in no memory",
                "fires_words": f"{fired[latent]:,} of {n:,} memories fire it",
                "trust": f"trust {trust}" if trust else "",
                "trust_words": "" if label is None else labels.trust_words(label),
            }
        )
    return found


def sliders(bank: MemoryBank) -> None:
    """The mixture itself, and what can be done with all of it."""
    shown = rows(bank)
    if shown:
        data = {"rows": shown, "heaviest": HEAVIEST, "step": composer.STEP}
        components.draw(
            "mixer", "compose_mixer", data,
            weigh=composer.step("weight", composer.weigh),
            remove=composer.step("remove", lambda latent: tray.remove(f"term {int(latent)}")),
            open=ways.open_latent,
        )  # fmt: skip
    if tray.muted():
        names = answers.labels(bank, tray.muted())
        data = {"before": "", "chips": tray.muted_chips(names), "after": "", "latent": None}
        components.draw("chips", "compose_muted", data, latent=composer.step("count again", tray.remove))


def acts(bank: MemoryBank, query: Query) -> None:
    anything = bool(query.text or tray.terms() or tray.muted() or any(composer.likes(bank)))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Undo", icon=":material/undo:", on_click=composer.undo, disabled=not composer.past(),
            help=f"Takes back: {composer.past()}" if composer.past() else None, key="compose_undo",
        )  # fmt: skip
        st.button("Clear", icon=":material/clear_all:", on_click=composer.clear, disabled=not anything,
                  key="compose_clear")  # fmt: skip
        saved.draw(bank, query)
        if anything:
            st.button("Ask with these on Recall", type="tertiary", on_click=composer.to_recall, key="compose_recall")


def words(bank: MemoryBank, query: Query) -> None:
    """What the words fire, each to be muted by a click."""
    if not query.text or not bank.knows_query(query.text):
        return
    codes = bank.encode_query(query.text)
    chips = adding.chips(bank, codes, query.text, adding.strongest(codes)[:WORDS_SHOWN])
    off = [chip | {"off": chip["latent"] in query.muted, "pressed": chip["latent"] in query.muted,
                   "aria": f"{chip['aria']}: mute it, or let it count again"} for chip in chips]  # fmt: skip
    more = f"and {len(codes.latents) - len(chips):,} more" if len(codes.latents) > len(chips) else ""
    data = {"before": "your words fire", "chips": off, "after": more, "latent": None}
    components.draw("chips", "compose_words", data, latent=composer.step("mute", tray.mute))


def liking(bank: MemoryBank, query: Query) -> None:
    """Memories to be more and less like, and the button that turns them into latents."""
    liked, disliked = composer.likes(bank)
    marked = answers.marks(bank, query.text)
    new = set(marked) - {*liked, *disliked}
    if not (liked or disliked or new):
        return
    memories = answers.memories(bank, (*liked, *disliked))
    for key, chosen, before in (("liked", liked, "more like"), ("disliked", disliked, "less like")):
        if chosen:
            chips = [_memory_chip(memory, memories[memory].text, key) for memory in chosen]
            data = {"before": before, "chips": chips, "after": "", "latent": None}
            components.draw("chips", f"compose_{key}", data, latent=composer.step(before, composer.drop))
    with st.container(horizontal=True, vertical_alignment="center"):
        if liked or disliked:
            st.button("Turn into weights", type="primary", icon=":material/equalizer:", on_click=composer.turn,
                      args=(bank, query), key="compose_turn", help="The latents that the first have and the others "
                      "do not, by Rocchio's rule; each gets a slider.")  # fmt: skip
        if new:
            st.button(f"Take the {len(new)} marked", icon=":material/rule:", on_click=composer.take_marks,
                      args=(bank, query.text), key="compose_marks", help="More like what is marked right for these "
                      "words, less like what is marked wrong.")  # fmt: skip


def _memory_chip(memory: str, text: str, key: str) -> dict[str, Any]:
    minus = key == "disliked"
    return {
        "latent": memory, "key": f"{key} {memory}", "name": "", "label": prose.short(text, 60), "word": "", "value": "",
        "sign": "−" if minus else "+", "minus": minus, "drop": True,
        "aria": f"{'less' if minus else 'more'} like {memory}, {prose.short(text, 200)}: take it out",
    }  # fmt: skip
