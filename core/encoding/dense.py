"""A dense embedder of its own, for engines whose language model is not one: any sentence-transformers folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from core.encoding.model import States, Tokens, best_device, unit
from core.errors import CoreError
from core.types import Floats

LONGEST = 2048
"""Tokens: beyond it even embedders that accept more were hardly trained."""


class DenseEmbedder:
    """prefixes: what the model was trained to see before a document and before a query."""

    def __init__(
        self, folder: Path, document_prefix: str = "", query_prefix: str = "", device: str | None = None
    ) -> None:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self.device = device or best_device()
        try:
            self._model = SentenceTransformer(str(folder), device=self.device, local_files_only=True)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as problem:
            raise CoreError(f"sentence-transformers could not read {folder}: {problem}") from problem
        self._model.max_seq_length = min(self._model.max_seq_length or LONGEST, LONGEST)
        self._prefix = {False: document_prefix, True: query_prefix}

    @property
    def d(self) -> int:
        """Numbers of a vector."""
        return int(self._model.get_embedding_dimension() or 0)

    def encode(self, texts: list[str], query: bool = False) -> Floats:
        """float32 [n, d], unit rows."""
        return self.with_prefix(texts, self._prefix[query])

    def with_prefix(self, texts: list[str], prefix: str) -> Floats:
        """float32 [n, d], unit rows, of texts behind a prefix."""
        prefixed = [prefix + text for text in texts]
        return unit(np.asarray(self._model.encode(prefixed, convert_to_numpy=True, show_progress_bar=False)))


class EmbeddingModel:
    """An embedder as the model of an SAE that was trained on its vectors: a whole text is one token.

    prefix: what stood before the texts of the SAE's training, which may be neither of the embedder's two.
    """

    def __init__(self, embedder: DenseEmbedder, prefix: str) -> None:
        self._embedder, self._prefix = embedder, prefix
        self.d_in, self.dtype, self.device = embedder.d, torch.float32, embedder.device

    def tokenize(self, texts: list[str], query: bool = False) -> Tokens:
        """One token a text, from its first to its last character; a text without any sign has a special one.

        A query is read as any other text: the SAE was trained behind one prefix.
        """
        start = np.asarray([len(text) - len(text.lstrip()) for text in texts], np.int32)
        end = np.asarray([len(text.rstrip()) for text in texts], np.int32)
        nothing = start >= end
        at = np.arange(len(texts) + 1, dtype=np.int64)
        return Tokens(
            at, at[:-1], at[:-1], nothing, np.where(nothing, 0, start), np.where(nothing, 0, end), tuple(texts)
        )

    def states(self, tokens: Tokens) -> Iterator[States]:
        """The vectors of the texts that are not empty, in one batch."""
        kept = np.flatnonzero(~tokens.special)
        if len(kept):
            vectors = torch.from_numpy(self._embedder.with_prefix([tokens.texts[i] for i in kept], self._prefix))
            counts = torch.ones(len(kept), dtype=torch.int64)
            yield States(np.arange(len(kept)), vectors.to(self.device), kept, vectors, counts)
