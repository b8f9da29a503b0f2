"""One latent from top to bottom: what it is called, how often it fires, where, on what, and with which others."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from math import isnan

import streamlit as st

from core import LatentInfo, MemoryBank
from ui.address import ways
from ui.kit import charts, components, labels, prose, states, tray
from ui.kit.colours import ACTIVATION
from ui.latents import passages
from ui.session import answers

TOP = 6
"""Memories before “show more”."""
WORDS = 12


def rename(bank: MemoryBank, latent: int, key: str) -> None:
    """Take what was typed as the latent's own label; an empty text takes it away."""
    state = st.session_state
    with states.kept_problem():
        shown = answers.latent(bank, latent).label
        if not state[key].strip() and shown.source != "yours":
            state["_labels_told"] = "There is no label of yours to take away, so nothing was changed."
            state[key] = shown.text
        else:
            bank.latents.rename(latent, state[key])


def unname(bank: MemoryBank, latent: int) -> None:
    with states.kept_problem():
        bank.latents.rename(latent, "")


def keep(bank: MemoryBank, latent: int, key: str) -> None:
    with states.kept_problem():
        bank.latents.bookmark(latent, st.session_state[key].strip()[:2000])


def forget(bank: MemoryBank, latent: int) -> None:
    with states.kept_problem():
        bank.latents.bookmark(latent, None)


def head(bank: MemoryBank, info: LatentInfo) -> None:
    """The label, edited in place, with where it comes from and how far it may be believed."""
    latent, label = info.label.latent, info.label
    key = f"latents_label_{latent}_{hash((label.text, label.source)) & 0xFFFFFF}"
    with st.container(key="latent_label"):
        st.text_input(
            f"Latent {latent}", value=label.text, key=key, on_change=rename, args=(bank, latent, key), max_chars=200,
            placeholder="Nobody has named it: type a label and press Enter",
            help="Type your own label and press Enter. It is kept in this bank, before any other; an empty text takes "
            "it away.",
        )  # fmt: skip
    source = labels.SOURCES.get(label.source, "")
    prose.small(" · ".join(word for word in (source, labels.trust_words(label)) if word) or "no label yet")
    if sentence := labels.elsewhere(info):
        st.caption(f":material/warning: {prose.plain(sentence)}")
    others = [one for one in info.labels if one.text and one != label]
    if label.source == "yours":
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Take my label away", icon=":material/undo:", on_click=unname, args=(bank, latent))
            if others:
                prose.small(f"then: {labels.sourced(others[0])}")
    elif others:
        prose.small("also: " + " · ".join(map(labels.sourced, others)))


def actions(bank: MemoryBank, info: LatentInfo) -> None:
    latent = info.label.latent
    silent = latent in tray.muted()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Compose", icon=":material/add:", on_click=tray.add, args=(latent, 1.0), key="latent_plus",
                  help="Ask for memories that fire it.")  # fmt: skip
        st.button("Compose", icon=":material/remove:", on_click=tray.add, args=(latent, -1.0), key="latent_minus",
                  help="Ask for memories that do not fire it.")  # fmt: skip
        st.button(
            "Unmute" if silent else "Mute",
            icon=f":material/volume_{'up' if silent else 'off'}:",
            on_click=tray.mute,
            args=(latent,),
            key="latent_mute",
            help="A muted latent does not count where words fire it.",
        )
        marked = info.note is not None
        with st.popover("Bookmarked" if marked else "Bookmark", icon=f":material/bookmark{'' if marked else '_add'}:"):
            key = f"latents_note_{latent}"
            st.text_area("Note", value=info.note or "", key=key, max_chars=2000, placeholder="Why is it worth keeping?")
            with st.container(horizontal=True):
                st.button("Save", on_click=keep, args=(bank, latent, key), key="latent_keep", type="primary")
                if marked:
                    st.button("Remove", on_click=forget, args=(bank, latent), key="latent_forget")
        if info.neuronpedia:
            st.link_button("Neuronpedia", info.neuronpedia, icon=":material/open_in_new:")
    if info.note:
        prose.small(f"Your note: {info.note}")


