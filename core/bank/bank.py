"""MemoryBank: memories in, latents stored, memories recalled and explained. A table of contents, no more."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.bank import health as fitting
from core.bank import timeline as timelines
from core.bank.comparisons import Versus
from core.bank.compositions import Compositions
from core.bank.engines import HeldEngines
from core.bank.groups import Groups
from core.bank.intake import Intake
from core.bank.latents import Latents
from core.bank.learning import Learning
from core.bank.maps import Maps
from core.bank.marks import Marks
from core.bank.memories import Memories
from core.bank.overlap import Overlaps
from core.bank.recall import Recall
from core.bank.runs import Runs
from core.bank.separability import Separability
from core.bank.state import BankState
from core.bank.timeline import Timeline
from core.bank.trust import Trust
from core.encoding.engines import Encoder
from core.readers import Options
from core.retrieval.index import Index
from core.types import (
    Codes,
    Explanation,
    Health,
    Hits,
    ImportReport,
    Memory,
    Progress,
    Query,
    Reading,
    Term,
    TokenTrace,
)


class MemoryBank:
    """One DuckDB file of memories, with the codes of one engine in use.

    Safe to share between threads. The file is opened for each unit of work and closed again.
    """

    def __init__(self, state: BankState) -> None:
        self.state = state
        """What the rooms work on: file, engine, index, encoded queries."""

    @classmethod
    def open(cls, path: str | Path, engine: str | Encoder = "minilm", create: bool = True) -> MemoryBank:
        """Open a bank, or make an empty one. Loads no model. Raises CoreError when the file is no bank.

        Where the engine cannot work on this machine, the bank is opened with what it holds of its codes.
        """
        return cls(BankState.open(path, engine, create))

    def with_engine(self, engine: str | Encoder) -> MemoryBank:
        """The same bank seen through the codes of another engine: one file, one lock, an index of its own."""
        state = self.state.with_engine(engine)
        return self if state is self.state else MemoryBank(state)

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep the file open for several calls, a page's say, instead of opening it for each."""
        with self.state.work():
            yield

    @property
    def path(self) -> Path:
        return self.state.path

    @property
    def name(self) -> str:
        return self.state.name

    @property
    def file(self) -> int:
        """The inode of the bank's file: another one when somebody put another file in its place."""
        return self.state.file

    @property
    def writable(self) -> bool:
        """Whether the bank can be changed here; one that cannot is read all the same."""
        return self.state.writable

    @property
    def notices(self) -> tuple[str, ...]:
        """What was found lost when the bank was opened, in sentences."""
        return self.state.notices

    @property
    def engine(self) -> Encoder:
        return self.state.engine

    @property
    def version(self) -> int:
        """Goes up with every change: a key for caches of results."""
        return self.state.version

    def index(self) -> Index:
        """The search index of the bank as it is now: ids, texts and codes, in one order."""
        return self.state.index()

    # --- memories in --------------------------------------------------------------------------------------------------

    def add(self, reading: Reading, encode: bool = True) -> Generator[Progress, None, ImportReport]:
        """Store what a reader found, then encode it. Stopping in between keeps what is stored."""
        return Intake(self.state).add([reading], encode)

    def import_files(
        self,
        files: Sequence[str | Path],
        format: str = "auto",
        encode: bool = True,
        options: Options | None = None,
        replace: bool = False,
    ) -> Generator[Progress, None, ImportReport]:
        """Read, store and encode files, folders and zips. Everything readable is stored; the report says what was not,
        and why. replace: whether a corrected text replaces the stored one, which is kept as a version."""
        return Intake(self.state).import_files(files, format, encode, options, replace)

    def encode(self) -> Generator[Progress, None, int]:
        """Give every memory without codes of this engine its codes, batch by batch; how many got them."""
        return Intake(self.state).encode()

    # --- memories out -------------------------------------------------------------------------------------------------

    def search(self, query: Query, also: tuple[str, ...] = ()) -> Hits:
        """The memories that stand out for a query in any mode; ``also`` names memories to place in any case."""
        return self.recall.search(query, also)

    def explain(self, query: Query, memory_id: str, causes: bool = False) -> Explanation:
        """Why a memory was recalled: its sparse score as a sum over latents and over pairs of words, and in a sentence.

        causes: the memory's words get what is lost without them, in place of what fires in them; reads the memory once
        for each word, which needs the model.
        """
        return self.recall.explain(query, memory_id, causes)

    def compose(self, terms: Sequence[Term], k: int = 10, conversation: str | None = None) -> Hits:
        """The memories that fire some latents and not others, in the sparse mode; scores are activations times weights.

        >>> bank.compose([Term(15, +1), Term(5, -1)], k=3)
        """
        return self.recall.compose(terms, k, conversation)

    def more_like(
        self, liked: Sequence[str], disliked: Sequence[str] = (), n: int = 12, weighting: str = "activation"
    ) -> tuple[Term, ...]:
        """The n latents that set some memories apart from others, as terms (Rocchio's), strongest first.

        >>> bank.compose(bank.more_like(["conv-42/D17:4"]))
        """
        return self.recall.more_like(liked, disliked, n, weighting)

    def similar(self, memory_id: str, k: int = 10, mode_query: Query | None = None) -> Hits:
        """The memories nearest to one of the bank, in every mode; itself is among them."""
        return self.recall.similar(memory_id, k, mode_query)

    def memory(self, memory_id: str) -> Memory:
        """One memory. Raises CoreError that names ids near to an unknown one."""
        return self.memories.get(memory_id)

    def knows_query(self, text: str) -> bool:
        """Whether a query can be answered without loading the model."""
        return self.state.knows_query(text)

    def encode_query(self, text: str) -> Codes:
        """The codes of a query, one row in one part: remembered, stored with the bank, or made now."""
        return self.state.encode_query(text)

    def trace(self, text: str) -> TokenTrace:
        """Every latent at every token of any text: remembered, or computed now."""
        return self.state.trace(text)

    def codes(self, memory_id: str) -> Codes | None:
        """The stored codes of one memory, its parts made one; None where it has none yet."""
        return self.recall.codes(memory_id)

    def health(self) -> Health:
        """How well the dictionary fits this bank."""
        return fitting.health(self.state)

    def blind_spots(self, limit: int = 10) -> list[tuple[Memory, float]]:
        """The memories whose tokens the dictionary reconstructs worst, with the FVU of each; none without codes."""
        return fitting.blind_spots(self.state, limit)

    def provenance(self, query: Query | None = None) -> dict[str, Any]:
        """What every export and picture states: bank, engine, SAE, hook, fingerprint, weighting."""
        return self.state.provenance(query)

    def timeline(self, conversation: str, text: str = "", latents: Sequence[int] = (), k: int = 24) -> Timeline:
        """Latents over the turns of a dialogue: its most persistent ones, those of a text, or some that were picked."""
        return timelines.timeline(self.state, conversation, text, latents, k)

    # --- rooms --------------------------------------------------------------------------------------------------------

    @property
    def memories(self) -> Memories:
        """What the file holds: memories, and questions about them."""
        return Memories(self.state)

    @property
    def recall(self) -> Recall:
        """Queries, and everything about their answers: reasons, agreement of the modes, what would change them."""
        return Recall(self.state)

    @property
    def engines(self) -> HeldEngines:
        """The engines that this bank holds codes of."""
        return HeldEngines(self.state)

    @property
    def latents(self) -> Latents:
        """The engine's dictionary as this bank sees it: labels, statistics, examples, two texts compared."""
        return Latents(self.state)

    @property
    def trust(self) -> Trust:
        """How far the labels of the latents hold."""
        return Trust(self.state)

    @property
    def compositions(self) -> Compositions:
        """Mixtures of latents that somebody saved in this bank."""
        return Compositions(self.state)

    @property
    def marks(self) -> Marks:
        """Which memories answer which questions, said by hand."""
        return Marks(self.state)

    @property
    def learning(self) -> Learning:
        """Weights of latents learnt from questions and the memories that answer them."""
        return Learning(self.state)

    @property
    def runs(self) -> Runs:
        """Evaluations of the bank: run, kept, compared, and looked into."""
        return Runs(self.state)

    @property
    def versus(self) -> Versus:
        """Engine against engine on these memories: measured, kept."""
        return Versus(self.state)

    @property
    def groups(self) -> Groups:
        """Memories by category, role, session, conversation, and what sets one group apart."""
        return Groups(self.state)

    @property
    def maps(self) -> Maps:
        """Where the memories lie: PCA at once, UMAP laid out and kept."""
        return Maps(self.state)

    @property
    def overlap(self) -> Overlaps:
        """Which memories, sessions, conversations or categories share latents, and how much."""
        return Overlaps(self.state)

    @property
    def separability(self) -> Separability:
        """Whether related questions are nearer than unrelated ones: cases, figures, the latents behind them."""
        return Separability(self.state)
