"""``bank.versus``: engines side by side on the same memories and questions, SAE against SAE, layer against layer."""

from __future__ import annotations

import uuid
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import combinations
from typing import Any, TypeVar

import numpy as np

from core.analysis.latents import counts
from core.analysis.separability import FIGURES, Drawn, apart, bootstrap
from core.bank.health import health
from core.bank.memories import Memories
from core.bank.runs import QUESTIONS, Runs
from core.bank.separability import QUESTIONS as CASES
from core.bank.separability import Separability
from core.bank.state import BankState
from core.encoding.engines import Encoder
from core.errors import CoreError
from core.evaluation import engines as comparing
from core.evaluation import runner
from core.store import versus as stored
from core.store.kept import query_of
from core.types import Case, Codes, Mode, Progress, Query

T = TypeVar("T")
MOST_ENGINES = 4
MODES: tuple[Mode, ...] = ("dense", "sparse", "combined")


@dataclass(frozen=True, slots=True)
class EngineComparison:
    """A comparison that was kept."""

    id: str
    created: datetime
    """UTC."""
    engines: tuple[str, ...]
    """Names; the report has their fingerprints."""
    source: str
    """Where the questions came from: a key of ``core.bank.runs.SOURCES``."""
    categories: tuple[str, ...] | None
    """None for all of them."""
    settings: Query
    report: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Measured:
    """One engine's part."""

    state: BankState
    codes: Mapping[str, Codes]
    cases: tuple[runner.Outcome, ...]
    separation: Mapping[Mode, Drawn]
    report: dict[str, Any]


class Versus:
    """Every engine must have encoded all memories of the bank, so that all rank the same ones."""

    def __init__(self, state: BankState) -> None:
        self._state = state

    def run(
        self,
        engines: Sequence[str | Encoder],
        settings: Query | None = None,
        categories: Sequence[str] | None = None,
        source: str = QUESTIONS,
    ) -> Generator[Progress, None, EngineComparison]:
        """Compare two engines or more and keep what came of it.

        An engine is loaded only where codes of questions are missing, and released again. A stop keeps those codes.
        Raises CoreError where an engine has not encoded the whole bank, or there is no question with evidence.
        """
        settings = settings or Query("")
        states = [self._state.with_engine(engine) for engine in engines]
        _check(states)
        cases = self._cases(categories)
        measured = list[_Measured]()
        for i, state in enumerate(states):
            one = _measure(state, settings, categories, source, cases)
            measured.append((yield from part(one, i, len(states))))
        pairs = []
        for a, b in combinations(measured, 2):
            pairs.append((yield from _pair(a, b, settings)))
        report = {
            "n_questions": len(measured[0].cases),
            "n_memories": len(states[0].index()),
            "n_cases": len(cases),
            "engines": [one.report for one in measured],
            "pairs": pairs,
            "warnings": _warnings(states, settings),
        }
        return self._keep(states, settings, categories, source, report)

    def _cases(self, categories: Sequence[str] | None) -> list[Case]:
        """Separability cases of the bank's own questions; none where there is one alone, which says nothing."""
        separability = Separability(self._state)
        found = separability.cases(CASES) if CASES in separability.sources() else []
        if categories is not None:
            asked = {q.id for q in Memories(self._state).questions() if q.category in categories}
            found = [case for case in found if case.id in asked]
        return found if len(found) > 1 else []

    def _keep(
        self,
        states: Sequence[BankState],
        settings: Query,
        categories: Sequence[str] | None,
        source: str,
        report: dict[str, Any],
    ) -> EngineComparison:
        name = uuid.uuid4().hex[:8]
        row = {
            "id": name, "engines": [state.engine.name for state in states], "source": source,
            "categories": None if categories is None else list(categories),
            "settings": asdict(replace(settings, text="")), "report": report,
        }  # fmt: skip
        with self._state.write(new_version=False) as cursor:
            stored.add(cursor, row)
        return self.get(name)

    def list(self) -> tuple[EngineComparison, ...]:
        """Every comparison, newest first."""
        with self._state.work() as cursor:
            return tuple(map(_kept, stored.find(cursor)))

    def get(self, name: str) -> EngineComparison:
        with self._state.work() as cursor:
            found = stored.find(cursor, name)
        if not found:
            raise CoreError(f"{self._state.name} has no comparison “{name}”: it may have been deleted.")
        return _kept(found[0])

    def delete(self, name: str) -> None:
        self.get(name)
        with self._state.write(new_version=False) as cursor:
            stored.delete(cursor, name)


