"""The types every room of the house shares: frozen, and plain enough to be built by hand in a test.

One letter means one thing everywhere: n memories, d dense width, m latents of the dictionary, k results, t tokens.
*Score* always means higher is better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import isnan
from typing import Any, Literal

import numpy as np

from core.alignment import NOTHING_ALIGNED, Alignment, Sentence
from core.codes import Codes, Floats, Ints, Offsets, TokenTrace
from core.words import empty, stems

__all__ = [
    "LABEL_SOURCES",
    "MODES",
    "SHOWN_TRUST",
    "Case",
    "CaseLatent",
    "Codes",
    "Context",
    "Explanation",
    "Fit",
    "Floats",
    "Health",
    "Hits",
    "ImportReport",
    "Interference",
    "Ints",
    "Label",
    "LatentInfo",
    "Mark",
    "Memory",
    "Mode",
    "Offsets",
    "OverlapLatent",
    "Pair",
    "PairLatent",
    "Progress",
    "Query",
    "Question",
    "Reading",
    "Refusal",
    "Replacement",
    "Share",
    "Span",
    "Spread",
    "Term",
    "TokenTrace",
]

Mode = Literal["dense", "sparse", "combined", "lexical"]
MODES: tuple[Mode, ...] = ("dense", "sparse", "combined", "lexical")


@dataclass(frozen=True, slots=True)
class Memory:
    """One remembered text and where it stood."""

    id: str
    """Unique in a bank, for example ``conv-42/D17:4``."""
    text: str
    """The words that are encoded, searched and counted; a speaker's name and an image caption are part of them."""
    role: str = ""
    """Speaker or chat role."""
    conversation: str = ""
    """What the criterion and the scaling of scores look at; empty for memories that stand alone."""
    session: str = ""
    position: int = 0
    """Place in the conversation, counted from 0 over all its sessions."""
    created: datetime | None = None
    category: str = ""
    source: str = ""
    """Name of the file the memory came from."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Every other field of the row it was read from."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the memories that answer it: one evidence case."""

    id: str
    text: str
    conversation: str
    evidence: tuple[str, ...]
    """Ids of the memories that answer it; empty where the file names none that exists."""
    answer: str = ""
    category: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A context with a question it answers and questions it does not: one separability case."""

    id: str
    context: str
    related: str
    """The question that the context answers."""
    unrelated: str
    """A question about something else in the same dialogue."""
    elsewhere: str = ""
    """A question about another dialogue; empty where there is none."""
    context_id: str = ""
    """The memory that the context is, where it is one."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Whether a memory answers a question, said by hand."""

    text: str
    """The question."""
    memory: str
    conversation: str
    """The memory's."""
    right: bool
    marked: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that could not be read, and why, in a sentence."""

    source: str
    line: int
    """1-based line of a text file, or row of a table; 0 when the whole file is meant."""
    field: str
    reason: str

    def __str__(self) -> str:
        place = f"{self.source}, line {self.line}" if self.line else self.source
        return f"{place}, field “{self.field}”: {self.reason}" if self.field else f"{place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader found in one file, or in a part of it."""

    memories: list[Memory]
    questions: list[Question]
    refused: list[Refusal]
    left_out: Mapping[str, int] = field(default_factory=dict)
    """What was passed over on purpose (tool calls, images, system notes) and how often."""
    emptied: Mapping[str, int] = field(default_factory=dict)
    """Fields, as the file calls them, whose value could not be understood and was left empty, and how often."""
    said: tuple[str, ...] = ()
    """What had to be found out or assumed, in sentences: encoding, doubtful dates, mended texts."""
    refused_more: int = 0
    """Rows refused beyond those in ``refused``."""
    generated: Mapping[str, int] = field(default_factory=dict, compare=False)
    """Ids that the reader gave because the file gave none -> 1, or 2 for the second of equal words in a dialogue."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A stored memory whose text is another one in the file that was read."""

    id: str
    old: str
    new: str
    source: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of the rows of an import: each was added, there already, replaced, offered or refused."""

    read: int = 0
    added: int = 0
    already_there: int = 0
    refused: tuple[Refusal, ...] = ()
    questions: int = 0
    """Questions stored or already there."""
    encoded: int = 0
    """Memories that got their codes in this run."""
    refused_more: int = 0
    """Rows refused beyond those in ``refused``."""
    offered: tuple[Replacement, ...] = ()
    """Corrections of stored memories that wait for a word: nothing of them was stored."""
    replaced: int = 0
    """Memories whose text was replaced; the old ones are kept as versions."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """What was passed over on purpose, and how often."""
    emptied: Mapping[str, int] = field(default_factory=dict)
    """Fields that could not be understood, and how often."""
    said: tuple[str, ...] = ()
    """What had to be found out or assumed."""


@dataclass(frozen=True, slots=True)
class Term:
    """A latent asked for by hand. Its sign is plus or minus."""

    latent: int
    weight: float


@dataclass(frozen=True, slots=True)
class Query:
    """One question to a bank: words, latents, or both. Hashable: it is the key of the result cache."""

    text: str
    conversation: str | None = None
    """Only memories of this conversation; None for the whole bank."""
    k: int = 10
    weighting: str = "learnt"
    """How activations become sparse scores: a key of ``retrieval.similarity.WEIGHTINGS``."""
    fusion: str = "scaled"
    """How dense and sparse become combined: a key of ``retrieval.fusion.FUSIONS``."""
    balance: float | None = None
    """Weight of the dense side in the combination, against 1 for the sparse side; 0 leaves the sparse side alone, None
    takes what suits the engine."""
    context: float = 0.25
    """How much of the sparse scores of the memories said just before and after is added to a memory's own, where the
    query has words; 0 looks at each memory alone."""
    criterion: str = "top"
    """Which ranked memories count as recalled: a key of ``retrieval.criteria.CRITERIA``."""
    threshold: float | None = None
    """The criterion's number; None for its default, which is k for ``top``."""
    terms: tuple[Term, ...] = ()
    """Latents added to those that the words fire, or taken away."""
    muted: tuple[int, ...] = ()
    """Latents of the words that do not count."""
    masked: tuple[int, ...] = ()
    """Tokens of the words whose activations do not count; the others are what they are in the whole text."""
    lexical: bool = False
    """Whether BM25 on words is ranked beside the three."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The scores of all candidates in one mode: what a memory has to stand out of."""

    low: float
    high: float
    counts: tuple[int, ...]
    """Candidates by score, in equal steps from ``low`` to ``high``."""
    mean: float
    sd: float
    line: float
    """The score from which on memories are recalled; ∞ where no score would do."""
    recalled: int
    """Candidates that are recalled: those of rank 1 to this."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How well an answer fits its query."""

    level: Literal["strong", "partial", "nothing"]
    """``nothing``: nothing stored fits, whatever stands first."""
    probability: float
    """That something stored answers it, where as many queries have an answer as have none."""


