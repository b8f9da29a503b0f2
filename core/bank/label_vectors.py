"""Embeddings of labels: those that came with the SAE are made once on a machine."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Generator, Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from core.encoding.engines import Encoder
from core.encoding.files.weights import write_atomically
from core.settings import cache_folder
from core.types import Floats, Progress

AT_ONCE = 512


def label_vectors(engine: Encoder, shipped: Iterable[str], texts: list[str]) -> Generator[Progress, None, Floats]:
    """float32 [l, d], the dense vectors of labels. shipped: those that came with the SAE, which the cache keeps."""
    came = sorted({str(text) for text in shipped} - {""})
    later = sorted(set(texts) - set(came))
    row = {text: i for i, text in enumerate([*came, *later])}
    key = hashlib.sha256("\x00".join([engine.fingerprint, *came]).encode()).hexdigest()[:32]
    file = cache_folder() / "labels" / f"{key}.npy"
    vectors = _kept(file, len(came))
    if vectors is None:
        vectors = yield from _embedded(engine, came)
        _keep(file, vectors)
    if later:
        more = yield from _embedded(engine, later)
        vectors = np.concatenate([vectors, more]) if came else more
    return vectors[[row[text] for text in texts]]


def _embedded(engine: Encoder, texts: list[str]) -> Generator[Progress, None, Floats]:
    parts = [np.zeros((0, 0), np.float32)] if not texts else []
    for start in range(0, len(texts), AT_ONCE):
        yield Progress(start, len(texts), "measuring trust: reading the labels")
        parts.append(engine.embed(texts[start : start + AT_ONCE]))
    return np.concatenate(parts)


def _kept(file: Path, n: int) -> Floats | None:
    """Vectors of the cache, float32 [n, d]; None where there are none that can be read."""
    try:
        found = np.load(file)
    except (OSError, ValueError, EOFError):
        return None
    return np.asarray(found, np.float32) if found.ndim == 2 and len(found) == n else None


def _keep(file: Path, vectors: Floats) -> None:
    """Half precision; a cache that cannot be written is none."""
    content = io.BytesIO()
    np.save(content, vectors.astype(np.float16))
    with suppress(OSError):
        write_atomically(file, content.getvalue())
