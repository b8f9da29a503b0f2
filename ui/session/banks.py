"""The banks a session may look into, the engines it may look through, and the caches of what they answered."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core import (
    Agreement,
    Case,
    Codes,
    Contrast,
    CoreError,
    Engine,
    Explanation,
    Flip,
    Health,
    HeldCodes,
    Hits,
    Memory,
    MemoryBank,
    Mode,
    Overlap,
    OverlapPair,
    Query,
    Separation,
    Term,
    TokenTrace,
    data_folder,
    open_demo,
    presets,
)
from core.bank.runs import Confusion
from core.encoding.engines import Encoder
from core.encoding.stored import StoredEngine
from core.errors import EngineMissing
from core.evaluation.comparison import Comparison
from core.evaluation.runner import Outcome
from core.types import CaseLatent, Interference, Label, LatentInfo, Pair
from ui.session.jobs import Job, Jobs
from ui.session.models import Pool, Warmer

DEFAULT_ENGINE = os.environ.get("MNEMOSCOPE_ENGINE", "minilm")
DEMO = "demo"
SECONDS_READY_HOLDS = 5.0
"""Whether files of an engine are here is looked up again after so long."""


def make_engine(name: str) -> Encoder:
    """Tests put engines without weights here."""
    return Engine.named(name)


@st.cache_resource(show_spinner=False)
def pool() -> Pool:
    """The engines of the whole process: the weights of each are loaded once."""
    return Pool(make_engine)


def engine_name() -> str:
    """The engine chosen in the sidebar."""
    return str(st.session_state.get("engine", DEFAULT_ENGINE))


def balance() -> float:
    """Weight of the dense side, the sparse side being 1, that the engine in use is asked with."""
    try:
        return current().engine.balance
    except CoreError:
        return pool().engine(DEFAULT_ENGINE).balance


def warmer() -> Warmer:
    """Of the engine in use. One that stands for stored codes alone has nothing to load."""
    engine = current().engine
    return Warmer(engine) if isinstance(engine, StoredEngine) else pool().warmer(engine_name())


def use_engine() -> None:
    """Say that this visitor looks through the chosen engine; the memory of one that nobody uses is given back."""
    context = get_script_run_ctx()
    if context is not None and not jobs().running():
        pool().use(context.session_id, engine_name(), _there)


def _there(visitor: str) -> bool:
    return runtime.exists() and runtime.get_instance().is_active_session(visitor)


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    return Jobs()


@st.cache_resource(show_spinner=False)
def _demo() -> Path:
    return open_demo(DEFAULT_ENGINE).path


@st.cache_resource(show_spinner=False)
def _open(path: str, engine: str) -> MemoryBank:
    try:
        return MemoryBank.open(path, pool().engine(engine), create=False)
    except EngineMissing:
        return MemoryBank.open(path, engine, create=False)


def _through(path: str, engine: str) -> MemoryBank:
    """A bank seen through an engine: anew where the engine's files have come since."""
    bank = _open(path, engine)
    if isinstance(bank.engine, StoredEngine) and engine in ready():
        reopen(engine)
        bank = _open(path, engine)
    return bank


def reopen(engine: str) -> None:
    """Forget what was known of an engine: its files came, or were changed."""
    pool().forget(engine)
    _open.clear()
    ready.clear()


@st.cache_data(ttl=SECONDS_READY_HOLDS, show_spinner=False)
def ready() -> list[str]:
    """Engines that can encode on this machine."""
    return [name for name, spec in presets().items() if not Engine(spec).missing()]


def engines(bank: MemoryBank) -> dict[str, HeldCodes | None]:
    """Engines that this bank can be seen through, by name: it holds codes of them, or they can encode it."""
    held = {one.name: one for one in held_codes(bank)}
    here = {DEFAULT_ENGINE, *held, *ready()}
    return {name: held.get(name) for name in dict.fromkeys([*presets(), *held]) if name in here}


def encoder(bank: MemoryBank, name: str) -> str | Encoder:
    """An engine to see a bank through: the one of this process, so that no weights are loaded twice."""
    try:
        return bank.engine if name == bank.engine.name else pool().engine(name)
    except EngineMissing:
        return name


def held_codes(bank: MemoryBank) -> list[HeldCodes]:
    """Whose codes the bank holds; under one name those last that can be compared with new ones."""
    try:
        found = _held_codes(place(bank), bank.version, tuple(ready()), bank)
    except CoreError:
        found = bank.engines()
    return sorted(found, key=lambda one: one.state == "ready")


