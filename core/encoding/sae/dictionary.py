"""The SAE: loaded through sae-lens once, kept as plain arrays, applied to token states."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor
from torch.nn.functional import embedding_bag, linear, normalize

from core.encoding.files.hub import damage
from core.encoding.files.releases import Release
from core.encoding.files.weights import digest, write_atomically
from core.encoding.sae import formats
from core.encoding.sae.formats import SaeFiles
from core.encoding.sae.small_sae import SmallSAE, is_small
from core.errors import CoreError
from core.settings import cache_folder

PLAIN_FORMAT = 4
"""Raised when the arrays in the cache mean something else."""
TOKENS_AT_ONCE = {"cpu": 512}
"""Rows of activations computed together: more fall out of a CPU's cache and cost fresh pages, at half the speed."""
TOKENS_AT_ONCE_ELSEWHERE = 8192
RULES = {"standard": "relu", "topk": "topk", "jumprelu": "jumprelu", "gated": "gated"}
"""Architectures of inference. BatchTopK and Matryoshka SAEs are saved as jumprelu."""
NORMS = ("none", "expected_average_only_in", "layer_norm", "constant_norm_rescale")
"""What an SAE does with a state before it encodes it, by sae-lens' names. The second is a factor, folded into the
weights where it is known and left out where it is not, as sae-lens does."""
ENCODERS = ("matching_pursuit",)
"""Beside the trained one, over the same directions."""
CANDIDATES = 2
"""Rounds of correction choose among so many times k latents, the encoder's strongest."""
MOST_ROUNDS = 40
"""Nothing moves after some twenty."""
GATHER_ROWS = 128
"""Tokens corrected together: the directions of more would fall out of the cache."""
TINY = 1e-9
"""Stands for nothing where it would be divided by."""
EPSILON = 1e-5
"""Added to the standard deviation by layer_norm, as in sae-lens."""


@dataclass(frozen=True, slots=True)
class Activations:
    """The latents above zero: one entry each, grouped by token."""

    row: Tensor
    """int64 [nnz], ascending"""
    latent: Tensor
    """int64 [nnz]"""
    value: Tensor
    """float32 [nnz], > 0"""
    scale: Tensor | None = None
    """float32 [t, 1]: what the SAE divided each state by, after taking ``shift`` away; None where it does not."""
    shift: Tensor | None = None
    """float32 [t, 1]"""


@dataclass(frozen=True, slots=True)
class Trained:
    """What an SAE says of the states that it was trained on."""

    model: str = ""
    hook: str = ""
    prepend_bos: bool = True
    """Whether each context began with the beginning-of-sequence token."""
    centred: bool = False
    """Whether the mean over the d numbers was taken away from each state."""
    window: int = 0
    """Tokens of a context; 0 where it is not said."""


class Dictionary(Protocol):
    d_in: int
    n_latents: int
    mean: Tensor
    """float32 [d_in], mean token state of the training; the decoder's bias where that was not recorded, and nothing
    where the bias lives in another scale than the states."""
    trained: Trained

    def target(self, states: Tensor) -> Tensor:
        """float32 [t, ·], what ``decode`` gives back: the states, or what a projection makes of them."""
        ...

    def encode(self, states: Tensor) -> Activations: ...

    def decode(self, activations: Activations, n_rows: int) -> Tensor:
        """x̂, float32 [n_rows, ·]."""
        ...


def summed(activations: Activations, decoder: Tensor, n_rows: int) -> Tensor:
    """float32 [n_rows, d_in]: the decoder's rows [m, d_in] that fire, each times its activation."""
    counts = torch.bincount(activations.row, minlength=n_rows)
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])[:n_rows]
    found: Tensor = embedding_bag(
        activations.latent, decoder, offsets, mode="sum", per_sample_weights=activations.value
    )
    return found


