"""sae-lens' directory of published SAEs, read from its package without importing it: offline, and in a blink."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.encoding.files.weights import write_atomically
from core.errors import EngineMissing
from core.settings import cache_folder, command

FORMAT = 2
"""Raised when rows of the cached directory change."""
MODELS = {
    "gemma-2b": ("google/gemma-2b", 2048),
    "gemma-2b-it": ("google/gemma-2b-it", 2048),
    "gemma-2-2b": ("google/gemma-2-2b", 2304),
    "gemma-2-9b": ("google/gemma-2-9b", 3584),
    "gemma-2-9b-it": ("google/gemma-2-9b-it", 3584),
    "gemma-2-27b": ("google/gemma-2-27b", 4608),
    "google/gemma-3-270m": ("google/gemma-3-270m", 640),
    "google/gemma-3-270m-it": ("google/gemma-3-270m-it", 640),
    "google/gemma-3-1b-pt": ("google/gemma-3-1b-pt", 1152),
    "google/gemma-3-1b-it": ("google/gemma-3-1b-it", 1152),
    "google/gemma-3-4b-pt": ("google/gemma-3-4b-pt", 2560),
    "google/gemma-3-4b-it": ("google/gemma-3-4b-it", 2560),
    "google/gemma-3-12b-pt": ("google/gemma-3-12b-pt", 3840),
    "google/gemma-3-12b-it": ("google/gemma-3-12b-it", 3840),
    "google/gemma-3-27b-pt": ("google/gemma-3-27b-pt", 5376),
    "google/gemma-3-27b-it": ("google/gemma-3-27b-it", 5376),
    "gpt2-small": ("openai-community/gpt2", 768),
    "mistral-7b": ("mistralai/Mistral-7B-v0.1", 4096),
    "pythia-70m-deduped": ("EleutherAI/pythia-70m-deduped", 512),
    "meta-llama/Llama-3.1-8B": ("meta-llama/Llama-3.1-8B", 4096),
    "meta-llama/Meta-Llama-3-8B-Instruct": ("meta-llama/Meta-Llama-3-8B-Instruct", 4096),
}
"""Names that the directory uses: (name on the hub, numbers in a token state)."""
READABLE = {"", "gemma_2", "gemma_3"}
"""Conversions whose files are safetensors or npz, and SAEs on states of their own."""
CONTEXTS = {"gpt2-small": 128}
"""Tokens that the SAEs of a model were trained in, where fewer than 1,024."""
WIDTHS = {
    "4k": 4096,
    "16k": 16384,
    "32k": 32768,
    "65k": 65536,
    "131k": 131072,
    "262k": 262144,
    "524k": 524288,
    "1m": 2**20,
}
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Release:
    """One published SAE. Sizes are 0 where the directory does not tell them."""

    release: str
    id: str
    model: str
    """The model it was trained on, by its name on the hub where that is known."""
    hook: str
    """Empty where it reads something else than the residual stream."""
    d_in: int
    d_sae: int
    neuronpedia: str
    repo: str
    folder: str
    conversion: str
    l0: float
    variance_explained: float | None
    """Share of the variance that its authors state; may be negative."""
    norm_scaling_factor: float | None
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        return f"sae-lens:{self.release}/{self.id}"

    @property
    def unreadable(self) -> str:
        """Why it cannot be an engine's SAE, in a sentence; empty where it can."""
        if self.conversion not in READABLE:
            return f"{self.release}/{self.id} comes as a pickle or in a layout that is not read here."
        if not self.hook:
            return f"{self.release}/{self.id} does not read the residual stream of a layer (resid_pre or resid_post)."
        return ""

    @property
    def centred(self) -> bool:
        """Trained on states without their mean over the d numbers (TransformerLens' center_writing_weights)."""
        return bool((self.overrides.get("model_from_pretrained_kwargs") or {}).get("center_writing_weights"))

    @property
    def window(self) -> int:
        """Tokens of the contexts that it was trained in."""
        return next((n for name, n in CONTEXTS.items() if MODELS[name][0] == self.model), 1024)


