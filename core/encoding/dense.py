"""A dense embedder of its own, for engines whose language model is not one: any sentence-transformers folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.encoding.model import unit
from core.types import Floats


class DenseEmbedder:
    """prefixes: what the model was trained to see before a document and before a query."""

    def __init__(self, folder: Path, document_prefix: str = "", query_prefix: str = "", device: str = "cpu") -> None:
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(str(folder), device=device, local_files_only=True)
        self._prefix = {False: document_prefix, True: query_prefix}
        self.d = int(self._model.get_embedding_dimension())

    def encode(self, texts: list[str], query: bool = False) -> Floats:
        """float32 [n, d], unit rows."""
        prefixed = [self._prefix[query] + text for text in texts]
        return unit(np.asarray(self._model.encode(prefixed, convert_to_numpy=True, show_progress_bar=False)))
