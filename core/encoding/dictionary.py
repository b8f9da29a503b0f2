"""The SAE: loaded through sae-lens once, kept as plain arrays, applied to token states."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from core.encoding.weights import digest, weight_files, write_atomically
from core.errors import CoreError, EngineMissing
from core.settings import cache_folder

TOKENS_AT_ONCE = 512
"""Rows of activations computed together: more fall out of the cache and cost fresh pages, at half the speed."""
PLAIN = {"standard": "relu", "topk": "topk", "jumprelu": "jumprelu"}
"""Architectures whose inference is one product and one rule; the others keep sae-lens' own module."""


@dataclass(frozen=True, slots=True)
class Activations:
    """The latents above zero: one entry each, grouped by token."""

    row: Tensor
    """int64 [nnz], ascending"""
    latent: Tensor
    """int64 [nnz]"""
    value: Tensor
    """float32 [nnz], > 0"""


class Dictionary(Protocol):
    d_in: int
    n_latents: int
    mean: Tensor
    """float32 [d_in], mean token state of the training; the decoder's bias where that was not recorded."""

    def encode(self, states: Tensor) -> Activations: ...

    def decode(self, activations: Activations, n_rows: int) -> Tensor:
        """x̂, float32 [n_rows, d_in]."""
        ...


class PlainDictionary:
    """A ReLU, TopK or JumpReLU SAE as arrays: no sae-lens needed, and the product in bf16 where that is fast."""

    def __init__(self, tensors: dict[str, Tensor], rule: str, k: int, dtype: torch.dtype, device: str = "cpu") -> None:
        self.rule, self.k = rule, k
        self.d_in, self.n_latents = tensors["W_enc"].shape
        self._encoder = tensors["W_enc"].to(device, dtype)
        self._bias = tensors["b_enc"].to(device, torch.float32)
        self._threshold = tensors["threshold"].to(device, torch.float32) if rule == "jumprelu" else None
        self._decoder = tensors["W_dec"].to(device, torch.float32)
        self._decoder_bias = tensors["b_dec"].to(device, torch.float32)
        self.mean = tensors.get("mean", tensors["b_dec"]).float()

    @property
    def decoder(self) -> Tensor:
        """float32 [m, d_in]"""
        return self._decoder

    @property
    def encoder(self) -> Tensor:
        """[d_in, m], in the type of the product."""
        return self._encoder

    @property
    def bias(self) -> Tensor:
        """float32 [m], the encoder's, with the decoder's bias folded in."""
        return self._bias

    @property
    def decoder_bias(self) -> Tensor:
        """float32 [d_in]"""
        return self._decoder_bias

    def encode(self, states: Tensor) -> Activations:
        """states: [t, d_in]."""
        chunks = [self._encode(chunk) for chunk in torch.split(states, TOKENS_AT_ONCE)]
        starts = range(0, max(len(states), 1), TOKENS_AT_ONCE)
        return Activations(
            torch.cat([chunk.row + start for chunk, start in zip(chunks, starts, strict=True)]),
            torch.cat([chunk.latent for chunk in chunks]),
            torch.cat([chunk.value for chunk in chunks]),
        )

    def _encode(self, states: Tensor) -> Activations:
        before = (states.to(self._encoder.dtype) @ self._encoder).float() + self._bias
        if self.rule == "topk":
            value, latent = before.topk(self.k, dim=-1, sorted=False)
            row, column = (value > 0).nonzero(as_tuple=True)
            return Activations(row, latent[row, column], value[row, column])
        floor = self._threshold if self._threshold is not None else 0.0
        row, latent = (before > floor).nonzero(as_tuple=True)
        value = before[row, latent]
        positive = value > 0
        return Activations(row[positive], latent[positive], value[positive])

    def decode(self, activations: Activations, n_rows: int) -> Tensor:
        counts = torch.bincount(activations.row, minlength=n_rows)
        offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)[:-1]])
        summed = torch.nn.functional.embedding_bag(
            activations.latent, self._decoder, offsets, mode="sum", per_sample_weights=activations.value
        )
        reconstructed: Tensor = summed + self._decoder_bias
        return reconstructed