def activity(bank: MemoryBank, info: LatentInfo) -> None:
    """How often and how strongly it fires, in words and as two histograms."""
    n = answers.counts(bank)["memories"] - answers.counts(bank)["pending"]
    left, right = st.columns(2, gap="medium")
    with left:
        st.html(f'<div class="mn-said">{html.escape(labels.density_words(info))}</div>')
        if any(info.histogram) and not isnan(info.max):
            figure = charts.activation_steps(info.histogram, info.max, "tokens")
            st.plotly_chart(figure, key="latent_tokens", config={"displayModeBar": False})
    with right:
        st.html(f'<div class="mn-said">{html.escape(labels.bank_words(info, n))}</div>')
        if info.memories:
            figure = charts.activation_steps(info.memory_histogram, info.memory_max, "memories")
            st.plotly_chart(figure, key="latent_memories", config={"displayModeBar": False})


def words(info: LatentInfo) -> None:
    """What its activation falls on, elsewhere and here."""
    if info.words:
        st.subheader("Words its activation falls on", anchor=False)
        _words(info.words)
    if not info.words_here:
        return
    shown = info.words_read
    of = f"the {shown} memories that fire it most" if info.memories > shown else f"all {shown:,} memories that fire it"
    title = "Words it peaks on in this bank"
    st.subheader(title, anchor=False, help=f"The share of {of if shown > 1 else 'the one memory that fires it'}.")
    _words(info.words_here)


def _words(found: Sequence[tuple[str, float]]) -> None:
    top = max(share for _, share in found)
    said = " ".join(
        f'<span style="background: color-mix(in srgb, {ACTIVATION} {55 * share / top:.0f}%, transparent)">'
        f"{html.escape(word)} <small>{html.escape(labels.fine_percent(share))}</small></span>"
        for word, share in found[:WORDS]
    )
    st.html(f'<div class="mn-words">{said}</div>')


def relatives(
    bank: MemoryBank,
    key: str,
    title: str,
    help: str,
    found: Sequence[tuple[int, float, str]],
    choose: Callable[[int], None],
) -> None:
    """Other latents as chips; found: (latent, value, what is said of it)."""
    if not found:
        return
    st.subheader(title, anchor=False, help=help)
    names = answers.labels(bank, (latent for latent, _, _ in found))
    chips = []
    for latent, value, said in found:
        chip = components.chip(latent, "", value, names.get(latent))
        chips.append(chip | {"aria": f"{chip['aria']}: {said}"})
    components.draw("chips", key, {"before": "", "chips": chips, "after": "", "latent": None}, latent=choose)


def draw(bank: MemoryBank, latent: int, choose: Callable[[int], None]) -> LatentInfo:
    info = answers.latent(bank, latent)
    with st.container(border=True, key="latent_card"):
        head(bank, info)
        actions(bank, info)
        activity(bank, info)
        if info.top:
            st.subheader("Memories that fire it most", anchor=False)
            everything = st.session_state.get("latents_more", False)
            rows = passages.top(bank, info, len(info.top) if everything else TOP)
            passages.draw("latent_top", [{"title": "", "rows": rows}], lambda name: ways.open_memory(name, latent))
            with st.container(horizontal=True, vertical_alignment="center"):
                if not bank.engine.warm:
                    prose.small("Tinted at its peak; every token follows when the model is warm.")
                if len(info.top) > TOP:
                    st.toggle(f"Show {len(info.top)}", key="latents_more", width="content")
        words(info)
        if info.contexts:
            st.subheader("In context, strong to weak", anchor=False)
            peak = max(context.activation for context in info.contexts)
            with st.container(height=340 if len(info.contexts) > TOP else "content", border=False):
                passages.draw(
                    "latent_contexts", passages.groups(info.contexts, peak), lambda name: ways.open_memory(name, latent)
                )
        relatives(
            bank, "latent_nearest", "Points the same way", "Latents with the nearest decoder directions, by cosine.",
            [(other, cosine, f"cosine {prose.number(cosine)}") for other, cosine in info.nearest], choose,
        )  # fmt: skip
        relatives(
            bank, "latent_coactive", "Fires in the same memories",
            "The number is Jaccard: memories of this bank that fire both, over those that fire either. Point at a chip "
            "for PMI, in bits above chance.",
            [
                (other, jaccard, f"Jaccard {prose.number(jaccard)}, PMI {pmi:.1f} bits, {together:,} memories")
                for other, jaccard, pmi, together in info.coactive
            ],
            choose,
        )  # fmt: skip
    return info