@st.cache_data(max_entries=32, show_spinner=False)
def _held_codes(path: str, version: int, here: tuple[str, ...], _bank: MemoryBank) -> list[HeldCodes]:
    return _bank.engines()


# --- which banks there are --------------------------------------------------------------------------------------------


def folder() -> Path:
    """Where banks lie that were made by name."""
    return data_folder() / "banks"


def known() -> dict[str, Path]:
    """Every bank this session may open, by name: the demo, those of the banks folder, those opened by path."""
    banks = {DEMO: folder() / f"{DEMO}.duckdb"}
    if folder().is_dir():
        banks |= {file.stem: file for file in sorted(folder().glob("*.duckdb"))}
    for path in map(Path, st.session_state.get("opened", [])):
        if path not in banks.values() and path.is_file():
            banks[_free_name(path.stem, banks)] = path
    return banks


def _free_name(stem: str, taken: dict[str, Path]) -> str:
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem} ({number})", number + 1
    return name


def current() -> MemoryBank:
    """The bank chosen in the sidebar."""
    name = st.session_state.get("bank", DEMO)
    path = known().get(name)
    if name == DEMO:
        path = demo_path()
    if path is None:
        raise CoreError(f"There is no bank called “{name}” any more. Choose another one in the sidebar.")
    return _through(str(path), engine_name())


def named(name: str) -> MemoryBank:
    """A bank that this session knows."""
    return _through(str(known()[name]), engine_name())


def demo_path() -> Path:
    """The demo's file, made again where somebody deleted it."""
    if not _demo().exists():
        _demo.clear()
        _open.clear()
    return _demo()


def create(name: str) -> str:
    """Make an empty bank in the banks folder; returns its name."""
    name = name.strip().removesuffix(".duckdb")
    if not re.fullmatch(r"\w[\w .\-]{0,63}", name):
        raise CoreError("A bank's name has 1 to 64 letters, digits, spaces, dots or hyphens. Nothing was made.")
    if name in known():
        raise CoreError(f"There is a bank called “{name}” already: open it, or choose another name.")
    MemoryBank.open(folder() / f"{name}.duckdb", pool().engine(DEFAULT_ENGINE))
    return name


def add_path(text: str, make: bool = False) -> str:
    """Let this session open a bank at any path; returns the name it goes by."""
    path = Path(text.strip()).expanduser()
    if not text.strip():
        raise CoreError("Type the path of a bank, for example ~/memories.duckdb.")
    path = MemoryBank.open(path.absolute(), pool().engine(DEFAULT_ENGINE), create=make).path
    if path not in known().values():
        st.session_state["opened"] = [*st.session_state.get("opened", []), str(path)]
    return next(name for name, there in known().items() if there == path)


# --- what they hold, and what they answered ---------------------------------------------------------------------------


def place(bank: MemoryBank) -> str:
    """What a result belongs to: the bank's file, also when another one was put in its place, and the engine."""
    return f"{bank.path} {bank.file} {bank.engine.fingerprint}"


def counts(bank: MemoryBank) -> dict[str, int]:
    """Sizes of the bank, with ``pending``: memories without codes."""
    try:
        version = bank.version
    except CoreError:
        return bank.counts() | {"pending": 0}
    return _counts(place(bank), version, bank)


@st.cache_data(max_entries=64, show_spinner=False)
def _counts(path: str, version: int, _bank: MemoryBank) -> dict[str, int]:
    found = _bank.counts()
    return found | {"pending": found["memories"] - len(_bank.index())}


def conversations(bank: MemoryBank) -> dict[str, int]:
    """Number of memories by conversation."""
    return _conversations(place(bank), bank.version, bank)


@st.cache_data(max_entries=64, show_spinner=False)
def _conversations(path: str, version: int, _bank: MemoryBank) -> dict[str, int]:
    return dict(_bank.conversations())


def search(bank: MemoryBank, query: Query, also: tuple[str, ...] = ()) -> Hits:
    return _search(place(bank), bank.version, query, also, bank)


@st.cache_data(max_entries=256, show_spinner=False)
def _search(path: str, version: int, query: Query, also: tuple[str, ...], _bank: MemoryBank) -> Hits:
    return _bank.search(query, also)


