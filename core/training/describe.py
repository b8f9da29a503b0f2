"""Describe an SAE: what its latents fire on, what they may be called, and how far the names may be believed.

Two sets of texts are read in windows of 32 tokens: those the SAE was trained on give statistics and labels; those
that were held out give trust. What is written holds numbers, labels and example texts from the demo: no corpus text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from scipy import sparse

from core.analysis import labels as naming
from core.analysis.meaning import meanings
from core.analysis.trust import A_SIDE, ENOUGH, Sides, shuffled, sides, trust
from core.encoding import catalogue
from core.encoding.engines import EngineSpec, activations, embed_with, token_model
from core.encoding.files.weights import locate
from core.encoding.pooling import pool
from core.errors import CoreError
from core.training.corpus import NAMES, sourced_pieces
from core.training.residual import keep_freed_memory
from core.types import Floats, Ints, Progress

if TYPE_CHECKING:
    from core.encoding.dense import DenseEmbedder
    from core.encoding.model import TokenModel
    from core.encoding.sae.dictionary import Dictionary

WINDOW_TOKENS = 32
LABEL_SIDE = 48
"""Strong texts a latent's label is made from."""
TEXTS_AT_ONCE = 1024
BINS = 20
WORDS = 12
NEAREST = 8
CONTEXTS = (("top", 3), ("75–100 %", 2), ("50–75 %", 2), ("25–50 %", 2), ("0–25 %", 2))
"""How many example texts there are of each part of a latent's activations, by quantile among texts."""
A_SOURCE = 100
"""Strata that a source has, one for each length."""
SHORTEST = 12
"""Tokens: shorter windows say too little to be matched."""


@dataclass(slots=True)
class Windows:
    """Short texts, their embeddings, and what fires in them."""

    texts: list[str]
    strata: list[int]
    """Source and length of each."""
    vectors: Floats
    fires: sparse.csc_array
    """[n, m], strongest activations."""
    peaks: sparse.csc_array
    """The same pattern: 1 + id of the word at the peak."""
    words: list[str]
    token_latent: Ints
    """One entry per activation of any token."""
    token_value: Floats
    token_word: Ints
    n_tokens: int


def describe(
    spec: EngineSpec,
    sae: Path,
    corpus: Path,
    demo: list[str],
    tokens: int,
    seed: int = 0,
    parts: tuple[TokenModel, Dictionary] | None = None,
    judging: int = 0,
) -> Generator[Progress, None, dict[str, Any]]:
    """Write ``latents.parquet`` and ``trust.safetensors`` into the SAE's folder; returns the figures of the labels.

    demo: texts that may be shipped; contexts come from them alone. tokens: how many the labels are made from; trust
    takes ``judging``, or half as many. parts: a model and an SAE to read with, for the engine's own.
    """
    from core.encoding.dense import DenseEmbedder
    from core.encoding.sae import dictionary

    keep_freed_memory()
    judging = judging or tokens // 2
    total = tokens + judging
    yield Progress(0, total, "loading the model")
    model = parts[0] if parts else token_model(spec)
    sparse_side: Any = parts[1] if parts else dictionary.load(sae, model.dtype)
    dense = None if spec.dense == "pooled" else DenseEmbedder(locate(spec.dense))
    reader = model, sparse_side, dense
    made = yield from _read(*reader, _cut(model, corpus, seed, held_out=False), tokens, 0, total, "for labels")
    yield Progress(tokens, total, "making labels")
    drawn = sides(made.fires, np.asarray(made.strata), LABEL_SIDE, seed)
    names, score = _name(model, dense, made, drawn, sparse_side.decoder.numpy())
    figures = _statistics(made, sparse_side)
    del made
    held = yield from _read(*reader, _cut(model, corpus, seed + 1, held_out=True), judging, tokens, total, "for trust")
    yield Progress(total, total, "measuring trust")
    judged = sides(held.fires, np.asarray(held.strata), A_SIDE, seed)
    vectors = embed_with(model, dense, names)
    believed = trust(vectors, held.vectors, judged)
    named = np.asarray([bool(name) for name in names])
    believed = np.where(named & (judged.count >= ENOUGH), believed, np.nan).astype(np.float32)
    examples = yield from _read(*reader, iter([(text, 0) for text in demo]), 10**9, total, total, "for examples")
    columns = {
        "label": names,
        "source": ["words" if name else "" for name in names],
        "score": score,
        "trust": believed,
        "trust_n": judged.count,
        **figures,
        "window_density": (np.diff(held.fires.indptr) / len(held.texts)).astype(np.float32),
        "contexts": contexts(examples),
    }
    catalogue.write(sae, columns, held.vectors, judged)
    report = summary(vectors, named, *_shipped(sae))
    path = sae / "report.json"
    whole = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    whole["labels"] = report | {"label_tokens": tokens, "trust_texts": len(held.texts)}
    path.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    yield Progress(total, total, "done")
    return report


