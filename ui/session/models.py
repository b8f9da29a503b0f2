"""The models of this process: loaded behind the first page, never on the way to it, and let go of when nobody looks
through them any more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import streamlit as st

from core import CoreError, Encoder, Engine, presets


class Loadable(Protocol):
    """What is needed of an engine here."""

    @property
    def warm(self) -> bool: ...

    def load(self) -> None: ...

    def missing(self) -> list[str]: ...


class Warmer:
    """Loads an engine once, in a thread, and knows how far that is."""

    def __init__(self, engine: Loadable) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._failed: tuple[str, ...] = ()
        self.error: Exception | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences that say why the engine cannot work."""
        return self._failed or tuple(self._engine.missing())

    @property
    def state(self) -> str:
        """cold, warming, ready or missing"""
        if self._engine.warm:
            return "ready"
        if self._thread is not None and self._thread.is_alive():
            return "warming"
        return "missing" if self.problems else "cold"

    def start(self) -> None:
        """Begin to load, unless that failed before."""
        with self._lock:
            if self.state == "cold":
                self._thread = threading.Thread(target=self._load, name="warm up", daemon=True)
                self._thread.start()

    def _load(self) -> None:
        try:
            self._engine.load()
        except CoreError as problem:
            self._failed = (str(problem),)
        except Exception as error:
            self.error = error
            self._failed = (f"The engine could not be loaded: {error}",)


class Pool:
    """One engine of each name, and which one each visitor looks through."""

    def __init__(self, make: Callable[[str], Encoder]) -> None:
        self._make = make
        self._engines: dict[str, Encoder] = {}
        self._warmers: dict[str, Warmer] = {}
        self._used: dict[str, str] = {}
        self._lock = threading.Lock()

    def engine(self, name: str) -> Encoder:
        """Raises EngineMissing where no engine has that name."""
        with self._lock:
            if name not in self._engines:
                self._engines[name] = self._make(name)
            return self._engines[name]

    def warmer(self, name: str) -> Warmer:
        engine = self.engine(name)
        with self._lock:
            return self._warmers.setdefault(name, Warmer(engine))

    def forget(self, name: str) -> None:
        """Make it anew the next time: it was changed, or its name was given to another."""
        with self._lock:
            for known in (self._engines, self._warmers):
                known.pop(name, None)

    def use(self, visitor: str, name: str, there: Callable[[str], bool]) -> None:
        """A visitor looks through an engine; those that nobody who is still there looks through give memory back."""
        with self._lock:
            self._used[visitor] = name
            self._used = {who: what for who, what in self._used.items() if who == visitor or there(who)}
            idle = [e for other, e in self._engines.items() if other not in self._used.values() and e.warm]
        for engine in idle:
            engine.release()


# --- those of this process --------------------------------------------------------------------------------------------

SECONDS_READY_HOLDS = 5.0
"""Whether files of an engine are here is looked up again after so long."""


def make_engine(name: str) -> Encoder:
    """Tests put engines without weights here."""
    return Engine.named(name)


@st.cache_resource(show_spinner=False)
def pool() -> Pool:
    """The engines of the whole process: the weights of each are loaded once."""
    return Pool(make_engine)


@st.cache_data(ttl=SECONDS_READY_HOLDS, show_spinner=False)
def ready() -> list[str]:
    """Engines that can encode on this machine."""
    return [name for name, spec in presets().items() if not Engine(spec).missing()]
