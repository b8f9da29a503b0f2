"""Why a memory came: its sparse score, latent by latent, with the tokens on both sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core import Explanation
from ui.kit import components, labels, prose, tray
from ui.kit.tokens import TokenValues

HEADS = {"bar": "share of the sparse score", "value": "adds", "pair": "query token → memory token", "weight": "weight"}
WEIGHT_HELP = (
    "Rarity (inverse document frequency: high where few memories of this bank fire the latent), times what was learnt."
)
NONE: labels.Names = {}
SHOWN = 12
"""Latents in the table before “show all”."""


def data(
    explanation: Explanation,
    query: TokenValues,
    memory: TokenValues,
    latent: int | None,
    shown: int = SHOWN,
    names: labels.Names = NONE,
) -> dict[str, Any]:
    """What the component draws."""
    total = sum(share.share for share in explanation.shares) or 1.0
    largest = max((abs(share.share) for share in explanation.shares), default=1.0)
    asked: dict[int, float] = {}
    for share in explanation.shares:
        asked[share.latent] = asked.get(share.latent, 0.0) + max(share.share, 0)
    own = {share.latent: share.share for share in explanation.shares if share.share > 0 and not share.memory}
    rows = [
        {
            **named(share.latent, names),
            "percent": prose.percent(share.share / total),
            "width": round(62 * abs(share.share) / largest, 1),
            "minus": share.share < 0,
            "value": prose.number(share.share),
            "weight": prose.number(share.weight),
            "from": share.query_token.text or "asked for",
            "to": share.memory_token.text,
            "place": share.memory,
            "query": query.of(share.latent),
            "memory": {} if share.memory else memory.of(share.latent),
        }
        for i, share in enumerate(explanation.shares)
        if i < shown or share.latent == latent
    ]
    return {
        "query": {"pieces": query.pieces(), "total": totals(query, asked)},
        "memory": {"pieces": memory.pieces(), "total": totals(memory, own)},
        "rows": rows,
        "latent": latent,
        "heads": HEADS,
        "weight_help": WEIGHT_HELP,
        "trust_help": labels.TRUST_HELP,
        "editing": True,
        "masked": list(explanation.query.masked),
    }


def named(latent: int, names: labels.Names) -> dict[str, Any]:
    """What a row says of its latent."""
    label = names.get(latent)
    return {
        "latent": latent,
        "name": str(latent),
        "label": labels.text(latent, names),
        "doubtful": labels.doubtful(names.get(latent)),
        "trust": labels.trust_short(label),
        "trust_words": "" if label is None else f"{labels.SOURCES.get(label.source, '')}: {labels.trust_words(label)}",
    }


def listed(explanation: Explanation, latent: int | None, shown: int) -> list[int]:
    """The latents that get a row."""
    return [share.latent for i, share in enumerate(explanation.shares) if i < shown or share.latent == latent]


def totals(side: TokenValues, shares: dict[int, float]) -> dict[int, float]:
    return {token: round(float(value), 5) for token, value in enumerate(side.spread(shares)) if value > 0}


def summary(explanation: Explanation, shown: int) -> str:
    """What the shown latents make up, and what they leave out."""
    n, total = len(explanation.shares), sum(share.share for share in explanation.shares)
    if not n or total <= 0:
        return "No latent fires in both texts: this memory came by its dense similarity alone."
    whole = prose.number(total)
    around = sum(share.share for share in explanation.shares if share.memory) / total
    near = f" {prose.percent(around)} of it comes from what was said around this memory." if around >= 0.005 else ""
    if n <= shown:
        those = "This latent makes" if n == 1 else f"These {n} latents make"
        return f"{those} up the whole sparse score of {whole}.{near}"
    part = prose.percent(sum(share.share for share in explanation.shares[:shown]) / total)
    rest = f"{n - shown:,} share the rest.{near}"
    return f"The {shown} strongest latents make up {part} of the sparse score of {whole}; {rest}"


def standing(explanation: Explanation) -> str:
    """Scores and ranks in every mode, as one line."""
    return " · ".join(
        f"{mode} {prose.number(score)} (rank {explanation.ranks[mode]:,})" for mode, score in explanation.scores.items()
    )


def draw(drawn: dict[str, Any], choose: Callable[[int], None], open_latent: Callable[[int], None]) -> None:
    components.draw(
        "why", "recall_why", drawn, latent=choose, open=open_latent, mute=tray.mute, plus=lambda i: tray.add(i, 1),
        mask=tray.mask,
    )  # fmt: skip


def export_rows(explanation: Explanation, names: labels.Names = NONE) -> list[dict[str, Any]]:
    """One row per shared latent."""
    return [
        {
            "query": explanation.query.text,
            "memory": explanation.memory.id,
            **labels.columns(share.latent, names),
            "share": share.share,
            "query_value": share.query_value,
            "memory_value": share.memory_value,
            "weight": share.weight,
            "query_token": share.query_token.text,
            "query_start": share.query_token.start,
            "memory_token": share.memory_token.text,
            "memory_start": share.memory_token.start,
            "said_in": share.memory or explanation.memory.id,
        }
        for share in explanation.shares
    ]
