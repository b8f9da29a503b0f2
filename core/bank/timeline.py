"""One dialogue over time, as a bank knows it. ``bank.timeline`` is the way here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from core.analysis import projection
from core.analysis import timeline as over_time
from core.analysis.latents import by_memory
from core.analysis.timeline import Doubles
from core.bank.groups import Groups
from core.bank.state import BankState
from core.errors import CoreError
from core.retrieval.similarity import inverse_document_frequency
from core.types import Floats, Ints


@dataclass(frozen=True, slots=True)
class Timeline:
    """k latents over the t encoded turns of a dialogue, in its order."""

    conversation: str
    ids: tuple[str, ...]
    sessions: tuple[str, ...]
    """Names of the s sessions, in order; one empty name where there are none."""
    session_of: Ints
    """int32 [t], ascending."""
    created: tuple[datetime | None, ...]
    latents: Ints
    """int32 [k], by the turn in which each first fires."""
    values: Floats
    """float32 [k, t], strongest activation in each turn, 0 where it does not fire."""
    weight: Doubles
    """float64 [k], why it is shown: bits of persistence, or the text's activation · idf; nan for latents picked."""
    episodes: tuple[tuple[tuple[int, int, int], ...], ...]
    """For each latent its stretches: (first turn, last turn, turns in which it fires), counted from 0."""
    drift: dict[str, Doubles]
    """dense and sparse: float64 [s − 1], cosine between the means of consecutive sessions."""

    def turns(self, latent: int) -> list[int]:
        """Turns, from 0, in which a shown latent fires."""
        (row,) = np.flatnonzero(self.latents == latent)
        return [int(t) for t in np.flatnonzero(self.values[row] > 0)]


def timeline(state: BankState, conversation: str, text: str = "", latents: Sequence[int] = (), k: int = 24) -> Timeline:
    """A dialogue's most persistent latents; or those that a text fires; or some that were picked.

    Raises CoreError where the dialogue has no encoded turn.
    """
    index, facts = state.index(), Groups(state).facts()
    rows, names, created = _turns(facts, conversation)
    if not len(rows):
        raise CoreError(f"{state.name} has no encoded turn of a conversation “{conversation}”.")
    fires = by_memory(index)[rows]
    state.check_latents(latents)
    if latents:
        chosen, weight = np.asarray(list(dict.fromkeys(latents)), np.int32), np.full(len(set(latents)), np.nan)
    elif text.strip():
        codes = state.encode_query(text)
        strength = codes.max * inverse_document_frequency(index)[codes.latents]
        here = np.diff(fires.tocsc().indptr)[codes.latents] > 0
        order = np.lexsort((codes.latents, -strength))
        order = order[here[order]][:k]
        chosen, weight = codes.latents[order], strength[order].astype(np.float64)
    else:
        chosen, weight = over_time.topics(fires, k)
    values = fires[:, chosen].toarray().T.astype(np.float32)
    first = np.where((values > 0).any(1), (values > 0).argmax(1), len(rows))
    order = np.lexsort((-weight, first))
    sessions = list(dict.fromkeys(names))
    session_of = np.asarray([sessions.index(name) for name in names], np.int32)
    return Timeline(
        conversation,
        tuple(index.ids[i] for i in rows),
        tuple(sessions),
        session_of,
        tuple(created),
        chosen[order],
        values[order],
        weight[order],
        tuple(tuple(over_time.episodes(np.flatnonzero(row > 0).astype(np.int32))) for row in values[order]),
        {
            "dense": over_time.drift(index.codes.dense[rows], session_of),
            "sparse": over_time.drift(projection.latent_rows(index)[rows], session_of),
        },
    )


def _turns(facts: Any, conversation: str) -> tuple[np.ndarray, list[str], list[datetime | None]]:
    """(rows of the index, session of each, date of each), in the order of the dialogue.

    Sessions stand in the order in which they begin; a turn that strays into an earlier one is kept with it.
    """
    here = np.flatnonzero(np.asarray(facts["conversation"].to_pylist(), dtype=object) == conversation)
    mine = facts.take(here)
    position, names = np.asarray(mine["position"].to_pylist()), mine["session"].to_pylist()
    begins: dict[str, int] = {}
    for name, at in zip(names, position.tolist(), strict=True):
        begins[name] = min(at, begins.get(name, at))
    order = np.lexsort((here, position, np.asarray([begins[name] for name in names]))) if len(here) else here
    created = mine["created"].to_pylist()
    return here[order], [names[i] for i in order], [created[i] for i in order]
