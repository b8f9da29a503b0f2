"""What became of a file besides its memories: what was refused, left out, left empty, and what had to be assumed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from core.readers import dates, limits
from core.readers.options import Options
from core.types import Reading, Refusal


class Fault(Exception):
    """Why a row is refused. The reason goes on from “line 3, field “text”: …”."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(slots=True)
class Ledger:
    """Counts of one file, with an example of each."""

    source: str
    options: Options = field(default_factory=Options)
    left_out: Counter[str] = field(default_factory=Counter)
    """What was passed over on purpose: tool calls, images, system notes."""
    emptied: Counter[str] = field(default_factory=Counter)
    """Fields whose value could not be understood."""
    examples: dict[str, str] = field(default_factory=dict)
    doubts: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)
    order: dates.Order = field(default_factory=dates.Order)
    refused: int = 0

    def leave_out(self, what: str, count: int = 1) -> None:
        self.left_out[what] += count

    def leave_empty(self, name: str, line: int, shown: str) -> None:
        self.emptied[name] += 1
        self.examples.setdefault(name, f"line {line}: {shown}" if line else shown)

    def doubt(self, kind: str, example: str) -> None:
        self.doubts[kind] += 1
        self.examples.setdefault(kind, example)

    def refuse(self, line: int, fault: Fault) -> Refusal | None:
        """The refusal, or None where so many were told that one more is only counted."""
        self.refused += 1
        if self.refused > limits.REFUSALS_KEPT:
            return None
        return Refusal(self.source, line, fault.field, fault.reason)

    def closing(self) -> Reading:
        """Everything that is said once, at the end of a file."""
        beyond = max(0, self.refused - limits.REFUSALS_KEPT)
        return Reading([], [], [], dict(self.left_out), dict(self.emptied), self._sentences(), beyond)

    def _sentences(self) -> tuple[str, ...]:
        lines = list(self.said)
        for name, count in self.emptied.items():
            lines.append(f"{count:,} × “{name}” could not be understood and was left empty ({self.examples[name]})")
        if count := self.doubts["order"]:
            how, other = ("day first", "month first") if self.order.day_first else ("month first", "day first")
            lines.append(
                f"{count:,} dates such as {self.examples['order']} are open to doubt: taken {how}; choose {other}"
            )
        if count := self.doubts["part"]:
            lines.append(f"{count:,} dates such as {self.examples['part']} were taken as their first day")
        if count := self.doubts["mojibake"]:
            lines.append(
                f"{count:,} texts look decoded wrongly (“{self.examples['mojibake']}”): import with repair to mend them"
            )
        lines += [f"{count:,} texts had {what}" for what, count in self.mended.items()]
        return tuple(f"{self.source}: {line}." for line in lines)
