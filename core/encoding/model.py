"""One forward pass of any transformers model: token states at one hook, and their mean where that is the embedding."""

from __future__ import annotations

import gc
import math
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.encoding.files.hub import damage
from core.encoding.files.weights import weight_files
from core.errors import CoreError
from core.types import Floats, Ints, Offsets

TOKENS_PER_BATCH = 4096
"""Padded tokens in one forward pass: large enough for full speed on a CPU, small enough for any memory."""
MOST_TOKENS_PER_BATCH = 131_072
BYTES_PER_TOKEN = 60
"""Of activations in one forward pass, times the width of a state: the widest layer, attention, and room to spare."""


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
    texts: tuple[str, ...] = ()
    """The texts themselves, where one token is a whole text."""

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


def best_device() -> str:
    """cuda or mps where there is one."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def best_dtype(device: str) -> torch.dtype:
    """bf16 where it is faster: on a GPU, and on CPUs with bf16 instructions. Elsewhere emulation makes it slower."""
    if device != "cpu" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported():
        return torch.bfloat16
    return torch.float32


def tokens_per_batch(device: str, d_in: int) -> int:
    """Padded tokens of one forward pass: what half of a GPU's free memory holds."""
    if device != "cuda":
        return TOKENS_PER_BATCH
    free = torch.cuda.mem_get_info()[0]
    return int(min(MOST_TOKENS_PER_BATCH, max(TOKENS_PER_BATCH, free // 2 // (BYTES_PER_TOKEN * d_in))))


class TokenModel:
    """A transformers model cut off above its hook.

    hook: ``blocks.L.hook_resid_post`` or ``blocks.L.hook_resid_pre``, counted from 0, as sae-lens names them.
    pooled: keep all layers, because the mean of the last one is the dense vector. prepend_bos: whether a window
    begins with the beginning-of-sequence token. centred: take the mean over the d numbers from each state, which is
    what TransformerLens' ``center_writing_weights`` does to the residual stream. prefixes: what a sentence encoder was
    trained to see before a document and before a query; every window begins with it, and its tokens are special ones.
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
        prepend_bos: bool = True,
        centred: bool = False,
        prefixes: tuple[str, str] = ("", ""),
    ) -> None:
        self.device = device
        self._sink_norm, self._centred = sink_norm, centred
        self.dtype = dtype or best_dtype(device)
        self.tokenizer, config = _tokenizer_and_config(folder)
        first = self.tokenizer("a", return_special_tokens_mask=True)
        adds_one = bool(first["special_tokens_mask"][0])
        self._bos: int | None = self.tokenizer.bos_token_id if prepend_bos and not adds_one else None
        # A first position that is no word swallows the attention sink; some tokenizers add none, and some SAEs
        # were trained without one, which the tokenizer's own habit must then give way to.
        self._add_special = prepend_bos or not adds_one or first["input_ids"][0] != self.tokenizer.bos_token_id
        self._first = int(adds_one and self._add_special)  # tokens of the tokenizer's own before a text, and a prefix
        self._prefixes = {query: self._ids(prefixes[query]) for query in (False, True)}
        text = config.get_text_config()
        n_layers, self.d_in = int(text.num_hidden_layers), int(text.hidden_size)
        self._layer, self._before = parse_hook(hook, n_layers)
        if not pooled:
            _cut(text, n_layers, self._layer + 1)
        model = _load(folder, config, self.dtype)
        self.model: nn.Module = model.eval().to(device)
        self.window = min(window, _longest(text, window))
        block = _find_layers(model, int(text.num_hidden_layers))[self._layer]
        self._tokens_per_batch = 0
        self._captured: list[Tensor] = []
        if self._before:
            block.register_forward_pre_hook(
                lambda _m, args, kwargs: self._captured.append(args[0] if args else kwargs["hidden_states"]),
                with_kwargs=True,
            )
        else:
            block.register_forward_hook(
                lambda _m, _i, out: self._captured.append(out if isinstance(out, Tensor) else out[0])
            )

    def _ids(self, prefix: str) -> Offsets:
        return np.asarray(self.tokenizer(prefix, add_special_tokens=False)["input_ids"] if prefix else [], np.int64)

    def tokenize(self, texts: list[str], query: bool = False) -> Tokens:
        """Every text is tokenized once, in windows that lose nothing. query: they stand behind the query's prefix."""
        bos, prefix = self._bos, self._prefixes[query]
        batch: dict[str, Any] = self.tokenizer(
            texts,
            truncation=True,
            max_length=self.window - (bos is not None) - len(prefix),
            stride=0,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
            split_special_tokens=True,  # “[SEP]” typed by a person is text
            add_special_tokens=self._add_special,
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
        before = prefix if bos is None else np.append(bos, prefix)
        if len(before):
            first = indptr[:-1] + self._first
            at = np.repeat(first, len(before))
            ids = np.insert(ids, at, np.tile(before, len(first)))
            special = np.insert(special, at, True)
            offsets = np.insert(offsets, at, 0, axis=0)
            indptr = indptr + np.arange(len(indptr)) * len(before)
        window_text = np.asarray(batch["overflow_to_sample_mapping"], dtype=np.int64)
        return Tokens(indptr, window_text, ids, special, offsets[:, 0].copy(), offsets[:, 1].copy())

    @torch.inference_mode()
    def states(self, tokens: Tokens) -> Iterator[States]:
        """Token states, batch by batch, windows sorted by length so that little is padded.

        A batch that does not fit into memory is halved, and those after it are as small.
        """
        lengths = np.diff(tokens.window_indptr)
        kept_before = np.concatenate([[0], np.cumsum(~tokens.special)])
        order = np.argsort(lengths, kind="stable")
        limit = self._tokens_per_batch or tokens_per_batch(self.device, self.d_in)
        waiting = deque(_batches(order, lengths, limit))
        while waiting:
            windows = waiting.popleft()
            try:
                states = self._states(tokens, windows, lengths[windows], kept_before)
            except RuntimeError as problem:
                if len(windows) == 1 or "out of memory" not in str(problem).lower():
                    raise
                states = None  # beyond the handler, or the failed pass would keep its memory
            if states is None:
                _free()
                self._tokens_per_batch = max(1, int(lengths[windows].max()) * len(windows) // 2)
                rest = np.concatenate([windows, *waiting])
                waiting = deque(_batches(rest, lengths, self._tokens_per_batch))
            else:
                yield states
        self._captured.clear()

    def _states(self, tokens: Tokens, windows: Offsets, lengths: Offsets, kept_before: Offsets) -> States:
        within = np.arange(int(lengths.max()))
        flat = tokens.window_indptr[windows][:, None] + within
        real = within < lengths[:, None]
        flat = np.where(real, flat, 0)
        ids = np.where(real, tokens.ids[flat], self.tokenizer.pad_token_id or 0)
        self._captured.clear()
        mask = torch.from_numpy(real).to(self.device)
        output = self.model(
            input_ids=torch.from_numpy(ids).to(self.device),
            attention_mask=mask.long(),
        ).last_hidden_state
        (state,) = self._captured
        keep = real & ~tokens.special[flat]
        if self._sink_norm < math.inf:
            keep &= (state.float().norm(dim=2) <= self._sink_norm).cpu().numpy()
        kept = state[torch.from_numpy(keep).to(self.device)]
        if self._centred:
            kept = kept.float() - kept.float().mean(1, keepdim=True)
        return States(
            kept_before[flat[keep]],
            kept,
            windows,
            (output.float() * mask[:, :, None]).sum(1).cpu(),
            mask.sum(1).cpu(),
        )


def _tokenizer_and_config(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoConfig, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise CoreError(f"transformers could not read the model in {folder}: {problem}") from problem
    if not tokenizer.is_fast:
        raise CoreError(f"The tokenizer in {folder} gives no character offsets; a “fast” tokenizer is needed.")
    return tokenizer, config


def _cut(config: Any, n_layers: int, kept: int) -> None:
    """Let the configuration describe the lowest layers alone: those above the hook are never read from the disk."""
    for name, value in list(vars(config).items()):
        if isinstance(value, list) and len(value) == n_layers:
            setattr(config, name, value[:kept])
    config.num_hidden_layers = kept


def _load(folder: Path, config: Any, dtype: torch.dtype) -> Any:
    """The model. Raises CoreError where a file is damaged or lacks a tensor, which transformers would make up."""
    from safetensors import SafetensorError
    from transformers import AutoModel
    from transformers.utils import logging

    for file in weight_files(folder):
        if wrong := damage(file):
            raise CoreError(f"{file} cannot be read: {wrong}. Download it again.")
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    verbosity = logging.get_verbosity()
    logging.set_verbosity(40)  # errors alone: the layers that were cut off are meant to be left over
    try:
        model, about = AutoModel.from_pretrained(
            folder, config=config, dtype=dtype, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as problem:
        raise CoreError(f"transformers could not read the model in {folder}: {problem}") from problem
    finally:
        logging.set_verbosity(verbosity)
    lacking = sorted(name for name in about["missing_keys"] if "pooler" not in name)
    if lacking or about["mismatched_keys"]:
        name = (lacking or sorted(map(str, about["mismatched_keys"])))[0]
        raise CoreError(f"The weights in {folder} do not fill a {type(model).__name__}: {name} is not there.")
    return model


def _longest(config: Any, window: int) -> int:
    """Positions that the model has; rotary models go on beyond, absolute ones have no more."""
    return int(getattr(config, "max_position_embeddings", window) or window)


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def parse_hook(hook: str, n_layers: int) -> tuple[int, bool]:
    """(layer, whether the state before it is meant). ``resid_pre`` of layer L is ``resid_post`` of layer L − 1."""
    match = re.fullmatch(r"blocks\.(\d+)\.hook_resid_(pre|post)", hook)
    if not match:
        raise CoreError(f"The hook “{hook}” is not known: it reads like blocks.6.hook_resid_post.")
    layer, before = int(match[1]), match[2] == "pre"
    if layer >= n_layers:
        raise CoreError(f"The hook “{hook}” asks for layer {layer}: this model has {n_layers} (0–{n_layers - 1}).")
    return (layer - 1, False) if before and layer else (layer, before)


def _find_layers(model: nn.Module, n_layers: int) -> nn.ModuleList:
    """The stack of blocks, whatever the architecture calls it."""
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == n_layers:
            return module
    raise CoreError(f"{type(model).__name__} has no stack of {n_layers} layers that a hook could read.")


def _batches(order: Offsets, lengths: Offsets, limit: int) -> Iterator[Offsets]:
    """Runs of windows, shortest first, whose padded size stays below a limit."""
    start = 0
    while start < len(order):
        ahead = order[start : start + limit]
        widths = lengths[ahead] * np.arange(1, len(ahead) + 1)
        stop = start + max(1, int(np.searchsorted(widths, limit, side="right")))
        yield order[start:stop]
        start = stop


def unit(vectors: Tensor | Floats) -> Floats:
    """float32 rows of length 1; a zero row stays zero."""
    array = np.asarray(vectors, dtype=np.float32)
    norm = np.linalg.norm(array, axis=1, keepdims=True)
    return (array / np.where(norm > 0, norm, 1)).astype(np.float32)
