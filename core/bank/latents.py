"""What a bank knows of its engine's latents: names, trust, statistics, examples. ``bank.latents`` is the way here."""

from __future__ import annotations

import csv
import re
from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from core.analysis import latents as here
from core.analysis import peaks
from core.analysis.trust import ENOUGH, Sides, shuffled, trust
from core.bank.label_vectors import AT_ONCE, label_vectors
from core.encoding.engines import Encoder
from core.errors import CoreError
from core.store import names
from core.types import (
    LABEL_SOURCES,
    SHOWN_TRUST,
    Codes,
    Context,
    Floats,
    Ints,
    Label,
    LatentInfo,
    Pair,
    PairLatent,
    Progress,
    Span,
    TokenTrace,
)

if TYPE_CHECKING:
    from core.bank.bank import MemoryBank

LONGEST_LABEL = 200
TOP_MEMORIES = 20
FEWEST_JUDGED, MOST_JUDGED, NEW = 20, 200_000, 0.1
"""Memories of a bank that measures trust by itself, and the share of them that must be new; of more it is asked to."""
SORTS = ("density", "memories", "max", "trust", "trust_here", "latent", "fires")


class Latents:
    """The dictionary of a bank's engine, as this bank sees it."""

    def __init__(self, bank: MemoryBank) -> None:
        self._bank = bank

    @property
    def n(self) -> int:
        """m, the width of the dictionary; 0 where neither a code nor a description tells it."""
        return self._bank.index().codes.n_latents or len(self._engine.catalogue)

    @property
    def _engine(self) -> Encoder:
        return self._bank.engine

    def _check(self, latent: int) -> None:
        if not 0 <= latent < self.n:
            raise CoreError(f"Latent {latent} does not exist: this dictionary has {self.n:,} (0–{self.n - 1}).")

    # --- names --------------------------------------------------------------------------------------------------------

    def labels(self, latents: Iterable[int]) -> dict[int, Label]:
        """The label shown for each of some latents, with its trust; one of empty text where nobody named it."""
        wanted = sorted({int(i) for i in latents})
        return {i: found[0] for i, found in self._all_labels(wanted).items()}

    def _all_labels(self, wanted: Sequence[int]) -> dict[int, list[Label]]:
        """Every label of some latents, the one shown first."""
        with self._bank.work() as cursor:
            stored = names.labels(cursor, self._engine.fingerprint, wanted)
            judged = names.trust(cursor, self._engine.fingerprint, wanted)
        found: dict[int, list[Label]] = {i: [] for i in wanted}
        for latent, source, text, score in stored:
            found[latent].append(Label(latent, text, source, score))
        text_of, score_of, trust_of = (self._column(name) for name in ("label", "score", "trust"))
        for i in wanted:
            if i < len(text_of) and text_of[i]:
                found[i].append(Label(i, text_of[i], "words", float(score_of[i]), float(trust_of[i])))
        trusted = {(latent, label): (auroc, n) for latent, label, auroc, n in judged}
        unknown = (float("nan"), 0)
        return {
            i: [
                replace(one, trust_here=auroc, n_here=n)
                for one in sorted(known, key=lambda one: LABEL_SOURCES.index(one.source))
                for auroc, n in [trusted.get((i, one.text), unknown)]
            ]
            or [Label(i)]
            for i, known in found.items()
        }

    def trust_shown(self) -> Floats:
        """float32 [m], how far the label that a latent is called by is believed; nan where it is called by its words.

        A label is a name from SHOWN_TRUST on: see ``Label.shown``.
        """
        _, _, there, trusted_here = self._columns_shown()
        believed = np.where(np.isnan(trusted_here), there, trusted_here)
        return np.where(believed >= SHOWN_TRUST, believed, np.nan).astype(np.float32)

    def _column(self, name: str) -> np.ndarray:
        return self._engine.catalogue.column(name, self.n)

    def rename(self, latent: int, text: str) -> Label:
        """Give a latent your own name, or take it away with an empty text. Its trust is measured where the model is."""
        self._check(latent)
        text = " ".join(text.split())
        if len(text) > LONGEST_LABEL:
            raise CoreError(f"A label has at most {LONGEST_LABEL} characters; this one has {len(text)}.")
        self.store([(latent, "yours", text, None)])
        label = self.labels([latent])[latent]
        return self.judge([label])[0] if self._engine.warm and label.text else label

    def store(self, rows: Sequence[tuple[int, str, str, float | None]]) -> None:
        """Store labels: (latent, source, text, score). Of one source a latent has one; an empty text removes it."""
        for latent, source, _, _ in rows:
            self._check(latent)
            if source not in LABEL_SOURCES[:-1]:
                raise CoreError(f"Labels come from {', '.join(LABEL_SOURCES[:-1])}; not from “{source}”.")
        with self._bank.write() as cursor:
            names.set_labels(cursor, self._engine.fingerprint, rows)

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
        file = Path(file)
        rows: list[tuple[int, str, str, float | None]] = []
        try:
            with file.open(encoding="utf-8-sig", newline="") as stream:
                reader = csv.DictReader(stream)
                missing = {"latent", "label"} - set(reader.fieldnames or [])
                if missing:
                    raise CoreError(f"{file.name} has no column “{sorted(missing)[0]}”: latent and label are needed.")
                for row in reader:
                    rows.append((*_label_row(row, file.name, reader.line_num, self.n), None))
        except (OSError, UnicodeDecodeError, csv.Error) as problem:
            raise CoreError(f"{file.name} cannot be read as CSV: {problem}. Nothing was changed.") from problem
        shown = self.labels(row[0] for row in rows)
        new = {row[0]: row for row in rows if row[2] != shown[row[0]].text}
        self.store(list(new.values()))
        named = [label for label in self.labels(new).values() if label.text]
        if 0 < len(named) <= AT_ONCE and self._engine.warm:
            self.judge(named)
        return len(new)

    # --- trust --------------------------------------------------------------------------------------------------------

    def judge(self, labels: Sequence[Label]) -> list[Label]:
        """Labels with both their trusts measured now; loads the model."""
        vectors = self._engine.embed([label.text for label in labels])
        latents = np.asarray([label.latent for label in labels], np.int32)
        known = self._engine.catalogue.judged
        there = np.full(len(labels), np.nan, np.float32)
        if known is not None:
            texts, drawn = known
            mine = Sides(drawn.positive[latents], drawn.negative[latents])
            there = np.where(mine.count >= ENOUGH, trust(vectors, texts, mine), np.nan).astype(np.float32)
        found, count = here.trust_here(self._bank.index(), latents, vectors)
        measured = ~np.isnan(found)
        texts_of = [label.text for label, use in zip(labels, measured, strict=True) if use]
        rows = _trust_rows(latents[measured], texts_of, found, count, measured)
        with self._bank.write() as cursor:
            names.set_trust(cursor, self._engine.fingerprint, rows, whole=False)
        return [
            replace(label, trust=float(a), trust_here=float(b), n_here=0 if np.isnan(b) else int(n))
            for label, a, b, n in zip(labels, there, found, count, strict=True)
        ]

    def refresh_trust(self, anew: bool = False) -> Generator[Progress, None, None]:
        """Measure trust where that is due: a tenth of the memories is new since it was measured last.

        anew: the labels are new, too. Small banks tell nothing, large ones wait to be asked. What goes wrong is said in
        the progress and stops nobody.
        """
        with self._bank.work() as cursor:
            n, then = names.judged(cursor, self._engine.fingerprint)
        if not FEWEST_JUDGED <= n <= MOST_JUDGED or not (anew or n - then >= NEW * n) or not any(self._shown_texts()):
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
        if not any(self._shown_texts()):
            raise CoreError(f"No latent of engine {self._engine.name} has a label yet.")
        named, vectors, found, count = yield from self._measured()
        dealt, _ = here.trust_here(self._bank.index(), named, vectors[shuffled(count)])
        return _figures(found, dealt, ~np.isnan(found) & (count >= ENOUGH)) | {
            "texts": f"the {len(self._bank.index()):,} memories of {self._bank.name}",
            "n_labels": len(named),
        }

    def _measured(self) -> Generator[Progress, None, tuple[Ints, Floats, Floats, Ints]]:
        """(latents that have a label, its embedding, its trust, memories a side), [l] or [l, d]; trust is kept."""
        index, shown = self._bank.index(), self._shown_texts()
        named = np.flatnonzero([bool(text) for text in shown]).astype(np.int32)
        vectors = yield from label_vectors(self._engine, self._column("label"), [shown[i] for i in named])
        found, count = here.trust_here(index, named, vectors)
        measured = ~np.isnan(found)
        rows = _trust_rows(named[measured], [shown[i] for i in named[measured]], found, count, measured)
        with self._bank.write() as cursor:
            names.set_trust(cursor, self._engine.fingerprint, rows, whole=True)
        yield Progress(len(named), len(named), "trust measured")
        return named, vectors, found, count

    def measure_shipped(self) -> Generator[Progress, None, dict[str, Any]]:
        """The same on the texts that came with the SAE, held out from the labels; stores nothing."""
        known = self._engine.catalogue.judged
        if known is None:
            raise CoreError(f"Engine {self._engine.name} comes with no texts to measure trust on: measure on a bank.")
        texts, drawn = known
        shown = self._column("label")
        named = np.flatnonzero([bool(text) for text in shown]).astype(np.int32)
        vectors = yield from label_vectors(self._engine, self._column("label"), [shown[i] for i in named])
        mine = Sides(drawn.positive[named], drawn.negative[named])
        enough = mine.count >= ENOUGH
        own, dealt = trust(vectors, texts, mine), trust(vectors[shuffled(mine.count)], texts, mine)
        yield Progress(len(named), len(named), "trust measured")
        return _figures(own, dealt, enough) | {
            "texts": f"{len(texts):,} held-out windows of 32 tokens",
            "n_labels": len(named),
        }

    def trust_table(self) -> pa.Table:
        """What was measured in this bank: latent, label, auroc, a_side."""
        with self._bank.work() as cursor:
            rows = sorted(names.trust(cursor, self._engine.fingerprint))
        latents, texts, auroc, a_side = zip(*rows, strict=True) if rows else ((), (), (), ())
        return _trust_rows(
            np.asarray(latents, np.int32), list(texts), np.asarray(auroc, np.float32), np.asarray(a_side)
        )

    def adopt_trust(self, rows: pa.Table) -> None:
        """Store what was measured elsewhere on these very memories: the demo's is shipped."""
        with self._bank.write() as cursor:
            names.set_trust(cursor, self._engine.fingerprint, rows, whole=True)

    def _shown_texts(self) -> list[str]:
        with self._bank.work() as cursor:
            stored = names.labels(cursor, self._engine.fingerprint)
        shown = [str(text) for text in self._column("label")]
        rank = {source: i for i, source in enumerate(LABEL_SOURCES)}
        for latent, _, text, _ in sorted(stored, key=lambda row: -rank[row[1]]):
            if latent < len(shown):
                shown[latent] = text
        return shown

    # --- bookmarks ----------------------------------------------------------------------------------------------------

    def bookmarks(self) -> dict[int, str]:
        """Notes of the bookmarked latents, oldest first."""
        with self._bank.work() as cursor:
            return names.bookmarks(cursor, self._engine.fingerprint)

    def bookmark(self, latent: int, note: str | None = "") -> None:
        """Bookmark a latent with a note; None takes the bookmark away."""
        self._check(latent)
        with self._bank.write() as cursor:
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
        index, n = self._bank.index(), self.n
        memories = here.counts(index) if len(index) else np.zeros(n, np.int32)
        fires = np.full(n, np.nan, np.float32)
        keep = np.ones(n, bool)
        if text.strip():
            codes = self._bank.encode_query(text)
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

    def _columns_shown(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(label, source, trust, trust_here) of every latent, [m] each."""
        with self._bank.work() as cursor:
            stored = names.labels(cursor, self._engine.fingerprint)
            judged = names.trust(cursor, self._engine.fingerprint)
        n = self.n
        shown = np.asarray(self._column("label"), dtype=object).copy()
        there = np.asarray(self._column("trust"), np.float32).copy()
        sources = np.where(shown == "", "", "words").astype(object)
        rank = {source: i for i, source in enumerate(LABEL_SOURCES)}
        for latent, source, text, _ in sorted(stored, key=lambda row: -rank[row[1]]):
            if latent < n:
                shown[latent], sources[latent], there[latent] = text, source, np.nan
        trust_here = np.full(n, np.nan, np.float32)
        for latent, label, auroc, _ in judged:
            if latent < n and shown[latent] == label:
                trust_here[latent] = auroc
        return shown, sources, there, trust_here

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
        index = self._bank.index()
        known = here.counts(index) if len(index) else np.zeros(self.n, np.int32)
        return {int(i): int(known[i]) for i in latents}

    def info(self, latent: int) -> LatentInfo:
        """Everything known of one latent."""
        self._check(latent)
        row, index = self._engine.catalogue.row(latent), self._bank.index()
        if len(self._engine.catalogue) != self.n:
            row = {}
        labels = self._all_labels([latent])[latent]
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
        )

    def activations(self, latent: int) -> Floats:
        """float32 [n], its strongest activation in each memory, in the order of the index; 0 where it does not fire."""
        self._check(latent)
        index = self._bank.index()
        out = np.zeros(len(index), np.float32)
        rows, values = here.firing(index, latent)
        out[rows] = values
        return out

    def _neuronpedia(self, latent: int) -> str:
        place = self._engine.about.get("neuronpedia", "")
        return f"https://www.neuronpedia.org/{place}/{latent}" if place else ""

    def pair(self, a: str, b: str) -> Pair:
        """Two texts under the microscope: the latents they share and do not, with the tokens on both sides."""
        if not a.strip() or not b.strip():
            raise CoreError("The microscope needs two texts.")
        both = self._engine.encode([a, b]).merged()
        one, two = both.take([0]), both.take([1])
        left = dict(zip(one.latents.tolist(), range(len(one.latents)), strict=True))
        right = dict(zip(two.latents.tolist(), range(len(two.latents)), strict=True))

        def line(latent: int) -> PairLatent:
            i, j = left.get(latent), right.get(latent)
            return PairLatent(
                latent,
                0.0 if i is None else float(one.max[i]),
                0.0 if j is None else float(two.max[j]),
                _span(one, a, i),
                _span(two, b, j),
            )

        lines = [line(latent) for latent in sorted(left.keys() | right.keys())]
        norm = float(np.linalg.norm(one.max) * np.linalg.norm(two.max))
        shared = sorted((x for x in lines if x.a and x.b), key=lambda x: -x.a * x.b)
        return Pair(
            self._engine.trace(a),
            self._engine.trace(b),
            tuple(shared),
            tuple(sorted((x for x in lines if not x.b), key=lambda x: -x.a)),
            tuple(sorted((x for x in lines if not x.a), key=lambda x: -x.b)),
            float(both.dense[0] @ both.dense[1]),
            sum(x.a * x.b for x in shared) / norm if norm else 0.0,
            len(shared) / len(lines) if lines else 0.0,
            shared_words(a, b),
        )


def shared_words(a: str, b: str) -> tuple[str, ...]:
    """Stems of content words that two texts share (scikit-learn's English stop words, Snowball)."""
    import bm25s
    import Stemmer
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    stemmer = Stemmer.Stemmer("english")
    one, two = bm25s.tokenize(
        [a, b], stopwords=sorted(ENGLISH_STOP_WORDS), stemmer=stemmer, return_ids=False, show_progress=False
    )
    return tuple(sorted(set(one) & set(two)))


def _each(texts: pa.Array, wanted: list[str], more: pa.Array | None = None) -> np.ndarray:
    """bool [m]: every wanted word begins a word of the text, or of the other text of the same row."""
    out = np.ones(len(texts), bool)
    for word in wanted:
        pattern = rf"(^|\W){re.escape(word)}" if re.match(r"\w", word) else re.escape(word)
        hit = pa.compute.match_substring_regex(texts, pattern, ignore_case=True).to_numpy(zero_copy_only=False)
        if more is not None:
            hit = hit | pa.compute.match_substring_regex(more, pattern, ignore_case=True).to_numpy(zero_copy_only=False)
        out &= hit
    return out


def _label_row(row: dict[str, Any], file: str, line: int, n: int) -> tuple[int, str, str]:
    text = " ".join((row.get("label") or "").split())
    try:
        latent = int((row.get("latent") or "").strip())
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


def _trust_rows(
    latents: np.ndarray, texts: list[str], found: Floats, count: np.ndarray, use: np.ndarray | slice = slice(None)
) -> pa.Table:
    return pa.table(
        {
            "latent": pa.array(latents, pa.int32()),
            "label": pa.array(texts, pa.string()),
            "auroc": pa.array(found[use], pa.float32()),
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


def _span(codes: Codes, text: str, at: int | None) -> Span:
    return Span(0, 0, "") if at is None else peaks.token_at(codes, 0, text, at)


__all__ = ["SORTS", "Latents", "TokenTrace"]
