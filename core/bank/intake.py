"""Memories in: read, stored, then encoded. A stop in between keeps what is stored."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from core import readers
from core.bank.state import BankState, batches
from core.bank.trust import Trust
from core.errors import CoreError
from core.store import tables
from core.types import Codes, ImportReport, Progress, Reading, Refusal


class Intake:
    """The way of memories into a bank."""

    def __init__(self, state: BankState) -> None:
        self._state = state

    def add(self, readings: Sequence[Reading], encode: bool = True) -> Generator[Progress, None, ImportReport]:
        """Store what readers found, then encode it; the report says what was not stored, and why."""
        report = ImportReport()
        for reading in readings:
            with self._state.write() as cursor:
                added, there, refused = tables.add_memories(cursor, reading.memories)
                tables.add_questions(cursor, reading.questions)
            report = ImportReport(
                report.read + len(reading.memories) + len(reading.refused),
                report.added + added,
                report.already_there + there,
                (*report.refused, *reading.refused, *refused),
                report.questions + len(reading.questions),
            )
        encoded = (yield from self.encode()) if encode else 0
        return replace(report, encoded=encoded)

    def import_files(
        self, files: Sequence[str | Path], format: str = "auto", encode: bool = True
    ) -> Generator[Progress, None, ImportReport]:
        """Read files, then ``add``. One file that cannot be read at all is an error; of several it is a refusal."""
        yield Progress(0, 1, "reading")
        readings = []
        for file in files:
            try:
                readings.append(readers.read(Path(file), format))
            except CoreError as problem:
                if len(files) == 1:
                    raise
                readings.append(Reading([], [], [Refusal(Path(file).name, 0, "", str(problem))]))
        return (yield from self.add(readings, encode))

    def encode(self) -> Generator[Progress, None, int]:
        """Give every memory without codes of this engine its codes, batch by batch, each in one transaction; then
        measure how far the labels of the latents hold among them, where that is worth it (``Trust.refresh``).

        Progress counts characters, which take equal time. A stop between two batches loses nothing.
        """
        engine = self._state.engine
        with self._state.work() as cursor:
            ids, texts = tables.pending(cursor, engine.fingerprint)
        total, done, encoded = sum(map(len, texts)), 0, 0
        if ids and not engine.warm:
            yield Progress(0, total, f"loading {engine.name}")
            engine.load()
        for start, stop in batches(texts):
            self._state.store_codes(tables.add_codes, ids[start:stop], engine.encode(texts[start:stop]))
            encoded += stop - start
            done += sum(map(len, texts[start:stop]))
            yield Progress(done, total, f"{encoded:,} of {len(ids):,} memories encoded")
        yield from Trust(self._state).refresh()
        return encoded

    def adopt(self, ids: Sequence[str], codes: Codes, queries: Sequence[str], query_codes: Codes) -> None:
        """Store codes that this very engine made elsewhere: those of the demo are shipped."""
        engine = self._state.engine
        with self._state.write() as cursor:
            tables.add_engine(cursor, engine.fingerprint, engine.name, codes, engine.about)
            tables.add_codes(cursor, engine.fingerprint, ids, codes)
            tables.add_query_codes(cursor, engine.fingerprint, queries, query_codes)
