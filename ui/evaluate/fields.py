"""Fields of Evaluate: which run or comparison, and where one looks closer."""

from __future__ import annotations

from core import CRITERIA, MODES
from ui.address.fields import Scope, any_text, field, one_of
from ui.kit.fields import LATENT
from ui.query.fields import SCORING

VIEWS = {"runs": "This engine", "engines": "Engine against engine"}
RUN_VIEWS = {
    "misses": "Missed questions",
    "compare": "Compare two runs",
    "faithfulness": "Are the reasons true?",
    "latents": "Latents of the misses",
}
RUNS = Scope.BANK | Scope.ENGINE
"""What the runs of a bank belong to: each was made with one engine."""
FIELDS = (
    field("evaluate_view", one_of("view", lambda: VIEWS), "runs"),
    field("versus", any_text, "", Scope.BANK),
    field("versus_pair", any_text, "", Scope.BANK),
    field("run", any_text, "", RUNS),
    field("run_criterion", one_of("criterion", lambda: CRITERIA), "study"),
    field("run_view", one_of("view", lambda: RUN_VIEWS), "misses"),
    field("run_mode", one_of("mode", lambda: MODES), "combined"),
    field("run_category", any_text, "", RUNS),
    field("run_question", any_text, "", RUNS | Scope.RUN),
    field("run_wrong", any_text, "", RUNS | Scope.RUN),
    field("run_right", any_text, "", RUNS | Scope.RUN),
    field("run_other", any_text, "", RUNS),
    LATENT,
    *SCORING,
)
