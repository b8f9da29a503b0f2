"""What an SAE is worth, in the figures that the sweep and the report of a training state."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.types import Ints, Offsets

STRONGEST = 20
DIFFERENT = 8
_AT_ONCE = 4096


def reconstruction(dictionary: Any, states: Tensor) -> dict[str, Any]:
    """FVU, L0 and silent latents of an SAE on token states [t, d_in]; density [m] per token.

    FVU = Σ‖x − x̂‖² / Σ‖x − x̄‖².
    """
    residual, active = 0.0, 0
    counts = torch.zeros(dictionary.n_latents)
    for batch in torch.split(states, _AT_ONCE):
        found = dictionary.encode(batch)
        residual += float((batch - dictionary.decode(found, len(batch))).square().sum())
        active += len(found.row)
        counts += torch.bincount(found.latent, minlength=dictionary.n_latents)
    variance = float((states - states.mean(0)).square().sum())
    return {
        "fvu": round(residual / variance, 4),
        "l0": round(active / len(states), 2),
        "dead_share": round(float((counts == 0).float().mean()), 4),
        "held_out_tokens": len(states),
        "density": counts / len(states),
    }


def kept_embedding(dictionary: Any, states: Tensor, token_indptr: Offsets, rest: Tensor) -> float:
    """Mean cosine of sentence embeddings with and without the SAE spliced in after the last layer.

    states: [t, d], the tokens of n texts. rest: [n, d], summed states of each text's special tokens, which no SAE
    reads. Both embeddings are means over all tokens of a text.
    """
    n = len(token_indptr) - 1
    row = torch.from_numpy(np.repeat(np.arange(n), np.diff(token_indptr)))
    spliced = torch.cat([dictionary.decode(dictionary.encode(b), len(b)) for b in torch.split(states, _AT_ONCE)])
    before = rest.clone().index_add_(0, row, states)
    after = rest.clone().index_add_(0, row, spliced)
    full = torch.from_numpy(np.diff(token_indptr) > 0)
    return round(float(torch.cosine_similarity(before, after)[full].mean()), 4)


def concepts(dictionary: Any, states: Tensor, words: Ints) -> dict[str, float]:
    """Whether latents stand for concepts or for spellings, on token states [t, d_in] with the word of each token.

    concept_share: of the latents that fire, those whose STRONGEST activations peak on at least DIFFERENT words.
    single_word_share: those that always peak on one. dead_share: latents that fire on none of these tokens.
    """
    found = [dictionary.encode(batch.float()) for batch in torch.split(states, _AT_ONCE)]
    row = np.concatenate([f.row.numpy().astype(np.int32) + i * _AT_ONCE for i, f in enumerate(found)])
    latent = np.concatenate([f.latent.numpy().astype(np.int32) for f in found])
    value = np.concatenate([f.value.numpy() for f in found])
    del found
    order = np.argsort(-value, kind="stable")
    order = order[np.argsort(latent[order], kind="stable")]
    latent, row = latent[order], row[order]
    top = np.arange(len(latent)) - np.searchsorted(latent, np.arange(dictionary.n_latents))[latent] < STRONGEST
    n_words = int(words.max()) + 1
    pairs = np.unique(latent[top].astype(np.int64) * n_words + words[row[top]])
    distinct = np.bincount(pairs // n_words, minlength=dictionary.n_latents)
    live = distinct > 0
    return {
        "concept_share": round(float((distinct[live] >= DIFFERENT).mean()), 4),
        "single_word_share": round(float((distinct[live] == 1).mean()), 4),
        "dead_share_of_concepts": round(1 - float(live.mean()), 4),
    }
