"""How well the dictionary fits a bank, in numbers and in words."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import Health
from ui import parts

MUCH_WORSE = 1.3
"""FVU on the bank over FVU in training from which the page speaks of another kind of text."""


def rows(health: Health) -> list[dict[str, Any]]:
    """Figures on this bank beside those of training."""
    trained = dict(health.training or {})

    def known(name: str, digits: int) -> str:
        return f"{trained[name]:.{digits}f}" if name in trained else ""

    return [
        {"figure": "FVU: variance left out", "this bank": f"{health.fvu:.3f}", "training": known("fvu", 3)},
        {"figure": "L0: latents active per token", "this bank": f"{health.l0:.1f}", "training": known("l0", 1)},
        {"figure": "latents per memory", "this bank": f"{health.latents_per_memory:.0f}", "training": ""},
        {
            "figure": "latents never active",
            "this bank": parts.percent(health.silent_share),
            "training": parts.percent(trained["dead_share"]) if "dead_share" in trained else "",
        },
    ]


def verdict(health: Health) -> str:
    """What the figures mean for this bank."""
    if not health.memories:
        return "Nothing is encoded yet, so nothing can be said about the fit."
    trained = (health.training or {}).get("fvu")
    explained = f"The latents account for {parts.percent(1 - health.fvu)} of what distinguishes the tokens of this bank"
    if trained is None:
        return f"{explained}."
    if health.fvu > MUCH_WORSE * trained:
        return f"{explained}, clearly less than in training: these texts differ from those the dictionary learnt from."
    return f"{explained}, about as much as in training."


def card(health: Health) -> None:
    for sentence in health.missing:
        st.error(parts.plain(sentence), icon=":material/error:")
    if health.memories:
        st.table(rows(health), border="horizontal", hide_index=True)
    st.write(verdict(health))
    st.caption(
        "FVU is 0 when every token state is rebuilt exactly and 1 when the mean would do as well. "
        "A latent that is never active is not broken: this bank may just not speak of it."
    )
    parts.facts(
        {
            "engine": health.engine,
            "files": "all here" if not health.missing else "missing",
            "fingerprint": health.fingerprint,
            "encoded": f"{health.memories:,} memories, {health.tokens:,} tokens",
            "to encode": f"{health.pending:,} memories" if health.pending else "",
        }
    )
