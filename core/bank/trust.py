"""``bank.trust``: how far the labels of latents hold, measured in this bank and on the texts that came with the SAE."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from core.analysis import latents as here
from core.analysis.trust import ENOUGH, Sides, shuffled, trust
from core.bank.label_vectors import label_vectors
from core.bank.labels import Labels
from core.bank.state import BankState
from core.errors import CoreError
from core.store import names
from core.types import Floats, Ints, Label, Progress

FEWEST_JUDGED, MOST_JUDGED, NEW = 20, 200_000, 0.1
"""Memories of a bank that measures trust by itself, and the share of them that must be new; of more it is asked to."""


class Trust:
    """An AUROC for each label: do the texts that fire a latent lie nearer to its label than those that do not?"""

    def __init__(self, state: BankState) -> None:
        self._state = state

    def judge(self, labels: Sequence[Label]) -> list[Label]:
        """Labels with both their trusts measured now; loads the model."""
        engine = self._state.engine
        vectors = engine.embed([label.text for label in labels])
        latents = np.asarray([label.latent for label in labels], np.int32)
        shipped = engine.catalogue.judged
        there = np.full(len(labels), np.nan, np.float32)
        if shipped is not None:
            texts, drawn = shipped
            mine = Sides(drawn.positive[latents], drawn.negative[latents])
            there = np.where(mine.count >= ENOUGH, trust(vectors, texts, mine), np.nan).astype(np.float32)
        auroc, count = here.trust_here(self._state.index(), latents, vectors)
        measured = ~np.isnan(auroc)
        texts_of = [label.text for label, use in zip(labels, measured, strict=True) if use]
        rows = _trust_rows(latents[measured], texts_of, auroc, count, measured)
        self._store(rows, whole=False)
        return [
            replace(label, trust=float(a), trust_here=float(b), n_here=0 if np.isnan(b) else int(n))
            for label, a, b, n in zip(labels, there, auroc, count, strict=True)
        ]

    def refresh(self, anew: bool = False) -> Generator[Progress, None, None]:
        """Measure trust where that is due: a tenth of the memories is new since it was measured last.

        anew: the labels are new, too. Small banks tell nothing, large ones wait to be asked. What goes wrong is said in
        the progress and stops nobody.
        """
        with self._state.work() as cursor:
            n, then = names.judged(cursor, self._state.engine.fingerprint)
        if not FEWEST_JUDGED <= n <= MOST_JUDGED or not (anew or n - then >= NEW * n) or not self._texts().any():
            return
        try:
            yield from self._measured()
        except (CoreError, OSError) as problem:
            yield Progress(1, 1, f"trust could not be measured: {problem}")

    def measure(self) -> Generator[Progress, None, dict[str, Any]]:
        """Measure the trust of every label in this bank and keep it; returns the figures of all of them.

        The first time the labels are encoded, which takes seconds and is remembered. Raises CoreError where there is no
        label, or none with enough memories.
        """
        if not self._texts().any():
            raise CoreError(f"No latent of engine {self._state.engine.name} has a label yet.")
        labelled, vectors, auroc, count = yield from self._measured()
        dealt, _ = here.trust_here(self._state.index(), labelled, vectors[shuffled(count)])
        return _figures(auroc, dealt, ~np.isnan(auroc) & (count >= ENOUGH)) | {
            "texts": f"the {len(self._state.index()):,} memories of {self._state.name}",
            "n_labels": len(labelled),
        }

    def _measured(self) -> Generator[Progress, None, tuple[Ints, Floats, Floats, Ints]]:
        """(latents that have a label, its embedding, its trust, memories a side), [l] or [l, d]; trust is kept."""
        index, shown = self._state.index(), self._texts()
        labelled, texts, vectors = yield from self._vectors(shown)
        auroc, count = here.trust_here(index, labelled, vectors)
        measured = ~np.isnan(auroc)
        some = [text for text, use in zip(texts, measured, strict=True) if use]
        self._store(_trust_rows(labelled[measured], some, auroc, count, measured), whole=True)
        yield Progress(len(labelled), len(labelled), "trust measured")
        return labelled, vectors, auroc, count

    def measure_shipped(self) -> Generator[Progress, None, dict[str, Any]]:
        """The same on the texts that came with the SAE, held out from the labels; stores nothing."""
        shipped = self._state.engine.catalogue.judged
        if shipped is None:
            name = self._state.engine.name
            raise CoreError(f"Engine {name} comes with no texts to measure trust on: measure on a bank.")
        texts, drawn = shipped
        labelled, _, vectors = yield from self._vectors(self._shipped_labels())
        mine = Sides(drawn.positive[labelled], drawn.negative[labelled])
        enough = mine.count >= ENOUGH
        own, dealt = trust(vectors, texts, mine), trust(vectors[shuffled(mine.count)], texts, mine)
        yield Progress(len(labelled), len(labelled), "trust measured")
        return _figures(own, dealt, enough) | {
            "texts": f"{len(texts):,} held-out windows of 32 tokens",
            "n_labels": len(labelled),
        }

    def table(self) -> pa.Table:
        """What was measured in this bank: latent, label, auroc, a_side."""
        with self._state.work() as cursor:
            rows = sorted(names.trust(cursor, self._state.engine.fingerprint))
        latents, texts, auroc, a_side = zip(*rows, strict=True) if rows else ((), (), (), ())
        return _trust_rows(
            np.asarray(latents, np.int32), list(texts), np.asarray(auroc, np.float32), np.asarray(a_side)
        )

    def adopt(self, rows: pa.Table) -> None:
        """Store what was measured elsewhere on these very memories: the demo's is shipped."""
        self._store(rows, whole=True)

    def _store(self, rows: pa.Table, whole: bool) -> None:
        with self._state.write() as cursor:
            names.set_trust(cursor, self._state.engine.fingerprint, rows, whole=whole)

    def _vectors(self, shown: np.ndarray) -> Generator[Progress, None, tuple[Ints, list[str], Floats]]:
        """(latents that have a label among those shown, its text, its embedding [l, d])."""
        labelled = np.flatnonzero(shown != "").astype(np.int32)
        texts = [str(text) for text in shown[labelled]]
        vectors = yield from label_vectors(self._state.engine, self._shipped_labels(), texts)
        return labelled, texts, vectors

    def _texts(self) -> np.ndarray:
        return Labels(self._state).shown()[0]

    def _shipped_labels(self) -> np.ndarray:
        return np.asarray(self._state.engine.catalogue.column("label", self._state.n_latents), dtype=object)


def _trust_rows(
    latents: np.ndarray, texts: list[str], auroc: Floats, count: np.ndarray, use: np.ndarray | slice = slice(None)
) -> pa.Table:
    return pa.table(
        {
            "latent": pa.array(latents, pa.int32()),
            "label": pa.array(texts, pa.string()),
            "auroc": pa.array(auroc[use], pa.float32()),
            "a_side": pa.array(count[use], pa.int32()),
        }
    )


def _figures(own: Floats, dealt: Floats, enough: np.ndarray) -> dict[str, Any]:
    if not enough.any():
        raise CoreError(f"No latent has {ENOUGH} texts a side here: measure on a larger bank, or without --bank.")
    return {
        "mean_auroc": round(float(own[enough].mean()), 4),
        "shuffled_auroc": round(float(np.nanmean(dealt[enough])), 4),
        "n_latents": int(enough.sum()),
        "median_auroc": round(float(np.median(own[enough])), 4),
        "share_above_0.75": round(float((own[enough] >= 0.75).mean()), 4),
    }
