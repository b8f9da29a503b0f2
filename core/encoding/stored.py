"""An engine that cannot work on this machine, as the bank that holds its codes knows it."""

from __future__ import annotations

from typing import Any

from core.encoding.catalogue import Catalogue
from core.encoding.engines import Encoder
from core.errors import EngineMissing
from core.types import Codes, Floats, TokenTrace

USUAL_BALANCE = 0.25
"""Of codes that were stored before engines stated one."""


class StoredEngine(Encoder):
    """Stored codes answer everything but texts they were not made of; those need the model."""

    def __init__(
        self,
        name: str,
        fingerprint: str,
        about: dict[str, Any],
        problems: list[str],
        catalogue: Catalogue | None = None,
    ) -> None:
        self.name = name
        self._fingerprint, self._about, self._problems = fingerprint, about, problems
        self._catalogue = catalogue or Catalogue(None, None)

    @classmethod
    def instead_of(cls, engine: Encoder, fingerprint: str, about: dict[str, Any]) -> StoredEngine:
        """The same engine without its model. What is known of its latents stays, where it is of the same SAE."""
        trained = about.get("training")
        same = trained is not None and trained == engine.about.get("training")
        return cls(engine.name, fingerprint, about, engine.missing(), engine.catalogue if same else None)

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def about(self) -> dict[str, Any]:
        return self._about

    @property
    def balance(self) -> float:
        return float(self._about.get("balance", USUAL_BALANCE))

    @property
    def warm(self) -> bool:
        return False

    @property
    def catalogue(self) -> Catalogue:
        return self._catalogue

    def missing(self) -> list[str]:
        return list(self._problems)

    def load(self) -> None:
        raise EngineMissing(f"Engine {self.name} can read no new text here. {' '.join(self._problems)}")

    def release(self) -> None:
        """There is nothing to give back."""

    def encode(self, texts: list[str], query: bool = False) -> Codes:
        self.load()
        raise AssertionError

    def embed(self, texts: list[str]) -> Floats:
        self.load()
        raise AssertionError

    def trace(self, text: str) -> TokenTrace:
        self.load()
        raise AssertionError
