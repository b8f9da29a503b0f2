"""Related questions against unrelated ones: cases, figures, the latents behind them: ``bank.separability``."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.analysis.separability import (
    ModeDifference,
    ModeSeparation,
    differences,
    rarity,
    separate,
    similarities,
    unit_rows,
)
from core.bank.memories import Memories
from core.bank.state import BankState
from core.errors import CoreError
from core.paths import given_path
from core.readers import cases as reading
from core.retrieval.explain import span
from core.retrieval.lexical import unit_words
from core.settings import ASSETS
from core.store import cases as stored
from core.store import tables
from core.types import Case, CaseLatent, Codes, Floats, Mode, Progress, Refusal, Span

QUESTIONS, DEMO = "questions", "demo"
"""Sources that are no file: this bank's questions, and the cases that came with the demo."""
DEMO_CASES = ASSETS / "demo" / "sep.jsonl"
SIMILARITIES = {"cosine_idf": "Cosine of maxima × training IDF", "cosine": "Cosine of maxima (the study’s)"}
"""The sparse similarity of a lone pair. The first is the default: docs/separability.md says why."""
NOWHERE = Span(0, 0, "")
TEXTS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Separation:
    """What the cases of one source say, against the unrelated question of the same dialogue and of another one."""

    cases: tuple[Case, ...]
    similarity: str
    weighted: bool
    """Whether training statistics were there to weigh the latents by."""
    modes: Mapping[Mode, ModeSeparation]
    differences: tuple[ModeDifference, ...]
    cases_easy: tuple[Case, ...]
    """Those that have a question about another dialogue."""
    modes_easy: Mapping[Mode, ModeSeparation]
    differences_easy: tuple[ModeDifference, ...]


