"""The model is loaded behind the first page, never on the way to it."""

from __future__ import annotations

import threading
from typing import Protocol

from core import CoreError


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
        self.problems = tuple(engine.missing())
        """Sentences that say why the engine cannot work."""
        self.error: Exception | None = None

    @property
    def state(self) -> str:
        """cold, warming, ready or missing"""
        if self._engine.warm:
            return "ready"
        if self.problems:
            return "missing"
        return "warming" if self._thread is not None and self._thread.is_alive() else "cold"

    def start(self) -> None:
        """Begin to load, unless that was tried before."""
        with self._lock:
            if self._thread is None and self.state == "cold":
                self._thread = threading.Thread(target=self._load, name="warm up", daemon=True)
                self._thread.start()

    def _load(self) -> None:
        try:
            self._engine.load()
        except CoreError as problem:
            self.problems = (str(problem),)
        except Exception as error:
            self.error = error
            self.problems = (f"The engine could not be loaded: {error}",)
