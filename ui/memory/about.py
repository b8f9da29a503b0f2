"""What is known about one memory beside its tokens: fingerprint, facts, fit, neighbours."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Literal, cast

import streamlit as st

from core import Codes, Memory, MemoryBank
from ui.kit import cards as hits
from ui.kit import prose
from ui.kit.colours import MODE_COLOURS
from ui.kit.tokens import BINS, spectrum
from ui.memory.fields import NEIGHBOURS
from ui.session import answers

Near = Literal["dense", "sparse", "dialogue"]
NEAREST, AROUND = 8, 4
POORLY_READ, AND_WORSE_THAN_THE_BANK = 0.5, 1.25
"""A memory is flagged when the dictionary leaves out more than this, and this much more than usual."""


def fingerprint(codes: Codes) -> None:
    """One memory's spectrum, wide."""
    heights = spectrum(codes, bins=4 * BINS)
    bars = "".join(f"M{i + 0.5} 10V{9.2 - 0.92 * int(h):.1f}" for i, h in enumerate(heights) if h != "0")
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {len(heights)} 10" preserveAspectRatio="none">'
        f'<path d="{bars}" fill="none" stroke="{MODE_COLOURS["sparse"]}" stroke-width=".8"/></svg>'
    )
    source = base64.b64encode(drawing.encode()).decode()
    said = "Fingerprint: one bar per stretch of the dictionary"
    st.html(f'<img class="mn-spectrum" src="data:image/svg+xml;base64,{source}" alt="{said}" title="{said}">')


def left_out(bank: MemoryBank, codes: Codes) -> float:
    """Share of the memory's token states that the dictionary leaves out; flagged where that is much."""
    share = float(codes.residual[0] / max(float(codes.variance[0]), 1e-12))
    usual = answers.health(bank).fvu
    if share > POORLY_READ and share > AND_WORSE_THAN_THE_BANK * usual:
        st.warning(
            f"The dictionary says little about this memory: it leaves out {prose.percent(share)}, "
            f"against {prose.percent(usual)} in this bank.",
            icon=":material/flag:",
        )
    return share


def facts(memory: Memory, codes: Codes, share_left_out: float) -> None:
    """Everything known about a memory but its words."""
    t = len(codes.token_start)
    alone = "" if memory.conversation else "stands alone"
    prose.facts(
        {
            "id": memory.id,
            "role": memory.role,
            "conversation": memory.conversation or alone,
            "session": memory.session,
            "position": str(memory.position) if memory.conversation else "",
            "date": memory.created.isoformat(" ", "minutes") if memory.created else "",
            "category": memory.category,
            "source": memory.source,
            "tokens": f"{t:,}, with {int(codes.n_active[0]) / max(t, 1):.1f} latents each",
            "left out": f"{prose.percent(share_left_out)} of its token states' variance",
            **{str(name): prose.short(str(value), 200) for name, value in memory.meta.items()},
        }
    )


def neighbours(bank: MemoryBank, memory: Memory, choose: Callable[[str], None]) -> None:
    """The nearest memories in one representation, or what was said around it; each leads to that memory."""
    near = cast(Near, st.segmented_control(
        "Neighbours", list(NEIGHBOURS), format_func=lambda n: NEIGHBOURS[n].capitalize(), key="memory_near",
        label_visibility="collapsed", persist_state="session", required=True, wrap=True,
    ))  # fmt: skip
    if near == "dialogue":
        rows: list[dict[str, Any]] = [
            {
                **hits.card(m, answers.codes(bank, (m.id,)).get(m.id)),
                "rank": str(m.position),
                "score": "",
                "aria": prose.short(m.text, 160),
            }
            for m in bank.memories.around(memory, AROUND)
        ]
        colour, note = (
            MODE_COLOURS["lexical"],
            "" if memory.conversation else "This memory stands alone: it is part of no dialogue.",
        )
    else:
        found = answers.similar(bank, memory.id, NEAREST)
        others = [i for i in found.top(near, NEAREST + 1) if found.ids[i] != memory.id][:NEAREST]
        memories = answers.memories(bank, tuple(found.ids[i] for i in others))
        rows = hits.neighbour_rows(found, near, others, memories, answers.codes(bank, tuple(memories)))
        colour, note = MODE_COLOURS[near], "" if rows else f"No other memory is near this one ({near})."
    hits.draw_list("memory_neighbours", NEIGHBOURS[near], rows, memory.id, colour, note, choose)
