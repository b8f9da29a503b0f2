"""What every room of a bank works on: its file, the engine in use, the index, and the queries encoded so far."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from core.bank.occlusions import Occlusions
from core.encoding.engines import Encoder, Engine
from core.encoding.stored import StoredEngine
from core.errors import CoreError, EngineMissing
from core.retrieval.index import Index
from core.store import Database, learnt, tables
from core.types import Codes, Floats, Query, TokenTrace

CHARACTERS_PER_BATCH = 20_000
"""One transaction: a few seconds of encoding, so that a stop or a kill loses little."""
QUERIES_REMEMBERED = 1024
TRACES_REMEMBERED = 256
T = TypeVar("T")


class BankState:
    """One DuckDB file, and one engine whose codes of it are in use.

    Safe to share between threads. The file is opened for each unit of work and closed again.
    """

    def __init__(self, database: Database, engine: Encoder) -> None:
        self._database = database
        self.engine = engine
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] | None = None
        self._index: Index | None = None
        self._identity: tuple[str, int] | None = None
        self._queries: OrderedDict[str, Codes] = OrderedDict()
        self._traces: OrderedDict[str, TokenTrace] = OrderedDict()
        self.occlusions = Occlusions(engine)

    @classmethod
    def open(cls, path: str | Path, engine: str | Encoder, create: bool = True) -> BankState:
        """As ``MemoryBank.open``, which says what it raises."""
        database = Database(Path(path), create)
        return cls(database, _usable(database, engine))

    def with_engine(self, engine: str | Encoder) -> BankState:
        """The same file seen through the codes of another engine, with an index of its own."""
        if engine in (self.engine, self.engine.name):
            return self
        return BankState(self._database, _usable(self._database, engine))

    @property
    def path(self) -> Path:
        return self._database.path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def file(self) -> int:
        """The inode of the bank's file: another one when somebody put another file in its place."""
        return self._database.stamp()[0]

    @property
    def writable(self) -> bool:
        """Whether the bank can be changed here; one that cannot is read all the same."""
        return self._database.writable

    @property
    def notices(self) -> tuple[str, ...]:
        """What was found lost when the bank was opened, in sentences."""
        return self._database.notices

    def work(self) -> AbstractContextManager[Any]:
        """A cursor of the bank's file, for the store's functions."""
        return self._database.work()

    def write(self, new_version: bool = True) -> AbstractContextManager[Any]:
        """The same as one transaction; new_version: False for what changes no result."""
        return self._database.write(new_version)

    # --- the index ----------------------------------------------------------------------------------------------------

    def index(self) -> Index:
        """The search index of the bank as it is now: rebuilt when somebody, also another program, wrote to the file."""
        with self._lock:
            stamp = self._database.stamp()  # taken before the load: what is written meanwhile is seen next time
            if self._index is None or stamp != self._stamp:
                swapped = self._stamp is not None and stamp[0] != self._stamp[0]
                self._index = self._load_index(swapped)
                self._stamp = stamp
            return self._index

    def _load_index(self, swapped: bool = False) -> Index:
        with self.work() as cursor:
            identity = tables.identity(cursor)
            if self._index is not None and self._identity == identity and not swapped:
                return self._index
            labels, codes = tables.load_codes(cursor, self.engine.fingerprint)
        self._identity = identity
        ids, texts, conversations, categories, sessions, positions = (column.to_pylist() for column in labels.columns)
        codes = Codes.empty() if codes is None else codes
        return Index.build(
            ids,
            texts,
            conversations,
            categories,
            codes,
            self.engine.fingerprint,
            identity[1],
            sessions,
            positions,
            {name: weights for name, weights in self.learnt_weights().items() if len(weights) == codes.n_latents},
            self.engine.balance,
        )

    @property
    def version(self) -> int:
        """Goes up with every change: a key for caches of results."""
        return self.index().version

    @property
    def n_latents(self) -> int:
        """m, the width of the dictionary; 0 where neither a code nor a description tells it."""
        return self.index().codes.n_latents or len(self.engine.catalogue)

    def check_latents(self, latents: Iterable[int]) -> None:
        """Raises CoreError for the first latent that the dictionary does not have."""
        n = self.n_latents
        for latent in latents:
            if not 0 <= latent < n:
                raise CoreError(f"Latent {latent} does not exist: this dictionary has {n:,} (0–{n - 1}).")

    def learnt_weights(self) -> dict[str, Floats]:
        """float32 [m] by the weighting that uses them: those that came with the SAE, and the bank's own."""
        shipped, _ = self.engine.catalogue.learnt
        with self.work() as cursor:
            own = learnt.load(cursor, self.engine.fingerprint)
        logarithms = {"learnt": shipped, "yours": own[0] if own else np.zeros(0, np.float32)}
        return {name: np.exp(values) for name, values in logarithms.items() if len(values)}

    # --- queries ------------------------------------------------------------------------------------------------------

    def knows_query(self, text: str) -> bool:
        """Whether a query can be answered without loading the model."""
        if self.engine.warm or text in self._queries:
            return True
        with self.work() as cursor:
            return tables.has_query_codes(cursor, self.engine.fingerprint, text)

    def encode_query(self, text: str) -> Codes:
        """The codes of a query, one row in one part: remembered, stored with the bank, or made now."""
        if not text.strip():
            raise CoreError("The query is empty: type a few words.")

        def codes() -> Codes:
            stored = {} if self.engine.warm else self._stored_queries([text])
            return stored[text] if text in stored else self.encode_anew(text)

        return self._remembered(self._queries, text, codes, QUERIES_REMEMBERED)

    def encode_anew(self, text: str) -> Codes:
        """The codes of a query, made by the engine in any case: to measure what that takes."""
        return self.engine.encode([text], query=True).merged()

    def trace(self, text: str) -> TokenTrace:
        """Every latent at every token of any text: remembered, or computed now."""
        return self._remembered(self._traces, text, lambda: self.engine.trace(text), TRACES_REMEMBERED)

    def _remembered(self, memo: OrderedDict[str, T], text: str, make: Callable[[], T], most: int) -> T:
        """What was made of a text, made now where it is not there; the oldest are dropped. Made outside the lock."""
        with self._lock:
            there = memo.get(text)
        if there is not None:
            return there
        made = make()
        with self._lock:
            memo[text] = made
            while len(memo) > most:
                memo.popitem(last=False)
        return made

    def _stored_queries(self, texts: Sequence[str]) -> dict[str, Codes]:
        with self.work() as cursor:
            return tables.load_query_codes(cursor, self.engine.fingerprint, texts)

    # --- codes in -----------------------------------------------------------------------------------------------------

    def store_queries(self, texts: Sequence[str]) -> dict[str, Codes]:
        """Encode queries and keep their codes in the bank, where it can be written; returns all of them."""
        wanted = list(dict.fromkeys(texts))
        stored = self._stored_queries(wanted)
        missing = [text for text in wanted if text not in stored]
        for start, stop in batches(missing):
            some = missing[start:stop]
            codes = self.engine.encode(some, query=True).merged()
            if self.writable:
                self.store_codes(tables.add_query_codes, some, codes)
            stored |= {text: codes.take([i]) for i, text in enumerate(some)}
        return stored

    def store_texts(self, texts: Sequence[str]) -> None:
        """Encode texts as memories are, though they are none, and keep their codes in the bank."""
        for start, stop in batches(texts):
            some = list(texts[start:stop])
            self.store_codes(tables.add_text_codes, some, self.engine.encode(some).merged())

    def store_codes(
        self, add: Callable[[Any, str, Sequence[str], Codes], None], keys: Sequence[str], codes: Codes
    ) -> None:
        """Keep codes of this engine in one transaction. add: of the store; keys: ids of memories, or texts."""
        engine = self.engine
        with self.write() as cursor:
            tables.add_engine(cursor, engine.fingerprint, engine.name, codes, engine.about)
            add(cursor, engine.fingerprint, keys, codes)

    # --- what results state -------------------------------------------------------------------------------------------

    def settled(self, query: Query) -> Query:
        """The query with the balance of dense and sparse that it is answered with."""
        return query if query.balance is not None else replace(query, balance=self.engine.balance)

    def provenance(self, query: Query | None = None) -> dict[str, Any]:
        """What every export and picture states: bank, engine, SAE, hook, fingerprint, weighting."""
        about = self.engine.about
        stamp = {
            "bank": self.name,
            "bank_version": self.version,
            "engine": self.engine.name,
            "model": about.get("model_name", ""),
            "hook": about.get("hook", ""),
            "sae": about.get("sae", ""),
            "fingerprint": self.engine.fingerprint,
        }
        if query is not None:
            stated = self.settled(query)
            stamp |= {name: getattr(stated, name) for name in ("weighting", "fusion", "balance", "context")}
        return stamp


def batches(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Runs of texts of about CHARACTERS_PER_BATCH together."""
    start, size = 0, 0
    for i, text in enumerate(texts):
        size += len(text)
        if size >= CHARACTERS_PER_BATCH or i == len(texts) - 1:
            yield start, i + 1
            start, size = i + 1, 0


def latest_codes(database: Database, name: str) -> dict[str, Any] | None:
    """The row of the codes that a bank holds of an engine; the last ones where it holds several versions."""
    with database.work() as cursor:
        return next((row for row in tables.engines(cursor)[::-1] if row["n_encoded"] and row["name"] == name), None)


def _usable(database: Database, engine: str | Encoder) -> Encoder:
    """The engine; where it cannot work here, what the bank holds of it, if anything."""
    if not isinstance(engine, str):
        here = isinstance(engine, StoredEngine) or not engine.missing()
        row = None if here else latest_codes(database, engine.name)
        return engine if row is None else StoredEngine.instead_of(engine, row["fingerprint"], row["about"])
    try:
        return _usable(database, Engine.named(engine))
    except EngineMissing as problem:
        row = latest_codes(database, engine)
        if row is None:
            raise
        return StoredEngine(engine, row["fingerprint"], row["about"], [str(problem)])