@dataclass(frozen=True, slots=True)
class Hits:
    """The memories that at least one mode ranks among its first k, and their place in every mode."""

    query: Query
    """As it was asked, with the balance it was answered with."""
    ids: tuple[str, ...]
    """Ascending."""
    scores: Mapping[Mode, Floats]
    """float32 [len(ids)] for each mode."""
    ranks: Mapping[Mode, Ints]
    """1-based rank of each id among all candidates, for each mode; equal scores: smaller id first."""
    n_candidates: int
    spread: Mapping[Mode, Spread]
    """Where the candidates lie in each mode, and which of them are recalled."""
    fit: float
    """The best sparse score as a share of what a memory could score that fires everything the query does; nan where
    the weighting knows no such limit."""
    query_codes: Codes
    """The query's own codes, one row."""
    encode_ms: float = 0.0
    rank_ms: float = 0.0
    verdict: Fit | None = None
    """Whether anything stored answers the query; None for a query without words."""
    parts: Mapping[Literal["dense", "sparse"], Floats] = field(default_factory=dict)
    """float32 [len(ids)] each: the two numbers that the combination was made of, as they entered it."""

    def brought(self) -> dict[str, tuple[float, float]]:
        """(dense, sparse), adding up to 1: what each side brought to the combined score, by id.

        Shares of d² + s², the square of the score. Empty for sums of z-scores, whose sides may be negative.
        """
        if self.query.fusion == "z" or not self.parts:
            return {}
        dense, sparse = (self.parts[side].astype(float) ** 2 for side in ("dense", "sparse"))
        total = np.maximum(dense + sparse, 1e-12)
        return {i: (float(d), float(s)) for i, d, s in zip(self.ids, dense / total, sparse / total, strict=True)}

    def top(self, mode: Mode, k: int | None = None) -> list[int]:
        """Positions in ``ids`` of the k best of one mode that score above 0, best first."""
        limit = self.query.k if k is None else k
        order = np.argsort(self.ranks[mode], kind="stable")
        return [int(i) for i in order if self.ranks[mode][i] <= limit and self.scores[mode][i] > 0]

    def recalled(self, mode: Mode) -> list[int]:
        """Those of ``top`` that the query's criterion recalls."""
        return self.top(mode, min(self.query.k, self.spread[mode].recalled))


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text: the token at which a latent peaked."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Share:
    """One latent's part in a sparse score."""

    latent: int
    share: float
    """What it adds to the sparse score."""
    query_value: float
    """Strongest activation in the query."""
    memory_value: float
    """Strongest activation in the memory."""
    weight: float
    """The latent's weight: its inverse document frequency in this bank, times what was learnt of it."""
    query_token: Span
    memory_token: Span
    memory: str = ""
    """Id of the memory said before or after whose token it is; empty for the memory itself."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a memory was recalled. The shares sum to the sparse score."""

    query: Query
    memory: Memory
    shares: tuple[Share, ...]
    """Largest first."""
    scores: Mapping[Mode, float]
    ranks: Mapping[Mode, int]
    parts: Mapping[Literal["dense", "sparse"], float]
    """The two numbers that the combination was made of, as they entered it."""
    alignment: Alignment = field(default=NOTHING_ALIGNED, repr=False)
    """The same score word to word."""
    sentence: Sentence = field(default=Sentence((), ()))
    """The same in words."""


