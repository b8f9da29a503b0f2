"""The hub: its cache on this machine, read without network, and downloads into it. Never a pickle.

A repository's files lie where every program of the hub's own library keeps them: ``HF_HUB_CACHE``, else
``HF_HOME/hub``, else ``~/.cache/huggingface/hub``.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
import zipfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from core.errors import CoreError, EngineMissing
from core.settings import command
from core.types import Progress

POLL = 0.3
"""Seconds between two looks at a download."""
TEXTS = ("tokenizer.json", "vocab.json", "vocab.txt", "merges.txt")


def cache() -> Path:
    """The folder of the hub's cache, as the environment says now."""
    environment = os.environ
    if folder := environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE"):
        return Path(folder).expanduser()
    home = environment.get("HF_HOME") or Path(environment.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser() / "hub"


def split(rest: str) -> tuple[str, str]:
    """(OWNER/NAME, folder inside it) of OWNER/NAME[/FOLDER]."""
    owner, _, tail = rest.strip("/").partition("/")
    name, _, inside = tail.partition("/")
    if not owner or not name or ".." in rest:
        raise EngineMissing(f"“hub:{rest}” names no repository: it reads like hub:google/gemma-2b.")
    return f"{owner}/{name}", inside


def locate(rest: str) -> Path:
    """The folder of OWNER/NAME[/FOLDER] in the cache, of the revision that ``main`` is known to be.

    Raises EngineMissing, with the next step, where it was never downloaded.
    """
    repo, inside = split(rest)
    snapshot = _snapshot(repo)
    folder = None if snapshot is None else snapshot / inside
    if folder is None or not folder.is_dir():
        what = f"{repo} ({inside})" if inside else repo
        raise EngineMissing(
            f"{what} is not in the hub's cache, {cache()}. Download it: {command()} engines --prepare NAME (or "
            "copy the cache of a machine that has it)."
        )
    return folder


def _snapshot(repo: str) -> Path | None:
    home = _home(repo)
    ref = home / "refs" / "main"
    if ref.is_file() and (named := home / "snapshots" / ref.read_text().strip()).is_dir():
        return named
    snapshots = [p for p in (home / "snapshots").glob("*") if p.is_dir()]
    return max(snapshots, key=lambda p: p.stat().st_mtime, default=None)


def _home(repo: str) -> Path:
    return cache() / f"models--{repo.replace('/', '--')}"


# --- whole files ------------------------------------------------------------------------------------------------------


def damage(file: Path) -> str | None:
    """What is wrong with a weights file, in a few words; None where it is whole. Reads its header alone."""
    if not file.exists():
        return "its content is missing"
    if file.suffix == ".npz":
        return None if zipfile.is_zipfile(file) else "it is cut off"
    if file.suffix != ".safetensors":
        return None
    size = file.stat().st_size
    try:
        header, begins = tensors(file)
    except (ValueError, OSError):
        return "it is cut off or damaged"
    ends = begins + max((about["data_offsets"][1] for about in header.values()), default=0)
    return None if size == ends else f"it has {size:,} of {ends:,} bytes"


def tensors(file: Path) -> tuple[dict[str, Any], int]:
    """({tensor: {"dtype", "shape", "data_offsets"}}, first byte of the data) of a safetensors file."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 0 < length <= 100_000_000:
            raise ValueError("no safetensors header")
        header: dict[str, Any] = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    return header, 8 + length


# --- downloads --------------------------------------------------------------------------------------------------------


def model_file(name: str) -> bool:
    """Whether a file belongs to a language model or an embedder: weights, configuration, tokenizer."""
    parts = name.split("/")
    if len(parts) > 2 or (len(parts) == 2 and not parts[0][:1].isdigit()):  # “1_Pooling/config.json”
        return False
    twice = parts[-1].startswith("consolidated")  # the same weights in another layout
    return not twice and (name.endswith((".safetensors", ".json")) or parts[-1] in TEXTS)


def sae_file(folder: str) -> Callable[[str], bool]:
    """Whether a file belongs to the SAE in a repository's folder; all below it where that is the root."""

    def wanted(name: str) -> bool:
        inside = name.startswith(f"{folder}/") if folder else True
        return inside and name.endswith((".safetensors", ".json", ".npz"))

    return wanted


def fetch(repo: str, wanted: Callable[[str], bool]) -> Generator[Progress, None, None]:
    """Download what is missing of a repository; progress in bytes. Stopping keeps what has arrived.

    Raises EngineMissing with one sentence that holds the next step.
    """
    from huggingface_hub import HfApi

    yield Progress(0, 1, f"asking the hub for {repo}")
    try:
        about = HfApi().model_info(repo, files_metadata=True)
        files = {f.rfilename: int(f.size or 0) for f in about.siblings or [] if wanted(f.rfilename)}
    except Exception as problem:
        raise said(problem, repo) from problem
    weights = [name for name in files if name.endswith((".safetensors", ".npz"))]
    if not weights:
        raise EngineMissing(f"{repo} holds no safetensors or npz there: pickled weights (.bin, .pt) are never read.")
    snapshot = _snapshot(repo)
    left = {name: size for name, size in files.items() if snapshot is None or _lacks(snapshot / name)}
    total = sum(left.values())
    cache().mkdir(parents=True, exist_ok=True)
    if total > (free := shutil.disk_usage(cache()).free):
        raise CoreError(f"{repo} needs {total / 1e9:.1f} GB in {cache()}, and {free / 1e9:.1f} GB are free. Make room.")
    done = 0
    for name, size in left.items():
        for arrived in _download(repo, name):
            yield Progress(done + min(arrived, size), max(total, 1), f"{repo}: {name}")
        done += size
        yield Progress(done, max(total, 1), f"{repo}: {name}")


def _lacks(file: Path) -> bool:
    """Whether a file is to be downloaded; a damaged one is thrown away, or the hub would believe it whole."""
    if not file.exists():
        return True
    if damage(file) is None:
        return False
    file.resolve().unlink(missing_ok=True)
    file.unlink(missing_ok=True)
    return True


def _download(repo: str, name: str) -> Generator[int, None, None]:
    """Bytes that have arrived of one file, now and then."""
    from huggingface_hub import hf_hub_download
    from tqdm import tqdm

    arrived, stop, failed = [0], threading.Event(), list[BaseException]()

    class Silent(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **(kwargs | {"disable": True}))
            arrived[0] = int(kwargs.get("initial") or 0)

        def update(self, n: float | None = 1) -> None:  # type: ignore[override]
            if stop.is_set():
                raise InterruptedError
            arrived[0] += int(n or 0)

    def run() -> None:
        try:
            hf_hub_download(repo, name, cache_dir=cache(), tqdm_class=Silent)
        except BaseException as problem:
            failed.append(problem)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(POLL)
            yield arrived[0]
    finally:
        stop.set()
    if failed:
        raise said(failed[0], repo) from failed[0]


def said(problem: BaseException, repo: str) -> CoreError:
    """What went wrong with the hub, in one sentence with the next step."""
    from huggingface_hub import errors, get_token

    if isinstance(problem, OSError) and problem.errno == errno.ENOSPC:
        return CoreError(f"The disk of {cache()} is full: make room, then try again; what has arrived is kept.")
    login = "log in with `hf auth login` (or set HF_TOKEN)"
    page = f"https://huggingface.co/{repo}"
    anonymous = get_token() is None
    status = getattr(getattr(problem, "response", None), "status_code", None)
    sentences = [
        (isinstance(problem, errors.GatedRepoError) and anonymous,
         f"{repo} is gated: accept its licence on {page}, {login}, then try again."),
        (isinstance(problem, errors.GatedRepoError),
         f"{repo} is gated, and the account of your token has no access: ask for it on {page}."),
        (isinstance(problem, errors.RepositoryNotFoundError) and anonymous,
         f"The hub shows no {repo}: it has another name, or is private; then {login}."),
        (isinstance(problem, errors.RepositoryNotFoundError),
         f"The hub shows no {repo} to the account of your token: check the name on {page}."),
        (isinstance(problem, errors.OfflineModeIsEnabled),
         f"HF_HUB_OFFLINE forbids downloading {repo}: unset it, or copy the hub's cache of another machine here."),
        (status == 401, f"The hub refuses your token for {repo}: {login} anew."),
        (status == 403, f"The hub forbids {repo} to your token: ask for access on {page}."),
        (status is not None, f"The hub answered {status} for {repo}: try again later."),
        (True, f"The hub does not answer, so {repo} cannot be downloaded ({type(problem).__name__}): check the network "
               "and try again; what has arrived is kept. Or copy the hub's cache of another machine here."),
    ]  # fmt: skip
    return EngineMissing(next(sentence for applies, sentence in sentences if applies))
