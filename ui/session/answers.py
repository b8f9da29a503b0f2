"""What a bank answered, remembered: the same question of the same bank is asked once."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable
from typing import Any, ParamSpec, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import streamlit as st

from core import (
    Agreement,
    Case,
    Codes,
    Confusion,
    Contrast,
    CoreError,
    Explanation,
    Flip,
    Health,
    HeldCodes,
    Hits,
    Label,
    LatentInfo,
    Memory,
    MemoryBank,
    MemoryMap,
    Mode,
    Overlap,
    OverlapPair,
    Pair,
    Query,
    Separation,
    Term,
    TokenTrace,
    presets,
)
from core.evaluation import Comparison, Outcome
from core.types import CaseLatent, Interference
from ui.session import banks, models

P = ParamSpec("P")
T = TypeVar("T")


class Keeping(Protocol):
    """A decorator that leaves a function's type as it is."""

    def __call__(self, answer: Callable[P, T], /) -> Callable[P, T]: ...


def place(bank: MemoryBank) -> str:
    """What a result belongs to: the bank's file, also when another one was put in its place, and the engine."""
    return f"{bank.path} {bank.file} {bank.engine.fingerprint}"


def state(bank: MemoryBank) -> Hashable:
    """Where a bank's answers hold: in this file, with this engine, at this version. Where the engine cannot work
    nobody knows, so nothing is found again."""
    try:
        return place(bank), bank.version
    except CoreError:
        return time.monotonic_ns()


BY: dict[str | type, Callable[[Any], Any]] = {
    MemoryBank: state,
    MemoryMap: lambda found: found.plan,
    Overlap: lambda found: (found.by, found.measure, found.quantile, hash(found.names)),
}
"""What tells arguments apart. Maps and overlaps of one bank follow from what was asked for."""


def remembered(most: int, said: str | bool = False) -> Keeping:
    """Keep so many answers of a function, by its bank and by whatever else it is asked. said: while it works."""
    keep: Keeping = st.cache_data(max_entries=most, show_spinner=said, hash_funcs=BY)
    return keep


def shared(most: int, said: str | bool = False) -> Keeping:
    """The same for answers too large to be copied for each visitor: nobody changes them."""
    keep: Keeping = st.cache_resource(max_entries=most, show_spinner=said, hash_funcs=BY)
    return keep


def settled(most: int, said: str | bool = False) -> Keeping:
    """The same for answers that stay true whatever becomes of the bank: those about finished runs."""
    keep: Keeping = st.cache_data(
        max_entries=most, show_spinner=said, hash_funcs={MemoryBank: lambda bank: str(bank.path)}
    )
    return keep


# --- what a bank holds ------------------------------------------------------------------------------------------------


@remembered(64)
def counts(bank: MemoryBank) -> dict[str, int]:
    """Sizes of the bank, with ``pending``: memories without codes."""
    found = bank.memories.counts()
    try:
        return found | {"pending": found["memories"] - len(bank.index())}
    except CoreError:
        return found | {"pending": 0}


@remembered(64)
def conversations(bank: MemoryBank) -> dict[str, int]:
    """Number of memories by conversation."""
    return dict(bank.memories.conversations())


@remembered(256)
def memories(bank: MemoryBank, ids: tuple[str, ...]) -> dict[str, Memory]:
    return bank.memories.of(ids)


def codes(bank: MemoryBank, ids: tuple[str, ...]) -> dict[str, Codes]:
    """The stored codes of some memories, one row each; those without are left out."""
    found = {i: bank.codes(i) for i in ids}
    return {i: code for i, code in found.items() if code is not None}


def marks(bank: MemoryBank, text: str) -> dict[str, bool]:
    """Whether memories are marked right for a question; read anew each time, since a mark makes no new version."""
    return {mark.memory: mark.right for mark in bank.marks.all(text)} if text else {}


@remembered(16)
def health(bank: MemoryBank) -> Health:
    """How well the dictionary fits the bank."""
    return bank.health()


@remembered(16)
def blind_spots(bank: MemoryBank) -> list[tuple[Memory, float]]:
    """The memories that the dictionary says least about, with what it leaves out of each."""
    return bank.blind_spots()


def held_codes(bank: MemoryBank) -> list[HeldCodes]:
    """Whose codes the bank holds; under one name those last that can be compared with new ones."""
    return _held_codes(bank, tuple(models.ready()))


@remembered(32)
def _held_codes(bank: MemoryBank, ready: tuple[str, ...]) -> list[HeldCodes]:
    """ready: engines whose files are here, on which the state of their codes depends."""
    return sorted(bank.engines.list(), key=lambda one: one.state == "ready")


def engines(bank: MemoryBank) -> dict[str, HeldCodes | None]:
    """Engines that this bank can be seen through, by name: it holds codes of them, or they can encode it."""
    held = {one.name: one for one in held_codes(bank)}
    here = {banks.DEFAULT_ENGINE, *held, *models.ready()}
    return {name: held.get(name) for name in dict.fromkeys([*presets(), *held]) if name in here}


def provenance(bank: MemoryBank, query: Query | None = None) -> dict[str, Any]:
    return bank.provenance(query)


# --- what comes back, and why -----------------------------------------------------------------------------------------


@remembered(256)
def search(bank: MemoryBank, query: Query, also: tuple[str, ...] = ()) -> Hits:
    return bank.search(query, also)


@remembered(256)
def explain(bank: MemoryBank, query: Query, memory: str, causes: bool = False) -> Explanation:
    return bank.explain(query, memory, causes)


@remembered(256)
def threads(bank: MemoryBank, query: Query, memories: tuple[str, ...]) -> dict[str, str]:
    return bank.recall.threads(query, memories)


