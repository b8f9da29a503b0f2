"""Anyone's own pair of a model and an SAE: searched for, checked, tried on a sentence, kept as data.

Nothing here loads a model but ``trial``.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from core.encoding import engines
from core.encoding.engines import Engine, EngineSpec
from core.encoding.files import hub, releases
from core.encoding.files.releases import MODELS, Release
from core.encoding.files.weights import locate, weight_files, write_atomically
from core.encoding.sae import formats
from core.errors import CoreError, EngineMissing
from core.types import Progress

TRIAL = "My sister Anna moved to Lisbon in March, and she still misses the lake behind our old house."
ENOUGH = 0.5
"""Share of the variance below which an SAE's own authors' figure is worth a warning."""
WINDOW = 512


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check has to say about an engine."""

    level: str
    """``problem``: it cannot work · ``doubt``: it works, on something the SAE was not made for · ``warning``"""
    sentence: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What one sentence said about an engine."""

    tokens: int
    l0: float
    """Latents that fire at a token, on average."""
    fvu: float
    """Share of the variance of the token states that the SAE leaves out."""
    seconds: float
    load_seconds: float


def search_releases(text: str = "", limit: int = releases.SHOWN) -> list[Release]:
    """SAEs of sae-lens' directory whose release, id, model or hook contain all words of a text; works offline."""
    return releases.search(text, limit)


def make(
    name: str,
    model: str = "",
    sae: str = "",
    dense: str = "pooled",
    hook: str = "",
    layer: int | None = None,
    document_prefix: str = "",
    query_prefix: str = "",
    window: int = 0,
) -> EngineSpec:
    """An engine from what somebody typed.

    model, dense: a place (hub:…, folder:…, package:…), OWNER/NAME on the hub, or a folder; dense may be ``pooled``
    (the mean of the model's last layer), ``minilm`` or ``nomic``. sae: RELEASE/ID of sae-lens' directory, a place, or a
    folder. What is left out is what the SAE says: its model, its hook, its window. Raises CoreError.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,39}", name):
        raise CoreError("An engine's name has 1 to 40 letters, digits, dots, hyphens or underscores.")
    place, release = _sae_place(sae)
    config = _configuration(place)
    about = config.get("metadata") or config
    model = _place(model or (release.model if release else "") or str(about.get("model_name") or ""), "model")
    hook = hook or (f"blocks.{layer}.hook_resid_post" if layer is not None else "")
    hook = hook or (release.hook if release else _said_hook(about))
    if not hook:
        raise CoreError("Say which layer the SAE reads: --layer 12, or --hook blocks.12.hook_resid_post.")
    if dense != "pooled":
        dense = engines.DENSE[dense].place if dense in engines.DENSE else _place(dense, "dense embedder")
    nomic = "nomic-embed-text" in (model if dense == "pooled" else dense)
    spoken = model.partition(":")[2] if model.startswith("hub:") else Path(model.partition(":")[2]).name
    return EngineSpec(
        name=name,
        title=f"{spoken} with {release.release if release else Path(place.partition(':')[2]).name}, {hook}",
        model=model,
        model_name=spoken,
        hook=hook,
        window=window or (release.window if release else int(about.get("context_size") or WINDOW)),
        sae=place,
        dense=dense,
        document_prefix=document_prefix or ("search_document: " if nomic else ""),
        query_prefix=query_prefix or ("search_query: " if nomic else ""),
    )


def check(spec: EngineSpec) -> list[Finding]:
    """What speaks against an engine, from the files that are here and from sae-lens' directory, before any download.

    Whether the SAE's d_in, model and hook fit the model; what its authors say of its quality. Empty: nothing.
    """
    found: list[Finding] = []
    try:
        release = spec.release
        if release is not None and release.unreadable:
            return [Finding("problem", release.unreadable)]
        found += _about_sizes(spec, release) + _about_hook(spec, release) + _about_model(spec, release)
    except CoreError as problem:
        found.append(Finding("problem", str(problem)))
    return found


def estimate_bytes(spec: EngineSpec) -> int:
    """Memory that an engine takes: the layers up to its hook, the SAE, the dense embedder. 0 where nobody can tell yet.

    States in 16 bits on a GPU and on a CPU that is fast at it, else in 32; the SAE's decoder always in 32; for matching
    pursuit also the latents' cosines.
    """
    from core.encoding.model import best_device, best_dtype
    from core.encoding.sae.pursuit import pursuit_bytes

    width = best_dtype(best_device()).itemsize
    try:
        model = 0 if spec.one_token else _parameters(spec) * width
        d_in, d_sae = formats.sizes(formats.files(locate(spec.sae)))
        places = {spec.dense} | ({spec.model} if spec.one_token else set())
        dense = sum(f.stat().st_size for place in places - {"pooled"} for f in weight_files(locate(place)))
    except EngineMissing:
        return spec.download
    cosines = pursuit_bytes(d_sae) if spec.encoder == "matching_pursuit" else 0
    return model + d_in * d_sae * (width + 4) + dense + cosines


def trial(spec: EngineSpec, text: str = TRIAL) -> Trial:
    """Encode one sentence. Loads the engine; raises what loading raises, in sentences."""
    engine = Engine(spec)
    started = time.monotonic()
    engine.load()
    loaded = time.monotonic()
    codes = engine.encode([text])
    seconds = time.monotonic() - loaded
    tokens = len(codes.token_start)
    if not tokens:
        raise CoreError("The sentence has no token: type some words.")
    fvu = float(codes.residual.sum() / max(float(codes.variance.sum()), 1e-12))
    return Trial(tokens, float(codes.n_active.sum()) / tokens, fvu, seconds, loaded - started)


def prepare_engine(spec: EngineSpec) -> Generator[Progress, None, None]:
    """Download what an engine still needs; progress in bytes. Raises EngineMissing with the next step."""
    return Engine(spec).prepare()


def add(spec: EngineSpec, force: bool = False) -> EngineSpec:
    """Keep an engine among the user's own.

    force: also where one of that name is there, or a check has doubts. Raises CoreError with what speaks against it.
    """
    kept = engines.own()
    if spec.name in engines.presets() and spec.name not in kept:
        raise CoreError(f"“{spec.name}” ships with the product: choose another name.")
    if spec.name in kept and not force:
        raise CoreError(f"There is an engine called “{spec.name}” already: --force replaces it.")
    stop = {"problem"} if force else {"problem", "doubt"}
    against = [finding for finding in check(spec) if finding.level in stop]
    if against:
        way = "" if any(f.level == "problem" for f in against) else " --force adds it all the same."
        raise CoreError(" ".join(finding.sentence for finding in against) + way)
    _write(kept | {spec.name: spec})
    return spec


def remove(name: str) -> None:
    """Forget one of the user's own engines; its files and the codes in banks stay. Raises CoreError."""
    kept = engines.own()
    if name not in kept:
        mine = f"Yours: {', '.join(kept)}." if kept else "You added none."
        raise CoreError(f"None of your engines is called “{name}”. {mine}")
    _write({other: spec for other, spec in kept.items() if other != name})


