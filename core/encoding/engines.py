"""Engines: a model, its SAE and its dense embedder behind two verbs, encode and trace.

Importing this loads no torch: an engine knows its fingerprint from its files, and loads them when it first encodes.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from core.encoding import catalogue
from core.encoding.catalogue import Catalogue
from core.encoding.pooling import cut, pool
from core.encoding.weights import digest, locate, weight_files
from core.errors import CoreError, EngineMissing
from core.settings import ASSETS
from core.types import Codes, Floats, TokenTrace

if TYPE_CHECKING:
    from core.encoding.dense import DenseEmbedder
    from core.encoding.dictionary import Dictionary
    from core.encoding.model import TokenModel, Tokens

CODE_FORMAT = 1
"""Raised when the same weights would give other codes."""
PART_TOKENS = 96
"""A longer text is scored by its best part: about 400 characters, a paragraph."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """One preset of ``assets/engines.toml``."""

    name: str
    title: str
    model: str
    """Place of the model's folder."""
    model_name: str
    """What the field calls the model."""
    hook: str
    window: int
    """Longest run of tokens in one forward pass; longer texts are cut into windows."""
    sae: str
    """Place of the SAE's folder."""
    dense: str
    """``pooled``, or the place of a sentence-transformers folder."""
    document_prefix: str = ""
    query_prefix: str = ""
    encoder: str = "trained"
    """``matching_pursuit``: the trained directions, found anew by greedy pursuit, with as many rounds as ``k``."""
    sink_norm: float = math.inf
    """Tokens with a longer state are attention sinks (Xiao et al. 2024), which say nothing of their word: like special
    tokens, they never become latents."""


def presets() -> dict[str, EngineSpec]:
    """Every engine the product knows, ready or not, by name."""
    table = tomllib.loads((ASSETS / "engines.toml").read_text(encoding="utf-8"))
    return {name: EngineSpec(name=name, **fields) for name, fields in table.items()}


class Encoder(Protocol):
    """What a bank needs of an engine; tests bring one that knows its texts without weights."""

    name: str

    @property
    def fingerprint(self) -> str: ...

    @property
    def about(self) -> dict[str, Any]: ...

    @property
    def warm(self) -> bool: ...

    @property
    def catalogue(self) -> Catalogue: ...

    def missing(self) -> list[str]: ...

    def load(self) -> None: ...

    def release(self) -> None: ...

    def encode(self, texts: list[str], query: bool = False) -> Codes: ...

    def trace(self, text: str) -> TokenTrace: ...


class Engine:
    """A preset with its files. Encoding holds a lock, since a model keeps state during a pass."""

    def __init__(self, spec: EngineSpec, dtype: Any = None) -> None:
        self.spec = spec
        self.name = spec.name
        self._dtype = dtype
        self._lock = threading.Lock()
        self._fingerprint: str | None = None
        self._catalogue: Catalogue | None = None
        self._loaded: tuple[TokenModel, Dictionary, DenseEmbedder | None] | None = None

    @classmethod
    def named(cls, name: str) -> Engine:
        known = presets()
        if name not in known:
            raise EngineMissing(f"No engine is called “{name}”. Known: {', '.join(known)}.")
        return cls(known[name])

    @property
    def fingerprint(self) -> str:
        """16 hex digits over the weights, hook, windows, masks and code format: equal means comparable codes."""
        if self._fingerprint is None:
            spec = self.spec
            dense = "pooled" if spec.dense == "pooled" else digest(weight_files(locate(spec.dense)))
            identity: dict[str, Any] = {
                "format": CODE_FORMAT,
                "model": digest(weight_files(locate(spec.model))),
                "sae": digest(_sae_files(locate(spec.sae))),
                "hook": spec.hook,
                "window": spec.window,
                "dense": dense,
                "prefixes": [spec.document_prefix, spec.query_prefix],
                "mask": "special tokens",
                "pooling": f"max, sum over parts of {PART_TOKENS} tokens",
            }
            if spec.encoder != "trained":
                identity["encoder"] = spec.encoder
            if spec.sink_norm < math.inf:
                identity["sink_norm"] = spec.sink_norm
            self._fingerprint = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
        return self._fingerprint

    @property
    def about(self) -> dict[str, Any]:
        """The preset and what its SAE's training reported, for provenance and the health card."""
        about: dict[str, Any] = asdict(self.spec)
        try:
            report = locate(self.spec.sae) / "report.json"
            about["training"] = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else None
        except EngineMissing:
            about["training"] = None
        return about

    @property
    def catalogue(self) -> Catalogue:
        """What is known of the latents before any bank; empty where nobody described the SAE."""
        if self._catalogue is None:
            try:
                self._catalogue = catalogue.read(locate(self.spec.sae))
            except EngineMissing:
                return Catalogue(None, None)
        return self._catalogue

    def missing(self) -> list[str]:
        """What keeps the engine from working, as sentences; empty when it is ready."""
        problems = []
        parts = [(self.spec.model, weight_files), (self.spec.sae, _sae_files)]
        parts += [] if self.spec.dense == "pooled" else [(self.spec.dense, weight_files)]
        for place, files in parts:
            try:
                files(locate(place))
            except EngineMissing as problem:
                problems.append(str(problem))
        return problems

    @property
    def warm(self) -> bool:
        return self._loaded is not None

    def load(self) -> None:
        """Read the weights. Seconds the first time, then nothing."""
        with self._lock:
            self._parts()

    def release(self) -> None:
        """Give the memory of the weights back; they are read again when they are needed."""
        with self._lock:
            self._loaded = None

    def encode(self, texts: list[str], query: bool = False) -> Codes:
        """One row per text. query: texts are queries, which some dense embedders prefix differently."""
        if not texts:
            raise CoreError("There is no text to encode.")
        with self._lock:
            model, dictionary, dense = self._parts()
            return encode_with(model, dictionary, texts, None if dense is None else dense.encode(texts, query))

    def trace(self, text: str) -> TokenTrace:
        """Every latent at every token of one text."""
        with self._lock:
            model, dictionary, _ = self._parts()
            tokens = model.tokenize([text])
            token, latent, value, residual, variance = activations(
                model, dictionary, tokens, int(tokens.text_indptr[-1])
            )
        n = len(residual)
        order = np.lexsort((latent, token))
        kept = ~tokens.special
        return TokenTrace(
            text,
            tokens.start[kept],
            tokens.end[kept],
            np.searchsorted(token[order], np.arange(n + 1)).astype(np.int64),
            latent[order].astype(np.int32),
            value[order],
            (residual / np.maximum(variance, 1e-12)).astype(np.float32),
        )

    def _parts(self) -> tuple[TokenModel, Dictionary, DenseEmbedder | None]:
        if self._loaded is None:
            from core.encoding import dictionary as dictionaries
            from core.encoding.dense import DenseEmbedder

            spec = self.spec
            pooled = spec.dense == "pooled"
            model = token_model(spec, self._dtype)
            dictionary = dictionaries.load(locate(spec.sae), model.dtype, model.device)
            if spec.encoder == "matching_pursuit" and isinstance(dictionary, dictionaries.PlainDictionary):
                dictionary = dictionaries.matching_pursuit(dictionary, dictionary.k)
            if dictionary.d_in != model.d_in:
                raise CoreError(
                    f"The SAE of engine “{spec.name}” reads states of {dictionary.d_in} numbers, "
                    f"but {spec.model_name} gives {model.d_in}: it was trained on another model."
                )
            dense = None if pooled else DenseEmbedder(locate(spec.dense), spec.document_prefix, spec.query_prefix)
            self._loaded = model, dictionary, dense
        return self._loaded


