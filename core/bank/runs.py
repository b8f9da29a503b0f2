"""``bank.runs``: evaluations of a bank that are kept with it, compared with each other, and looked into."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from core.analysis.contrast import Contrast, contrast
from core.bank.latents import Latents
from core.bank.learning import Learning
from core.bank.marks import Marks
from core.bank.memories import Memories
from core.bank.recall import Recall
from core.bank.state import BankState
from core.errors import CoreError
from core.evaluation import explanations, faithfulness, runner
from core.evaluation.comparison import Comparison, compare
from core.evaluation.explanations import OCCLUDED
from core.evaluation.runner import EVALUATED, Evaluation, Outcome
from core.retrieval.explain import shares_by_latent
from core.retrieval.index import Index
from core.retrieval.order import ranks_of
from core.retrieval.rank import score
from core.store import runs as stored
from core.store.kept import query_of
from core.types import Codes, Floats, Ints, Mode, Progress, Query, Question

QUESTIONS = "questions"
MARKS = "marks"
SOURCES: dict[str, Callable[[BankState], Sequence[Question]]] = {
    QUESTIONS: lambda state: Memories(state).questions(),
    MARKS: lambda state: Marks(state).as_questions(),
}
"""Where questions with evidence come from."""
ENOUGH_QUESTIONS = 5
"""Questions that must fire a latent before it is asked whether it tells answered from missed ones."""
AT_ONCE = 64
"""Questions encoded between two looks at the progress."""


@dataclass(frozen=True, slots=True)
class Run:
    """An evaluation that was kept."""

    id: str
    name: str
    created: datetime
    """UTC."""
    engine: str
    """Fingerprint."""
    source: str
    """Where the questions came from: a key of SOURCES."""
    categories: tuple[str, ...] | None
    """None for all of them."""
    settings: Query
    report: Mapping[str, Any]
    """As ``Runs.evaluate`` gives it; ``faithfulness`` too once that was measured."""
    engine_name: str = ""


@dataclass(frozen=True, slots=True)
class Confusion:
    """Why a memory came before one that answers the question: both sparse scores, latent by latent."""

    latents: Ints
    """int32 [c], those that speak most for the wrong one first."""
    wrong: Floats
    """float32 [c], what each adds to the score of the memory that came first."""
    right: Floats
    """The same of the evidence. Sums are the sparse scores."""


class Runs:
    """Each run asks every question of its own dialogue, and keeps where the evidence was ranked."""

    def __init__(self, state: BankState) -> None:
        self._state = state

    def sources(self) -> dict[str, Counter[str]]:
        """Questions with evidence by category, for each place they come from; marks where there are any."""
        found = {name: Counter(q.category for q in of(self._state) if q.evidence) for name, of in SOURCES.items()}
        return {name: counts for name, counts in found.items() if counts or name == QUESTIONS}

    def run(
        self,
        settings: Query | None = None,
        categories: Sequence[str] | None = None,
        name: str = "",
        source: str = QUESTIONS,
    ) -> Generator[Progress, None, Run]:
        """Evaluate and keep the result. A stop in between keeps nothing but the codes of the questions."""
        state, settings = self._state, self._state.settled(settings or Query(""))
        asked = yield from self.prepared(source, categories, model=True)
        found = yield from self.evaluate(settings, None, asked)
        run = uuid.uuid4().hex[:8]
        row = {
            "id": run, "name": name.strip(), "engine": state.engine.fingerprint, "source": source,
            "categories": None if categories is None else list(categories),
            "settings": asdict(replace(settings, text="")), "report": found.report,
        }  # fmt: skip
        with state.write(new_version=False) as cursor:
            stored.add(cursor, row, found.cases)
        return self.get(run)

    def evaluate(
        self,
        settings: Query | None = None,
        categories: Sequence[str] | None = None,
        questions: Sequence[Question] | None = None,
    ) -> Generator[Progress, None, Evaluation]:
        """Ask questions, the bank's own unless given, each of its own dialogue: where is their evidence ranked?

        Nothing is kept; ``run`` keeps it.
        """
        state, settings = self._state, settings or Query("")
        known = Memories(state).questions() if questions is None else questions
        asked = [q for q in known if q.evidence and (categories is None or q.category in categories)]
        if not asked:
            wanted = "" if categories is None else f" of category {', '.join(categories)}"
            raise CoreError(f"{state.name} has no question{wanted} with evidence: import a LoCoMo or LongMemEval file.")
        yield Progress(0, len(asked), "encoding the questions")
        codes, recall = state.store_queries([q.text for q in asked]), Recall(state)
        found = yield from runner.evaluate(
            state.index(),
            asked,
            codes,
            state.encode_anew,
            settings,
            lambda part: recall.floor_of(part, settings, part.conversations[0]),
        )
        return replace(found, report=found.report | self._beside(settings, asked))

    def _beside(self, settings: Query, asked: Sequence[Question]) -> dict[str, Any]:
        """What to say beside the figures of an evaluation."""
        state = self._state
        learnt_on = Learning(state).learnt_on(settings.weighting)
        seen = sorted({q.source for q in asked} & set(learnt_on))
        warnings = (
            [f"The weights were learnt on {', '.join(seen)}: these figures say nothing of others."] if seen else []
        )
        waiting = Memories(state).counts()["memories"] - len(state.index())
        if waiting:
            warnings.append(f"{waiting:,} memories are not encoded yet and cannot be found: the figures are too low.")
        return {"provenance": state.provenance(settings) | {"learnt_on": list(learnt_on)}, "warnings": warnings}

    def prepared(
        self, source: str, categories: Sequence[str] | None, model: bool = False
    ) -> Generator[Progress, None, list[Question]]:
        """The questions, once their codes are stored. model: it is needed in any case, to measure the time."""
        state = self._state
        asked = [q for q in SOURCES[source](state) if q.evidence and (categories is None or q.category in categories)]
        if asked and not state.engine.warm and (model or not all(state.knows_query(q.text) for q in asked)):
            yield Progress(0, len(asked), f"loading {state.engine.name}")
            state.engine.load()
        for start in range(0, len(asked), AT_ONCE):
            yield Progress(start, len(asked), "encoding the questions")
            state.store_queries([q.text for q in asked[start : start + AT_ONCE]])
        return asked

    def list(self) -> tuple[Run, ...]:
        """Every run, newest first."""
        with self._state.work() as cursor:
            return tuple(map(_run, stored.find(cursor)))

    def get(self, run: str) -> Run:
        with self._state.work() as cursor:
            found = stored.find(cursor, run)
        if not found:
            raise CoreError(f"{self._state.name} has no run “{run}”: it may have been deleted.")
        return _run(found[0])

    def delete(self, run: str) -> None:
        self.get(run)
        with self._state.write(new_version=False) as cursor:
            stored.delete(cursor, run)

    def cases(self, run: str, mode: Mode | None = None, missed: bool | None = None) -> tuple[Outcome, ...]:
        """The questions of a run; with a mode those only that it missed, or answered.

        Missed: not all of the evidence is among the first 10.
        """
        self.get(run)
        with self._state.work() as cursor:
            found = stored.cases(cursor, run)
        if mode is None or missed is None:
            return found
        return tuple(case for case in found if case.missed(mode) is missed)

    def compare(self, before: str, after: str) -> Comparison:
        """What one run gains over another, on the questions that both asked."""
        return compare(self.cases(before), self.cases(after))

    # --- why ----------------------------------------------------------------------------------------------------------

    def standing(self, run: str, question: str, ids: Sequence[str]) -> dict[Mode, dict[str, tuple[int, float]]]:
        """(rank, score) of some memories for one question of a run, in every mode; unknown ones are left out.

        Computed now: a bank that changed since the run may rank otherwise than the run did.
        """
        index, query, codes = self._asked(run, question)
        scores = score(index, replace(query, lexical=True), codes).scores
        rows = {name: row for name in ids if (row := index.row(name)) is not None}
        at = np.asarray(list(rows.values()), np.int64)
        return {
            mode: {
                name: (int(rank), float(value))
                for name, rank, value in zip(rows, ranks_of(scores[mode], at), scores[mode][at], strict=True)
            }
            for mode in EVALUATED
        }

    def confusion(self, run: str, question: str, wrong: str, right: str) -> Confusion:
        """Why one memory of the dialogue got a higher sparse score than another, which answers the question."""
        index, query, codes = self._asked(run, question)
        sums = np.zeros((2, codes.n_latents), np.float32)
        for side, name in zip(sums, (wrong, right), strict=True):
            row = index.row(name)
            if row is None:
                raise CoreError(f"“{name}” is no encoded memory of the dialogue that this question is about.")
            latents, shares = shares_by_latent(index, query, codes, row)
            side[latents] = shares
        (counted,) = np.nonzero(sums.any(axis=0))
        order = counted[np.argsort(sums[1, counted] - sums[0, counted], kind="stable")]
        return Confusion(order.astype(np.int32), sums[0, order], sums[1, order])

    def _asked(self, run: str, question: str) -> tuple[Index, Query, Codes]:
        """One question of a run as it was asked: of its own dialogue, with the run's settings."""
        kept, state = self.get(run), self._state
        if kept.engine != state.engine.fingerprint:
            raise CoreError(
                f"This run was made with another engine ({kept.engine}); its latents are not those of "
                f"{state.engine.name}. Its figures stand, its questions cannot be explained here."
            )
        case = next((case for case in self.cases(run) if case.question.id == question), None)
        if case is None:
            raise CoreError(f"The run “{kept.name or run}” has no question “{question}”.")
        asked = case.question
        index = state.index()
        part = index.derived(f"dialogue {asked.conversation}", lambda: index.subset(asked.conversation))
        return part, replace(kept.settings, text=asked.text), state.store_queries([asked.text])[asked.text]

    def audit(self, run: str, mode: Mode) -> Contrast:
        """The latents that tell answered questions (group A) from missed ones (B), among those enough of them fire."""
        cases, state = self.cases(run), self._state
        codes = state.store_queries([case.question.text for case in cases])
        parts = [codes[case.question.text].latents for case in cases]
        indptr = np.cumsum([0, *map(len, parts)])
        flat = np.concatenate(parts)
        fires = csr_array((np.ones(len(flat), bool), flat, indptr), (len(cases), state.index().codes.n_latents))
        missed = np.asarray([case.missed(mode) for case in cases])
        if missed.all() or not missed.any():
            became = "missed" if missed.all() else "answered"
            raise CoreError(f"{mode.capitalize()} {became} every question of this run.")
        tokens = np.asarray([len(codes[case.question.text].token_start) for case in cases], np.int32)
        answered, lost = (np.flatnonzero(side).astype(np.int32) for side in (~missed, missed))
        return contrast(fires, tokens, answered, lost, ENOUGH_QUESTIONS)

    # --- faithfulness -------------------------------------------------------------------------------------------------

    def faithfulness(
        self, settings: Query | None = None, categories: Sequence[str] | None = None, source: str = QUESTIONS
    ) -> Generator[Progress, None, dict[str, Any]]:
        """Rank lost by muting the three latents that explain a hit most, against three shared ones as common."""
        state, settings = self._state, settings or Query("")
        asked = yield from self.prepared(source, categories)
        codes = state.store_queries([q.text for q in asked])
        found = yield from faithfulness.mutings(state.index(), asked, codes, settings)
        return faithfulness.report(found, len(asked)) | {"provenance": state.provenance(settings)}

    def explanations(
        self,
        settings: Query | None = None,
        categories: Sequence[str] | None = None,
        source: str = QUESTIONS,
        deletions: int = OCCLUDED,
    ) -> Generator[Progress, None, dict[str, Any]]:
        """Whether the reasons of hits are short, say something, and are true: words taken out, sentences read."""
        state, settings = self._state, settings or Query("")
        asked = yield from self.prepared(source, categories)
        codes = state.store_queries([q.text for q in asked])
        found = explanations.hits(state.index(), asked, codes, settings, Memories(state).speakers())
        taken_out = yield from explanations.deletions(found, codes, state.occlusions.of, deletions)
        figures = explanations.report(found, taken_out, len(asked), Latents(state).trust_shown())
        return figures | {"provenance": state.provenance(settings)}

    def add_faithfulness(self, run: str) -> Generator[Progress, None, Run]:
        """The same with a run's own settings and questions, kept with the run."""
        kept = self.get(run)
        found = yield from self.faithfulness(kept.settings, kept.categories, kept.source)
        with self._state.write(new_version=False) as cursor:
            stored.set_report(cursor, run, {**kept.report, "faithfulness": found})
        return self.get(run)


def _run(row: Mapping[str, Any]) -> Run:
    categories = None if row["categories"] is None else tuple(row["categories"])
    return Run(**{**row, "settings": query_of(row["settings"]), "categories": categories})