def search(text: str = "", limit: int = SHOWN) -> list[Release]:
    """SAEs whose release, id, model or hook contain all words of a text; those that can be read first."""
    words = text.lower().split()
    found = [r for r, words_of in _searchable() if all(word in words_of for word in words)]
    return sorted(found, key=lambda r: bool(r.unreadable))[:limit]


def find(rest: str) -> Release:
    """The SAE called RELEASE/ID. Raises EngineMissing with what there is instead."""
    release, _, sae = rest.partition("/")
    ids = _by_release().get(release)
    if ids is None:
        near = [name for name in _by_release() if release and (release in name or name in release)][:5]
        known = f"Near: {', '.join(near)}." if near else f"Search in it: {command()} engines --search WORDS."
        raise EngineMissing(f"sae-lens' directory has no release “{release}”. {known}")
    if sae not in ids:
        some = ", ".join(list(ids)[:5]) + (" …" if len(ids) > 5 else "")
        raise EngineMissing(f"The release {release} has no SAE “{sae}”. It has {len(ids):,}: {some}")
    return ids[sae]


def siblings(release: Release) -> list[Release]:
    """Every SAE of the same release, the one given among them."""
    return list(_by_release()[release.release].values())


@lru_cache(maxsize=1)
def _by_release() -> dict[str, dict[str, Release]]:
    found: dict[str, dict[str, Release]] = {}
    for row in _rows():
        found.setdefault(row.release, {})[row.id] = row
    return found


@lru_cache(maxsize=1)
def _searchable() -> list[tuple[Release, str]]:
    return [(r, f"{r.release} {r.id} {r.model} {r.hook} {r.neuronpedia}".lower()) for r in _rows()]


@lru_cache(maxsize=1)
def _rows() -> list[Release]:
    """The whole directory, read once from YAML and kept as JSON, which takes a tenth of the time."""
    spec = importlib.util.find_spec("sae_lens")
    if spec is None or spec.origin is None:
        raise EngineMissing("The package “sae-lens” is not installed. Run: pip install sae-lens")
    source = Path(spec.origin).parent / "pretrained_saes.yaml"
    stat = source.stat()
    kept = cache_folder() / f"sae-releases-{FORMAT}-{stat.st_size}-{stat.st_mtime_ns}.json"
    try:
        return [Release(**row) for row in json.loads(kept.read_text())]
    except (OSError, ValueError, TypeError):
        rows = _read(source)
    write_atomically(kept, json.dumps([asdict(row) for row in rows]).encode())
    return rows


def _read(source: Path) -> list[Release]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, which takes a fifth of the time
    with source.open(encoding="utf-8") as stream:
        table = yaml.load(stream, Loader=loader)  # noqa: S506
    return [_row(name, about, sae) for name, about in table.items() for sae in about["saes"]]


def _row(name: str, about: dict[str, Any], sae: dict[str, Any]) -> Release:
    overrides = about.get("config_overrides") or {}
    model, d_in = MODELS.get(about["model"], (about["model"], 0))
    conversion, path = about.get("conversion_func") or "", str(sae["path"])
    width = re.search(r"width_(\w+?)(?:[/_]|$)", path)
    return Release(
        release=name,
        id=str(sae["id"]),
        model=model,
        hook=_hook(conversion, about["repo_id"], f"{sae['id']} {path}"),
        d_in=d_in,
        d_sae=WIDTHS.get(width[1], 0) if width else 0,
        neuronpedia=sae.get("neuronpedia") or "",
        repo=about["repo_id"],
        folder=path,
        conversion=conversion,
        l0=float(sae.get("l0") or 0),
        variance_explained=sae.get("variance_explained"),
        norm_scaling_factor=sae.get("norm_scaling_factor"),
        overrides=overrides,
    )


def _hook(conversion: str, repo: str, where: str) -> str:
    if match := re.search(r"blocks\.\d+\.hook_resid_(?:pre|post)", where):
        return match[0]
    layer = re.search(r"layer_(\d+)", where)
    residual = (conversion == "gemma_2" and repo.endswith("-res")) or (
        conversion == "gemma_3" and "resid_post" in where
    )
    return f"blocks.{layer[1]}.hook_resid_post" if residual and layer else ""
