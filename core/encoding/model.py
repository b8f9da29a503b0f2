"""One forward pass of any transformers model: token states at one hook, and their mean where that is the embedding."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import CoreError
from core.types import Floats, Ints, Offsets

TOKENS_PER_BATCH = 4096
"""Padded tokens in one forward pass: large enough for full speed on a CPU, small enough for any memory."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Texts cut into windows of tokens; ``w`` windows, all arrays over tokens are flat."""

    window_indptr: Offsets
    """int64 [w + 1]"""
    window_text: Offsets
    """int64 [w], which text a window belongs to; windows of a text follow each other."""
    ids: Offsets
    special: np.ndarray
    """bool, tokens that stand for no characters of the text: they never become latents."""
    start: Ints
    end: Ints

    @property
    def text_indptr(self) -> Offsets:
        """int64 [n + 1] over the tokens that are not special, counted over all texts."""
        n = int(self.window_text[-1]) + 1 if len(self.window_text) else 0
        kept = np.add.reduceat(~self.special, self.window_indptr[:-1]) if n else np.zeros(0, np.int64)
        per_text = np.bincount(self.window_text, weights=kept, minlength=n).astype(np.int64)
        return np.concatenate([[0], np.cumsum(per_text)]).astype(np.int64)


@dataclass(frozen=True, slots=True)
class States:
    """What one batch gives: the states of its kept tokens, and the summed states of its windows."""

    token: Offsets
    """int64 [t], which token of the texts, special ones not counted, each state belongs to."""
    states: Tensor
    """[t, d]"""
    windows: Offsets
    """int64 [b]"""
    window_sums: Tensor
    """float32 [b, d], summed over all tokens, special ones too, of the last layer."""
    window_counts: Tensor


def best_dtype(device: str) -> torch.dtype:
    """bf16 where it is faster: on a GPU, and on CPUs with bf16 instructions. Elsewhere emulation makes it slower."""
    if device != "cpu" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported():
        return torch.bfloat16
    return torch.float32


