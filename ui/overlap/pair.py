"""Two rows of an overlap, latent by latent; the latents of all rows and of one alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from core import MemoryBank, Overlap, OverlapPair
from core.types import OverlapLatent
from ui.address import link, ways
from ui.kit import components, labels, prose
from ui.kit import shares as why
from ui.overlap.view import ROWS, UNITS, into_groups, zoom
from ui.session import answers

SHOWN, CHIPS = 12, 16


def chosen_rows(found: Overlap) -> tuple[str, str]:
    """The rows of the link; without them, the two different ones that overlap most."""
    state = st.session_state
    for key in ("overlap_a", "overlap_b"):
        if state.get(key) and found.row(state[key]) is None:
            link.note(f"There is no row “{state[key][:80]}” here; another one is shown.")
            state[key] = None
    nearest = found.pairs(1)
    a, b = (nearest[0]["a"], nearest[0]["b"]) if nearest else (found.names[0], found.names[0])
    return state.get("overlap_a") or a, state.get("overlap_b") or b


def pair_select(found: Overlap, a: str, b: str) -> None:
    """The two rows by name: the way there without a mouse."""
    state = st.session_state

    def picked() -> None:
        state.update(overlap_a=state["overlap_pick_a"], overlap_b=state["overlap_pick_b"])

    names = [found.names[i] for i in found.order]
    state.update(overlap_pick_a=a, overlap_pick_b=b)
    left, right = st.columns(2)
    left.selectbox("First row", names, key="overlap_pick_a", on_change=picked)
    right.selectbox("Second row", names, key="overlap_pick_b", on_change=picked)


def draw(bank: MemoryBank, found: Overlap, a: str, b: str, latent: int | None, choose: Callable[[int], None]) -> None:
    """The latents that two rows share and do not."""
    pair_select(found, a, b)
    if a == b:
        st.caption("A row with itself: choose another one, or click a cell.")
        return
    two = answers.overlap_pair(bank, found, a, b)
    prose.small(
        " · ".join(
            f"{UNITS[name]} {f'{value:,.0f}' if name == 'shared' else prose.number(value)}"
            for name, value in two.figures.items()
        )
    )
    if found.by == "memory":
        texts = answers.memories(bank, (a, b))
        for name in (a, b):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.text(prose.short(texts[name].text, 260))
        st.button("Open the microscope", icon=":material/biotech:", on_click=ways.open_pair,
                  args=(texts[a].text, texts[b].text))  # fmt: skip
    else:
        sizes = {name: len(found.members[int(found.row(name) or 0)]) for name in (a, b)}
        st.button(f"Compare their {sum(sizes.values()):,} memories", icon=":material/zoom_in:", on_click=zoom,
                  args=(into_groups(found.by, a, b),), key="overlap_into")  # fmt: skip
    latents(bank, two, latent, choose)


def latents(bank: MemoryBank, two: OverlapPair, latent: int | None, choose: Callable[[int], None]) -> None:
    everything = st.session_state.get("overlap_all", False)
    shown = two.shared[: len(two.shared) if everything else SHOWN]
    st.subheader(f"Shared: {len(two.shared):,} latents", anchor=False)
    names = answers.labels(bank, (x.latent for x in (*shown, *two.only_a[:CHIPS], *two.only_b[:CHIPS])))
    components.draw("why", "overlap_shared", table(shown, two, latent, names), latent=choose, open=ways.open_latent)
    if len(two.shared) > SHOWN:
        st.toggle("Show all shared latents", key="overlap_all")
    for key, name, only in (("overlap_only_a", two.a, two.only_a), ("overlap_only_b", two.b, two.only_b)):
        st.subheader(f"Only {prose.plain(prose.short(name, 40))}: {len(only):,} latents", anchor=False)
        chips = [
            components.chip(x.latent, (x.token_a.text or x.token_b.text), max(x.a, x.b), names.get(x.latent))
            for x in only[:CHIPS]
        ]
        shown_chips = {"before": "", "chips": chips, "after": _rest(len(only)), "latent": latent}
        components.draw("chips", key, shown_chips, latent=choose)


def _rest(n: int) -> str:
    """What is said after the chips of n latents."""
    return f"and {n - CHIPS:,} weaker ones" if n > CHIPS else "" if n else "none"


def table(shown: Sequence[OverlapLatent], two: OverlapPair, latent: int | None, names: labels.Names) -> dict[str, Any]:
    """Rows of the why component, without texts: the values of both sides and the tokens of the peaks."""
    whole = sum(x.a * x.b for x in two.shared) or 1.0
    largest = max((x.a * x.b for x in two.shared), default=1.0)
    rows = [
        {
            **why.named(x.latent, names),
            "percent": prose.percent(x.a * x.b / whole),
            "width": round(62 * x.a * x.b / largest, 1),
            "minus": False,
            "value": prose.number(x.a),
            "weight": prose.number(x.b),
            "from": x.token_a.text,
            "to": x.token_b.text,
            "query": {},
            "memory": {},
        }
        for x in shown
    ]
    heads = {"bar": "share of the product", "value": "first", "pair": "first token → second token", "weight": "second"}
    none = {"pieces": [], "total": {}, "said": ""}
    return {
        "query": none, "memory": none, "rows": rows, "latent": latent, "heads": heads, "even": True, "editing": False,
        "weight_help": "Value in the second row.", "trust_help": labels.TRUST_HELP,
    }  # fmt: skip


def core_and_unique(bank: MemoryBank, found: Overlap, latent: int | None, choose: Callable[[int], None]) -> None:
    """Latents of every row, and of one row alone."""
    core, unique, owner = found.core_and_unique()
    names = answers.labels(bank, [*core[:CHIPS].tolist(), *unique[:CHIPS].tolist()])
    many = ROWS[found.by]
    left, right = st.columns(2, gap="medium")
    with left:
        st.subheader(f"Core: {len(core):,} latents in all {len(found):,} {many}", anchor=False)
        chips = [components.chip(int(x), "", None, names.get(int(x))) for x in core[:CHIPS]]
        after = _rest(len(core))
        components.draw("chips", "overlap_core", {"before": "", "chips": chips, "after": after, "latent": latent},
                        latent=choose)  # fmt: skip
    with right:
        st.subheader(f"Unique: {len(unique):,} latents in one alone", anchor=False)
        chips = [
            components.chip(int(x), "", None, names.get(int(x)))
            | {"value": prose.short(found.names[i], 22)}
            for x, i in zip(unique[:CHIPS], owner[:CHIPS], strict=True)
        ]  # fmt: skip
        after = _rest(len(unique))
        components.draw("chips", "overlap_unique", {"before": "", "chips": chips, "after": after, "latent": latent},
                        latent=choose)  # fmt: skip


def export_rows(bank: MemoryBank, found: Overlap, a: str, b: str) -> list[dict[str, Any]]:
    """One row per latent of either row."""
    two = answers.overlap_pair(bank, found, a, b)
    every = {"both": two.shared, "first": two.only_a, "second": two.only_b}
    names = answers.labels(bank, (x.latent for some in every.values() for x in some))
    return [
        {
            "in": where, **labels.columns(x.latent, names), "first": x.a, "second": x.b,
            "first_token": x.token_a.text, "second_token": x.token_b.text, "first_memory": x.memory_a,
            "second_memory": x.memory_b,
        }
        for where, some in every.items()
        for x in some
    ]  # fmt: skip