class Separability:
    """Cases of a bank, and how well its engine tells related questions from unrelated ones."""

    def __init__(self, state: BankState) -> None:
        self._state = state

    # --- cases --------------------------------------------------------------------------------------------------------

    def sources(self) -> dict[str, int]:
        """Where cases can come from, with their number: this bank's questions, files added to it, the demo's."""
        with self._state.work() as cursor:
            files = stored.sources(cursor)
        own = len(self._of_questions())
        return ({QUESTIONS: own} if own else {}) | files | {DEMO: len(reading.read_cases(DEMO_CASES)[0])}

    def cases(self, source: str) -> list[Case]:
        """The cases of one source. Raises CoreError where it is none of ``sources``."""
        if source == DEMO:
            return reading.read_cases(DEMO_CASES)[0]
        if source == QUESTIONS:
            found = self._of_questions()
        else:
            with self._state.work() as cursor:
                found = stored.of_source(cursor, source)
        if not found:
            raise CoreError(f"{self._state.name} has no cases “{source}”. Known: {', '.join(self.sources())}.")
        return found

    def _of_questions(self) -> list[Case]:
        index = self._state.index()
        return reading.of_questions(Memories(self._state).questions(), dict(zip(index.ids, index.texts, strict=True)))

    def add(self, file: str | Path) -> tuple[int, list[Refusal]]:
        """Store the cases of a JSON Lines file under its name, instead of those it had: (cases, lines refused)."""
        file = given_path(file)
        if file.name in (QUESTIONS, DEMO):
            raise CoreError(
                f"A file of cases cannot be called “{file.name}”: rename it, for example {file.name}.jsonl."
            )
        found, refused = reading.read_cases(file)
        with self._state.write() as cursor:
            stored.replace_source(cursor, file.name, found)
        return len(found), refused

    def remove(self, source: str) -> None:
        """Forget the cases of a file; codes of their texts are kept."""
        with self._state.write() as cursor:
            stored.replace_source(cursor, source, [])

    # --- codes --------------------------------------------------------------------------------------------------------

    def missing(self, cases: Sequence[Case]) -> int:
        """Texts of some cases that have no codes yet, so that the model is needed."""
        contexts, questions = _texts(cases)
        return sum(
            len(texts) - len(known) for texts, known in zip((contexts, questions), self._known(cases), strict=True)
        )

    def _known(self, cases: Sequence[Case]) -> tuple[dict[str, Codes], dict[str, Codes]]:
        """Stored codes of contexts and of questions, by text; a context may be a memory of the bank."""
        contexts, questions = _texts(cases)
        index = self._state.index()
        rows = index.derived("rows by text", lambda: {text: i for i, text in enumerate(index.texts)})
        known = {text: index.codes.take([rows[text]]).merged() for text in contexts if text in rows}
        with self._state.work() as cursor:
            fingerprint = self._state.engine.fingerprint
            known |= tables.load_text_codes(cursor, fingerprint, [t for t in contexts if t not in known])
            return known, tables.load_query_codes(cursor, fingerprint, questions)

    def encode(self, cases: Sequence[Case]) -> Generator[Progress, None, int]:
        """Give every text of some cases its codes, batch by batch; how many were made. A stop loses nothing."""
        known, asked = self._known(cases)
        contexts, questions = _texts(cases)
        todo = {
            self._state.store_texts: [text for text in contexts if text not in known],
            self._state.store_queries: [text for text in questions if text not in asked],
        }
        total, done = sum(map(len, todo.values())), 0
        if total and not self._state.engine.warm:
            yield Progress(0, total, f"loading {self._state.engine.name}")
            self._state.engine.load()
        for store, texts in todo.items():
            for start in range(0, len(texts), TEXTS_AT_ONCE):
                batch = texts[start : start + TEXTS_AT_ONCE]
                store(batch)
                done += len(batch)
                yield Progress(done, total, f"{done:,} of {total:,} texts encoded")
        return total

    # --- figures ------------------------------------------------------------------------------------------------------

    def measure(self, cases: Sequence[Case], similarity: str = next(iter(SIMILARITIES))) -> Separation:
        """SEP of every case in every mode, with a null and paired differences; encodes what has no codes yet."""
        if not cases:
            raise CoreError("There is no case to measure.")
        weights = self._weights(similarity)
        for _ in self.encode(cases):
            pass
        contexts, questions = _texts(cases)
        known, asked = self._known(cases)
        words = unit_words([*contexts, *questions])
        sims = similarities(
            Codes.concat([known[text] for text in contexts]),
            Codes.concat([asked[text] for text in questions]),
            weights,
            (words[: len(contexts)], words[len(contexts) :]),
        )
        place = {text: i for i, text in enumerate(questions)}
        row = {text: i for i, text in enumerate(contexts)}

        def modes(of: Sequence[Case], other: Sequence[str]) -> dict[Mode, ModeSeparation]:
            where = np.asarray([row[case.context] for case in of], np.int32)
            near = np.asarray([place[case.related] for case in of], np.int32)
            far = np.asarray([place[text] for text in other], np.int32)
            return {mode: separate(sim, where, near, far) for mode, sim in sims.items()} if len(of) else {}

        easy = [case for case in cases if case.elsewhere]
        hard_modes, easy_modes = modes(cases, [c.unrelated for c in cases]), modes(easy, [c.elsewhere for c in easy])
        return Separation(
            tuple(cases),
            similarity,
            bool((weights != 1).any()),
            hard_modes,
            tuple(differences(hard_modes)),
            tuple(easy),
            easy_modes,
            tuple(differences(easy_modes)),
        )

    def _weights(self, similarity: str) -> Floats:
        if similarity not in SIMILARITIES:
            raise CoreError(f"No similarity is called “{similarity}”. Known: {', '.join(SIMILARITIES)}.")
        n = self._state.n_latents or self._state.engine.encode(["a"]).n_latents
        density = self._state.engine.catalogue.column("density", n)
        return rarity(np.asarray(density, np.float32)) if similarity == "cosine_idf" else np.ones(n, np.float32)

    def latents(
        self, case: Case, similarity: str = next(iter(SIMILARITIES)), easy: bool = False
    ) -> tuple[CaseLatent, ...]:
        """What each latent of the context adds to either similarity, from what helped most to what confused most.

        easy: against the question about another dialogue.
        """
        other = case.elsewhere if easy else case.unrelated
        for _ in self.encode([case]):
            pass
        known, asked = self._known([case])
        texts = (case.context, case.related, other)
        codes = (known[case.context], asked[case.related], asked[other])
        weights = self._weights(similarity)
        values = [unit_rows(one, weights).toarray()[0] for one in codes]
        near, far = values[0] * values[1], values[0] * values[2]
        (latents,) = np.nonzero((near > 0) | (far > 0))
        order = latents[np.argsort(-(near - far)[latents], kind="stable")]

        def token(i: int, latent: int) -> Span:
            at = int(np.searchsorted(codes[i].latents, latent))
            fires = at < len(codes[i].latents) and codes[i].latents[at] == latent
            return span(texts[i], codes[i], int(codes[i].peak[at])) if fires else NOWHERE

        return tuple(
            CaseLatent(int(x), float(near[x]), float(far[x]), token(0, x), token(1, x), token(2, x)) for x in order
        )


def _texts(cases: Sequence[Case]) -> tuple[list[str], list[str]]:
    """(contexts, questions) of some cases, each once."""
    questions = [text for case in cases for text in (case.related, case.unrelated, case.elsewhere) if text]
    return list(dict.fromkeys(case.context for case in cases)), list(dict.fromkeys(questions))
