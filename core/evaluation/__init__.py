"""Questions with known evidence: where it is ranked, what that is worth, and what a change gains."""

from core.evaluation.comparison import Change, Comparison, Difference
from core.evaluation.curves import recall_curve
from core.evaluation.runner import Outcome
from core.evaluation.study import STUDY

__all__ = ["STUDY", "Change", "Comparison", "Difference", "Outcome", "recall_curve"]
