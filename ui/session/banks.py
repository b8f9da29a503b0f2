"""The banks a session may look into, and the engine it looks through."""

from __future__ import annotations

import os
import re
from pathlib import Path

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core import CoreError, Encoder, EngineMissing, MemoryBank, StoredEngine, data_folder, open_demo
from ui.session import access, jobs, models
from ui.session.models import Warmer

DEFAULT_ENGINE = os.environ.get("MNEMOSCOPE_ENGINE", "minilm")
DEMO = "demo"


def engine_name() -> str:
    """The engine chosen in the sidebar."""
    return str(st.session_state.get("engine", DEFAULT_ENGINE))


def balance() -> float:
    """Weight of the dense side, the sparse side being 1, that the engine in use is asked with."""
    try:
        return current().engine.balance
    except CoreError:
        return models.pool().engine(DEFAULT_ENGINE).balance


def warmer() -> Warmer:
    """Of the engine in use. One that stands for stored codes alone has nothing to load."""
    engine = current().engine
    return Warmer(engine) if isinstance(engine, StoredEngine) else models.pool().warmer(engine_name())


def use_engine() -> None:
    """Say that this visitor looks through the chosen engine; the memory of one that nobody uses is given back."""
    context = get_script_run_ctx()
    if context is not None and not jobs.running():
        models.pool().use(context.session_id, engine_name(), _there)


def _there(visitor: str) -> bool:
    return runtime.exists() and runtime.get_instance().is_active_session(visitor)


@st.cache_resource(show_spinner=False)
def _demo() -> Path:
    return open_demo(DEFAULT_ENGINE).path


@st.cache_resource(show_spinner=False)
def _open(path: str, engine: str) -> MemoryBank:
    try:
        return MemoryBank.open(path, models.pool().engine(engine), create=False)
    except EngineMissing:
        return MemoryBank.open(path, engine, create=False)


def _through(path: str, engine: str) -> MemoryBank:
    """A bank seen through an engine: anew where the engine's files have come since."""
    bank = _open(path, engine)
    if isinstance(bank.engine, StoredEngine) and engine in models.ready():
        reopen(engine)
        bank = _open(path, engine)
    return bank


def reopen(engine: str) -> None:
    """Forget what was known of an engine: its files came, or were changed."""
    models.pool().forget(engine)
    _open.clear()
    models.ready.clear()


def encoder(bank: MemoryBank, name: str) -> str | Encoder:
    """An engine to see a bank through: the one of this process, so that no weights are loaded twice."""
    try:
        return bank.engine if name == bank.engine.name else models.pool().engine(name)
    except EngineMissing:
        return name


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
    MemoryBank.open(folder() / f"{name}.duckdb", models.pool().engine(DEFAULT_ENGINE))
    return name


def add_path(text: str, make: bool = False) -> str:
    """Let this session open a bank at any path; returns the name it goes by."""
    path = access.server_path(text.strip())
    if not text.strip():
        raise CoreError("Type the path of a bank, for example ~/memories.duckdb.")
    path = MemoryBank.open(path.absolute(), models.pool().engine(DEFAULT_ENGINE), create=make).path
    if path not in known().values():
        st.session_state["opened"] = [*st.session_state.get("opened", []), str(path)]
    return next(name for name, there in known().items() if there == path)