def explain(bank: MemoryBank, query: Query, memory: str) -> Explanation:
    return _explain(place(bank), bank.version, query, memory, bank)


@st.cache_data(max_entries=256, show_spinner=False)
def _explain(path: str, version: int, query: Query, memory: str, _bank: MemoryBank) -> Explanation:
    return _bank.explain(query, memory)


def agreement(bank: MemoryBank, query: Query) -> list[Agreement]:
    return _agreement(place(bank), bank.version, query, bank)


@st.cache_data(max_entries=128, show_spinner=False)
def _agreement(path: str, version: int, query: Query, _bank: MemoryBank) -> list[Agreement]:
    return _bank.agreement(query)


def flips(bank: MemoryBank, query: Query, memory: str) -> list[Flip]:
    return _flips(place(bank), bank.version, query, memory, bank)


@st.cache_data(max_entries=128, show_spinner=False)
def _flips(path: str, version: int, query: Query, memory: str, _bank: MemoryBank) -> list[Flip]:
    return _bank.flips(query, memory)


def similar(bank: MemoryBank, memory: str, k: int) -> Hits:
    return _similar(place(bank), bank.version, memory, k, bank)


@st.cache_data(max_entries=256, show_spinner=False)
def _similar(path: str, version: int, memory: str, k: int, _bank: MemoryBank) -> Hits:
    return _bank.similar(memory, k)


def memories(bank: MemoryBank, ids: tuple[str, ...]) -> dict[str, Memory]:
    return _memories(place(bank), bank.version, ids, bank)


@st.cache_data(max_entries=256, show_spinner=False)
def _memories(path: str, version: int, ids: tuple[str, ...], _bank: MemoryBank) -> dict[str, Memory]:
    return _bank.memories(ids)


def codes(bank: MemoryBank, ids: tuple[str, ...]) -> dict[str, Codes]:
    """The stored codes of some memories, one row each; those without are left out."""
    found = {i: bank.codes(i) for i in ids}
    return {i: code for i, code in found.items() if code is not None}


def health(bank: MemoryBank) -> Health:
    """How well the dictionary fits the bank; never cached where the engine cannot work."""
    try:
        version = bank.version
    except CoreError:
        return bank.health()
    return _health(place(bank), version, bank)


@st.cache_data(max_entries=16, show_spinner=False)
def _health(path: str, version: int, _bank: MemoryBank) -> Health:
    return _bank.health()


def trace(bank: MemoryBank, text: str) -> TokenTrace | None:
    """Every latent at every token of a text, or None while the model is not loaded."""
    return bank.trace_text(text) if bank.engine.warm else None


def blind_spots(bank: MemoryBank) -> list[tuple[Memory, float]]:
    """The memories that the dictionary says least about, with what it leaves out of each."""
    return _blind_spots(place(bank), bank.version, bank)


@st.cache_data(max_entries=16, show_spinner=False)
def _blind_spots(path: str, version: int, _bank: MemoryBank) -> list[tuple[Memory, float]]:
    return _bank.blind_spots()


def labels(bank: MemoryBank, latents: Iterable[int]) -> dict[int, Label]:
    """The named ones among some latents: those whose label has a text."""
    wanted = tuple(sorted({int(latent) for latent in latents}))
    return _labels(place(bank), bank.version, wanted, bank) if wanted else {}


@st.cache_data(max_entries=256, show_spinner=False)
def _labels(path: str, version: int, latents: tuple[int, ...], _bank: MemoryBank) -> dict[int, Label]:
    return {latent: label for latent, label in _bank.latents.labels(latents).items() if label.text}


def latent_table(bank: MemoryBank, **asked: Any) -> pa.Table:
    """Some rows of the dictionary, as ``Latents.table`` gives them."""
    return _latent_table(place(bank), bank.version, asked, bank)


@st.cache_data(max_entries=128, show_spinner=False)
def _latent_table(path: str, version: int, asked: dict[str, Any], _bank: MemoryBank) -> pa.Table:
    return _bank.latents.table(**asked)


def histograms(bank: MemoryBank, latents: list[int]) -> list[list[int]]:
    """Tokens by activation of some latents, from the description of the dictionary; empty without one."""
    described = bank.engine.catalogue.table
    if described is None or len(described) != bank.latents.n or not latents:
        return []
    found: list[list[int]] = described["histogram"].take(latents).to_pylist()
    return found


