"""Memories in: read, stored, then encoded. A stop in between keeps what is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace as replaced
from pathlib import Path

from core import readers
from core.bank.state import BankState, batches
from core.bank.trust import Trust
from core.errors import CoreError
from core.readers.limits import BATCH_ROWS, REFUSALS_KEPT
from core.store import intake, tables
from core.types import Codes, ImportReport, Progress, Reading, Refusal


class Intake:
    """The way of memories into a bank."""

    def __init__(self, state: BankState) -> None:
        self._state = state

    def add(
        self, readings: Iterable[Reading], encode: bool = True, replace: bool = False
    ) -> Generator[Progress, None, ImportReport]:
        """Store what readers found, batch by batch, then encode it; the report says what was not stored, and why.

        replace: whether a known id with another text replaces the stored one; otherwise it is only offered.
        """
        report = ImportReport()
        touched: set[str] = set()
        for reading in readings:
            if reading.memories or reading.questions:
                with self._state.write() as cursor:
                    stored = intake.add(cursor, reading.memories, reading.generated, replace)
                    tables.add_questions(cursor, reading.questions)
            else:
                stored = intake.Added()
            touched |= stored.conversations - {""}
            report = _sum(report, reading, stored)
            if len(reading.memories) >= BATCH_ROWS:
                yield Progress(0, 1, f"{report.read:,} rows read")
        if touched:
            with self._state.write() as cursor:
                intake.put_in_order(cursor, sorted(touched))
        encoded = (yield from self.encode()) if encode else 0
        return replaced(report, encoded=encoded)

    def import_files(
        self,
        files: Sequence[str | Path],
        format: str = "auto",
        encode: bool = True,
        options: readers.Options | None = None,
        replace: bool = False,
    ) -> Generator[Progress, None, ImportReport]:
        """Read files, folders and zips, then ``add``. One that cannot be read at all is an error; of several it is a
        refusal. Two of the same name are told apart by their folders."""
        yield Progress(0, 1, "reading")
        paths = [Path(file) for file in files]
        twice = {name for name, count in Counter(path.name for path in paths).items() if count > 1}
        return (yield from self.add(self._readings(paths, twice, format, options), encode, replace))

    def _readings(
        self, paths: Sequence[Path], twice: set[str], format: str, options: readers.Options | None
    ) -> Iterator[Reading]:
        for path in paths:
            name = f"{path.absolute().parent.name}/{path.name}" if path.name in twice else None
            try:
                yield from readers.batches(path, format, name, options)
            except CoreError as problem:
                if len(paths) == 1:
                    raise
                yield Reading([], [], [Refusal(name or path.name, 0, "", str(problem))])

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


def _sum(report: ImportReport, reading: Reading, stored: intake.Added) -> ImportReport:
    """The report with one more batch in it."""
    kept = min(len(reading.refused), max(0, REFUSALS_KEPT - len(report.refused)))
    return ImportReport(
        report.read + len(reading.memories) + len(reading.refused) + reading.refused_more,
        report.added + stored.added,
        report.already_there + stored.there,
        (*report.refused, *reading.refused[:kept]),
        report.questions + len(reading.questions),
        0,
        report.refused_more + reading.refused_more + len(reading.refused) - kept,
        (*report.offered, *stored.offered),
        report.replaced + stored.replaced,
        _counted(report.left_out, reading.left_out),
        _counted(report.emptied, reading.emptied),
        (*report.said, *reading.said),
    )


def _counted(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return dict(Counter(one) + Counter(other))
