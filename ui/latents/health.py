"""How well the dictionary fits a bank, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core import Health, Memory
from ui.address import ways
from ui.kit import prose
from ui.kit.labels import HARDLY_BETTER

MUCH_WORSE = 1.3
"""FVU on the bank over FVU in training from which the page speaks of another kind of text."""
OTHER_L0 = 1.25
"""The same for the latents active per token, either way."""
MANY_DEAD = 0.1


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
            "figure": "latents never active: silent here, dead in training",
            "this bank": prose.percent(health.silent_share),
            "training": prose.percent(trained["dead_share"]) if "dead_share" in trained else "",
        },
    ]


def verdict(health: Health) -> str:
    """What the figures mean for this bank."""
    if not health.memories:
        return "Nothing is encoded yet, so nothing can be said about the fit."
    trained = (health.training or {}).get("fvu")
    explained = f"The latents account for {prose.percent(1 - health.fvu)} of what distinguishes the tokens of this bank"
    if trained is None:
        return f"{explained}."
    if health.fvu > MUCH_WORSE * trained:
        return f"{explained}, clearly less than in training: these texts differ from those the dictionary learnt from."
    return f"{explained}, about as much as in training."


def disagreements(health: Health) -> list[str]:
    """A sentence for every other figure that is not what training reported."""
    trained = dict(health.training or {})
    found: list[str] = []
    if not health.memories:
        return found
    usual = float(trained.get("l0") or 0)
    if usual and not usual / OTHER_L0 <= health.l0 <= usual * OTHER_L0:
        than = "more" if health.l0 > usual else "fewer"
        found.append(
            f"A token here fires {health.l0:.1f} latents, {than} than the {usual:.1f} of training: these texts are "
            "unlike those, or the dictionary's thresholds do not suit them."
        )
    dead = float(trained.get("dead_share") or 0)
    if dead > MANY_DEAD:
        found.append(
            f"{prose.percent(dead)} of the latents were dead in training already: they will not fire in any bank."
        )
    if health.silent_share > dead + 0.02:
        silent = prose.percent(health.silent_share - dead)
        found.append(f"{silent} of the dictionary is alive but silent here: this bank does not speak of it.")
    return found


Measured = Mapping[str, Mapping[str, float]]
"""Mean and number of the trusts in this bank (``trust_here``) and before (``trust``)."""


def trust_rows(training: Mapping[str, Any], measured: Measured) -> list[dict[str, Any]]:
    """Trust of the labels: in this bank, and on texts that had no part in them."""
    reported, here, there = dict(training.get("labels") or {}), measured["trust_here"], measured["trust"]
    mean, n = reported.get("mean_auroc", there.get("mean")), reported.get("n_latents", there.get("n"))
    dealt = reported.get("shuffled_auroc")
    if mean is None and not here:
        return []
    rows = [
        ("mean trust (AUROC)", f"{here['mean']:.2f}" if here else "", "" if mean is None else f"{mean:.2f}"),
        ("the same with labels dealt to other latents", "", "" if dealt is None else f"{dealt:.2f}"),
        ("labels measured", f"{here['n']:,.0f}" if here else "", "" if n is None else f"{n:,.0f}"),
    ]
    return [{"figure": f, "this bank": a, "held-out texts": b} for f, a, b in rows if a or b]


def trust_words(training: Mapping[str, Any], measured: Measured) -> str:
    """What they mean for a reader of labels."""
    here = measured["trust_here"]
    reported = (training.get("labels") or {}).get("mean_auroc", measured["trust"].get("mean"))
    mean = here.get("mean", reported)
    if mean is None:
        return "Nobody has measured how far the labels of this dictionary may be believed."
    texts = "memories of this bank" if here else "texts that had no part in the labels"
    worth = " That is hardly better than chance." if mean < HARDLY_BETTER else ""
    return (
        f"Of two {texts}, one that strongly fires a latent and a similar one that does not, its label picks the right "
        f"one {prose.percent(mean)} of the time.{worth}"
    )


def trust_card(health: Health, measured: Measured) -> None:
    training = health.training or {}
    rows = trust_rows(training, measured)
    if rows:
        st.table(rows, border="horizontal", hide_index=True)
    st.write(trust_words(training, measured))
    unmeasured = "" if measured["trust_here"] or not health.memories else "Not measured in this bank yet. "
    st.caption(f"{unmeasured}0.5 is chance, 1 never errs.")


def card(health: Health) -> None:
    for sentence in health.missing:
        st.error(prose.plain(sentence), icon=":material/error:")
    if health.memories:
        st.table(rows(health), border="horizontal", hide_index=True)
    st.write(verdict(health))
    for sentence in disagreements(health):
        st.write(sentence)
    st.caption(
        "FVU is 0 when every token state is rebuilt exactly and 1 when the mean would do as well. "
        "A latent that is never active is not broken: this bank may just not speak of it."
    )
    prose.facts(
        {
            "engine": health.engine,
            "files": "all here" if not health.missing else "missing",
            "fingerprint": health.fingerprint,
            "encoded": f"{health.memories:,} memories, {health.tokens:,} tokens",
            "to encode": f"{health.pending:,} memories" if health.pending else "",
        }
    )


def blind_spots(worst: list[tuple[Memory, float]]) -> None:
    """Memories that latents say little about: recall by latents may miss them, and their reasons are incomplete."""
    if not worst:
        return
    st.subheader("Blind spots", anchor=False)
    st.caption(
        "The memories whose tokens the dictionary reconstructs worst. What it leaves out cannot be shown as latents: "
        "trust the dense column more for these. A row opens the memory."
    )

    def chosen() -> None:
        picked = st.session_state["blind_spots"].selection.rows
        if picked:
            ways.open_memory(worst[picked[0]][0].id)

    st.dataframe(
        [{"left out": fvu, "memory": memory.id, "text": prose.short(memory.text, 160)} for memory, fvu in worst],
        hide_index=True, key="blind_spots", on_select=chosen, selection_mode="single-row",
        column_config={
            "left out": st.column_config.NumberColumn(
                "Left out", format="percent", width="small", help="FVU of its tokens: Σ‖x − x̂‖² / Σ‖x − x̄‖²."
            ),
            "memory": st.column_config.TextColumn("Memory", width="small"),
            "text": st.column_config.TextColumn("Words"),
        },
    )  # fmt: skip
