"""``bank.learning``: weights of latents, those that came with the SAE and those learnt from this bank's own cases."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from core.bank.labels import Labels
from core.bank.memories import Memories
from core.bank.state import BankState
from core.errors import CoreError
from core.evaluation import runner as running
from core.progress import finish
from core.retrieval import learning
from core.store import learnt
from core.types import Floats, Mode, Progress, Query, Question

FOLDS = 10
"""Parts that a cross-validation learns at most, each without some conversations."""


class Learning:
    """One weight per latent: above 1 where sharing it tells more than its rarity says, below 1 where it tells less."""

    def __init__(self, state: BankState) -> None:
        self._state = state

    def weights(self) -> dict[str, Floats]:
        """float32 [m] by the weighting that uses them; nothing for what nobody learnt."""
        return self._state.learnt_weights()

    def learnt_on(self, weighting: str) -> tuple[str, ...]:
        """What the weights of a weighting were learnt on."""
        shipped = self._state.engine.catalogue.learnt[1]
        own = self._own() if weighting == "yours" else None
        return (*((shipped,) if shipped and weighting in ("learnt", "yours") else ()), *(own[1] if own else ()))

    def table(self, weighting: str = "learnt", limit: int = 20) -> pa.Table:
        """The latents that weights raise and silence most among those this bank fires.

        Columns: latent, label, trust, trust_here (nan where unknown), weight, memories. Raised ones first, from the
        strongest to the most silenced.
        """
        if weighting not in self._state.index().learnt:
            raise CoreError(f"{self._state.name} has no weights “{weighting}” for engine {self._state.engine.name}.")
        weights, fired = self._state.index().weights(weighting), self._state.index().document_frequency
        order = np.argsort(-weights, kind="stable")
        order = order[fired[order] > 0]
        shown = order if len(order) <= 2 * limit else np.concatenate([order[:limit], order[-limit:]])
        known = Labels(self._state).of(shown.tolist())
        labels = [known[int(i)] for i in shown]
        return pa.table(
            {
                "latent": shown.astype(np.int32),
                "label": [label.text for label in labels],
                "trust": np.asarray([label.trust for label in labels], np.float32),
                "trust_here": np.asarray([label.trust_here for label in labels], np.float32),
                "weight": weights[shown],
                "memories": fired[shown],
            }
        )

    def learn(self, questions: Sequence[Question], learnt_on: Sequence[str]) -> Generator[Progress, None, int]:
        """Learn this bank's own weights, starting from those that came with the SAE; the number of questions used.

        learnt_on: what to say they were learnt on. Replaces what was learnt before.
        """
        state = self._state
        asked = [q for q in questions if q.evidence]
        yield Progress(0, len(asked), "encoding the questions")
        codes = state.store_queries([q.text for q in asked])
        lessons = learning.by_conversation(state.index(), asked, codes)
        if not lessons:
            raise CoreError(
                f"{state.name} has no question or mark whose memory is encoded: there is nothing to learn from."
            )
        theta = yield from learning.learn(lessons, self.prior())
        used = sum(map(len, lessons))
        with state.write() as cursor:
            learnt.store(cursor, state.engine.fingerprint, theta, learnt_on, used)
        return used

    def cross_validate(
        self, settings: Query, categories: Sequence[str] | None = None
    ) -> Generator[Progress, None, dict[str, Any]]:
        """What weights learnt on the bank's questions would give on dialogues they were not learnt from.

        Every conversation is asked with weights learnt on others alone: all others, where there are at most FOLDS
        conversations (Stone 1974). settings: as for ``evaluate``; its weighting is the learnt one.
        """
        state = self._state
        settings = replace(settings, weighting="learnt")
        asked = [
            q for q in Memories(state).questions() if q.evidence and (categories is None or q.category in categories)
        ]
        names = sorted({q.conversation for q in asked})
        if len(names) < 2:
            raise CoreError(
                f"{state.name} has questions on {'one conversation' if names else 'no conversation'}: "
                "two are needed to hold one out."
            )
        codes, index, prior = state.store_queries([q.text for q in asked]), state.index(), self.prior()
        own = {name: [q for q in asked if q.conversation == name] for name in names}
        lessons = {name: learning.by_conversation(index, own[name], codes) for name in names}
        cases: list[running.Outcome] = []
        timings: dict[Mode, list[float]] = {}
        folds = min(FOLDS, len(names))
        for fold in range(folds):
            held = names[fold::folds]
            others = [one for name in names if name not in held for one in lessons[name]]
            theta = finish(learning.learn(others, prior))
            weighted = replace(index, learnt={"learnt": np.exp(theta)})
            questions = [q for name in held for q in own[name]]
            found = finish(running.evaluate(weighted, questions, codes, state.encode_anew, settings))
            cases += found.cases
            for mode, milliseconds in found.timings.items():
                timings.setdefault(mode, []).extend(milliseconds)
            yield Progress(fold + 1, folds, f"{', '.join(held[:3])}{' …' if len(held) > 3 else ''} held out")
        return {"held_out": names, "folds": folds, **running.report(cases, timings)}

    def forget(self) -> None:
        """Drop the bank's own weights."""
        with self._state.write() as cursor:
            learnt.forget(cursor, self._state.engine.fingerprint)

    def prior(self) -> Floats:
        """float32 [m], logarithms to start from: those that came with the SAE, else zeros."""
        theta, _ = self._state.engine.catalogue.learnt
        n_latents = self._state.index().codes.n_latents
        return theta if len(theta) == n_latents else np.zeros(n_latents, np.float32)

    def _own(self) -> tuple[Floats, tuple[str, ...]] | None:
        with self._state.work() as cursor:
            return learnt.load(cursor, self._state.engine.fingerprint)