def trust_figures(bank: MemoryBank) -> dict[str, dict[str, float]]:
    """What was measured of the labels, in this bank (``trust_here``) and before (``trust``): mean and number."""
    return _trust_figures(place(bank), bank.version, bank)


@st.cache_data(max_entries=16, show_spinner=False)
def _trust_figures(path: str, version: int, _bank: MemoryBank) -> dict[str, dict[str, float]]:
    table, found = _bank.latents.table(limit=_bank.latents.n), {}
    for name in ("trust_here", "trust"):
        known = table[name].to_numpy()
        known = known[~np.isnan(known)]
        found[name] = {"mean": float(known.mean()), "n": len(known)} if len(known) else {}
    return found


def latent(bank: MemoryBank, number: int) -> LatentInfo:
    return _latent(place(bank), bank.version, number, bank)


@st.cache_data(max_entries=256, show_spinner=False)
def _latent(path: str, version: int, number: int, _bank: MemoryBank) -> LatentInfo:
    return _bank.latents.info(number)


def pair(bank: MemoryBank, a: str, b: str) -> Pair:
    return _pair(bank.engine.fingerprint, a, b, bank)


@st.cache_data(max_entries=64, show_spinner=False)
def _pair(fingerprint: str, a: str, b: str, _bank: MemoryBank) -> Pair:
    return _bank.latents.pair(a, b)


def run_sources(bank: MemoryBank) -> dict[str, dict[str, int]]:
    """Questions with evidence by category, for each place they come from."""
    return _run_sources(place(bank), bank.version, bank)


@st.cache_data(max_entries=32, show_spinner=False)
def _run_sources(path: str, version: int, _bank: MemoryBank) -> dict[str, dict[str, int]]:
    return {name: dict(counts) for name, counts in _bank.runs.sources().items()}


def run_cases(bank: MemoryBank, run: str) -> tuple[Outcome, ...]:
    """The questions of a run, which never change."""
    return _run_cases(str(bank.path), run, bank)


@st.cache_data(max_entries=16, show_spinner=False)
def _run_cases(path: str, run: str, _bank: MemoryBank) -> tuple[Outcome, ...]:
    return _bank.runs.cases(run)


def run_comparison(bank: MemoryBank, before: str, after: str) -> Comparison:
    return _run_comparison(str(bank.path), before, after, bank)


@st.cache_data(max_entries=32, show_spinner="Comparing question by question")
def _run_comparison(path: str, before: str, after: str, _bank: MemoryBank) -> Comparison:
    return _bank.runs.compare(before, after)


def run_audit(bank: MemoryBank, run: str, mode: Mode) -> Contrast:
    return _run_audit(place(bank), bank.version, run, mode, bank)


@st.cache_data(max_entries=32, show_spinner="Counting which questions fire which latents")
def _run_audit(path: str, version: int, run: str, mode: Mode, _bank: MemoryBank) -> Contrast:
    return _bank.runs.audit(run, mode)


def run_standing(
    bank: MemoryBank, run: str, question: str, ids: tuple[str, ...]
) -> dict[Mode, dict[str, tuple[int, float]]]:
    return _run_standing(place(bank), bank.version, run, question, ids, bank)


@st.cache_data(max_entries=256, show_spinner=False)
def _run_standing(
    path: str, version: int, run: str, question: str, ids: tuple[str, ...], _bank: MemoryBank
) -> dict[Mode, dict[str, tuple[int, float]]]:
    return _bank.runs.standing(run, question, ids)


def run_confusion(bank: MemoryBank, run: str, question: str, wrong: str, right: str) -> Confusion:
    return _run_confusion(place(bank), bank.version, run, question, wrong, right, bank)


@st.cache_data(max_entries=256, show_spinner=False)
def _run_confusion(
    path: str, version: int, run: str, question: str, wrong: str, right: str, _bank: MemoryBank
) -> Confusion:
    return _bank.runs.confusion(run, question, wrong, right)


def case_sources(bank: MemoryBank) -> dict[str, int]:
    """Where separability cases can come from, with their number."""
    return _case_sources(place(bank), bank.version, bank)


@st.cache_data(max_entries=32, show_spinner=False)
def _case_sources(path: str, version: int, _bank: MemoryBank) -> dict[str, int]:
    return _bank.separability.sources()


def cases(bank: MemoryBank, source: str) -> list[Case]:
    return _cases(place(bank), bank.version, source, bank)