@dataclass(frozen=True, slots=True)
class Health:
    """How well an engine's dictionary fits this bank, beside what its training reported."""

    engine: str
    fingerprint: str
    memories: int
    """Memories with codes."""
    pending: int
    """Memories without."""
    tokens: int
    l0: float
    """Mean active latents per token."""
    fvu: float
    """Σ‖x − x̂‖² / Σ‖x − x̄‖² over the tokens of the bank."""
    latents_per_memory: float
    silent_share: float
    """Share of the dictionary's latents that no memory of this bank fires."""
    training: Mapping[str, Any] | None
    """The SAE's report.json."""
    missing: tuple[str, ...]
    """What keeps the engine from encoding, as sentences."""


SHOWN_TRUST = 0.75
"""Least trust with which a label stands for a name; below it the words that the latent peaks on are quoted."""
FEW, MOSTLY = 5, 0.5
"""Memories that are too few to doubt a label by, and the share of them that must peak on one word."""
LABEL_SOURCES = ("yours", "llm", "neuronpedia", "words")
"""Where a label may come from; the first one that a latent has is shown."""


@dataclass(frozen=True, slots=True)
class Label:
    """The name of a latent, and how far it may be believed."""

    latent: int
    text: str = ""
    """Empty where nobody named it."""
    source: str = ""
    """One of LABEL_SOURCES; ``words``: made offline from the contexts that set its strong activations apart."""
    score: float = float("nan")
    """AUROC on the texts that made the label (or what the source says of it); nan where unknown."""
    trust: float = float("nan")
    """AUROC on other texts of the same kind, strong firing against none; nan where unknown, 0.5 is chance."""
    trust_here: float = float("nan")
    """The same among the memories of this bank; nan where too few fire it."""
    n_here: int = 0
    """Memories a side in ``trust_here``."""

    @property
    def believed(self) -> float:
        """How far the label is trusted: in this bank if that is known, else on other texts; nan where neither is."""
        return self.trust if isnan(self.trust_here) else self.trust_here

    @property
    def shown(self) -> bool:
        """Whether it stands for a name: written by you, or trusted well enough."""
        return bool(self.text) and (self.source == "yours" or self.believed >= SHOWN_TRUST)

    def columns(self) -> dict[str, str | float | None]:
        """What a table says of it: label, trust, trust_here; None where nobody measured."""
        known = {"trust": self.trust, "trust_here": self.trust_here}
        return {"label": self.text} | {name: None if isnan(value) else value for name, value in known.items()}


@dataclass(frozen=True, slots=True)
class Context:
    """A text in which a latent fires."""

    text: str
    start: int
    """First character of the token of the peak."""
    end: int
    activation: float
    interval: str
    """``top``, or which part of its activations: ``75–100 %``."""
    memory: str = ""
    """Id of the memory it is; empty for a text that came with the SAE."""


