"""MemoryBank: memories in, latents stored, memories recalled and explained. A table of contents, no more."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from core import readers
from core.bank import engines as held
from core.bank import timeline as timelines
from core.bank.comparisons import Versus
from core.bank.compositions import Compositions
from core.bank.engines import HeldCodes
from core.bank.groups import Groups
from core.bank.latents import Latents
from core.bank.learning import Learning
from core.bank.maps import Maps
from core.bank.marks import Marks
from core.bank.occlusions import Occlusions
from core.bank.overlap import Overlaps
from core.bank.runs import Runs
from core.bank.separability import Separability
from core.bank.timeline import Timeline
from core.encoding.engines import Encoder, Engine
from core.encoding.stored import StoredEngine
from core.errors import CoreError, EngineMissing
from core.evaluation import runner as running
from core.evaluation.runner import Evaluation
from core.retrieval import explain as explaining
from core.retrieval import rocchio
from core.retrieval.absence import floor
from core.retrieval.contributions import contributions
from core.retrieval.counterfactual import Agreement, Flip, agreement, minimal_flips, without_tokens
from core.retrieval.index import Index
from core.retrieval.rank import rank
from core.settings import ASSETS
from core.store import Database, tables
from core.types import (
    Codes,
    Explanation,
    Floats,
    Health,
    Hits,
    ImportReport,
    Memory,
    Offsets,
    Progress,
    Query,
    Question,
    Reading,
    Refusal,
    Term,
    TokenTrace,
)

CHARACTERS_PER_BATCH = 20_000
"""One transaction: a few seconds of encoding, so that a stop or a kill loses little."""
QUERIES_REMEMBERED = 1024
TRACES_REMEMBERED = 256
NEVER_STORED = ASSETS / "never-stored.txt"
"""Questions, ours, about things that hardly any bank holds."""
NO_NAMES = {"", "user", "assistant", "system", "human", "ai", "agent", "bot"}
"""Roles that nobody is called by."""


class MemoryBank:
    """One DuckDB file of memories, with the codes of one engine in use.

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
    def open(cls, path: str | Path, engine: str | Encoder = "minilm", create: bool = True) -> MemoryBank:
        """Open a bank, or make an empty one. Loads no model. Raises CoreError when the file is no bank.

        Where the engine cannot work on this machine, the bank is opened with what it holds of its codes.
        """
        database = Database(Path(path), create)
        return cls(database, _usable(database, engine))

    def with_engine(self, engine: str | Encoder) -> MemoryBank:
        """The same bank seen through the codes of another engine: one file, one lock, an index of its own."""
        if engine in (self.engine, self.engine.name):
            return self
        return MemoryBank(self._database, _usable(self._database, engine))

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

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep the file open for several calls, a page's say, instead of opening it for each."""
        with self._database.work():
            yield

    def work(self) -> AbstractContextManager[Any]:
        """A cursor of the bank's file, for the store's functions."""
        return self._database.work()

    def write(self, new_version: bool = True) -> AbstractContextManager[Any]:
        """The same as one transaction; new_version: False for what changes no result."""
        return self._database.write(new_version)

    @property
    def latents(self) -> Latents:
        """The engine's dictionary as this bank sees it: labels, trust, statistics, examples."""
        return Latents(self)

    @property
    def compositions(self) -> Compositions:
        """Mixtures of latents that somebody saved in this bank."""
        return Compositions(self)

    @property
    def marks(self) -> Marks:
        """Which memories answer which questions, said by hand."""
        return Marks(self)

    @property
    def learning(self) -> Learning:
        """Weights of latents learnt from questions and the memories that answer them."""
        return Learning(self)

    @property
    def runs(self) -> Runs:
        """Evaluations of the bank: run, kept, compared, and looked into."""
        return Runs(self)

    @property
    def versus(self) -> Versus:
        """Engine against engine on these memories: measured, kept."""
        return Versus(self)

    @property
    def groups(self) -> Groups:
        """Memories by category, role, session, conversation, and what sets one group apart."""
        return Groups(self)

    @property
    def maps(self) -> Maps:
        """Where the memories lie: PCA at once, UMAP laid out and kept."""
        return Maps(self)

    def timeline(self, conversation: str, text: str = "", latents: Sequence[int] = (), k: int = 24) -> Timeline:
        """Latents over the turns of a dialogue: its most persistent ones, those of a text, or some that were picked."""
        return timelines.timeline(self, conversation, text, latents, k)

    @property
    def overlap(self) -> Overlaps:
        """Which memories, sessions, conversations or categories share latents, and how much."""
        return Overlaps(self)

    @property
    def separability(self) -> Separability:
        """Whether related questions are nearer than unrelated ones: cases, figures, the latents behind them."""
        return Separability(self)

    # --- what is in it ------------------------------------------------------------------------------------------------

    def counts(self) -> dict[str, int]:
        """memories, questions, conversations, sources."""
        with self._database.work() as cursor:
            return tables.counts(cursor)

    def conversations(self) -> list[tuple[str, int]]:
        """(conversation, number of memories), by name."""
        with self._database.work() as cursor:
            return tables.conversations(cursor)

    def memories(self, ids: Iterable[str]) -> dict[str, Memory]:
        """The memories of some ids; unknown ids are left out."""
        with self._database.work() as cursor:
            return tables.memories_by_id(cursor, ids)

    def memory(self, memory_id: str) -> Memory:
        found = self.memories([memory_id])
        if memory_id not in found:
            near = [m.id for m in self.find(memory_id, limit=3)]
            hint = f" Near: {', '.join(near)}." if near else ""
            raise CoreError(f"No memory has the id “{memory_id}” in {self.name}.{hint}")
        return found[memory_id]

    def find(self, text: str = "", conversation: str | None = None, limit: int = 20) -> list[Memory]:
        """Memories whose id or words contain a text."""
        with self._database.work() as cursor:
            return tables.find_memories(cursor, text.strip(), conversation, limit)

    def around(self, memory: Memory, radius: int = 3) -> list[Memory]:
        """What was said just before and after a memory, itself included."""
        if not memory.conversation:
            return [memory]
        with self._database.work() as cursor:
            return tables.around(cursor, memory, radius)

    def speakers(self) -> frozenset[str]:
        """Who speaks in it, roles that are nobody's name included."""
        with self._database.work() as cursor:
            return frozenset(name for name in tables.speakers(cursor, None) if name)

    def questions(self) -> list[Question]:
        with self._database.work() as cursor:
            return tables.questions(cursor)

    def engines(self) -> list[HeldCodes]:
        """The engines that this bank holds codes of: how many memories, and whether more can be made here."""
        return held.engines(self)

    def forget_codes(self, fingerprint: str) -> int:
        """Delete the codes of one engine; what people made with it stays. The number of memories that lost them."""
        return held.forget(self, fingerprint)

    def table(self, what: str) -> pa.Table:
        """``memories``, or ``codes`` with a row of lists per memory: for export."""
        with self._database.work() as cursor:
            if what == "memories":
                return tables.memory_rows(cursor)
            labels, codes = tables.load_codes(cursor, self.engine.fingerprint)
        if codes is None:
            raise CoreError(f"{self.name} has no codes of engine {self.engine.name} yet.")
        stamp = pa.array([self.engine.fingerprint] * len(labels))
        columns = tables.code_table(codes)
        return pa.table({"id": labels["id"], "engine": stamp, **{n: columns[n] for n in columns.column_names}})

    # --- memories in --------------------------------------------------------------------------------------------------

    def add(self, reading: Reading, encode: bool = True) -> Generator[Progress, None, ImportReport]:
        """Store what a reader found, then encode it. Stopping in between keeps what is stored."""
        return (yield from self._import([reading], encode))

    def import_files(
        self, files: Sequence[str | Path], format: str = "auto", encode: bool = True
    ) -> Generator[Progress, None, ImportReport]:
        """Read, store and encode files. Everything readable is stored; the report says what was not, and why."""
        yield Progress(0, 1, "reading")
        readings = []
        for file in files:
            try:
                readings.append(readers.read(Path(file), format))
            except CoreError as problem:
                if len(files) == 1:
                    raise
                readings.append(Reading([], [], [Refusal(Path(file).name, 0, "", str(problem))]))
        return (yield from self._import(readings, encode))

    def _import(self, readings: list[Reading], encode: bool) -> Generator[Progress, None, ImportReport]:
        report = ImportReport()
        for reading in readings:
            with self._database.write() as cursor:
                added, there, refused = tables.add_memories(cursor, reading.memories)
                tables.add_questions(cursor, reading.questions)
            report = ImportReport(
                report.read + len(reading.memories) + len(reading.refused),
                report.added + added,
                report.already_there + there,
                (*report.refused, *reading.refused, *refused),
                report.questions + len(reading.questions),
            )
        encoded = (yield from self.encode()) if encode else 0
        return replace(report, encoded=encoded)

    def encode(self) -> Generator[Progress, None, int]:
        """Give every memory without codes of this engine its codes, batch by batch, each in one transaction; then
        measure how far the labels of the latents hold among them, where that is worth it (``Latents.refresh_trust``).

        Progress counts characters, which take equal time. A stop between two batches loses nothing.
        """
        with self._database.work() as cursor:
            ids, texts = tables.pending(cursor, self.engine.fingerprint)
        total, done, encoded = sum(map(len, texts)), 0, 0
        if ids and not self.engine.warm:
            yield Progress(0, total, f"loading {self.engine.name}")
            self.engine.load()
        for start, stop in _batches(texts):
            codes = self.engine.encode(texts[start:stop])
            with self._database.write() as cursor:
                tables.add_engine(cursor, self.engine.fingerprint, self.engine.name, codes, self.engine.about)
                tables.add_codes(cursor, self.engine.fingerprint, ids[start:stop], codes)
            encoded += stop - start
            done += sum(map(len, texts[start:stop]))
            yield Progress(done, total, f"{encoded:,} of {len(ids):,} memories encoded")
        yield from self.latents.refresh_trust()
        return encoded

    def adopt(self, ids: Sequence[str], codes: Codes, queries: Sequence[str], query_codes: Codes) -> None:
        """Store codes that this very engine made elsewhere: those of the demo are shipped."""
        engine = self.engine
        with self._database.write() as cursor:
            tables.add_engine(cursor, engine.fingerprint, engine.name, codes, engine.about)
            tables.add_codes(cursor, engine.fingerprint, ids, codes)
            tables.add_query_codes(cursor, engine.fingerprint, queries, query_codes)

    # --- memories out -------------------------------------------------------------------------------------------------

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
        with self._database.work() as cursor:
            identity = tables.identity(cursor)
            if self._index is not None and self._identity == identity and not swapped:
                return self._index
            labels, codes = tables.load_codes(cursor, self.engine.fingerprint)
        self._identity = identity
        ids, texts, conversations, categories, sessions, positions = (column.to_pylist() for column in labels.columns)
        known = Codes.empty() if codes is None else codes
        return Index.build(
            ids,
            texts,
            conversations,
            categories,
            known,
            self.engine.fingerprint,
            identity[1],
            sessions,
            positions,
            {name: weights for name, weights in self.learning.weights().items() if len(weights) == known.n_latents},
            self.engine.balance,
        )

    @property
    def version(self) -> int:
        """Goes up with every change: a key for caches of results."""
        return self.index().version

    def knows_query(self, text: str) -> bool:
        """Whether a query can be answered without loading the model."""
        return self.engine.warm or text in self._queries or bool(self._stored_queries([text]))

    def encode_query(self, text: str) -> Codes:
        """The codes of a query, one row in one part: remembered, stored with the bank, or made now."""
        if not text.strip():
            raise CoreError("The query is empty: type a few words.")
        with self._lock:
            known = self._queries.get(text)
        if known is None:
            stored = {} if self.engine.warm else self._stored_queries([text])
            known = stored[text] if text in stored else self.engine.encode([text], query=True).merged()
            with self._lock:
                self._queries[text] = known
                while len(self._queries) > QUERIES_REMEMBERED:
                    self._queries.popitem(last=False)
        return known

    def _stored_queries(self, texts: Sequence[str]) -> dict[str, Codes]:
        with self._database.work() as cursor:
            return tables.load_query_codes(cursor, self.engine.fingerprint, texts)

    def store_queries(self, texts: Sequence[str]) -> dict[str, Codes]:
        """Encode queries and keep their codes in the bank, where it can be written; returns all of them."""
        wanted = list(dict.fromkeys(texts))
        stored = self._stored_queries(wanted)
        missing = [text for text in wanted if text not in stored]
        for start, stop in _batches(missing):
            codes = self.engine.encode(missing[start:stop], query=True).merged()
            if self._database.writable:
                with self._database.write() as cursor:
                    tables.add_engine(cursor, self.engine.fingerprint, self.engine.name, codes, self.engine.about)
                    tables.add_query_codes(cursor, self.engine.fingerprint, missing[start:stop], codes)
            stored |= {text: codes.take([i]) for i, text in enumerate(missing[start:stop])}
        return stored

    def store_texts(self, texts: Sequence[str]) -> None:
        """Encode texts as memories are, though they are none, and keep their codes in the bank."""
        for start, stop in _batches(texts):
            codes = self.engine.encode(list(texts[start:stop])).merged()
            with self._database.write() as cursor:
                tables.add_engine(cursor, self.engine.fingerprint, self.engine.name, codes, self.engine.about)
                tables.add_text_codes(cursor, self.engine.fingerprint, texts[start:stop], codes)

    def search(self, query: Query, also: tuple[str, ...] = ()) -> Hits:
        """The memories that stand out for a query in any mode; ``also`` names memories to place in any case."""
        started = time.perf_counter()
        codes, index = self._asked(query), self.index()
        encoded = time.perf_counter()
        hits = rank(index, self._with_floor(query), codes, also)
        ranked = time.perf_counter()
        return replace(hits, encode_ms=(encoded - started) * 1e3, rank_ms=(ranked - encoded) * 1e3)

    def _with_floor(self, query: Query) -> Query:
        """The query with the least fit that counts, where its criterion asks for one."""
        if query.criterion != "fits" or query.threshold is not None or not query.text.strip():
            return query
        return replace(query, threshold=self.floor(query))

    def floor(self, query: Query) -> float | None:
        """The fit that most queries for things never stored do not reach among a query's candidates, 0 to 1.

        Measured on this bank, with queries that ship with the product; None where its weighting has no scale of fit.
        """
        found = self._floor(self.index(), query, query.conversation)
        return None if np.isnan(found) else found

    def _floor(self, index: Index, query: Query, conversation: str | None) -> float:
        asked = replace(query, text="", k=1, terms=(), muted=(), masked=(), criterion="top", threshold=None)
        return index.derived(f"floor {asked}", lambda: floor(index, asked, self._never_stored(conversation)))

    def _never_stored(self, conversation: str | None) -> dict[str, Codes]:
        """Questions about things that hardly any bank holds, asked about those who speak in it, and their codes."""
        with self._database.work() as cursor:
            speakers = tables.speakers(cursor, conversation)
        names = [name for name in speakers if name.casefold() not in NO_NAMES][:2] or ["I"]
        forms = NEVER_STORED.read_text(encoding="utf-8").splitlines()
        return self.store_queries([form.format(name=names[i % len(names)]) for i, form in enumerate(forms)])

    def explain(self, query: Query, memory_id: str, causes: bool = False) -> Explanation:
        """Why a memory was recalled: its sparse score as a sum over latents and over pairs of words, and in a sentence.

        causes: the memory's words get what is lost without them, in place of what fires in them; reads the memory once
        for each word, which needs the model.
        """
        memory = self.memory(memory_id)
        index = self.index()
        if index.row(memory_id) is None:
            raise CoreError(f"“{memory_id}” has no codes of engine {self.engine.name} yet: encode the bank first.")
        if query.conversation is not None and memory.conversation != query.conversation:
            raise CoreError(
                f"“{memory_id}” is not part of conversation “{query.conversation}”, which the query asks for."
            )
        asked = self._asked(query)
        laid_out = explaining.by_cause(index, query, asked, memory.id, self.occlusions.of) if causes else None
        return explaining.explain(index, query, asked, memory, self.speakers(), laid_out)

    def _asked(self, query: Query) -> Codes:
        """The codes of a query's words; none where it is made of latents alone."""
        width = self.index().codes.n_latents
        for latent in (*(term.latent for term in query.terms), *query.muted):
            if width and not 0 <= latent < width:
                raise CoreError(f"Latent {latent} does not exist: this dictionary has {width:,} (0–{width - 1}).")
        if query.terms and not query.text.strip():
            return Codes.empty()
        codes = self.encode_query(query.text)
        if not query.masked:
            return codes
        n = len(codes.token_start)
        if not all(0 <= token < n for token in query.masked):
            raise CoreError(f"The query has {n} tokens (0–{n - 1}); it masks {', '.join(map(str, query.masked))}.")
        return without_tokens(codes, self.trace_text(query.text), query.masked)

    def trace_text(self, text: str) -> TokenTrace:
        """Every latent at every token of any text: remembered, or computed now."""
        with self._lock:
            known = self._traces.get(text)
        if known is None:
            known = self.engine.trace(text)
            with self._lock:
                self._traces[text] = known
                while len(self._traces) > TRACES_REMEMBERED:
                    self._traces.popitem(last=False)
        return known

    def compose(self, terms: Sequence[Term], k: int = 10, conversation: str | None = None) -> Hits:
        """The memories that fire some latents and not others, in the sparse mode; scores are activations times weights.

        >>> bank.compose([Term(15, +1), Term(5, -1)], k=3)
        """
        if not terms:
            raise CoreError("There is no latent to compose: give at least one.")
        return self.search(Query("", conversation, k, weighting="activation", terms=tuple(terms)))

    def contributions(self, query: Query, ids: Sequence[str]) -> Floats:
        """float32 [len(ids), 1 + terms], what the words in total and each term add to the sparse score of memories."""
        return contributions(self.index(), query, self._asked(query), self._rows(ids))

    def more_like(
        self, liked: Sequence[str], disliked: Sequence[str] = (), n: int = 12, weighting: str = "activation"
    ) -> tuple[Term, ...]:
        """The n latents that set some memories apart from others, as terms (Rocchio's), strongest first.

        >>> bank.compose(bank.more_like(["conv-42/D17:4"]))
        """
        if not liked and not disliked:
            raise CoreError("There is no memory to be more or less like: give at least one.")
        return rocchio.terms(self.index(), self._rows(liked), self._rows(disliked), n, weighting)

    def _rows(self, ids: Sequence[str]) -> Offsets:
        """int64, the places of encoded memories in the index."""
        index = self.index()
        rows = [index.row(name) for name in ids]
        for name, row in zip(ids, rows, strict=True):
            if row is None:
                self.memory(name)
                raise CoreError(f"“{name}” has no codes of engine {self.engine.name} yet: encode the bank first.")
        return np.asarray(rows, np.int64)

    def agreement(self, query: Query) -> list[Agreement]:
        """How far the modes agree on a query: shared among the first k, Kendall's τ, what only one of two finds."""
        return agreement(self.index(), query, self._asked(query))

    def flips(self, query: Query, memory_id: str) -> list[Flip]:
        """The smallest edits of one latent that bring a memory into the first k of the sparse mode, smallest first."""
        self.memory(memory_id)
        return minimal_flips(self.index(), query, self._asked(query), memory_id)

    def similar(self, memory_id: str, k: int = 10, mode_query: Query | None = None) -> Hits:
        """The memories nearest to one of the bank, in every mode; itself is among them."""
        index = self.index()
        row = index.row(memory_id)
        if row is None:
            raise CoreError(f"“{memory_id}” has no codes of engine {self.engine.name} yet: encode the bank first.")
        query = replace(mode_query or Query(""), text=index.texts[row], k=k + 1, context=0)
        return rank(index, query, index.codes.take([row]).merged(), (memory_id,))

    def evaluate(
        self,
        settings: Query | None = None,
        categories: Sequence[str] | None = None,
        questions: Sequence[Question] | None = None,
    ) -> Generator[Progress, None, Evaluation]:
        """Ask questions, the bank's own unless given, each of its own dialogue: where is their evidence ranked?"""
        settings = settings or Query("")
        known = self.questions() if questions is None else questions
        asked = [q for q in known if q.evidence and (categories is None or q.category in categories)]
        if not asked:
            wanted = "" if categories is None else f" of category {', '.join(categories)}"
            raise CoreError(f"{self.name} has no question{wanted} with evidence: import a LoCoMo or LongMemEval file.")
        yield Progress(0, len(asked), "encoding the questions")
        codes = self.store_queries([q.text for q in asked])
        found = yield from running.evaluate(
            self.index(),
            asked,
            codes,
            self.encode_anew,
            settings,
            lambda part: self._floor(part, settings, part.conversations[0]),
        )
        return replace(found, report=found.report | self._judged(settings, asked))

    def encode_anew(self, text: str) -> Codes:
        """The codes of a query, made by the engine in any case: to measure what that takes."""
        return self.engine.encode([text], query=True).merged()

    def _judged(self, settings: Query, asked: Sequence[Question]) -> dict[str, Any]:
        """What to say beside the figures of an evaluation."""
        learnt_on = self.learning.learnt_on(settings.weighting)
        seen = sorted({q.source for q in asked} & set(learnt_on))
        warnings = (
            [f"The weights were learnt on {', '.join(seen)}: these figures say nothing of others."] if seen else []
        )
        waiting = self.counts()["memories"] - len(self.index())
        if waiting:
            warnings.append(f"{waiting:,} memories are not encoded yet and cannot be found: the figures are too low.")
        return {"provenance": self.provenance(settings) | {"learnt_on": list(learnt_on)}, "warnings": warnings}

    def codes(self, memory_id: str) -> Codes | None:
        """The stored codes of one memory, its parts made one; None where it has none yet."""
        index = self.index()
        row = index.row(memory_id)
        return None if row is None else index.codes.take([row]).merged()

    def trace(self, memory_id: str) -> TokenTrace:
        """Every latent at every token of a memory, computed now."""
        return self.trace_text(self.memory(memory_id).text)

    def blind_spots(self, limit: int = 10) -> list[tuple[Memory, float]]:
        """The memories whose tokens the dictionary reconstructs worst, with the FVU of each; none without codes."""
        index = self.index()
        left_out = index.codes.residual / np.maximum(index.codes.variance, 1e-12)
        worst = np.argsort(-left_out, kind="stable")[:limit]
        known = self.memories(index.ids[i] for i in worst)
        return [(known[index.ids[i]], float(left_out[i])) for i in worst]

    def health(self) -> Health:
        """How well the dictionary fits this bank."""
        try:
            fingerprint = self.engine.fingerprint
        except CoreError as problem:
            return Health(self.engine.name, "", 0, self.counts()["memories"], 0, 0, 0, 0, 0, None, (str(problem),))
        with self._database.work() as cursor:
            sums = tables.code_sums(cursor, fingerprint)
            total = tables.counts(cursor)["memories"]
            width = next((e["n_latents"] for e in tables.engines(cursor) if e["fingerprint"] == fingerprint), 0)

        def per(a: str, b: str) -> float:
            return sums[a] / sums[b] if sums[b] else 0.0

        return Health(
            self.engine.name,
            fingerprint,
            int(sums["memories"]),
            total - int(sums["memories"]),
            int(sums["tokens"]),
            per("active", "tokens"),
            per("residual", "variance"),
            per("postings", "memories"),
            1 - sums["alive"] / width if width else 0.0,
            self.engine.about.get("training"),
            tuple(self.engine.missing()),
        )

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


def _usable(database: Database, engine: str | Encoder) -> Encoder:
    """The engine; where it cannot work here, what the bank holds of it, if anything."""
    if not isinstance(engine, str):
        here = isinstance(engine, StoredEngine) or not engine.missing()
        row = None if here else held.latest(database, engine.name)
        return engine if row is None else StoredEngine.instead_of(engine, row["fingerprint"], row["about"])
    try:
        return _usable(database, Engine.named(engine))
    except EngineMissing as problem:
        row = held.latest(database, engine)
        if row is None:
            raise
        return StoredEngine(engine, row["fingerprint"], row["about"], [str(problem)])


def _batches(texts: Sequence[str]) -> Iterable[tuple[int, int]]:
    """Runs of texts of about CHARACTERS_PER_BATCH together."""
    start, size = 0, 0
    for i, text in enumerate(texts):
        size += len(text)
        if size >= CHARACTERS_PER_BATCH or i == len(texts) - 1:
            yield start, i + 1
            start, size = i + 1, 0
