"""Engines whose SAE reads one sentence embedding: one code a text, and the whole text is its only “token”."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.encoding.engines import Engine, EngineSpec, token_model
from core.encoding.small_sae import SmallSAE, is_small
from core.encoding.weights import locate
from core.errors import CoreError
from core.types import Codes, Floats, Ints, Offsets, TokenTrace

if TYPE_CHECKING:
    from core.encoding.dictionary import Dictionary

Embed = Callable[[list[str], bool], Floats]
"""(texts, whether they are queries) → float32 [n, d], unit rows"""
ANY_HOOK = "blocks.0.hook_resid_post"
"""A token model reads its states somewhere; here only their mean after the last layer is used."""


@dataclass(frozen=True, slots=True)
class Fired:
    """What an SAE makes of n embeddings: the activations above zero, by row, and how much of each row is left out."""

    row: Offsets
    latent: Ints
    value: Floats
    residual: Floats
    """float32 [n], ‖x − x̂‖²"""
    variance: Floats
    """float32 [n], ‖x − x̄‖²"""


class EmbeddingEngine(Engine):
    """A preset of kind ``embedding``: ``dense = "pooled"`` takes the mean over the tokens of ``model``, windows of a
    long text together; a place there is a sentence-transformers folder, with its own pooling and its prefixes.
    """

    _ready: tuple[Embed, SmallSAE | Dictionary] | None = None

    def _identity(self) -> dict[str, Any]:
        kept = {name: value for name, value in super()._identity().items() if name not in ("mask", "pooling")}
        return kept | {"kind": "embedding"}

    @property
    def warm(self) -> bool:
        return self._ready is not None

    def load(self) -> None:
        with self._lock:
            self._readers()

    def encode(self, texts: list[str], query: bool = False) -> Codes:
        if not texts:
            raise CoreError("There is no text to encode.")
        with self._lock:
            embed, sae = self._readers()
            dense = embed(texts, query)
            return codes_of(texts, dense, fire(sae, dense), sae.n_latents)

    def trace(self, text: str) -> TokenTrace:
        """The whole text as one token."""
        codes = self.encode([text])
        error = codes.residual / np.maximum(codes.variance, 1e-12)
        return TokenTrace(
            text, codes.token_start, codes.token_end, codes.indptr, codes.latents, codes.max, error.astype(np.float32)
        )

    def _readers(self) -> tuple[Embed, SmallSAE | Dictionary]:
        if self._ready is None:
            embed, d = embedder(self.spec, self._dtype)
            sae = load_sae(locate(self.spec.sae))
            if sae.d_in != d:
                raise CoreError(
                    f"The SAE of engine “{self.spec.name}” reads embeddings of {sae.d_in} numbers, "
                    f"but {self.spec.model_name} gives {d}: it was trained on another model."
                )
            self._ready = embed, sae
        return self._ready


def codes_of(texts: list[str], dense: Floats, fired: Fired, n_latents: int) -> Codes:
    """One row and one token a text: its maximum, its sum and its peak are the same activation."""
    n = len(texts)
    each, first = np.arange(n + 1, dtype=np.int64), np.zeros(n, np.int32)
    counts = np.bincount(fired.row, minlength=n)
    return Codes(
        dense, n_latents, each, first,
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), fired.latent, fired.value, fired.value,
        np.zeros(len(fired.latent), np.int32),
        each, first, np.asarray([len(text) for text in texts], np.int32),
        counts.astype(np.int32), fired.residual, fired.variance,
    )  # fmt: skip


def fire(sae: SmallSAE | Dictionary, vectors: Floats) -> Fired:
    """The latents of embeddings, float32 [n, d]."""
    if isinstance(sae, SmallSAE):
        activations, target = sae.encode(vectors), sae.target(vectors)
        row, latent = np.nonzero(activations)
        value, decoded, mean = activations[row, latent], sae.decode(activations), sae.mean
    else:
        import torch

        with torch.inference_mode():
            found = sae.encode(torch.from_numpy(vectors))
            target, decoded, mean = vectors, sae.decode(found, len(vectors)).numpy(), sae.mean.numpy()
        row, latent, value = found.row.numpy(), found.latent.numpy(), found.value.numpy()
        order = np.lexsort((latent, row))
        row, latent, value = row[order], latent[order], value[order]
    return Fired(
        row.astype(np.int64),
        latent.astype(np.int32),
        value.astype(np.float32),
        np.square(target - decoded).sum(1, dtype=np.float32),
        np.square(target - mean).sum(1, dtype=np.float32),
    )


def load_sae(folder: Path) -> SmallSAE | Dictionary:
    """A small SAE, or whatever sae-lens reads."""
    if is_small(folder):
        return SmallSAE.load(folder)
    import torch

    from core.encoding import dictionary

    return dictionary.load(folder, torch.float32)


def embedder(spec: EngineSpec, dtype: Any = None) -> tuple[Embed, int]:
    """(texts → unit vectors, their width) of a preset."""
    if spec.dense == "pooled":
        from core.encoding.model import unit

        model = token_model(replace(spec, hook=ANY_HOOK), dtype)

        def mean(texts: list[str], query: bool) -> Floats:
            tokens = model.tokenize(texts)
            sums = np.zeros((len(texts), model.d_in), np.float32)
            for batch in model.states(tokens):
                np.add.at(sums, tokens.window_text[batch.windows], batch.window_sums.numpy())
            return unit(sums)

        return mean, model.d_in

    from core.encoding.dense import DenseEmbedder

    dense = DenseEmbedder(locate(spec.dense), spec.document_prefix, spec.query_prefix)
    return dense.encode, dense.d
