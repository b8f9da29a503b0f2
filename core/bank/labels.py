"""What the latents of an engine are called: labels that people or models gave, then words that came with the SAE."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core.bank.state import BankState
from core.errors import CoreError
from core.readers import files
from core.readers.dialects import csv_records
from core.readers.ledger import Fault
from core.store import names
from core.types import LABEL_SOURCES, Label
from core.words import visible

LONGEST_LABEL = 200
Row = tuple[int, str, str, float | None]
"""(latent, source, text, score): a label as it is stored."""


class Labels:
    """Of one source a latent has one label; the source that stands first in LABEL_SOURCES is shown."""

    def __init__(self, state: BankState) -> None:
        self._state = state

    def of(self, latents: Iterable[int]) -> dict[int, Label]:
        """The label shown for each of some latents, with its trust; one of empty text where nobody named it."""
        return {i: labels[0] for i, labels in self.every(latents).items()}

    def every(self, latents: Iterable[int]) -> dict[int, list[Label]]:
        """Every label of some latents, the one shown first."""
        wanted = sorted({int(i) for i in latents})
        with self._state.work() as cursor:
            stored = names.labels(cursor, self._state.engine.fingerprint, wanted)
            judged = names.trust(cursor, self._state.engine.fingerprint, wanted)
        labels: dict[int, list[Label]] = {i: [] for i in wanted}
        for latent, source, text, score in stored:
            labels[latent].append(Label(latent, text, source, score))
        texts, scores, trust = (self._column(name) for name in ("label", "score", "trust"))
        for i in wanted:
            if i < len(texts) and texts[i]:
                labels[i].append(Label(i, texts[i], "words", float(scores[i]), float(trust[i])))
        trust_here = {(latent, text): (auroc, n) for latent, text, auroc, n in judged}

        def measured(label: Label) -> Label:
            auroc, n = trust_here.get((label.latent, label.text), (float("nan"), 0))
            return replace(label, trust_here=auroc, n_here=n)

        return {
            i: [measured(label) for label in sorted(some, key=lambda label: LABEL_SOURCES.index(label.source))]
            or [Label(i)]
            for i, some in labels.items()
        }

    def shown(self) -> tuple[np.ndarray, np.ndarray]:
        """(texts, sources) of every latent, [m] of strings each; empty where nobody named it."""
        with self._state.work() as cursor:
            stored = names.labels(cursor, self._state.engine.fingerprint)
        texts = np.asarray(self._column("label"), dtype=object).copy()
        sources = np.where(texts == "", "", "words").astype(object)
        rank = {source: i for i, source in enumerate(LABEL_SOURCES)}
        for latent, source, text, _ in sorted(stored, key=lambda row: -rank[row[1]]):  # the one shown comes last
            if latent < len(texts):
                texts[latent], sources[latent] = text, source
        return texts, sources

    def store(self, rows: Sequence[Row]) -> None:
        """Store labels: (latent, source, text, score). An empty text removes the one of that source."""
        self._state.check_latents(latent for latent, *_ in rows)
        for _, source, _, _ in rows:
            if source not in LABEL_SOURCES[:-1]:
                raise CoreError(f"Labels come from {', '.join(LABEL_SOURCES[:-1])}; not from “{source}”.")
        with self._state.write() as cursor:
            names.set_labels(cursor, self._state.engine.fingerprint, rows)

    def read_csv(self, file: Path) -> list[Row]:
        """Your own labels of a CSV with the columns ``latent`` and ``label``. Raises CoreError that names the line."""
        rows: list[Row] = []
        if not file.is_file():
            raise CoreError(f"{file.name} cannot be read as CSV: there is no such file. Nothing was changed.")
        with files.troubles_told(file, file.name):
            try:
                codec = files.codec_of(file, file.name)
            except CoreError as problem:
                raise CoreError(f"{file.name} cannot be read as CSV: {problem} Nothing was changed.") from problem
            for line, cells in csv_records(
                file, file.name, codec, _is_header, lambda header: _without(file.name, header)
            ):
                if isinstance(cells, Fault):
                    raise CoreError(f"{file.name}, line {line}: {cells.reason}. Nothing was changed.")
                named = {name.strip().lower(): cell for name, cell in cells.items()}  # type: ignore[attr-defined]
                rows.append((*_label_row(named, file.name, line, self._state.n_latents), None))
        return rows

    def _column(self, name: str) -> np.ndarray:
        return self._state.engine.catalogue.column(name, self._state.n_latents)


def one_line(text: str) -> str:
    """A label as it is stored. Raises CoreError where it is too long."""
    text = visible(text)
    if len(text) > LONGEST_LABEL:
        raise CoreError(f"A label has at most {LONGEST_LABEL} characters; this one has {len(text)}.")
    return text


def _is_header(header: list[str]) -> bool:
    return {"latent", "label"} <= {name.strip().lower() for name in header}


def _without(file: str, header: list[str]) -> str:
    missing = sorted({"latent", "label"} - {name.strip().lower() for name in header})
    return f"{file} has no column “{missing[0]}”: latent and label are needed."


def _label_row(row: dict[str, Any], file: str, line: int, n: int) -> tuple[int, str, str]:
    text = visible(row.get("label") or "")
    try:
        latent = int(re.sub(r"\.0+$", "", (row.get("latent") or "").strip()))  # a spreadsheet writes 15 as 15.0
    except ValueError:
        raise CoreError(
            f"{file}, line {line}, field “latent”: “{row.get('latent')}” is no number. Nothing was changed."
        ) from None
    if not 0 <= latent < n:
        raise CoreError(f"{file}, line {line}, field “latent”: {latent} is not in 0–{n - 1}. Nothing was changed.")
    if len(text) > LONGEST_LABEL:
        raise CoreError(
            f"{file}, line {line}, field “label”: longer than {LONGEST_LABEL} characters. Nothing was changed."
        )
    return latent, "yours", text
