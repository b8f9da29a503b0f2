"""What DuckDB says, in words a user can act on: the one place where its errors are translated."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import duckdb

from core.errors import BankDamaged, CoreError

UNREADABLE = re.compile(
    r"corrupt|checksum|not a valid DuckDB|Serialization Error|deserializ|could not read|truncated|end of file|"
    r"replaying WAL|INTERNAL Error|has been invalidated|enough bytes|decompress|Invalid bitmap",
    re.IGNORECASE,
)
BROKEN = (duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException)
OUR_OWN = (duckdb.CatalogException, duckdb.BinderException)
"""A statement of ours names what is not there: a mistake in it, unless the bank lacks what every bank has."""
Kinds = type[duckdb.Error] | tuple[type[duckdb.Error], ...]
SENTENCES: tuple[tuple[Kinds, str, str], ...] = (
    (duckdb.OutOfMemoryException, "", "The bank {name} needs more memory than there is: {said}"),
    (
        duckdb.Error,
        r"No space left|File too large|quota exceeded",
        "The disk is full: the last step was not stored in {name}; everything before it is safe.",
    ),
    (duckdb.Error, "read-only mode", "The bank {name} is open for reading only: nothing was changed."),
    (
        duckdb.Error,
        "Permission denied|Read-only file system",
        "{path} cannot be written: permission denied. Choose a folder of your own.",
    ),
    (
        duckdb.Error,
        "cannot encode str as UTF-8",
        "A text holds half of a character (a lone surrogate), which no file can hold. Type it anew.",
    ),
)
"""Which errors, what their text says, and the sentence for them."""
LAST: tuple[tuple[Kinds, str], ...] = (
    (duckdb.IOException, "The bank {name} could not be read or written: {said}"),
    (duckdb.TransactionException, "{name} was changed by somebody else at the same moment: try again. ({said})"),
)


def in_words(problem: duckdb.Error, path: Path, lacking: Callable[[], list[str]] = lambda: []) -> CoreError | None:
    """The sentence for an error of DuckDB; None for a mistake of ours, which stays loud.

    lacking: names what the bank's schema lacks, asked only where that could be the reason.
    """
    text = str(problem)
    said = text.strip().partition("\n")[0][:300] or type(problem).__name__
    told = {"name": path.name, "path": path, "said": said}
    for kinds, pattern, sentence in SENTENCES:
        if isinstance(problem, kinds) and re.search(pattern, text, re.IGNORECASE):
            return CoreError(sentence.format(**told))
    if isinstance(problem, OUR_OWN):
        missing = lacking()
        return damaged(path, f"it lacks {', '.join(missing)}") if missing else None
    if isinstance(problem, BROKEN) or UNREADABLE.search(text):
        return damaged(path, said)
    return next((CoreError(sentence.format(**told)) for kinds, sentence in LAST if isinstance(problem, kinds)), None)


def damaged(path: Path, why: str) -> BankDamaged:
    return BankDamaged(
        f"The bank {path} is damaged ({why}). It was left as it is; "
        f'what can be read of it is copied to a new file by: python -m core repair "{path}"'
    )


def no_bank(path: Path) -> CoreError:
    return CoreError(f"{path} is not a bank: DuckDB cannot read it. It was left as it is.")
