"""What a page tells its frame: what can be exported, how to do it in Python, which query it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core import MemoryBank, Query


@dataclass(slots=True)
class Body:
    """One page while it is drawn."""

    bank: MemoryBank
    query: Query | None = None
    python: str = ""
    exports: list[tuple[str, Callable[[], list[dict[str, Any]]]]] = field(default_factory=list)

    def export(self, name: str, rows: Callable[[], list[dict[str, Any]]]) -> None:
        """Offer what is shown as a file; the rows are made when somebody asks for them."""
        self.exports.append((name, rows))
