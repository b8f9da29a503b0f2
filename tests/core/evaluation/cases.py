"""Cases typed by hand."""

from __future__ import annotations

from collections.abc import Sequence

from core.evaluation.runner import Outcome
from core.types import Mode, Question


def case(
    name: str, ranks: Sequence[int], evidence: int = 1, mode: Mode = "sparse", complete: bool = False, **recalled: bool
) -> Outcome:
    """A question with so much evidence, ranked in one mode; measures follow from the ranks, criteria are given."""
    question = Question(name, f"{name}?", "A", tuple(f"e{i}" for i in range(evidence)), category="1")
    share = sum(rank <= 10 for rank in ranks) / evidence
    measures = {"recall@10": share, "ndcg@10": share / 2, "within 5300": float(complete), "all@10": float(share == 1)}
    found = {rule: (there, 100) for rule, there in recalled.items()}
    return Outcome(question, {mode: tuple(ranks)}, {mode: ("x",)}, {mode: measures}, {mode: found})
