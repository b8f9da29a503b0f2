"""Codes and indexes typed by hand, and the slow truths that fast paths are compared with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from core.retrieval.index import Index
from core.types import Codes, Floats

ROOT = Path(__file__).resolve().parent.parent


def codes(
    rows: Sequence[Mapping[int, tuple[float, float]]],
    n_latents: int = 6,
    dense: Sequence[Sequence[float]] | None = None,
    tokens: Sequence[int] | None = None,
) -> Codes:
    """One row per text, ``{latent: (max, sum)}``. Token i of a text covers its character i; latents peak at token 0."""
    counts = np.asarray(tokens if tokens is not None else [1] * len(rows), np.int64)
    cells = [(latent, *row[latent]) for row in rows for latent in sorted(row)]
    start = np.concatenate([np.arange(count) for count in counts] or [np.zeros(0)]).astype(np.int32)
    return Codes(
        np.asarray(dense if dense is not None else [[1.0, 0.0]] * len(rows), np.float32).reshape(len(rows), -1),
        n_latents,
        np.arange(len(rows) + 1, dtype=np.int64),
        np.zeros(len(rows), np.int32),
        np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64),
        np.asarray([cell[0] for cell in cells], np.int32),
        np.asarray([cell[1] for cell in cells], np.float32),
        np.asarray([cell[2] for cell in cells], np.float32),
        np.zeros(len(cells), np.int32),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        start,
        start + 1,
        np.asarray([len(row) for row in rows], np.int32),
        np.ones(len(rows), np.float32),
        np.full(len(rows), 4, np.float32),
    )


def random_codes(n: int, n_latents: int, seed: int, d: int = 8) -> Codes:
    """Codes with empty rows, latents that nobody fires and others that many do."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        latents = rng.choice(n_latents - 3, size=rng.integers(0, n_latents // 2), replace=False)
        strongest = rng.uniform(0.1, 5, len(latents))
        pairs = zip(strongest, strongest * rng.uniform(1, 4, len(latents)), strict=True)
        rows.append(dict(zip(latents.tolist(), pairs, strict=True)))
    dense = rng.normal(size=(n, d))
    dense /= np.linalg.norm(dense, axis=1, keepdims=True)
    return codes(rows, n_latents, dense.tolist(), rng.integers(1, 40, n).tolist())


def parted(known: Codes, sizes: Sequence[int]) -> Codes:
    """Rows joined to texts of several parts: ``[2, 1]`` makes the first two rows parts of one text."""
    cuts = np.concatenate([[0], np.cumsum(sizes)])
    tokens = np.diff(known.token_indptr)
    first = np.concatenate([np.cumsum([0, *tokens[a : b - 1]]) for a, b in pairwise(cuts)]).astype(np.int32)
    start = np.concatenate([np.arange(tokens[a:b].sum()) for a, b in pairwise(cuts)]).astype(np.int32)
    return replace(
        known,
        dense=known.dense[cuts[:-1]],
        part_indptr=cuts.astype(np.int64),
        part_start=first,
        peak=known.peak + np.repeat(first, np.diff(known.indptr)),
        token_indptr=known.token_indptr[cuts],
        token_start=start,
        token_end=start + 1,
        n_active=np.add.reduceat(known.n_active, cuts[:-1], dtype=np.int32),
        residual=np.add.reduceat(known.residual, cuts[:-1]),
        variance=np.add.reduceat(known.variance, cuts[:-1]),
    )


def index_of(
    known: Codes,
    ids: Sequence[str] = (),
    texts: Sequence[str] = (),
    conversations: Sequence[str] = (),
    sessions: Sequence[str] | None = None,
    positions: Sequence[int] | None = None,
    learnt: Mapping[str, Floats] | None = None,
) -> Index:
    """An index over some codes; ids are m000, m001, … unless given. Without positions, every memory stands alone."""
    n = len(known)
    ids = ids or [f"m{i:03}" for i in range(n)]
    conversations = conversations or [""] * n
    return Index.build(
        ids, texts or [""] * n, conversations, [""] * n, known, "f" * 16, 1, sessions, positions, learnt
    )  # fmt: skip


def assert_same_codes(a: Codes, b: Codes) -> None:
    """Equal to the last bit, with equal shapes and types."""
    assert a.n_latents == b.n_latents
    for name in Codes.__slots__:
        left, right = getattr(a, name), getattr(b, name)
        if name != "n_latents":
            assert left.dtype == right.dtype, name
            np.testing.assert_array_equal(left, right, err_msg=name)


def python(code: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """Another Python process in the project's root, with pipes to talk to it."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, text=True, stdin=pipe, stdout=pipe, stderr=pipe)