def _shipped(sae: Path) -> tuple[Floats, Any]:
    found = catalogue.read(sae).judged
    if found is None:
        raise CoreError(f"{sae} has no {catalogue.TRUST}.")
    return found


def summary(vectors: Floats, named: np.ndarray, texts: Floats, judged: Any) -> dict[str, Any]:
    """Mean AUROC over all latents with enough texts a side, and of labels dealt out at random."""
    enough = judged.count >= ENOUGH
    own = trust(vectors, texts, judged)
    dealt = trust(vectors[shuffled(judged.count)], texts, judged)
    use = enough & named
    return {
        "mean_auroc": round(float(own[use].mean()), 4),
        "shuffled_auroc": round(float(dealt[use].mean()), 4),
        "n_latents": int(use.sum()),
        "median_auroc": round(float(np.median(own[use])), 4),
        "share_above_0.75": round(float((own[use] >= 0.75).mean()), 4),
        "without_label": int((enough & ~named).sum()),
        "too_rare": int((~enough).sum()),
    }


def _cut(model: TokenModel, corpus: Path, seed: int, held_out: bool) -> Iterator[tuple[str, int]]:
    """Windows of a corpus, each with the number of its source."""
    source = sourced_pieces(corpus, seed, held_out)
    while True:
        batch = list(islice(source, TEXTS_AT_ONCE))
        tokens = model.tokenize([text for text, _ in batch])
        kept = ~tokens.special
        start, end = tokens.start[kept], tokens.end[kept]
        for (text, name), a, b in zip(batch, tokens.text_indptr, tokens.text_indptr[1:], strict=False):
            for first in range(int(a), int(b), WINDOW_TOKENS):
                last = min(first + WINDOW_TOKENS, int(b)) - 1
                if last - first + 1 >= SHORTEST:
                    yield text[int(start[first]) : int(end[last])], name