# --- what somebody typed ----------------------------------------------------------------------------------------------


def _place(text: str, what: str) -> str:
    text = text.strip()
    if not text:
        raise CoreError(f"Say where the {what} comes from: OWNER/NAME on the hub, or a folder.")
    if re.match(r"[a-z-]+:", text):
        return text
    if Path(text).expanduser().is_dir():
        return f"folder:{Path(text).expanduser().absolute()}"
    return f"hub:{MODELS.get(text, (text, 0))[0]}"


def _sae_place(text: str) -> tuple[str, Release | None]:
    text = text.strip()
    if text.startswith("sae-lens:"):
        return text, releases.find(text.partition(":")[2])
    if not text or re.match(r"[a-z-]+:", text) or Path(text).expanduser().is_dir():
        return _place(text, "SAE"), None
    release = releases.find(text)
    return release.place, release


def _configuration(place: str) -> dict[str, Any]:
    """What the SAE's own file says, where it is on this machine."""
    try:
        return formats.configuration(formats.files(locate(place)))
    except EngineMissing:
        return {}


# --- checks -----------------------------------------------------------------------------------------------------------


def _model_config(spec: EngineSpec) -> dict[str, Any]:
    """The model's configuration, of the text part where it has several; empty where it is not on this machine."""
    try:
        file = locate(spec.model) / "config.json"
        config: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except EngineMissing:
        return {}
    except (OSError, ValueError) as problem:
        raise CoreError(f"The model of {spec.model} has no config.json that can be read: {problem}.") from problem
    return config | (config.get("text_config") or {})


def _of(config: dict[str, Any], *names: str) -> int:
    return next((int(config[name]) for name in names if config.get(name)), 0)


def _d_in(spec: EngineSpec, release: Release | None) -> int:
    try:
        return formats.sizes(formats.files(locate(spec.sae)))[0]
    except EngineMissing:
        return release.d_in if release else 0


