"""One memory's tokens across the page, and its strongest latents beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from core import MemoryBank
from ui.kit import charts, components, labels, prose
from ui.kit.tokens import TokenValues
from ui.session import answers

AT_A_TOKEN = 6
"""Latents named when pointing at a token."""
BARS = 18
CHIPS = 24
NONE: labels.Names = {}


def data(tokens: TokenValues, latent: int | None, token: int | None, names: labels.Names = NONE) -> dict[str, Any]:
    """Tokens tinted by the chosen latent or by all of them; values relative to the strongest token."""
    values = tokens.totals() if latent is None else np.zeros(len(tokens))
    if latent is not None:
        for place, value in tokens.of(latent).items():
            values[place] = value
    top = float(values.max(initial=0)) or 1.0
    return {
        "pieces": tokens.pieces(),
        "tokens": [_token(tokens, i, float(values[i]) / top, names) for i in range(len(tokens))],
        "token": token,
        "label": "Tokens of the memory. Arrow keys walk, Enter chooses.",
    }


def _token(tokens: TokenValues, i: int, tint: float, names: labels.Names) -> dict[str, Any]:
    found = tokens.at(i)
    peaks = "latents" if tokens.complete else "latents peak here"
    more = len(found) - AT_A_TOKEN
    if not found:
        more_words = "no latent fires here" if tokens.complete else "no latent peaks here"
    else:
        more_words = f"{more} more {peaks}" if more > 0 else ""
    error = "" if tokens.error is None else f"left out by the dictionary: {prose.percent(float(tokens.error[i]))}"
    return {
        "tint": round(tint, 3),
        "latents": [(str(i), prose.number(value), labels.marked(names.get(i))) for i, value in found[:AT_A_TOKEN]],
        "more": more_words,
        "error": error,
        "said": ", ".join(f"{labels.said(i, names)} {prose.number(value)}" for i, value in found[:3]) or more_words,
    }


def draw(
    bank: MemoryBank, tokens: TokenValues, latent: int | None, token: int | None, choose: Callable[[int], None]
) -> None:
    pointed = {name for i in range(len(tokens)) for name, _ in tokens.at(i)[:AT_A_TOKEN]}
    drawn = data(tokens, latent, token, answers.labels(bank, pointed))
    components.draw("strip", "memory_strip", drawn, token=choose)


def at_token(
    bank: MemoryBank, tokens: TokenValues, token: int, latent: int | None, choose: Callable[[int], None]
) -> None:
    """Everything that fires at the chosen token, as chips."""
    found = tokens.at(token)
    word = tokens.word(token)
    names = answers.labels(bank, (name for name, _ in found[:CHIPS]))
    chips = [components.chip(name, "", value, names.get(name)) for name, value in found[:CHIPS]]
    verb = "fires" if tokens.complete else "peaks"
    before = f"at “{word}”" if found else f"at “{word}” no latent {verb}"
    data = {"before": before, "chips": chips, "after": "", "latent": latent}
    components.draw("chips", "memory_chips", data, latent=choose)


def bars(
    bank: MemoryBank,
    found: list[tuple[int, float, str]],
    latent: int | None,
    key: str,
    choose: Callable[[int], None],
) -> None:
    """The strongest latents; the chosen one is among them even where it is not strong."""
    shown = found[:BARS] + [one for one in found[BARS:] if one[0] == latent]
    if not shown:
        st.write("No latent fires in this memory.")
        return

    def on_select() -> None:
        points = st.session_state[key].selection.points
        if points:
            clicked = int(points[0]["customdata"][0])
            choose(-1 if clicked == latent else clicked)

    latents, values, words = zip(*shown, strict=True)
    named = {name: labels.marked(label) for name, label in answers.labels(bank, latents).items()}
    figure = charts.latent_bars(latents, values, words, latent, named)
    st.plotly_chart(figure, key=key, on_select=on_select, selection_mode="points", config={"displayModeBar": False})


def export_rows(bank: MemoryBank, memory: str, found: list[tuple[int, float, str]]) -> list[dict[str, Any]]:
    names = answers.labels(bank, (latent for latent, _, _ in found))
    return [
        {"memory": memory, **labels.columns(latent, names), "max": value, "token": word}
        for latent, value, word in found
    ]


def python(bank: MemoryBank, memory: str) -> str:
    """The same memory in a notebook."""
    return "\n".join(
        [
            "from core import MemoryBank",
            "",
            f"bank = MemoryBank.open({str(bank.path)!r}, {bank.engine.name!r})",
            f"memory = bank.memory({memory!r})",
            "codes = bank.codes(memory.id)",
            "for i in (-codes.max).argsort()[:20]:",
            "    start, end = codes.token_start[codes.peak[i]], codes.token_end[codes.peak[i]]",
            "    print(codes.latents[i], codes.max[i], memory.text[start:end])",
        ]
    )