def _read(
    model: TokenModel,
    sae: Any,
    dense: DenseEmbedder | None,
    source: Iterator[tuple[str, int]],
    wanted: int,
    before: int,
    total: int,
    note: str,
) -> Generator[Progress, None, Windows]:
    """Read windows until they hold enough tokens; before: tokens of the total that were read already."""
    from core.encoding.model import unit

    texts: list[str] = []
    strata: list[int] = []
    words: dict[str, int] = {}
    vectors, rows, columns, values, peaks = [], [], [], [], []
    latents_of, values_of, words_of, n_tokens = [], [], [], 0
    while n_tokens < wanted:
        batch = list(islice(source, TEXTS_AT_ONCE))
        if not batch:
            break
        yield Progress(min(before + n_tokens, total), total, f"{n_tokens:,} tokens read {note}")
        tokens = model.tokenize([text for text, _ in batch])
        indptr = tokens.text_indptr
        sums = np.zeros((len(batch), model.d_in), np.float32) if dense is None else None
        token, latent, value, _, _ = activations(model, sae, tokens, int(indptr[-1]), sums)
        found = pool(indptr, token, latent, value, sae.n_latents)
        kept = ~tokens.special
        word = token_words([text for text, _ in batch], indptr, tokens.end[kept], words)
        row = np.repeat(np.arange(len(batch)), np.diff(found.indptr))
        rows.append(row + len(texts))
        columns.append(found.latents)
        values.append(found.max)
        peaks.append(word[indptr[row] + found.peak] + 1)
        vectors.append(dense.encode([text for text, _ in batch]) if dense else unit(cast(Floats, sums)))
        latents_of.append(latent)
        values_of.append(value)
        words_of.append(word[token])
        texts += [text for text, _ in batch]
        strata += [s * A_SOURCE + int(n) // 8 for (_, s), n in zip(batch, np.diff(indptr), strict=True)]
        n_tokens += int(indptr[-1])
    shape = (len(texts), sae.n_latents)
    where = np.concatenate(rows), np.concatenate(columns)
    return Windows(
        texts, strata, np.concatenate(vectors),
        sparse.csr_array((np.concatenate(values), where), shape=shape).tocsc(),
        sparse.csr_array((np.concatenate(peaks), where), shape=shape).tocsc(),
        list(words), np.concatenate(latents_of), np.concatenate(values_of), np.concatenate(words_of), n_tokens,
    )  # fmt: skip


def token_words(texts: list[str], indptr: np.ndarray, end: Ints, known: dict[str, int]) -> Ints:
    """int32 [t], the number of the word that each token is part of: that of its last character, since some tokens begin
    with the space before their word."""
    out = np.zeros(int(indptr[-1]), np.int32)
    for text, a, b in zip(texts, indptr, indptr[1:], strict=False):
        found = [(m.start(), m.group().lower()) for m in re.finditer(r"\w+(?:['’-]\w+)*|[^\w\s]", text)]
        numbers = np.asarray([known.setdefault(word, len(known)) for _, word in found] or [0], np.int32)
        places = np.asarray([at for at, _ in found] or [0])
        out[a:b] = numbers[np.maximum(np.searchsorted(places, end[a:b] - 1, side="right") - 1, 0)]
    return out


def _name(
    model: TokenModel, dense: DenseEmbedder | None, made: Windows, drawn: Sides, directions: Floats
) -> tuple[list[str], Floats]:
    """(labels, their AUROC on the texts that made them)."""
    terms = naming.read_terms(made.texts, NAMES, [stratum // A_SOURCE for stratum in made.strata])
    term_of = np.asarray([-1] + [terms.of_words.get(word, -1) for word in made.words], np.int32)
    row, column = np.nonzero(drawn.positive >= 0)
    peaks = np.full(drawn.positive.shape, -1, np.int32)
    word = np.asarray(made.peaks[drawn.positive[row, column], row]).ravel().astype(np.int64)
    peaks[row, column] = term_of[word]
    vectors, meaning = embed_with(model, dense, terms.shown), meanings(made.vectors, drawn, directions)
    found = naming.candidates(terms, drawn, peaks, naming.nearest(terms, vectors, meaning))
    labels = naming.choose(terms, vectors, made.vectors, drawn, found, meaning)
    first = np.searchsorted(row, np.arange(len(labels) + 1))
    spoken = np.asarray(["", *made.words], dtype=object)[word]
    labels = [
        naming.with_mark(label, spoken[a:b].tolist()) for label, (a, b) in zip(labels, pairwise(first), strict=True)
    ]
    return labels, trust(embed_with(model, dense, labels), made.vectors, drawn)


def _statistics(made: Windows, sae: Any) -> dict[str, Any]:
    """Columns of ``latents.parquet`` that are counted."""
    m, latent, value = sae.n_latents, made.token_latent, made.token_value
    count = np.bincount(latent, minlength=m)
    top = np.zeros(m, np.float32)
    np.maximum.at(top, latent, value)
    bins = np.minimum((value / top[latent] * BINS).astype(np.int64), BINS - 1)
    histogram = np.bincount(latent.astype(np.int64) * BINS + bins, minlength=m * BINS).reshape(m, BINS)
    total = np.bincount(latent, weights=value, minlength=m)
    words, share, distinct = _fired_words(made, m, total)
    nearest, cosine = _nearest(sae)
    return {
        "density": (count / made.n_tokens).astype(np.float32),
        "max": top,
        "mean": (total / np.maximum(count, 1)).astype(np.float32),
        "histogram": list(histogram.astype(np.int32)),
        "words": words,
        "word_share": share,
        "peak_words": distinct,
        "nearest": list(nearest),
        "nearest_cosine": list(cosine),
    }


def _fired_words(made: Windows, m: int, total: np.ndarray) -> tuple[list[list[str]], list[list[float]], Ints]:
    """The words that take most of a latent's activation, their share of it, and how many words its 20 peaks are on."""
    n = len(made.words)
    key = made.token_latent.astype(np.int64) * n + made.token_word
    order = np.argsort(key, kind="stable")
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    taken = np.add.reduceat(made.token_value[order].astype(np.float64), first) if len(first) else np.zeros(0)
    pair = key[order][first]
    latent, word = pair // n, pair % n
    by = np.lexsort((word, -taken, latent))
    latent, word, taken = latent[by], word[by], taken[by]
    best = np.arange(len(latent)) - np.searchsorted(latent, latent) < WORDS
    latent, word, taken = latent[best], word[best], taken[best]
    cuts = np.searchsorted(latent, np.arange(m + 1))
    share = np.round(taken / np.maximum(total[latent], 1e-9), 4)
    names = np.asarray(made.words, dtype=object)[word]
    spans = list(pairwise(cuts))
    strongest = np.argsort(-made.token_value, kind="stable")
    strongest = strongest[np.argsort(made.token_latent[strongest], kind="stable")]
    by_latent = made.token_latent[strongest]
    top = np.arange(len(by_latent)) - np.searchsorted(by_latent, by_latent) < 20
    peaks = np.unique(by_latent[top].astype(np.int64) * n + made.token_word[strongest][top])
    distinct = np.bincount(peaks // n, minlength=m).astype(np.int32)
    return [names[a:b].tolist() for a, b in spans], [share[a:b].tolist() for a, b in spans], distinct


def _nearest(sae: Any) -> tuple[Ints, Floats]:
    """(latents [m, NEAREST], cosines) by direction of the decoder."""
    import torch

    directions = torch.nn.functional.normalize(sae.decoder, dim=1)
    which, cosine = [], []
    for start in range(0, len(directions), 2048):
        near = directions[start : start + 2048] @ directions.T
        near[torch.arange(len(near)), torch.arange(start, start + len(near))] = -2
        best = near.topk(min(NEAREST, len(directions) - 1), dim=1)
        which.append(best.indices.int().numpy())
        cosine.append(best.values.numpy().round(4))
    return np.concatenate(which), np.concatenate(cosine)


def contexts(examples: Windows) -> list[list[dict[str, Any]]]:
    """Example texts of each latent, by interval of its activations among them."""
    out: list[list[dict[str, Any]]] = []
    fires = examples.fires
    for latent in range(fires.shape[1]):
        span = slice(fires.indptr[latent], fires.indptr[latent + 1])
        rows, values = fires.indices[span], fires.data[span]
        words = examples.peaks.data[span]
        order = np.argsort(-values, kind="stable")
        out.append(_intervals(examples, rows[order], values[order], words[order]))
    return out


def _intervals(examples: Windows, rows: Ints, values: Floats, words: Ints) -> list[dict[str, Any]]:
    n, top = len(rows), CONTEXTS[0][1]
    chosen = [("top", i) for i in range(min(top, n))]
    for part, (name, wanted) in enumerate(CONTEXTS[1:]):
        low, high = top + (n - top) * part // 4, top + (n - top) * (part + 1) // 4
        chosen += [(name, i) for i in np.linspace(low, high - 1, wanted).astype(int)[: max(high - low, 0)]]
    return [_context(examples, name, int(rows[i]), float(values[i]), int(words[i]) - 1) for name, i in chosen]


def _context(examples: Windows, interval: str, row: int, value: float, word: int) -> dict[str, Any]:
    text = examples.texts[row]
    at = re.search(rf"(?<!\w){re.escape(examples.words[word])}(?!\w)", text.lower())
    start, end = at.span() if at and len(text) == len(text.lower()) else (0, 0)
    return {"text": text, "start": start, "end": end, "activation": round(value, 3), "interval": interval}