class LensDictionary:
    """Any other SAE, applied by sae-lens itself."""

    def __init__(self, sae: Any, mean: Tensor | None) -> None:
        self._sae = sae
        self.d_in, self.n_latents = int(sae.cfg.d_in), int(sae.cfg.d_sae)
        self.mean = sae.b_dec.detach().float() if mean is None else mean.float()
        self._shape: tuple[int, ...] = ()

    def encode(self, states: Tensor) -> Activations:
        found = []
        with torch.no_grad():
            for start in range(0, len(states), TOKENS_AT_ONCE):
                acts = self._sae.encode(states[start : start + TOKENS_AT_ONCE].float())
                row, latent = (acts > 0).nonzero(as_tuple=True)
                found.append((row + start, latent, acts[row, latent].float()))
        row, latent, value = (torch.cat(parts) for parts in zip(*found, strict=True))
        return Activations(row, latent, value)

    def decode(self, activations: Activations, n_rows: int) -> Tensor:
        acts = torch.zeros(n_rows, self.n_latents)
        acts[activations.row, activations.latent] = activations.value
        with torch.no_grad():
            reconstructed: Tensor = self._sae.decode(acts).float()
        return reconstructed


def matching_pursuit(dictionary: PlainDictionary, k: int) -> LensDictionary:
    """The same directions with sae-lens' matching-pursuit encoder: k rounds, each taking the latent that explains
    most of what is left. Slower by about a factor of k; its own codes, never compared with the trained encoder's.
    """
    from sae_lens.saes.matching_pursuit_sae import MatchingPursuitSAE, MatchingPursuitSAEConfig

    config = MatchingPursuitSAEConfig(
        d_in=dictionary.d_in, d_sae=dictionary.n_latents, apply_b_dec_to_input=True,
        max_iterations=k, residual_threshold=0.0, stop_on_duplicate_support=False,
    )  # fmt: skip
    sae = MatchingPursuitSAE(config)
    with torch.no_grad():
        sae.W_dec.copy_(torch.nn.functional.normalize(dictionary.decoder, dim=1))
        sae.b_dec.copy_(dictionary.decoder_bias)
    return LensDictionary(sae.eval(), dictionary.mean)


def load(folder: Path, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Dictionary:
    """The SAE of a folder with ``cfg.json`` and ``sae_weights.safetensors``.

    The first load goes through sae-lens (ten seconds of import) and leaves plain arrays in the cache; later ones
    take milliseconds. Raises EngineMissing where files are missing, CoreError where they cannot be read.
    """
    if not (folder / "cfg.json").is_file():
        raise EngineMissing(f"{folder} holds no cfg.json: it is not an SAE that sae-lens saved.")
    cached = (
        cache_folder() / "dictionaries" / f"{digest([*weight_files(folder), folder / 'cfg.json'])[:32]}.safetensors"
    )
    if not cached.is_file():
        sae = _load_with_sae_lens(folder, device)
        stats = folder / "stats.safetensors"
        mean = load_file(stats)["mean"] if stats.is_file() else None
        rule = PLAIN.get(sae.cfg.architecture())
        if rule is None or sae.cfg.normalize_activations != "none":
            return LensDictionary(sae, mean)
        write_atomically(cached, _plain_arrays(sae, rule, mean))
    with safe_open(cached, framework="pt") as file:
        about = file.metadata()
    return PlainDictionary(load_file(cached), about["rule"], int(about["k"]), dtype, device)


def _load_with_sae_lens(folder: Path, device: str) -> Any:
    from sae_lens import SAE

    try:
        sae = SAE.load_from_disk(folder, device=device, dtype="float32")
    except Exception as problem:
        raise CoreError(f"sae-lens could not read the SAE in {folder}: {problem}") from problem
    return sae.eval()


def _plain_arrays(sae: Any, rule: str, mean: Tensor | None) -> bytes:
    """The arrays of an SAE with everything that happens before the rule folded into encoder and bias."""
    encoder, decoder = sae.W_enc.detach().float(), sae.W_dec.detach().float()
    bias, decoder_bias = sae.b_enc.detach().float(), sae.b_dec.detach().float()
    if sae.cfg.apply_b_dec_to_input:
        bias = bias - decoder_bias @ encoder
    if getattr(sae.cfg, "rescale_acts_by_decoder_norm", False):
        norm = decoder.norm(dim=-1)
        encoder, bias, decoder = encoder * norm, bias * norm, decoder / norm[:, None]
    arrays = {"W_enc": encoder, "b_enc": bias, "W_dec": decoder, "b_dec": decoder_bias}
    if rule == "jumprelu":
        arrays["threshold"] = sae.threshold.detach().float()
    if mean is not None:
        arrays["mean"] = mean.float()
    k = int(getattr(sae.cfg, "k", 0) or 0)
    about = {"rule": rule, "k": str(k), "cfg": json.dumps(sae.cfg.to_dict(), default=str)}
    return save({name: tensor.contiguous() for name, tensor in arrays.items()}, about)