def _about_sizes(spec: EngineSpec, release: Release | None) -> list[Finding]:
    known = dict(MODELS.values())
    config = _model_config(spec)
    gives = _of(config, "hidden_size", "n_embd") or known.get(spec.model_name, 0)
    d_in = _d_in(spec, release)
    if not gives or not d_in or gives == d_in:
        return []
    model = release.model if release else str(_trained(spec).get("model_name") or "")
    fitting = [r for r in releases.search(spec.model_name) if r.model == spec.model_name and not r.unreadable]
    other = f", or an SAE of {spec.model_name} such as {fitting[0].release}/{fitting[0].id}" if fitting else ""
    needs = f"It needs {model}: use that model{other}." if model else f"Use the model that it was trained on{other}."
    sentence = f"This SAE reads states of {d_in:,} numbers, but {spec.model_name} gives {gives:,}. {needs}"
    return [Finding("problem", sentence)]


def _about_hook(spec: EngineSpec, release: Release | None) -> list[Finding]:
    if spec.one_token:
        return []
    match = re.fullmatch(r"blocks\.(\d+)\.hook_resid_(pre|post)", spec.hook)
    if match is None:
        return [Finding("problem", f"The hook “{spec.hook}” is not known: it reads like blocks.6.hook_resid_post.")]
    layers = _of(_model_config(spec), "num_hidden_layers", "n_layer")
    if layers and int(match[1]) >= layers:
        return [Finding("problem", f"{spec.model_name} has {layers} layers (0–{layers - 1}), none for {spec.hook}.")]
    trained = release.hook if release else _said_hook(_trained(spec))
    if trained and _state(trained) != _state(spec.hook):
        return [Finding("doubt", f"This SAE was trained at {trained}, and the engine reads {spec.hook}.")]
    return []


def _about_model(spec: EngineSpec, release: Release | None) -> list[Finding]:
    found = []
    trained = release.model if release else str(_trained(spec).get("model_name") or "")
    if trained and spec.model.startswith("hub:") and _plain(trained) != _plain(spec.model_name):
        found.append(
            Finding("doubt", f"This SAE was trained on {trained}, and the engine's model is {spec.model_name}.")
        )
    explained = release.variance_explained if release else None
    if explained is not None and explained < ENOUGH:
        better = [r for r in releases.siblings(release) if (r.variance_explained or 0) >= ENOUGH] if release else []
        instead = f" {' or '.join(r.id for r in better)} explain more." if better else ""
        stated = f"Its authors state that {release.id if release else 'it'} explains {explained:.0%} of the variance"
        worse = ", less than a constant would" if explained < 0 else ""
        found.append(Finding("warning", f"{stated}{worse}: its latents say little.{instead}"))
    return found


def _trained(spec: EngineSpec) -> dict[str, Any]:
    config = _configuration(spec.sae)
    found: dict[str, Any] = config.get("metadata") or config
    return found


def _said_hook(about: dict[str, Any]) -> str:
    """The hook that an SAE's own file names; before sae-lens 6 the field had another name."""
    return str(about.get("hook_name") or about.get("hook_point") or "")


def _state(hook: str) -> str:
    """The same state under one name: resid_pre of a layer is resid_post of the layer below."""
    match = re.fullmatch(r"blocks\.(\d+)\.hook_resid_pre", hook)
    return f"blocks.{int(match[1]) - 1}.hook_resid_post" if match and int(match[1]) else hook


def _plain(model: str) -> str:
    return MODELS.get(model, (model, 0))[0].lower().rpartition("/")[2].removesuffix("-pt")


def _parameters(spec: EngineSpec) -> int:
    """Numbers in the model's tensors, those of layers above the hook left out where they are not needed."""
    match = re.fullmatch(r"blocks\.(\d+)\.hook_resid_(?:pre|post)", spec.hook)
    last = int(match[1]) if match and spec.dense != "pooled" else 10**6
    total = 0
    for file in weight_files(locate(spec.model)):
        if file.suffix != ".safetensors" or hub.damage(file):
            raise EngineMissing(f"{file} does not tell its sizes.")
        for name, about in hub.tensors(file)[0].items():
            layer = re.search(r"(?:^|\.)(?:layers?|h)\.(\d+)\.", name)
            if layer is None or int(layer[1]) <= last:
                n = 1
                for size in about["shape"]:
                    n *= int(size)
                total += n
    return total


# --- the file ---------------------------------------------------------------------------------------------------------


def _write(specs: dict[str, EngineSpec]) -> None:
    """TOML, one table an engine, of the fields that are not their defaults."""
    defaults = {f.name: f.default for f in fields(EngineSpec)}
    lines = ["# Engines added with `mnemoscope engines add` or on the Library page."]
    for name, spec in specs.items():
        lines += ["", f"[{json.dumps(name)}]"]
        for key, value in asdict(spec).items():
            if key != "name" and value != defaults[key]:
                lines.append(
                    f"{key} = {json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)}"
                )
    write_atomically(engines.own_file(), "\n".join([*lines, ""]).encode())
