"""Every kind of file whose records are JSON objects, in the order they are asked in: the most particular first."""

from __future__ import annotations

from core.readers import locomo, longmemeval
from core.readers.formats import (
    agents,
    beam,
    chatgpt,
    claude,
    messages,
    messengers,
    openwebui,
    precision,
    realtalk,
    stores,
)
from core.readers.formats.base import Format, Object

KNOWN: tuple[Format, ...] = (
    locomo.FORMAT,
    longmemeval.FORMAT,
    realtalk.FORMAT,
    beam.FORMAT,
    beam.PROBES_FORMAT,
    precision.BELIEFS,
    precision.CASES,
    chatgpt.FORMAT,
    claude.FORMAT,
    openwebui.FORMAT,
    agents.FORMAT,
    messengers.TELEGRAM,
    messengers.DISCORD,
    stores.MEM0,
    stores.LETTA,
    stores.GRAPH,
    stores.LANGMEM,
    messengers.SLACK,
    messages.FLAT_FORMAT,
    messages.LISTS_FORMAT,
)
BY_NAME = {known.name: known for known in KNOWN}


def of(first: Object) -> Format | None:
    """The format an object belongs to; None for a plain row, or something nobody knows."""
    return next((known for known in KNOWN if known.is_it(first)), None)
