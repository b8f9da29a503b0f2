"""Long tasks are generators of ``Progress``: whoever runs one draws it, and may stop between two steps."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

T = TypeVar("T")


def finish(task: Generator[Any, None, T]) -> T:
    """Run a task to its end, unseen; what it returns."""
    while True:
        try:
            next(task)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