def _check(states: Sequence[BankState]) -> None:
    if not 2 <= len({state.engine.fingerprint for state in states}) == len(states) <= MOST_ENGINES:
        raise CoreError(f"A comparison needs two to {MOST_ENGINES} different engines.")
    for state in states:
        total, encoded = Memories(state).counts()["memories"], len(state.index())
        if encoded < total or not total:
            raise CoreError(
                f"Engine {state.engine.name} has encoded {encoded:,} of the {total:,} memories of {state.name}: "
                "encode the rest first, so that both rank the same ones."
            )


def part(task: Generator[Progress, None, T], i: int, n: int, name: str = "") -> Generator[Progress, None, T]:
    """A task whose progress is the i-th of n equal parts of a longer one's."""
    while True:
        try:
            step = next(task)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield Progress(i * step.total + step.done, n * step.total, f"{name}{step.note}")


def _measure(
    state: BankState, settings: Query, categories: Sequence[str] | None, source: str, cases: Sequence[Case]
) -> Generator[Progress, None, _Measured]:
    """Everything about one engine. Progress: encoding the questions is half of it, asking them the rest."""
    was_warm, name = state.engine.warm, f"{state.engine.name}: "
    asked = yield from part(Runs(state).prepared(source, categories), 0, 2, name)
    if not asked:
        raise CoreError(f"{state.name} has no question with evidence to compare engines on.")
    codes = state.store_queries([q.text for q in asked])
    separation = Separability(state).measure(cases).modes if cases else {}
    if not was_warm:
        state.engine.release()
    asking = runner.evaluate(state.index(), asked, codes, lambda text: codes[text], settings)
    outcomes = (yield from part(asking, 1, 2, name)).cases
    drawn = {mode: bootstrap(separation[mode]) for mode in MODES if mode in separation}
    about = state.engine.about
    report = {
        "name": state.engine.name,
        "fingerprint": state.engine.fingerprint,
        **{key: about.get(key, "") for key in ("model_name", "hook", "sae", "encoder")},
        "modes": comparing.figures(outcomes),
        "separability": {mode: {f: _rounded(float(one[f][0])) for f in FIGURES} for mode, one in drawn.items()},
        "latents": _statistics(state),
    }
    return _Measured(state, codes, outcomes, drawn, report)


def _statistics(state: BankState) -> dict[str, Any]:
    """The dictionary on all memories of the bank: no sample, so no interval."""
    index, found = state.index(), health(state)
    fired = counts(index)
    return {
        "n_latents": index.codes.n_latents,
        "d": index.codes.d,
        "l0": round(found.l0, 2),
        "latents_per_memory": round(found.latents_per_memory, 1),
        "density": round(float(np.median(fired[fired > 0]) / len(index)), 5) if fired.any() else None,
        "silent_share": round(found.silent_share, 4),
        "fvu": round(found.fvu, 4),
    }


def _pair(a: _Measured, b: _Measured, settings: Query) -> Generator[Progress, None, dict[str, Any]]:
    """What the second gains over the first, and how far their rankings agree."""
    asked = [case.question for case in a.cases]
    agreed = yield from comparing.agreement(a.state.index(), b.state.index(), asked, (a.codes, b.codes), settings)
    separated = {
        mode: {
            figure: {"mean": _rounded(gain), "interval": [_rounded(low), _rounded(high)]}
            for figure, (gain, low, high) in apart(b.separation[mode], a.separation[mode]).items()
        }
        for mode in a.separation
    }
    return {
        "first": a.state.engine.name,
        "second": b.state.engine.name,
        "gains": comparing.gains(a.cases, b.cases),
        "separability": separated,
        "agreement": agreed,
    }


def _rounded(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None


def _warnings(states: Sequence[BankState], settings: Query) -> list[str]:
    """What makes the comparison uneven."""
    if settings.weighting not in ("learnt", "yours"):
        return []
    without = [state.engine.name for state in states if settings.weighting not in state.index().learnt]
    if not without or len(without) == len(states):
        return []
    return [f"No weights were learnt for {' and '.join(without)}: there every latent counts by its rarity alone."]


def _kept(row: Mapping[str, Any]) -> EngineComparison:
    categories = None if row["categories"] is None else tuple(row["categories"])
    settings = query_of(row["settings"])
    return EngineComparison(**{**row, "engines": tuple(row["engines"]), "categories": categories, "settings": settings})