class TokenModel:
    """A transformers model cut off above its hook.

    hook: ``blocks.L.hook_resid_post`` or ``blocks.L.hook_resid_pre``, counted from 0, as sae-lens names them.
    pooled: keep all layers, because the mean of the last one is the dense vector.
    """

    def __init__(
        self,
        folder: Path,
        hook: str,
        window: int,
        pooled: bool,
        dtype: torch.dtype | None = None,
        device: str = "cpu",
        sink_norm: float = math.inf,
    ) -> None:
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self.device = device
        self._sink_norm = sink_norm
        self.dtype = dtype or best_dtype(device)
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        if not self.tokenizer.is_fast:
            raise CoreError(f"The tokenizer in {folder} gives no character offsets; a “fast” tokenizer is needed.")
        first_special = self.tokenizer("a", return_special_tokens_mask=True)["special_tokens_mask"][0]
        # A first position that is no word swallows the attention sink; some tokenizers add none.
        self._bos: int | None = None if first_special else self.tokenizer.bos_token_id
        model = AutoModel.from_pretrained(folder, dtype=self.dtype, local_files_only=True)
        self.model: nn.Module = model.eval().to(device)
        self.d_in = int(model.config.hidden_size)
        self.window = window
        self._layer, self._before = parse_hook(hook, int(model.config.num_hidden_layers))
        owner, name, layers = _find_layers(model, int(model.config.num_hidden_layers))
        if not pooled:
            layers = nn.ModuleList(list(layers)[: self._layer + 1])
            setattr(owner, name, layers)
            model.config.num_hidden_layers = len(layers)
        self._captured: list[Tensor] = []
        block = layers[self._layer]
        if self._before:
            block.register_forward_pre_hook(
                lambda _m, args, kwargs: self._captured.append(args[0] if args else kwargs["hidden_states"]),
                with_kwargs=True,
            )
        else:
            block.register_forward_hook(
                lambda _m, _i, out: self._captured.append(out if isinstance(out, Tensor) else out[0])
            )

    def tokenize(self, texts: list[str]) -> Tokens:
        """Every text is tokenized once, in windows that lose nothing."""
        bos = self._bos
        batch: dict[str, Any] = self.tokenizer(
            texts,
            truncation=True,
            max_length=self.window - (bos is not None),
            stride=0,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
            split_special_tokens=True,  # “[SEP]” typed by a person is text
            return_attention_mask=False,
            verbose=False,
        )
        lengths = np.fromiter(map(len, batch["input_ids"]), np.int64)
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        total = int(indptr[-1])
        ids = np.fromiter(chain.from_iterable(batch["input_ids"]), np.int64, total)
        special = np.fromiter(chain.from_iterable(batch["special_tokens_mask"]), np.bool_, total)
        offsets = np.fromiter(
            chain.from_iterable(chain.from_iterable(batch["offset_mapping"])), np.int32, 2 * total
        ).reshape(-1, 2)
        if bos is not None:
            at = indptr[:-1]
            ids = np.insert(ids, at, bos)
            special = np.insert(special, at, True)
            offsets = np.insert(offsets, at, 0, axis=0)
            indptr = indptr + np.arange(len(indptr))
        window_text = np.asarray(batch["overflow_to_sample_mapping"], dtype=np.int64)
        return Tokens(indptr, window_text, ids, special, offsets[:, 0].copy(), offsets[:, 1].copy())

    @torch.inference_mode()
    def states(self, tokens: Tokens) -> Iterator[States]:
        """Token states, batch by batch, windows sorted by length so that little is padded."""
        lengths = np.diff(tokens.window_indptr)
        kept_before = np.concatenate([[0], np.cumsum(~tokens.special)])
        order = np.argsort(lengths, kind="stable")
        pad = self.tokenizer.pad_token_id or 0
        for windows in _batches(order, lengths):
            width = int(lengths[windows].max())
            within = np.arange(width)
            flat = tokens.window_indptr[windows][:, None] + within
            real = within < lengths[windows][:, None]
            flat = np.where(real, flat, 0)
            ids = np.where(real, tokens.ids[flat], pad)
            self._captured.clear()
            output = self.model(
                input_ids=torch.from_numpy(ids).to(self.device),
                attention_mask=torch.from_numpy(real.astype(np.int64)).to(self.device),
            ).last_hidden_state
            (state,) = self._captured
            mask = torch.from_numpy(real).to(self.device)
            keep = real & ~tokens.special[flat]
            if self._sink_norm < math.inf:
                keep &= (state.float().norm(dim=2) <= self._sink_norm).cpu().numpy()
            yield States(
                kept_before[flat[keep]],
                state[torch.from_numpy(keep).to(self.device)],
                windows,
                (output.float() * mask[:, :, None]).sum(1).cpu(),
                mask.sum(1).cpu(),
            )
        self._captured.clear()


def parse_hook(hook: str, n_layers: int) -> tuple[int, bool]:
    """(layer, whether the state before it is meant). ``resid_pre`` of layer L is ``resid_post`` of layer L − 1."""
    match = re.fullmatch(r"blocks\.(\d+)\.hook_resid_(pre|post)", hook)
    if not match:
        raise CoreError(f"The hook “{hook}” is not known: it reads like blocks.6.hook_resid_post.")
    layer, before = int(match[1]), match[2] == "pre"
    if layer >= n_layers:
        raise CoreError(f"The hook “{hook}” asks for layer {layer}: this model has {n_layers} (0–{n_layers - 1}).")
    return (layer - 1, False) if before and layer else (layer, before)


def _find_layers(model: nn.Module, n_layers: int) -> tuple[nn.Module, str, nn.ModuleList]:
    """The stack of blocks, whatever the architecture calls it."""
    for owner in model.modules():
        for name, child in owner.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == n_layers:
                return owner, name, child
    raise CoreError(f"{type(model).__name__} has no stack of {n_layers} layers that a hook could read.")


def _batches(order: Offsets, lengths: Offsets) -> Iterator[Offsets]:
    """Runs of windows whose padded size stays below TOKENS_PER_BATCH."""
    start = 0
    while start < len(order):
        stop = start + 1
        widths = lengths[order[start : start + TOKENS_PER_BATCH]] * np.arange(
            1, len(order[start : start + TOKENS_PER_BATCH]) + 1
        )
        stop = start + max(1, int(np.searchsorted(widths, TOKENS_PER_BATCH, side="right")))
        yield order[start:stop]
        start = stop


def unit(vectors: Tensor | Floats) -> Floats:
    """float32 rows of length 1; a zero row stays zero."""
    array = np.asarray(vectors, dtype=np.float32)
    norm = np.linalg.norm(array, axis=1, keepdims=True)
    return (array / np.where(norm > 0, norm, 1)).astype(np.float32)
