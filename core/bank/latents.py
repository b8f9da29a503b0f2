"""``bank.latents``: what a bank knows of its engine's latents: names, statistics, examples, and two texts compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from core.analysis import latents as here
from core.analysis import peaks
from core.bank.label_vectors import AT_ONCE
from core.bank.labels import Labels, Row, one_line
from core.bank.pair import pair
from core.bank.state import BankState
from core.bank.trust import Trust
from core.errors import CoreError
from core.store import names
from core.types import SHOWN_TRUST, Context, Floats, Label, LatentInfo, Pair
from core.words import whole

TOP_MEMORIES = 20
SORTS = ("density", "memories", "max", "trust", "trust_here", "latent", "fires")


class Latents:
    """The dictionary of a bank's engine, as this bank sees it."""

    def __init__(self, state: BankState) -> None:
        self._state = state
        self._engine = state.engine
        self._labels = Labels(state)

    @property
    def n(self) -> int:
        """m, the width of the dictionary; 0 where neither a code nor a description tells it."""
        return self._state.n_latents

    # --- names --------------------------------------------------------------------------------------------------------

    def labels(self, latents: Iterable[int]) -> dict[int, Label]:
        """The label shown for each of some latents, with its trust; one of empty text where nobody named it."""
        return self._labels.of(latents)

    def store(self, rows: Sequence[Row]) -> None:
        """Store labels: (latent, source, text, score). Of one source a latent has one; an empty text removes it."""
        self._labels.store(rows)

    def rename(self, latent: int, text: str) -> Label:
        """Give a latent your own name, or take it away with an empty text. Its trust is measured where the model is."""
        self._state.check_latents([latent])
        self._labels.store([(latent, "yours", one_line(text), None)])
        label = self.labels([latent])[latent]
        return Trust(self._state).judge([label])[0] if self._engine.warm and label.text else label

    def export_labels(self) -> pa.Table:
        """Every latent with its label, source and figures: what ``import_labels`` reads back."""
        return self.table(limit=self.n, sort="latent", descending=False).select(
            ["latent", "label", "source", "trust", "trust_here", "density", "memories"]
        )

    def import_labels(self, file: str | Path) -> int:
        """Your own labels from a CSV with the columns ``latent`` and ``label``; returns how many were stored.

        Labels equal to the one shown are left alone; the trust of the others is measured where the model is, unless
        they are many. Raises CoreError that names the line; then nothing is stored.
        """
        rows = self._labels.read_csv(Path(file))
        shown = self.labels(row[0] for row in rows)
        new = {row[0]: row for row in rows if row[2] != shown[row[0]].text}
        self._labels.store(list(new.values()))
        labelled = [label for label in self.labels(new).values() if label.text]
        if 0 < len(labelled) <= AT_ONCE and self._engine.warm:
            Trust(self._state).judge(labelled)
        return len(new)

    # --- bookmarks ----------------------------------------------------------------------------------------------------

    def bookmarks(self) -> dict[int, str]:
        """Notes of the bookmarked latents, oldest first."""
        with self._state.work() as cursor:
            return names.bookmarks(cursor, self._engine.fingerprint)

    def bookmark(self, latent: int, note: str | None = "") -> None:
        """Bookmark a latent with a note; None takes the bookmark away."""
        self._state.check_latents([latent])
        with self._state.write() as cursor:
            names.set_bookmark(cursor, self._engine.fingerprint, latent, note)

    # --- looking at them ----------------------------------------------------------------------------------------------

    def table(
        self,
        search: str = "",
        text: str = "",
        sort: str = "memories",
        descending: bool = True,
        live: bool = False,
        min_trust: float = 0.0,
        bookmarked: bool = False,
        limit: int = 200,
    ) -> pa.Table:
        """Latents, one row each: latent, label, source, trust, trust_here, density, memories, max, words, fires.

        search: words that the label or the latent's own words contain, or a latent's number. text: only latents that
        this text fires, ``fires`` being their strongest activation (encodes the text). sort: one of SORTS. live: only
        those that a memory of this bank fires. Latents that are called what is searched stand first, and of equal ones
        those that are trusted more, or, by trust, those that more memories fire; then the denser. The number of rows
        found is in the schema's metadata (``found``).
        """
        if sort not in SORTS:
            raise CoreError(f"Latents are sorted by {', '.join(SORTS)}; not by “{sort}”.")
        index, n = self._state.index(), self.n
        memories = here.counts(index) if len(index) else np.zeros(n, np.int32)
        fires = np.full(n, np.nan, np.float32)
        keep = np.ones(n, bool)
        if text.strip():
            codes = self._state.encode_query(text)
            fires[codes.latents] = codes.max
            keep &= ~np.isnan(fires)
        shown, sources, there, trust_here = self._columns_shown()
        called = np.zeros(n, bool)
        if search.strip():
            called, fired = self._found(search, shown)
            keep &= called | fired
        if live:
            keep &= memories > 0
        if min_trust > 0:
            keep &= np.nan_to_num(np.where(np.isnan(trust_here), there, trust_here)) >= min_trust
        if bookmarked:
            marked = np.zeros(n, bool)
            marked[[i for i in self.bookmarks() if i < n]] = True
            keep &= marked
        strongest = here.strongest(index) if len(index) else np.zeros(n, np.float32)
        known = np.asarray(self._column("max"), np.float32)
        columns: dict[str, np.ndarray] = {
            "latent": np.arange(n, dtype=np.int32),
            "label": shown,
            "source": sources,
            "trust": there,
            "trust_here": trust_here,
            "density": np.asarray(self._column("density"), np.float32),
            "memories": memories.astype(np.int32),
            "max": np.where(np.isnan(known), strongest, known).astype(np.float32),
            "fires": fires,
        }
        (rows,) = np.nonzero(keep)
        by = columns[sort][rows].astype(np.float64)
        if sort == "trust_here":  # as it is read, and elsewhere where this bank is too small to tell
            by = np.where(np.isnan(by), there[rows] - 1, by)
        then, last = np.nan_to_num(there), np.nan_to_num(columns["density"])
        if sort in ("trust", "trust_here"):  # equal as far as they are read
            by, then = np.round(by, 2), memories
        by = np.where(np.isnan(by), np.inf, -by if descending else by)
        chosen = rows[np.lexsort((rows, -last[rows], -then[rows], by, ~called[rows]))[:limit]]
        table = pa.table({name: pa.array(values[chosen]) for name, values in columns.items()})
        return table.replace_schema_metadata({"found": str(len(rows)), "latents": str(n)})

    def trust_shown(self) -> Floats:
        """float32 [m], how far the label that a latent is called by is believed; nan where it is called by its words.

        A label is a name from SHOWN_TRUST on: see ``Label.shown``.
        """
        _, _, there, trusted_here = self._columns_shown()
        believed = np.where(np.isnan(trusted_here), there, trusted_here)
        return np.where(believed >= SHOWN_TRUST, believed, np.nan).astype(np.float32)

    def _columns_shown(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(label, source, trust, trust_here) of every latent, [m] each."""
        labels, sources = self._labels.shown()
        given = (sources != "words") & (sources != "")
        there = np.where(given, np.float32(np.nan), np.asarray(self._column("trust"), np.float32))
        trust_here = np.full(self.n, np.nan, np.float32)
        with self._state.work() as cursor:
            judged = names.trust(cursor, self._engine.fingerprint)
        for latent, label, auroc, _ in judged:
            if latent < self.n and labels[latent] == label:
                trust_here[latent] = auroc
        return labels, sources, there, trust_here

    def _column(self, name: str) -> np.ndarray:
        return self._engine.catalogue.column(name, self.n)

    def _found(self, search: str, shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(called, fired), bool [m]: a word of the label begins with each word searched, or one the latent fires on."""
        wanted = search.lower().split()
        none = np.zeros(self.n, bool)
        if len(wanted) == 1 and wanted[0].lstrip("#").isdigit():
            return np.asarray(np.arange(self.n) == int(wanted[0].lstrip("#"))), none
        labels = pa.array([str(text) for text in shown], pa.string())
        words = self._words_joined()
        return _each(labels, wanted), none if words is None else _each(labels, wanted, words)

    def _words_joined(self) -> pa.Array | None:
        """The words of each latent as one text, from the description of the dictionary."""
        table = self._engine.catalogue.table
        if table is None or len(table) != self.n:
            return None
        joined: pa.Array = pa.compute.binary_join(table["words"].combine_chunks().cast(pa.list_(pa.string())), " ")
        return joined

    def fired_by(self, latents: Iterable[int]) -> dict[int, int]:
        """How many memories of this bank fire each of some latents."""
        index = self._state.index()
        known = here.counts(index) if len(index) else np.zeros(self.n, np.int32)
        return {int(i): int(known[i]) for i in latents}

    def info(self, latent: int) -> LatentInfo:
        """Everything known of one latent."""
        self._state.check_latents([latent])
        row, index = self._engine.catalogue.row(latent), self._state.index()
        if len(self._engine.catalogue) != self.n:
            row = {}
        labels = self._labels.every([latent])[latent]
        rows, values = here.firing(index, latent) if len(index) else (np.zeros(0, np.int32), np.zeros(0, np.float32))
        top = float(values[0]) if len(values) else 0.0
        spans = peaks.peaks(index, latent, rows)
        shipped = tuple(Context(**context) for context in row.get("contexts") or [])
        return LatentInfo(
            label=labels[0],
            labels=tuple(labels),
            density=float(row.get("density", np.nan)),
            max=float(row.get("max", np.nan)),
            mean=float(row.get("mean", np.nan)),
            histogram=tuple(row.get("histogram") or ()),
            words=tuple(zip(row.get("words") or (), row.get("word_share") or (), strict=True)),
            contexts=shipped + peaks.contexts(index, rows, values, spans),
            nearest=tuple(zip(row.get("nearest") or (), row.get("nearest_cosine") or (), strict=True)),
            coactive=tuple(here.coactive(index, latent)) if len(index) else (),
            memories=len(rows),
            memory_density=len(rows) / len(index) if len(index) else 0.0,
            top=tuple(
                (index.ids[r], float(v), span)
                for r, v, span in zip(rows[:TOP_MEMORIES], values, spans[:TOP_MEMORIES], strict=False)
            ),
            memory_histogram=here.histogram(values, top),
            memory_max=top,
            neuronpedia=self._neuronpedia(latent),
            note=self.bookmarks().get(latent),
            words_here=peaks.counted(
                [peaks.word_of(index.texts[r], span) for r, span in zip(rows.tolist(), spans, strict=False)]
            ),
            words_read=len(spans),
        )

    def activations(self, latent: int) -> Floats:
        """float32 [n], its strongest activation in each memory, in the order of the index; 0 where it does not fire."""
        self._state.check_latents([latent])
        index = self._state.index()
        out = np.zeros(len(index), np.float32)
        rows, values = here.firing(index, latent)
        out[rows] = values
        return out

    def _neuronpedia(self, latent: int) -> str:
        place = self._engine.about.get("neuronpedia", "")
        return f"https://www.neuronpedia.org/{place}/{latent}" if place else ""

    def pair(self, a: str, b: str) -> Pair:
        """Two texts under the microscope: the latents they share and do not, with the tokens on both sides."""
        return pair(self._state, a, b)


def _each(texts: pa.Array, wanted: list[str], more: pa.Array | None = None) -> np.ndarray:
    """bool [m]: every wanted word begins a word of the text, or of the other text of the same row."""
    whole(wanted)
    out = np.ones(len(texts), bool)
    for word in wanted:
        pattern = rf"(^|\W){re.escape(word)}" if re.match(r"\w", word) else re.escape(word)
        hit = pa.compute.match_substring_regex(texts, pattern, ignore_case=True).to_numpy(zero_copy_only=False)
        if more is not None:
            hit = hit | pa.compute.match_substring_regex(more, pattern, ignore_case=True).to_numpy(zero_copy_only=False)
        out &= hit
    return out
