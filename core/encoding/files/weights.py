"""Where model files come from, and the proof of which ones they are."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path

from core.encoding.files import hub
from core.encoding.files.wheels import Packed
from core.errors import CoreError, EngineMissing
from core.paths import given_path
from core.settings import ASSETS, cache_folder, command, data_folder, hub_first
from core.types import Progress

PLACES = ("package:", "wheel:", "wheels:", "assets:", "trained:", "folder:", "hub:", "sae-lens:")


def locate(place: str) -> Path:
    """The folder behind a place name of ``engines.toml``.

    Raises EngineMissing, with the next step, where nothing lies there.
    """
    kind, _, rest = place.partition(":")
    if packed := _packed(place):
        return _on_hub(packed) or packed.locate()
    if kind == "package":
        name, _, inside = rest.partition("/")
        found = importlib.util.find_spec(name)
        if found is None or not found.submodule_search_locations:
            distribution = name.replace("_", "-")
            raise EngineMissing(f"The package “{distribution}” is not installed. Run: pip install {distribution}")
        folder = Path(found.submodule_search_locations[0]) / inside
    elif kind == "assets":
        folder = ASSETS / rest
    elif kind == "trained":
        folder = trained_folder(place) or Path()
        if not folder.is_dir():
            raise EngineMissing(
                "The SAE of this engine does not ship; it is trained once, on texts of your own: "
                f"{command()} train-sae --engine NAME --corpus FOLDER"
            )
    elif kind == "folder":
        folder = given_path(rest)
    elif kind in ("hub", "sae-lens"):
        return hub.locate(_in_hub(kind, rest))
    else:
        raise EngineMissing(f"“{place}” is not a place: it begins with {', '.join(PLACES[:-1])} or {PLACES[-1]}.")
    if not folder.is_dir():
        raise EngineMissing(f"There is no folder {folder} (from “{place}”).")
    return folder


def prepare(place: str) -> Generator[Progress, None, None]:
    """Bring what a place needs and this machine can fetch; does nothing where it is here already.

    Raises EngineMissing, with the next step, where it cannot be fetched.
    """
    kind, _, rest = place.partition(":")
    if packed := _packed(place):
        if hub_first() and packed.hub and not _on_hub(packed):
            try:
                yield from hub.fetch(packed.hub, hub.model_file)
            except CoreError as problem:
                yield Progress(0, 1, f"no answer from the hub, so from packages ({problem})")
        if not _on_hub(packed):
            yield from packed.prepare()
    elif downloadable(place):
        repo, inside = hub.split(_in_hub(kind, rest))
        yield from hub.fetch(repo, hub.sae_file(inside) if inside else hub.model_file)


def identity(place: str) -> str:
    """What the weights behind a place are, for a fingerprint: from the files, or from the hash they must have."""
    packed = _packed(place)
    return packed.identity if packed and not _on_hub(packed) else digest(weight_files(locate(place)))


def licence(place: str) -> str:
    """Under which licence the weights of a place come, where packages bring them; shown before they are fetched."""
    packed = _packed(place)
    return packed.licence if packed else ""


def trained_folder(place: str) -> Path | None:
    """Where an SAE lies that is trained on this machine; None for every other place."""
    kind, _, rest = place.partition(":")
    return data_folder() / "sae" / rest if kind == "trained" else None


def _packed(place: str) -> Packed | None:
    kind, _, rest = place.partition(":")
    if kind == "wheel":
        return Packed.of(rest)
    return Packed.named(rest) if kind == "wheels" else None


def _on_hub(packed: Packed) -> Path | None:
    """The same model in the hub's cache, where the user prefers it and it is there."""
    if not (packed.hub and hub_first()):
        return None
    try:
        return hub.locate(packed.hub)
    except EngineMissing:
        return None


def downloadable(place: str) -> bool:
    """Whether it lies in the hub's cache."""
    return place.startswith(("hub:", "sae-lens:"))


def _in_hub(kind: str, rest: str) -> str:
    """OWNER/NAME[/FOLDER] of a place in the hub."""
    if kind == "hub":
        return rest
    from core.encoding.files import releases

    release = releases.find(rest)
    if release.unreadable:
        raise EngineMissing(release.unreadable)
    return f"{release.repo}/{release.folder}"


def weight_files(folder: Path) -> list[Path]:
    """The weights of a model or SAE folder, in a fixed order."""
    for suffix in (".safetensors", ".npz", ".gguf"):  # a repository may hold the same weights twice
        if files := sorted(p for p in folder.iterdir() if p.suffix == suffix):
            return files
    raise EngineMissing(f"{folder} holds no weights (.safetensors, .npz or .gguf).")


def digest(files: Iterable[Path]) -> str:
    """SHA-256 over the contents of files, remembered by path, size and time of change: 100 MB take a while to read."""
    known_path = cache_folder() / "digests.json"
    try:
        known: dict[str, str] = json.loads(known_path.read_text())
    except (OSError, ValueError):
        known = {}
    total = hashlib.sha256()
    for file in files:
        stat = file.stat()
        key = f"{file}:{stat.st_size}:{stat.st_mtime_ns}"
        if key not in known:
            with file.open("rb") as stream:
                known[key] = hashlib.file_digest(stream, "sha256").hexdigest()
            write_atomically(known_path, json.dumps(known).encode())
        total.update(known[key].encode())
    return total.hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """The file is either the old one or the whole new one, whatever happens in between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as stream:
        try:
            stream.write(content)
            stream.close()
            os.replace(stream.name, path)
        except BaseException:
            Path(stream.name).unlink(missing_ok=True)
            raise
