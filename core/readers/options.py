"""What somebody may choose about how a file is read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Every field is optional: the defaults find out for themselves and say what they found."""

    encoding: str = ""
    """A codec's name, for example ``gb18030``; empty to find it from the bytes."""
    repair: bool = False
    """Whether texts that were decoded wrongly once (“cafÃ©”) are mended."""
    day_first: bool | None = None
    """How 05/06/2023 is read: True for 5 June, False for May 6; None lets the other dates of the file decide."""
    text_field: str = ""
    """Where the words are in a nested file that no reader knows, for example ``threads[].posts[].words``."""