@dataclass(frozen=True, slots=True)
class LatentInfo:
    """Everything known of one latent: in the texts its dictionary was described on, and in this bank."""

    label: Label
    labels: tuple[Label, ...]
    """All labels it has, the one shown first."""
    density: float
    """Share of tokens that fire it, on the texts that described the dictionary; nan where nobody did."""
    max: float
    mean: float
    """Mean activation of the tokens that fire it."""
    histogram: tuple[int, ...]
    """Tokens by activation, in equal steps from 0 to ``max``."""
    words: tuple[tuple[str, float], ...]
    """Words that its activation falls on, with their share of all its activation."""
    contexts: tuple[Context, ...]
    """From texts that came with the SAE, then from this bank; by interval, strongest first."""
    nearest: tuple[tuple[int, float], ...]
    """Latents with the nearest decoder directions, by cosine."""
    coactive: tuple[tuple[int, float, float, int], ...]
    """Latents that fire in the same memories of this bank: (latent, Jaccard, PMI in bits, memories)."""
    memories: int
    """Memories of this bank that fire it."""
    memory_density: float
    """The same as a share."""
    top: tuple[tuple[str, float, Span], ...]
    """The memories of this bank that fire it most: (id, activation, token of the peak)."""
    memory_histogram: tuple[int, ...]
    """Memories of this bank by their strongest activation, in equal steps from 0 to ``memory_max``."""
    memory_max: float
    neuronpedia: str = ""
    """Its page there, where the SAE has one."""
    note: str | None = None
    """The bookmark's note; None where it is not bookmarked."""
    words_here: tuple[tuple[str, float], ...] = ()
    """Words that it peaks on in the memories of this bank that fire it most, with their share of these memories."""
    words_read: int = 0
    """How many memories these are."""

    @property
    def strange_word(self) -> str:
        """The word that it mostly peaks on here, where neither its label nor the texts that described it know it; empty
        where the label may hold."""
        if self.memories < FEW or not self.words_here or not self.label.text or self.label.source == "yours":
            return ""
        word, share = self.words_here[0]
        known = set(stems(" ".join([self.label.text, *(other for other, _ in self.words)])))
        return "" if share < MOSTLY or empty(word) or known & set(stems(word)) else word


@dataclass(frozen=True, slots=True)
class PairLatent:
    """One latent in the pair microscope; an activation is 0 and a token empty where it does not fire."""

    latent: int
    a: float
    b: float
    token_a: Span
    token_b: Span


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts under the microscope."""

    a: TokenTrace
    b: TokenTrace
    shared: tuple[PairLatent, ...]
    """By the product of both activations, largest first."""
    only_a: tuple[PairLatent, ...]
    only_b: tuple[PairLatent, ...]
    dense: float
    """Cosine of the dense vectors."""
    sparse: float
    """Cosine of the strongest activations (the study's)."""
    jaccard: float
    words: tuple[str, ...]
    """Content words that both texts share."""


@dataclass(frozen=True, slots=True)
class CaseLatent:
    """One latent of a context in a separability case: what it adds to the sparse similarity of either question."""

    latent: int
    related: float
    """Its part in SIM(C, R); these parts sum to the similarity."""
    unrelated: float
    """The same for SIM(C, NR)."""
    context_token: Span
    related_token: Span
    """Where it peaks in the related question; empty where it does not fire there."""
    unrelated_token: Span

    @property
    def helped(self) -> float:
        """What it adds to SEP: above 0 it helped, below it confused."""
        return self.related - self.unrelated


@dataclass(frozen=True, slots=True)
class OverlapLatent:
    """One latent of two rows of an overlap matrix; a value is 0 and a token empty where it does not fire."""

    latent: int
    a: float
    """Its value in the first row's code."""
    b: float
    token_a: Span
    """The token it peaks at in the first row: in the memory of a group that fires it most."""
    token_b: Span
    memory_a: str
    """That memory."""
    memory_b: str


@dataclass(frozen=True, slots=True)
class Interference:
    """Two memories that fire the same latents and say different things."""

    a: str
    b: str
    sparse: float
    """Cosine of strongest activations times inverse document frequency."""
    dense: float
    """Cosine of the dense vectors."""
    words: int
    """Content words they share."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long task is. The last one of a generator has ``done == total`` unless it was stopped."""

    done: int
    total: int
    note: str = ""