@st.cache_data(max_entries=16, show_spinner=False)
def _cases(path: str, version: int, source: str, _bank: MemoryBank) -> list[Case]:
    return _bank.separability.cases(source)


def case_texts_missing(bank: MemoryBank, source: str) -> int:
    """Texts of a source's cases without codes."""
    return _case_texts_missing(place(bank), bank.version, source, bank)


@st.cache_data(max_entries=32, show_spinner=False)
def _case_texts_missing(path: str, version: int, source: str, _bank: MemoryBank) -> int:
    return _bank.separability.missing(cases(_bank, source))


def separation(bank: MemoryBank, source: str, similarity: str) -> Separation:
    return _separation(place(bank), bank.version, source, similarity, bank)


@st.cache_data(max_entries=16, show_spinner="Comparing every context with every question")
def _separation(path: str, version: int, source: str, similarity: str, _bank: MemoryBank) -> Separation:
    return _bank.separability.measure(cases(_bank, source), similarity)


def case_latents(bank: MemoryBank, case: Case, similarity: str, easy: bool) -> tuple[CaseLatent, ...]:
    return _case_latents(place(bank), bank.version, case, similarity, easy, bank)


@st.cache_data(max_entries=128, show_spinner=False)
def _case_latents(
    path: str, version: int, case: Case, similarity: str, easy: bool, _bank: MemoryBank
) -> tuple[CaseLatent, ...]:
    return _bank.separability.latents(case, similarity, easy)


def groupings(bank: MemoryBank) -> dict[str, int]:
    """What the rows of an overlap can be, with their number."""
    return _groupings(place(bank), bank.version, bank)


@st.cache_data(max_entries=32, show_spinner=False)
def _groupings(path: str, version: int, _bank: MemoryBank) -> dict[str, int]:
    return _bank.overlap.groupings()


def overlap(
    bank: MemoryBank, by: str, measure: str, quantile: float, conversation: str | None, memories: tuple[str, ...] | None
) -> Overlap:
    """Never changed by anybody: the matrix of thousands of rows is shared, not copied."""
    return _overlap(place(bank), bank.version, by, measure, quantile, conversation, memories, bank)


@st.cache_resource(max_entries=6, show_spinner="Comparing every row with every other")
def _overlap(
    path: str, version: int, by: Any, measure: Any, quantile: float, conversation: str | None,
    memories: tuple[str, ...] | None, _bank: MemoryBank,
) -> Overlap:  # fmt: skip
    return _bank.overlap.matrix(by, measure, quantile, conversation, memories)


def overlap_pair(bank: MemoryBank, found: Overlap, a: str, b: str) -> OverlapPair:
    key = (found.by, found.measure, found.quantile, hash(found.names), a, b)
    return _overlap_pair(place(bank), bank.version, key, found, bank)


@st.cache_data(max_entries=64, show_spinner=False)
def _overlap_pair(path: str, version: int, key: tuple[Any, ...], _found: Overlap, _bank: MemoryBank) -> OverlapPair:
    return _bank.overlap.pair(_found, key[-2], key[-1])


def interference(bank: MemoryBank, conversation: str | None, k: int) -> list[Interference]:
    return _interference(place(bank), bank.version, conversation, k, bank)


@st.cache_data(max_entries=32, show_spinner="Looking for pairs that share latents and not their meaning")
def _interference(path: str, version: int, conversation: str | None, k: int, _bank: MemoryBank) -> list[Interference]:
    return _bank.overlap.interference(k, conversation)


def marks(bank: MemoryBank, text: str) -> dict[str, bool]:
    """Whether memories are marked right for a question; read anew each time, since a mark makes no new version."""
    return {mark.memory: mark.right for mark in bank.marks.all(text)} if text else {}


def examples(bank: MemoryBank) -> list[tuple[Term, ...]]:
    """Compositions of the bank's own labelled latents, for those who have none yet."""
    return _examples(place(bank), bank.version, bank)


@st.cache_data(max_entries=16, show_spinner=False)
def _examples(path: str, version: int, _bank: MemoryBank) -> list[tuple[Term, ...]]:
    return _bank.compositions.examples()


def job(bank: MemoryBank) -> Job | None:
    """The long task of a bank, running or just ended."""
    return jobs().get(str(bank.path))


def provenance(bank: MemoryBank, query: Query | None = None) -> dict[str, Any]:
    return bank.provenance(query)
