"""``bank.recall``: memories out, with the reason for each and what would have been recalled instead."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.bank.fit import model_of
from core.bank.memories import Memories
from core.bank.state import BankState
from core.errors import CoreError
from core.retrieval import counterfactual, rocchio
from core.retrieval import explain as explaining
from core.retrieval.absence import floor
from core.retrieval.contributions import contributions
from core.retrieval.counterfactual import Agreement, Flip, without_tokens
from core.retrieval.fit import features, judged
from core.retrieval.index import Index
from core.retrieval.rank import Scored, rank, score
from core.retrieval.sentence import line
from core.settings import ASSETS
from core.store import tables
from core.types import Codes, Explanation, Fit, Floats, Hits, Offsets, Query, Term

NEVER_STORED = ASSETS / "never-stored.txt"
"""Questions, ours, about things that hardly any bank holds."""
NO_NAMES = {"", "user", "assistant", "system", "human", "ai", "agent", "bot"}
"""Roles that nobody is called by."""


class Recall:
    """Queries of words, of latents, or of both, asked of the encoded memories of a bank."""

    def __init__(self, state: BankState) -> None:
        self._state = state
        self._memories = Memories(state)

    def search(self, query: Query, also: tuple[str, ...] = ()) -> Hits:
        """The memories that stand out for a query in any mode; ``also`` names memories to place in any case."""
        started = time.perf_counter()
        codes, index = self._asked(query), self._state.index()
        encoded = time.perf_counter()
        query = self._with_floor(query)
        scored = score(index, query, codes)
        hits = rank(index, query, codes, also, scored)
        verdict = self._fit(index, query, codes, scored)
        ranked = time.perf_counter()
        return replace(hits, encode_ms=(encoded - started) * 1e3, rank_ms=(ranked - encoded) * 1e3, verdict=verdict)

    def _fit(self, index: Index, query: Query, codes: Codes, scored: Scored) -> Fit | None:
        """Whether anything stored answers a query in words."""
        if not query.text.strip():
            return None
        return judged(model_of(self._state.engine.name), features(index, query, codes, scored))

    def compose(self, terms: Sequence[Term], k: int = 10, conversation: str | None = None) -> Hits:
        """The memories that fire some latents and not others, in the sparse mode; scores are activations times weights.

        >>> bank.compose([Term(15, +1), Term(5, -1)], k=3)
        """
        if not terms:
            raise CoreError("There is no latent to compose: give at least one.")
        return self.search(Query("", conversation, k, weighting="activation", terms=tuple(terms)))

    def more_like(
        self, liked: Sequence[str], disliked: Sequence[str] = (), n: int = 12, weighting: str = "activation"
    ) -> tuple[Term, ...]:
        """The n latents that set some memories apart from others, as terms (Rocchio's), strongest first.

        >>> bank.compose(bank.more_like(["conv-42/D17:4"]))
        """
        if not liked and not disliked:
            raise CoreError("There is no memory to be more or less like: give at least one.")
        return rocchio.terms(self._state.index(), self._rows(liked), self._rows(disliked), n, weighting)

    def similar(self, memory_id: str, k: int = 10, mode_query: Query | None = None) -> Hits:
        """The memories nearest to one of the bank, in every mode; itself is among them."""
        index, row = self._state.index(), self._row(memory_id)
        query = replace(mode_query or Query(""), text=index.texts[row], k=k + 1, context=0)
        return rank(index, query, index.codes.take([row]).merged(), (memory_id,))

    # --- why, and what else -------------------------------------------------------------------------------------------

    def explain(self, query: Query, memory_id: str, causes: bool = False) -> Explanation:
        """Why a memory was recalled: its sparse score as a sum over latents and over pairs of words, and in a sentence.

        causes: the memory's words get what is lost without them, in place of what fires in them; reads the memory once
        for each word, which needs the model.
        """
        memory = self._memories.get(memory_id)
        self._row(memory_id)
        if query.conversation is not None and memory.conversation != query.conversation:
            raise CoreError(
                f"“{memory_id}” is not part of conversation “{query.conversation}”, which the query asks for."
            )
        index, asked = self._state.index(), self._asked(query)
        occluded = self._state.occlusions.of
        laid_out = explaining.by_cause(index, query, asked, memory.id, occluded) if causes else None
        return explaining.explain(index, query, asked, memory, self._memories.speakers(), laid_out)

    def threads(self, query: Query, ids: Sequence[str]) -> dict[str, str]:
        """The strongest pairs of words of some hits, a line each; empty where none says something."""
        index, asked, speakers = self._state.index(), self._asked(query), self._memories.speakers()
        rows = self._rows(ids)
        return {
            name: line(explaining.alignment(index, query, asked, int(row), speakers))
            for name, row in zip(ids, rows, strict=True)
        }

    def contributions(self, query: Query, ids: Sequence[str]) -> Floats:
        """float32 [len(ids), 1 + terms], what the words in total and each term add to the sparse score of memories."""
        return contributions(self._state.index(), query, self._asked(query), self._rows(ids))

    def agreement(self, query: Query) -> list[Agreement]:
        """How far the modes agree on a query: shared among the first k, Kendall's τ, what only one of two finds."""
        return counterfactual.agreement(self._state.index(), query, self._asked(query))

    def flips(self, query: Query, memory_id: str) -> list[Flip]:
        """The smallest edits of one latent that bring a memory into the first k of the sparse mode, smallest first."""
        self._memories.get(memory_id)
        return counterfactual.minimal_flips(self._state.index(), query, self._asked(query), memory_id)

    def codes(self, memory_id: str) -> Codes | None:
        """The stored codes of one memory, its parts made one; None where it has none yet."""
        index = self._state.index()
        row = index.row(memory_id)
        return None if row is None else index.codes.take([row]).merged()

    # --- how little counts --------------------------------------------------------------------------------------------

    def floor(self, query: Query) -> float | None:
        """The fit that most queries for things never stored do not reach among a query's candidates, 0 to 1.

        Measured on this bank, with queries that ship with the product; None where its weighting has no scale of fit.
        """
        least = self.floor_of(self._state.index(), query, query.conversation)
        return None if np.isnan(least) else least

    def floor_of(self, index: Index, query: Query, conversation: str | None) -> float:
        """The same of an index, the bank's or one dialogue of it; nan for None. conversation: whose speakers to ask."""
        asked = replace(query, text="", k=1, terms=(), muted=(), masked=(), criterion="top", threshold=None)
        return index.derived(f"floor {asked}", lambda: floor(index, asked, self.never_stored(conversation)))

    def never_stored(self, conversation: str | None) -> dict[str, Codes]:
        """Questions about things that hardly any bank holds, asked about those who speak in it, and their codes."""
        with self._state.work() as cursor:
            speakers = tables.speakers(cursor, conversation)
        names = [name for name in speakers if name.casefold() not in NO_NAMES][:2] or ["I"]
        forms = NEVER_STORED.read_text(encoding="utf-8").splitlines()
        return self._state.store_queries([form.format(name=names[i % len(names)]) for i, form in enumerate(forms)])

    def _with_floor(self, query: Query) -> Query:
        """The query with the least fit that counts, where its criterion asks for one."""
        if query.criterion != "fits" or query.threshold is not None or not query.text.strip():
            return query
        return replace(query, threshold=self.floor(query))

    # --- what is asked, of whom ---------------------------------------------------------------------------------------

    def _asked(self, query: Query) -> Codes:
        """The codes of a query's words; none where it is made of latents alone."""
        if self._state.n_latents:
            self._state.check_latents((*(term.latent for term in query.terms), *query.muted))
        if query.terms and not query.text.strip():
            return Codes.empty()
        codes = self._state.encode_query(query.text)
        if not query.masked:
            return codes
        n = len(codes.token_start)
        if not all(0 <= token < n for token in query.masked):
            raise CoreError(f"The query has {n} tokens (0–{n - 1}); it masks {', '.join(map(str, query.masked))}.")
        return without_tokens(codes, self._state.trace(query.text), query.masked)

    def _rows(self, ids: Sequence[str]) -> Offsets:
        """int64, the places of encoded memories in the index."""
        return np.asarray([self._row(name) for name in ids], np.int64)

    def _row(self, memory_id: str) -> int:
        """The place of a memory in the index. Raises CoreError where it is unknown, or has no codes yet."""
        row = self._state.index().row(memory_id)
        if row is None:
            self._memories.get(memory_id)
            engine = self._state.engine.name
            raise CoreError(f"“{memory_id}” has no codes of engine {engine} yet: encode the bank first.")
        return row
