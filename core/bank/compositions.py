"""Saved mixtures of latents, and examples of them. ``bank.compositions`` is the way here."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from core.analysis.latents import by_latent, coactive
from core.bank.latents import Latents
from core.bank.state import BankState
from core.errors import CoreError
from core.store import kept
from core.types import Query, Term

LONGEST_NAME = 80
SECOND = (0.0, 1.0, -1.0)
"""Weight of the second latent of each example; at 0 there is none."""
PLAIN = r"^[^\W\d_]{3,20}$"
TRUSTED = 0.75
MOST_MEMORIES = 0.1
"""Share of the memories that an example's latent may fire in: one that fires everywhere tells nothing apart."""
CLEAREST, OTHERS = 120, 400
"""Latents that examples are made of, and how many of each one's companions are looked at."""


class Compositions:
    """Queries with latents asked for by hand, kept in a bank for the engine whose latents they are."""

    def __init__(self, state: BankState) -> None:
        self._state = state

    def saved(self) -> dict[str, Query]:
        """What is saved, by name."""
        with self._state.work() as cursor:
            return kept.compositions(cursor, self._state.engine.fingerprint)

    def save(self, name: str, query: Query) -> str:
        """Save a query, in the place of one of the same name; returns the name as it is kept."""
        name = " ".join(name.split())
        if not name:
            raise CoreError("A composition needs a name. Nothing was saved.")
        if len(name) > LONGEST_NAME:
            raise CoreError(f"A name has at most {LONGEST_NAME} characters; this one has {len(name)}.")
        if not query.terms and not query.text.strip():
            raise CoreError("There is nothing to save: add a latent or words.")
        self._store(name, query)
        return name

    def load(self, name: str) -> Query:
        saved = self.saved()
        if name not in saved:
            known = f"Saved: {', '.join(list(saved)[:8])}." if saved else "Nothing is saved yet."
            raise CoreError(f"{self._state.name} has no composition “{name}”. {known}")
        return saved[name]

    def delete(self, name: str) -> Query:
        """Returns what was saved there, so that it can be saved again."""
        query = self.load(name)
        self._store(name, None)
        return query

    def _store(self, name: str, query: Query | None) -> None:
        with self._state.write(new_version=False) as cursor:
            kept.set_composition(cursor, self._state.engine.fingerprint, name, query)

    def examples(self) -> list[tuple[Term, ...]]:
        """Up to three compositions of this bank's own labelled latents: one, two together, one without another.

        Each begins with the latent that is clearest of those not used yet; its second is the clear one that shares
        most of its memories.
        """
        clear = self._clearest()
        index, used = self._state.index(), set[str]()
        found: list[tuple[Term, ...]] = []
        for weight in SECOND:
            for latent in (i for i, label in clear.items() if label not in used):
                others = (
                    i for i, *_ in coactive(index, latent, OTHERS) if clear.get(i, "") not in {"", clear[latent], *used}
                )
                second = next(others, None) if weight else None
                if weight and second is None:
                    continue
                terms = (Term(latent, 1.0), *((Term(second, weight),) if second is not None else ()))
                found.append(terms)
                used |= {clear[term.latent] for term in terms}
                break
        return found

    def _clearest(self) -> dict[int, str]:
        """Labels of one plain word, by trust beyond the least times the activation it names here, largest first."""
        index = self._state.index()
        if not len(index):
            return {}
        table = Latents(self._state).table(live=True, limit=self._state.n_latents)
        latents, here, there, memories = (
            table[name].to_numpy() for name in ("latent", "trust_here", "trust", "memories")
        )
        trust = np.nan_to_num(np.where(np.isnan(here), there, here), nan=0.5)
        plain = pc.match_substring_regex(table["label"], PLAIN).to_numpy()
        few = (memories > 1) & (memories <= max(3, MOST_MEMORIES * len(index)))
        clarity = (trust - TRUSTED) * by_latent(index).sum(axis=0)[latents] * (plain & few)
        order = np.argsort(-clarity, kind="stable")[: min(CLEAREST, np.count_nonzero(clarity > 0))]
        return {int(latents[i]): table["label"][int(i)].as_py().lower() for i in order}