@remembered(128)
def agreement(bank: MemoryBank, query: Query) -> list[Agreement]:
    return bank.recall.agreement(query)


@remembered(128)
def flips(bank: MemoryBank, query: Query, memory: str) -> list[Flip]:
    return bank.recall.flips(query, memory)


@remembered(256)
def similar(bank: MemoryBank, memory: str, k: int) -> Hits:
    return bank.similar(memory, k)


def trace(bank: MemoryBank, text: str) -> TokenTrace | None:
    """Every latent at every token of a text, or None while the model is not loaded."""
    return bank.trace(text) if bank.engine.warm else None


@remembered(16)
def examples(bank: MemoryBank) -> list[tuple[Term, ...]]:
    """Compositions of the bank's own labelled latents, for those who have none yet."""
    return bank.compositions.examples()


# --- latents ----------------------------------------------------------------------------------------------------------


def labels(bank: MemoryBank, latents: Iterable[int]) -> dict[int, Label]:
    """The named ones among some latents: those whose label has a text."""
    wanted = tuple(sorted({int(latent) for latent in latents}))
    return _labels(bank, wanted) if wanted else {}


@remembered(256)
def _labels(bank: MemoryBank, latents: tuple[int, ...]) -> dict[int, Label]:
    return {latent: label for latent, label in bank.latents.labels(latents).items() if label.text}


@remembered(128)
def latent_table(bank: MemoryBank, **asked: Any) -> pa.Table:
    """Some rows of the dictionary, as ``Latents.table`` gives them."""
    return bank.latents.table(**asked)


def histograms(bank: MemoryBank, latents: list[int]) -> list[list[int]]:
    """Tokens by activation of some latents, from the description of the dictionary; empty without one."""
    described = bank.engine.catalogue.table
    if described is None or len(described) != bank.latents.n or not latents:
        return []
    found: list[list[int]] = described["histogram"].take(latents).to_pylist()
    return found


@remembered(16)
def trust_figures(bank: MemoryBank) -> dict[str, dict[str, float]]:
    """What was measured of the labels, in this bank (``trust_here``) and before (``trust``): mean and number."""
    table, found = bank.latents.table(limit=bank.latents.n), {}
    for name in ("trust_here", "trust"):
        known = table[name].to_numpy()
        known = known[~np.isnan(known)]
        found[name] = {"mean": float(known.mean()), "n": len(known)} if len(known) else {}
    return found


@remembered(256)
def latent(bank: MemoryBank, number: int) -> LatentInfo:
    return bank.latents.info(number)


@remembered(64)
def pair(bank: MemoryBank, a: str, b: str) -> Pair:
    """Two texts, latent by latent."""
    return bank.latents.pair(a, b)


# --- runs -------------------------------------------------------------------------------------------------------------


@remembered(32)
def run_sources(bank: MemoryBank) -> dict[str, dict[str, int]]:
    """Questions with evidence by category, for each place they come from."""
    return {name: dict(counts) for name, counts in bank.runs.sources().items()}


@settled(16)
def run_cases(bank: MemoryBank, run: str) -> tuple[Outcome, ...]:
    """The questions of a run, which never change."""
    return bank.runs.cases(run)


@settled(32, "Comparing question by question")
def run_comparison(bank: MemoryBank, before: str, after: str) -> Comparison:
    return bank.runs.compare(before, after)


@remembered(32, "Counting which questions fire which latents")
def run_audit(bank: MemoryBank, run: str, mode: Mode) -> Contrast:
    return bank.runs.audit(run, mode)


@remembered(256)
def run_standing(
    bank: MemoryBank, run: str, question: str, ids: tuple[str, ...]
) -> dict[Mode, dict[str, tuple[int, float]]]:
    return bank.runs.standing(run, question, ids)


@remembered(256)
def run_confusion(bank: MemoryBank, run: str, question: str, wrong: str, right: str) -> Confusion:
    return bank.runs.confusion(run, question, wrong, right)


# --- cases and overlap ------------------------------------------------------------------------------------------------


@remembered(32)
def case_sources(bank: MemoryBank) -> dict[str, int]:
    """Where separability cases can come from, with their number."""
    return bank.separability.sources()


@remembered(16)
def cases(bank: MemoryBank, source: str) -> list[Case]:
    return bank.separability.cases(source)


@remembered(32)
def case_texts_missing(bank: MemoryBank, source: str) -> int:
    """Texts of a source's cases without codes."""
    return bank.separability.missing(cases(bank, source))


@remembered(16, "Comparing every context with every question")
def separation(bank: MemoryBank, source: str, similarity: str) -> Separation:
    return bank.separability.measure(cases(bank, source), similarity)


@remembered(128)
def case_latents(bank: MemoryBank, case: Case, similarity: str, easy: bool) -> tuple[CaseLatent, ...]:
    return bank.separability.latents(case, similarity, easy)


@remembered(32)
def groupings(bank: MemoryBank) -> dict[str, int]:
    """What the rows of an overlap can be, with their number."""
    return bank.overlap.groupings()


@shared(6, "Comparing every row with every other")
def overlap(
    bank: MemoryBank, by: Any, measure: Any, quantile: float, conversation: str | None, memories: tuple[str, ...] | None
) -> Overlap:
    """The matrix of thousands of rows."""
    return bank.overlap.matrix(by, measure, quantile, conversation, memories)


@remembered(64)
def overlap_pair(bank: MemoryBank, found: Overlap, a: str, b: str) -> OverlapPair:
    return bank.overlap.pair(found, a, b)


@remembered(32, "Looking for pairs that share latents and not their meaning")
def interference(bank: MemoryBank, conversation: str | None, k: int) -> list[Interference]:
    return bank.overlap.interference(k, conversation)