def token_model(spec: EngineSpec, dtype: Any = None) -> TokenModel:
    """The language model of a preset, cut off above its hook."""
    from core.encoding.model import TokenModel

    pooled = spec.dense == "pooled"
    return TokenModel(locate(spec.model), spec.hook, spec.window, pooled, dtype, sink_norm=spec.sink_norm)


def encode_with(model: TokenModel, dictionary: Dictionary, texts: list[str], dense: Floats | None) -> Codes:
    """The codes of texts; ``dense`` is taken as it is, or is the mean of the last layer where it is None."""
    from core.encoding.model import unit

    tokens = model.tokenize(texts)
    text_indptr = tokens.text_indptr
    sums = np.zeros((len(texts), model.d_in), np.float32) if dense is None else None
    token, latent, value, residual, variance = activations(model, dictionary, tokens, int(text_indptr[-1]), sums)
    part_indptr, part_start, part_tokens = cut(text_indptr, PART_TOKENS)
    pooled = pool(part_tokens, token, latent, value, dictionary.n_latents)
    kept = ~tokens.special
    token_text = np.repeat(np.arange(len(texts)), np.diff(text_indptr))

    def per_text(weights: np.ndarray) -> np.ndarray:
        return np.bincount(token_text, weights=weights, minlength=len(texts))

    return Codes(
        dense if dense is not None else unit(cast(Floats, sums)),
        dictionary.n_latents,
        part_indptr,
        part_start,
        pooled.indptr,
        pooled.latents,
        pooled.max,
        pooled.sum,
        pooled.peak + np.repeat(part_start, np.diff(pooled.indptr)),
        text_indptr,
        tokens.start[kept],
        tokens.end[kept],
        per_text(np.bincount(token, minlength=int(text_indptr[-1]))).astype(np.int32),
        per_text(residual).astype(np.float32),
        per_text(variance).astype(np.float32),
    )


def activations(
    model: TokenModel, dictionary: Dictionary, tokens: Tokens, n_tokens: int, sums: Floats | None = None
) -> tuple[np.ndarray, np.ndarray, Floats, Floats, Floats]:
    """(token, latent, value) of every activation, and the residual and variance of every token.

    sums, float32 [n, d], receives the summed last-layer states of each text, for the pooled dense vector. A mean and
    a sum differ by a factor, which the unit length removes.
    """
    residual, variance = np.zeros(n_tokens, np.float32), np.zeros(n_tokens, np.float32)
    rows, latents, values = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)], [np.zeros(0, np.float32)]
    for batch in model.states(tokens):
        found = dictionary.encode(batch.states)
        states = batch.states.float()
        decoded = dictionary.decode(found, len(states))
        residual[batch.token] = (states - decoded).square().sum(1).cpu().numpy()
        variance[batch.token] = (states - dictionary.mean.to(states.device)).square().sum(1).cpu().numpy()
        rows.append(batch.token[found.row.cpu().numpy()])
        latents.append(found.latent.int().cpu().numpy())
        values.append(found.value.cpu().numpy())
        if sums is not None:
            np.add.at(sums, tokens.window_text[batch.windows], batch.window_sums.numpy())
    return np.concatenate(rows), np.concatenate(latents), np.concatenate(values), residual, variance


def _sae_files(folder: Path) -> list[Path]:
    """What decides the latents: the weights and the configuration, not the statistics beside them."""
    weights = [
        p for p in weight_files(folder) if p.name not in ("stats.safetensors", catalogue.TRUST, catalogue.LEARNT)
    ]
    if not weights or not (folder / "cfg.json").is_file():
        raise EngineMissing(f"{folder} holds no SAE: cfg.json and sae_weights.safetensors are expected.")
    return [*weights, folder / "cfg.json"]
