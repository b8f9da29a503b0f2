"""What an SAE is worth, in the figures that the sweep and the report of a training state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.encoding.engines import EngineSpec, token_model
from core.encoding.files.weights import locate
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
    distinct = different_words(dictionary, states, words)
    live = distinct > 0
    return {
        "concept_share": round(float((distinct[live] >= DIFFERENT).mean()), 4),
        "single_word_share": round(float((distinct[live] == 1).mean()), 4),
        "dead_share_of_concepts": round(1 - float(live.mean()), 4),
    }


def different_words(dictionary: Any, states: Tensor, words: Ints) -> Ints:
    """int [m], on how many words the STRONGEST activations of each latent peak; 0: it fires on none of these tokens."""
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
    return np.bincount(pairs // n_words, minlength=dictionary.n_latents).astype(np.int32)


class _Splice:
    """Replaces a block's states by what a rule makes of them; the first position and attention sinks keep theirs."""

    def __init__(self, sink_norm: float) -> None:
        self.rule: Callable[[Tensor], Tensor] = torch.clone
        self._sink_norm = sink_norm

    def __call__(self, state: Tensor) -> Tensor:
        """state: [1, t, d]."""
        rest = state[0, 1:]
        sink = rest.float().norm(dim=1, keepdim=True) > self._sink_norm
        return torch.cat([state[0, :1], torch.where(sink, rest, self.rule(rest))])[None]

    def after(self, _module: Any, _inputs: Any, out: Any) -> Any:
        return self(out) if isinstance(out, Tensor) else (self(out[0]), *out[1:])

    def before(self, _module: Any, inputs: Any) -> Any:
        return (self(inputs[0]), *inputs[1:])


def loss_recovered(spec: EngineSpec, dictionary: Any, texts: Iterable[str]) -> dict[str, float]:
    """What a language model's next-token loss says of an SAE that stands in for its states at the engine's hook.

    (loss with zeros − loss with x̂) / (loss with zeros − loss), losses in nats per token (Bricken et al. 2023).
    texts: held out; the first window of each is read.
    """
    from transformers import AutoModelForCausalLM

    from core.encoding.model import _find_layers, parse_hook

    reader = token_model(spec)
    whole: Any = AutoModelForCausalLM.from_pretrained(locate(spec.model), dtype=reader.dtype, local_files_only=True)
    n_layers = int(whole.config.num_hidden_layers)
    layer, before = parse_hook(spec.hook, n_layers)
    block, splice = _find_layers(whole.eval(), n_layers)[layer], _Splice(spec.sink_norm)
    handle = block.register_forward_pre_hook(splice.before) if before else block.register_forward_hook(splice.after)
    rules: dict[str, Callable[[Tensor], Tensor]] = {
        "plain": torch.clone,
        "spliced": lambda x: dictionary.decode(dictionary.encode(x), len(x)).to(x.dtype),
        "zeros": torch.zeros_like,
    }
    total, count = dict.fromkeys(rules, 0.0), 0
    with torch.inference_mode():
        for text in texts:
            tokens = reader.tokenize([text])
            ids = torch.from_numpy(tokens.ids[: tokens.window_indptr[1]])
            count += len(ids) - 1
            for name, rule in rules.items():
                splice.rule = rule
                logits = whole(input_ids=ids[None]).logits[0, :-1].float()
                total[name] += float(torch.nn.functional.cross_entropy(logits, ids[1:], reduction="sum"))
    handle.remove()
    plain, spliced, zeros = (total[name] / max(count, 1) for name in rules)
    return {
        "loss": round(plain, 4),
        "loss_spliced": round(spliced, 4),
        "loss_zeros": round(zeros, 4),
        "loss_recovered": round((zeros - spliced) / (zeros - plain), 4),
    }
