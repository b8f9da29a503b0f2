"""Fields that several pages share: what is chosen, what lies in the tray, the format of pictures."""

from __future__ import annotations

import re

from ui.address.fields import Scope, Unknown, any_text, at_most, field, one_of, text_or_none, whole

MOST_TERMS, HEAVIEST = 50, 3
"""Latents asked for by hand, and the largest weight of one."""
FORMATS = ("svg", "png")
"""What a figure's camera saves."""


def weighted(value: str) -> list[tuple[int, float]]:
    """``15:1,5:-0.5``: latents with their weights; one of 0 waits to be turned up."""
    found: dict[int, float] = {}
    for one in at_most(value.split(","), MOST_TERMS, "latents"):
        named = re.fullmatch(r"(\d{1,8}):(-?\d(?:\.\d{1,3})?)", one, re.ASCII)
        if named is None or abs(float(named[2])) > HEAVIEST:
            raise Unknown(
                f"The link asks for the latents “{value[:40]}”: they are written like 15:1,5:-0.5, "
                f"with weights from -{HEAVIEST} to {HEAVIEST}."
            )
        found[int(named[1])] = float(named[2])
    return list(found.items())


def several(value: str) -> list[int]:
    """``15,5``: latents."""
    if not re.fullmatch(r"\d{1,8}(,\d{1,8})*", value, re.ASCII):
        raise Unknown(f"The link names the latents “{value[:40]}”: their numbers are expected, like 15,5.")
    return list(dict.fromkeys(int(one) for one in at_most(value.split(","), MOST_TERMS, "latents")))


def _tokens(value: str) -> list[int]:
    if not re.fullmatch(r"\d{1,4}(,\d{1,4})*", value, re.ASCII):
        raise Unknown(f"The link masks the words “{value[:40]}”: their numbers are expected, like 0,3.")
    return sorted({int(one) for one in value.split(",")[:MOST_TERMS]})


def joined(numbers: list[int]) -> str:
    return ",".join(map(str, numbers))


CONVERSATION = field("conversation", any_text, "", Scope.BANK)
MEMORY = field("memory", text_or_none, None, Scope.BANK)
LATENT = field("latent", whole("latent", 0, 10_000_000), None, Scope.BANK | Scope.ENGINE)
TOKEN = field("token", whole("token", 0, 1_000_000), None, Scope.BANK | Scope.ENGINE)
TERMS = field(
    "terms", weighted, list, Scope.ENGINE, lambda terms: ",".join(f"{latent}:{weight:g}" for latent, weight in terms)
)
MUTED = field("muted", several, list, Scope.ENGINE, joined)
MASKED = field("masked", _tokens, list, Scope.ENGINE, joined)
PICTURE = field("picture_format", one_of("picture format", lambda: FORMATS), FORMATS[0])
