"""Interference: memories that fire the same latents and say different things."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core import MemoryBank
from core.types import Interference
from ui.address import ways
from ui.kit import prose
from ui.session import answers

CLASHES = 8


def draw(bank: MemoryBank, conversation: str | None) -> list[Interference]:
    """Pairs that fire the same latents and say different things, each a click from the microscope."""
    found = answers.interference(bank, conversation, CLASHES)
    st.subheader("Interference: same latents, different things", anchor=False)
    if not found:
        st.write("No two memories share latents while their dense vectors and words stay apart.")
        return found
    st.caption(
        "No content word in common and a dense cosine below .3, yet alike in their rarer latents: what a search by "
        "latents may confuse."
    )
    texts = answers.memories(bank, tuple(dict.fromkeys(name for one in found for name in (one.a, one.b))))
    for i, one in enumerate(found):
        with st.container(key=f"overlap_clash_{i}", border=True):
            left, right, act = st.columns([5, 5, 2], gap="medium", vertical_alignment="center")
            for side, name in ((left, one.a), (right, one.b)):
                with side:
                    st.text(prose.short(texts[name].text, 170))
                    prose.small(name)
            with act:
                prose.small(f"sparse {prose.number(one.sparse)} · dense {prose.number(one.dense)}")
                st.button("Microscope", icon=":material/biotech:", key=f"overlap_open_{i}", on_click=ways.open_pair,
                          args=(texts[one.a].text, texts[one.b].text))  # fmt: skip
    return found


def export_rows(found: Sequence[Interference]) -> list[dict[str, Any]]:
    return [{"a": x.a, "b": x.b, "sparse": x.sparse, "dense": x.dense, "words": x.words} for x in found]