class PlainDictionary:
    """A ReLU, TopK, JumpReLU or gated SAE as arrays: no sae-lens needed, and the product in bf16 where that is fast.

    With x' the state after the SAE's normalisation, W the encoder, b its bias with the decoder's bias folded in:

    - relu: max(0, x'W + b) · topk: the k largest of it, corrected in so many rounds · jumprelu (Rajamanoharan et al.
      2024): x'W + b where it is above the latent's threshold · gated (Rajamanoharan et al. 2024):
      max(0, x'W·exp(r) + b_mag) where x'W + b > 0

    One product of the encoder gives too much to latents whose directions are near. Rounds of correction look again: the
    code a, of which the CANDIDATES · k strongest are open to change, becomes the k largest of a + μ D(x − x̂), D the
    decoder's unit directions and μ the step that leaves least out along a's own latents (normalised iterative hard
    thresholding, Blumensath and Davies 2010). Latents that the encoder did not think of never come in.
    """

    def __init__(
        self,
        tensors: dict[str, Tensor],
        rule: str,
        k: int,
        dtype: torch.dtype,
        device: str = "cpu",
        norm: str = "none",
        trained: Trained | None = None,
        rounds: int = 0,
    ) -> None:
        def there(name: str) -> Tensor | None:
            return tensors[name].to(device, torch.float32) if name in tensors else None

        self.rule, self.k, self.norm, self.rounds, self.candidates = rule, k, norm, rounds, CANDIDATES
        self.trained = trained or Trained()
        self.d_in, self.n_latents = tensors["W_enc"].shape
        self._encoder = tensors["W_enc"].to(device, dtype)
        self._bias = tensors["b_enc"].to(device, torch.float32)
        self._threshold = there("threshold") if rule == "jumprelu" else None
        self._gain, self._magnitude = there("gain"), there("b_mag")
        self._decoder = tensors["W_dec"].to(device, torch.float32)
        self._decoder_bias = tensors["b_dec"].to(device, torch.float32)
        self._size = self._decoder.norm(dim=1)
        if rule == "topk":  # the bias inside the product, and states around zero: nothing is rounded twice
            self._centred_bias = (self._bias + self._decoder_bias @ tensors["W_enc"].to(device, torch.float32)).to(
                dtype
            )
            self._rows = self._encoder.T.contiguous()
        elsewhere = tensors["b_dec"] if norm == "none" else torch.zeros(self.d_in)
        self.mean = tensors.get("mean", elsewhere).float()
        self._at_once = TOKENS_AT_ONCE.get(device, TOKENS_AT_ONCE_ELSEWHERE)

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

    def target(self, states: Tensor) -> Tensor:
        return states.float()

    def encode(self, states: Tensor) -> Activations:
        """states: [t, d_in]."""
        states, scale, shift = self._normalised(states)
        chunks = [self._encode(chunk) for chunk in torch.split(states, self._at_once)]
        starts = range(0, max(len(states), 1), self._at_once)
        return Activations(
            torch.cat([chunk.row + start for chunk, start in zip(chunks, starts, strict=True)]),
            torch.cat([chunk.latent for chunk in chunks]),
            torch.cat([chunk.value for chunk in chunks]),
            scale,
            shift,
        )

    def _normalised(self, states: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """(states as the encoder reads them, what they were divided by, what was taken away before)."""
        if self.norm == "constant_norm_rescale":
            scale = states.float().norm(dim=1, keepdim=True) / self.d_in**0.5
            return states.float() / scale, scale, None
        if self.norm == "layer_norm":
            shift = states.float().mean(1, keepdim=True)
            scale = states.float().std(1, keepdim=True)
            return (states.float() - shift) / (scale + EPSILON), scale, shift
        return states, None, None

    def _encode(self, states: Tensor) -> Activations:
        if self.rule == "topk":
            return self._strongest(states)
        product = (states.to(self._encoder.dtype) @ self._encoder).float()
        before = product + self._bias
        floor = self._threshold if self._threshold is not None else 0.0
        row, latent = (before > floor).nonzero(as_tuple=True)
        value = before[row, latent]
        if self._gain is not None and self._magnitude is not None:
            value = product[row, latent] * self._gain[latent] + self._magnitude[latent]
        positive = value > 0
        return Activations(row[positive], latent[positive], value[positive])

    @cached_property
    def _directions(self) -> Tensor:
        """[m, d_in], unit rows in the type of the product."""
        directions: Tensor = normalize(self._decoder, dim=1).to(self._encoder.dtype)
        return directions

    def _strongest(self, states: Tensor) -> Activations:
        centred = states.float() - self._decoder_bias
        before = linear(centred.to(self._rows.dtype), self._rows, self._centred_bias)
        wanted = min(self.candidates * self.k, self.n_latents) if self.rounds else self.k
        strongest, latent = before.topk(wanted, dim=-1)
        value = strongest.float().relu_()
        if self.rounds:
            parts = (torch.split(part, GATHER_ROWS) for part in (value, latent, centred))
            value = torch.cat([self._corrected(*part) for part in zip(*parts, strict=True)])
        row, column = value.nonzero(as_tuple=True)
        return Activations(row, latent[row, column], value[row, column])

    def _corrected(self, value: Tensor, latent: Tensor, centred: Tensor) -> Tensor:
        """[t, c], the code among candidates [t, c], strongest first, after the rounds."""
        directions, size = self._directions[latent], self._size[latent]
        alike = torch.bmm(directions, directions.transpose(1, 2)).float()
        wanted = torch.bmm(centred.to(directions.dtype)[:, None], directions.transpose(1, 2)).float()
        code = (value * size)[:, None]
        code[:, :, self.k :] = 0
        for _ in range(self.rounds):
            missing = wanted - torch.bmm(code, alike)
            own = missing * (code > 0)
            bent = (torch.bmm(own, alike) * own).sum(-1, keepdim=True).clamp_min(TINY)
            best = (code + own.square().sum(-1, keepdim=True) / bent * missing).topk(self.k, dim=-1, sorted=False)
            code = torch.zeros_like(code).scatter_(-1, best.indices, best.values.relu_())
        corrected: Tensor = code[:, 0] / size.clamp_min(TINY)
        return corrected

    def decode(self, activations: Activations, n_rows: int) -> Tensor:
        reconstructed = summed(activations, self._decoder, n_rows) + self._decoder_bias
        if activations.scale is not None:
            reconstructed = reconstructed * activations.scale
        return reconstructed if activations.shift is None else reconstructed + activations.shift


class LensDictionary:
    """An SAE applied by sae-lens itself."""

    def __init__(self, sae: Any, mean: Tensor, trained: Trained) -> None:
        self._sae = sae
        self.d_in, self.n_latents = int(sae.cfg.d_in), int(sae.cfg.d_sae)
        self.mean, self.trained = mean, trained

    def target(self, states: Tensor) -> Tensor:
        return states.float()

    def encode(self, states: Tensor) -> Activations:
        found = []
        with torch.no_grad():
            for start in range(0, len(states), TOKENS_AT_ONCE["cpu"]):
                acts = self._sae.encode(states[start : start + TOKENS_AT_ONCE["cpu"]].float())
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


class SmallDictionary:
    """A small SAE of narratives, whose decoder gives back what its projection makes of an embedding."""

    def __init__(self, sae: SmallSAE) -> None:
        self._sae = sae
        self.d_in, self.n_latents = sae.d_in, sae.n_latents
        self.mean, self.trained = torch.from_numpy(sae.mean), Trained()

    def target(self, states: Tensor) -> Tensor:
        return torch.from_numpy(self._sae.target(states.float().cpu().numpy())).to(states.device)

    def encode(self, states: Tensor) -> Activations:
        acts = torch.from_numpy(self._sae.encode(states.float().cpu().numpy())).to(states.device)
        row, latent = acts.nonzero(as_tuple=True)
        return Activations(row, latent, acts[row, latent])

    def decode(self, activations: Activations, n_rows: int) -> Tensor:
        acts = torch.zeros(n_rows, self.n_latents)
        acts[activations.row.cpu(), activations.latent.cpu()] = activations.value.cpu()
        return torch.from_numpy(self._sae.decode(acts.numpy())).to(activations.value.device)


def encoded_by(encoder: str, dictionary: Dictionary, engine: str) -> Dictionary:
    """The same directions with another encoder, for an engine that asks for it.

    Raises CoreError for an encoder that is not known, or an SAE that is not TopK.
    """
    if encoder not in ENCODERS:
        raise CoreError(
            f"The engine “{engine}” asks for the encoder “{encoder}”; there are {', '.join(ENCODERS)} and trained."
        )
    if not isinstance(dictionary, PlainDictionary) or dictionary.rule != "topk":
        raise CoreError(f"The engine “{engine}” asks for the encoder “{encoder}”, which is for TopK SAEs.")
    return matching_pursuit(dictionary, dictionary.k)


def matching_pursuit(dictionary: PlainDictionary, k: int) -> Dictionary:
    """The same directions with a matching-pursuit encoder: k rounds, each taking the latent that explains most of what
    is left. Its own codes, never compared with the trained encoder's. Too many latents for their Gram matrix go
    through sae-lens' encoder, which is slower by about a factor of k.
    """
    from core.encoding.sae.pursuit import MOST_LATENTS, Pursuit

    if dictionary.n_latents <= MOST_LATENTS:
        return Pursuit(dictionary.decoder, dictionary.decoder_bias, k, dictionary.mean, dictionary.trained)
    return _lens_pursuit(dictionary, k)


def _lens_pursuit(dictionary: PlainDictionary, k: int) -> LensDictionary:
    from sae_lens.saes.matching_pursuit_sae import MatchingPursuitSAE, MatchingPursuitSAEConfig

    config = MatchingPursuitSAEConfig(
        d_in=dictionary.d_in, d_sae=dictionary.n_latents, apply_b_dec_to_input=True,
        max_iterations=k, residual_threshold=0.0, stop_on_duplicate_support=False,
    )  # fmt: skip
    sae = MatchingPursuitSAE(config)
    with torch.no_grad():
        sae.W_dec.copy_(normalize(dictionary.decoder, dim=1))
        sae.b_dec.copy_(dictionary.decoder_bias)
    return LensDictionary(sae.eval(), dictionary.mean, dictionary.trained)


def load(
    folder: Path, dtype: torch.dtype = torch.float32, device: str = "cpu", release: Release | None = None
) -> Dictionary:
    """The SAE of a folder, in any layout of ``formats.LAYOUTS``; release: its line in sae-lens' directory.

    The first load goes through sae-lens (ten seconds of import) and leaves plain arrays in the cache; later ones
    take milliseconds. Raises EngineMissing where files are missing, CoreError where they cannot be read.
    """
    if is_small(folder):
        return SmallDictionary(SmallSAE.load(folder))
    sae_files = formats.files(folder)
    stats = folder / "stats.safetensors"
    told = json.dumps([PLAIN_FORMAT, asdict(release) if release else None, sae_files.layout], sort_keys=True)
    key = digest([*sae_files.all, *([stats] if stats.is_file() else [])]) + told
    cached = cache_folder() / "dictionaries" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.safetensors"
    if not cached.is_file():
        mean = load_file(stats)["mean"] if stats.is_file() else None
        sae = read(sae_files, release)
        write_atomically(cached, _plain_arrays(sae, mean, trained_on(sae.cfg.metadata, release), folder))
    with safe_open(cached, framework="pt") as file:
        about = file.metadata()
    trained = Trained(**json.loads(about["trained"]))
    return PlainDictionary(
        load_file(cached), about["rule"], int(about["k"]), dtype, device, about["norm"], trained, int(about["rounds"])
    )


def read(sae_files: SaeFiles, release: Release | None = None) -> Any:
    """The SAE as sae-lens' module in float32, on the CPU, with a known factor of its inputs folded in.

    Raises CoreError, in a sentence, where a file is damaged or is no SAE of its layout.
    """
    from sae_lens import SAE

    if wrong := damage(sae_files.weights):
        raise CoreError(f"{sae_files.weights} cannot be read: {wrong}. Download it again.")
    overrides = dict(release.overrides) if release else {}

    def converter(
        path: str | Path, device: str = "cpu", cfg_overrides: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        return CONVERTERS[sae_files.layout](sae_files, {"device": device} | dict(cfg_overrides or {}) | overrides)

    try:
        sae = SAE.load_from_disk(sae_files.weights.parent, device="cpu", dtype="float32", converter=converter)
    except (
        SafetensorError,
        OSError,
        EOFError,
        KeyError,
        ValueError,
        TypeError,
        RuntimeError,
        AssertionError,
    ) as problem:
        raise CoreError(f"sae-lens could not read the SAE in {sae_files.weights.parent}: {problem}") from problem
    if sae.cfg.normalize_activations == "expected_average_only_in":
        if release and release.norm_scaling_factor:
            sae.fold_activation_norm_scaling_factor(release.norm_scaling_factor)
        sae.cfg.normalize_activations = "none"
    return sae.eval()


def _from_sae_lens(sae_files: SaeFiles, overrides: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    from sae_lens.loading.pretrained_sae_loaders import sae_lens_disk_loader

    found: tuple[dict[str, Any], dict[str, Tensor]] = sae_lens_disk_loader(sae_files.weights.parent, "cpu", overrides)
    return found


def _from_gemma_scope(sae_files: SaeFiles, overrides: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Gemma Scope (Lieberum et al. 2024): JumpReLU, the decoder's bias not taken from the input."""
    if sae_files.layout == "gemma-scope":
        with np.load(sae_files.weights, allow_pickle=False) as archive:
            tensors = {name: torch.from_numpy(archive[name]) for name in archive.files}
    else:
        tensors = load_file(sae_files.weights)
    tensors = {("W_" + name[2:] if name.startswith("w_") else name): value.float() for name, value in tensors.items()}
    wanted = ("W_enc", "W_dec", "b_enc", "b_dec", "threshold")
    d_in, d_sae = tensors["W_enc"].shape
    about = {
        "architecture": "jumprelu", "d_in": d_in, "d_sae": d_sae, "apply_b_dec_to_input": False,
        "normalize_activations": "none", "prepend_bos": True, "context_size": 1024,
    }  # fmt: skip
    return about | overrides, {name: tensors[name] for name in wanted}


def _from_sparsify(sae_files: SaeFiles, overrides: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """EleutherAI's sparsify and its kin: TopK on x − b_dec; sae-lens' converter wants a language model's layer."""
    about, tensors = formats.configuration(sae_files), load_file(sae_files.weights)
    if about.get("sae_type", "topk") != "topk" or about.get("transcode") or about.get("signed"):
        raise ValueError("it is no plain TopK SAE")
    d_sae, d_in = tensors["encoder.weight"].shape
    state = {
        "W_enc": tensors["encoder.weight"].T, "b_enc": tensors["encoder.bias"],
        "W_dec": tensors["W_dec"], "b_dec": tensors["b_dec"],
    }  # fmt: skip
    read_as = {
        "architecture": "topk", "k": about["k"], "d_in": d_in, "d_sae": d_sae, "apply_b_dec_to_input": True,
        "normalize_activations": "none", "activation_fn": "topk", "activation_fn_kwargs": {"k": about["k"]},
    }  # fmt: skip
    return read_as | overrides, {name: value.float().contiguous() for name, value in state.items()}


CONVERTERS = {
    "sae-lens": _from_sae_lens,
    "gemma-scope": _from_gemma_scope,
    "gemma-scope-2": _from_gemma_scope,
    "sparsify": _from_sparsify,
}


def _plain_arrays(sae: Any, mean: Tensor | None, trained: Trained, folder: Path) -> bytes:
    """The arrays of an SAE with everything that happens before the rule folded into encoder and bias."""
    rule, norm = RULES.get(sae.cfg.architecture()), sae.cfg.normalize_activations
    if rule is None:
        raise CoreError(f"The SAE in {folder} is a “{sae.cfg.architecture()}”; read are {', '.join(RULES)}.")
    if norm not in NORMS or sae.cfg.reshape_activations != "none":
        raise CoreError(f"The SAE in {folder} wants states prepared in a way that is not known here: {norm}.")
    encoder, decoder = sae.W_enc.detach().float(), sae.W_dec.detach().float()
    bias = (sae.b_gate if rule == "gated" else sae.b_enc).detach().float()
    decoder_bias = sae.b_dec.detach().float()
    folded = decoder_bias @ encoder if sae.cfg.apply_b_dec_to_input else torch.zeros_like(bias)
    bias = bias - folded
    arrays = {}
    if rule == "gated":
        gain = sae.r_mag.detach().float().exp()
        arrays = {"gain": gain, "b_mag": sae.b_mag.detach().float() - folded * gain}
    if getattr(sae.cfg, "rescale_acts_by_decoder_norm", False):
        norms = decoder.norm(dim=-1)
        encoder, bias, decoder = encoder * norms, bias * norms, decoder / norms[:, None]
    arrays |= {"W_enc": encoder, "b_enc": bias, "W_dec": decoder, "b_dec": decoder_bias}
    if rule == "jumprelu":
        arrays["threshold"] = sae.threshold.detach().float()
    if mean is not None:
        arrays["mean"] = mean.float()
    about = {
        "rule": rule,
        "norm": norm,
        "k": str(int(getattr(sae.cfg, "k", 0) or 0)),
        "rounds": str(_rounds(sae.cfg.metadata, folder) if rule == "topk" else 0),
        "trained": json.dumps(asdict(trained)),
        "cfg": json.dumps(sae.cfg.to_dict(), default=str),
    }
    return save({name: tensor.contiguous() for name, tensor in arrays.items()}, about)


def _rounds(metadata: Any, folder: Path) -> int:
    """Raises CoreError for what is no number of rounds: a file of somebody else's may say anything."""
    asked = metadata.correction_rounds or 0
    if not isinstance(asked, int) or not 0 <= asked <= MOST_ROUNDS:
        raise CoreError(
            f"The SAE in {folder} asks for {str(asked)[:40]!r} rounds of correction in the metadata of its cfg.json: "
            f"a whole number from 0 to {MOST_ROUNDS} is expected."
        )
    return int(asked)


def trained_on(metadata: Any, release: Release | None) -> Trained:
    """What sae-lens' metadata and directory say; what they do not say is what the field does."""
    processed = metadata.model_from_pretrained_kwargs or {}
    return Trained(
        release.model if release else str(metadata.model_name or ""),
        release.hook if release else str(metadata.hook_name or ""),
        metadata.prepend_bos is None or bool(metadata.prepend_bos),
        bool(processed.get("center_writing_weights")) or (release is not None and release.centred),
        int(metadata.context_size or 0),
    )
