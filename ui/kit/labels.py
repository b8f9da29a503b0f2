"""How a latent is called on the screen, and how far its label may be believed, in words."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any, Literal

import streamlit as st

from core import Label, LatentInfo
from ui.kit import prose

HARDLY_BETTER = 0.6
"""Trust below this is called hardly better than chance."""
DOUBT = " ?"
"""Behind the label of such a latent; chips draw it themselves."""
SOURCES = {
    "yours": "your own label",
    "llm": "label written by a language model",
    "neuronpedia": "label from Neuronpedia",
    "words": "label made from the words it fires on",
}
TRUST_HELP = (
    "How well the label alone tells texts that strongly fire the latent from similar texts that do not "
    "(AUROC of the cosine of label and text): 1 is always right, .5 is chance."
)
DENSITIES = ((0.0002, "very rare"), (0.005, "rare, specific"), (0.02, "fairly common"), (0.1, "common, broad"))
"""Share of tokens below which a latent is called so."""
Names = Mapping[int, Label]


def text(latent: int, names: Names) -> str:
    """The label, or nothing."""
    return names[latent].text if latent in names else ""


def said(latent: int, names: Names) -> str:
    """“phone calls” (latent 15, trust .84), or latent 15"""
    label, trusted = text(latent, names), trust_short(names.get(latent))
    trusted = trusted and f", trust {trusted}"
    return f"“{label}” (latent {latent}{trusted})" if label else f"latent {latent}"


def option(latent: int, names: Names) -> str:
    """In a list to choose from: phone calls (15), or latent 15"""
    return f"{marked(names[latent])} ({latent})" if latent in names else f"latent {latent}"


def columns(latent: int, names: Names) -> dict[str, Any]:
    """What an exported row says of its latent: number, label, and how far that was trusted, here and elsewhere."""
    return {"latent": latent} | names.get(latent, Label(latent)).columns()


def cells(latent: int, names: Names) -> dict[str, Any]:
    """What a row on the screen says of it: number, label, and the one trust that counts."""
    value = trust(names.get(latent))
    return {"latent": latent, "label": text(latent, names), "trust": None if isnan(value) else value}


def trust_column(head: str = "Trust", width: Literal["small"] | int = "small") -> Any:
    """How a table on the screen shows it."""
    return st.column_config.NumberColumn(head, format="%.2f", width=width, help=TRUST_HELP)


def trust(label: Label | None) -> float:
    """In this bank if that is known, else on the texts that described the dictionary; nan where neither is."""
    return float("nan") if label is None else label.believed


def doubtful(label: Label | None) -> bool:
    """Whether there is a label, and what was measured of it says that it hardly tells its texts from others."""
    return label is not None and bool(label.text) and trust(label) < HARDLY_BETTER


def marked(label: Label | None) -> str:
    """The label where there is no room for its trust: one that is hardly better than chance is asked, not said."""
    return "" if label is None else f"{label.text}{DOUBT if doubtful(label) else ''}"


def trust_short(label: Label | None) -> str:
    """.84, or nothing"""
    value = trust(label)
    return "" if isnan(value) else f"{value:.2f}".replace("0.", ".", 1)


def trust_words(label: Label) -> str:
    """Trust in this bank first, then elsewhere; nothing invented."""
    if not label.text:
        return ""
    found = []
    if not isnan(label.trust_here):
        side = "memory" if label.n_here == 1 else "memories"
        found.append(f"{_two(label.trust_here)} in this bank ({label.n_here} {side} a side)")
    if not isnan(label.trust):
        found.append(f"{_two(label.trust)} on texts that had no part in the label")
    if not found:
        return "trust not measured"
    verdict = "; hardly better than chance" if doubtful(label) else ""
    elsewhere = "" if not isnan(label.trust_here) else "; not measured in this bank"
    return f"trust {', '.join(found)}{elsewhere}{verdict}"


def sourced(label: Label) -> str:
    """phone calls (label from Neuronpedia, trust .84)"""
    trusted = trust_short(label)
    return f"{label.text} ({SOURCES.get(label.source, label.source)}{trusted and f', trust {trusted}'})"


def _two(value: float) -> str:
    return f"{value:.2f}".replace("0.", ".", 1)


def fine_percent(share: float) -> str:
    """Like prose.percent, down to the rarest: 0.0077 %"""
    return prose.percent(share) if share >= 0.001 or share == 0 else f"{100 * share:.1g}\u202f%"


def elsewhere(info: LatentInfo) -> str:
    """A warning where it peaks here on one word that its name knows nothing of; nothing where the label may hold."""
    if not info.strange_word:
        return ""
    return (
        f"Here it mostly peaks on “{info.strange_word}”, which neither its label nor the texts that described it know: "
        "do not believe the label in this bank, whatever its trust."
    )


def density_words(info: LatentInfo) -> str:
    """What the density says, on the texts that described the dictionary."""
    if isnan(info.density):
        return "Nobody has counted on how many tokens it fires: this dictionary comes without a description."
    if info.density == 0:
        return "It fired on none of the tokens that described the dictionary."
    kind = next((words for limit, words in DENSITIES if info.density < limit), "so common that it tells little apart")
    return f"Fires on {fine_percent(info.density)} of tokens: {kind}."


def bank_words(info: LatentInfo, n: int) -> str:
    """The same among the memories of this bank."""
    if not n:
        return "This bank has no encoded memory to see it in."
    if not info.memories:
        return "No memory of this bank fires it."
    fire = "memory" if n == 1 else "memories"
    fire += " fires" if info.memories == 1 else " fire"
    return f"{info.memories:,} of {n:,} {fire} it here ({fine_percent(info.memory_density)})."
