"""Labels that Neuronpedia has for a public SAE: from a downloaded export, or latent by latent from its API."""

from __future__ import annotations

import gzip
import json
import math
import threading
import zlib
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from core.errors import CoreError
from core.labelling.by_model import LabelReport, Row, clean, stored, unlabelled
from core.llm.http import Line, json_of, place, send
from core.types import Progress

if TYPE_CHECKING:
    from core.bank.bank import MemoryBank

SITE = "https://www.neuronpedia.org"
SECONDS_BETWEEN_REQUESTS = 0.5
"""The site asks for its exports where many latents are wanted; this is slow enough for some hundreds."""
ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".json.gz")


def read_neuronpedia(file: str | Path, n_latents: int, sae: str = "") -> list[Row]:
    """(latent, "neuronpedia", text, score) by latent, from an export of explanations; a score may be None.

    file: JSON lines, a JSON list or ``{"explanations": […]}``, each also as .gz, or a folder of such files. Of several
    explanations of a latent the best scored counts, else the first. sae: ``gemma-2b/6-res-jb``, where it is known, and
    then records of another one are refused. Raises CoreError with file, line and field; nothing is stored here.
    """
    best: dict[int, tuple[str, float | None]] = {}
    for part in _files(Path(file)):
        for where, record in _records(part):
            for found in _explanations(record, where):
                latent = _index(found, where, n_latents)
                _check_sae(found, where, sae)
                text, score = _text(found, where), _score(found)
                known = best.get(latent)
                if text and (known is None or _rank(score) > _rank(known[1])):
                    best[latent] = text, score
    return [(latent, "neuronpedia", *best[latent]) for latent in sorted(best)]


def fetch_neuronpedia(
    sae: str, latents: Iterable[int], site: str = SITE, line: Line | None = None
) -> Iterator[tuple[int, Row | CoreError | None]]:
    """(latent, its row) of each latent from the public API, one every SECONDS_BETWEEN_REQUESTS; None: it has no label.

    sae: model and SAE as Neuronpedia names them, ``gemma-2b/6-res-jb``. A CoreError stands in the place of a row.
    """
    line, still = line or Line(), threading.Event()
    path = "/".join(quote(part, safe="") for part in sae.strip("/").split("/"))
    for i, latent in enumerate(latents):
        if i:
            line.wait(still, SECONDS_BETWEEN_REQUESTS)
        try:
            yield latent, _fetched(f"{site}/api/feature/{path}/{latent}", latent, line)
        except CoreError as problem:
            yield latent, problem


def label_from_neuronpedia(
    bank: MemoryBank, latents: Iterable[int], *, again: bool = False, site: str = SITE, line: Line | None = None
) -> Generator[Progress, None, LabelReport]:
    """Fetch and store labels of some latents, as ``label_with_llm`` does: stoppable, resumable.

    Raises CoreError where the engine's SAE is not on Neuronpedia.
    """
    sae = str(bank.engine.about.get("neuronpedia") or "")
    if not sae:
        raise CoreError(f"The SAE of engine {bank.engine.name} is not on Neuronpedia: nothing can be fetched for it.")
    todo, report = unlabelled(bank, latents, "neuronpedia", again)
    return (yield from stored(bank, fetch_neuronpedia(sae, todo, site, line), len(todo), report))


# --- files ------------------------------------------------------------------------------------------------------------


def _files(file: Path) -> list[Path]:
    if not file.is_dir():
        return [file]
    found = sorted(part for part in file.iterdir() if part.name.endswith(ENDINGS))
    if not found:
        raise CoreError(f"The folder {file.name} holds no .jsonl, .jsonl.gz or .json file.")
    return found


def _records(file: Path) -> Iterator[tuple[str, Any]]:
    """(where it stands, record) of a file: its lines, or the items of the one list that it is."""
    text = _read(file)
    first = text.lstrip()[:1]
    whole = _json(text) if first in ("[", "{") else None
    if isinstance(whole, dict) and "index" not in whole and "explanations" in whole:
        whole = whole["explanations"]
    if isinstance(whole, list):
        yield from ((f"{file.name}, record {i}", record) for i, record in enumerate(whole, 1))
        return
    for i, line in enumerate(text.split("\n"), 1):  # splitlines would break lines at signs that JSON allows in texts
        if line.strip():
            record = _json(line)
            if record is None:
                raise CoreError(f"{file.name}, line {i}: this is no JSON. Was the download cut off?")
            yield f"{file.name}, line {i}", record


def _read(file: Path) -> str:
    try:
        data = file.read_bytes()
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        raise CoreError(f"{file.name} cannot be read as an export of explanations: {reason}.") from problem


def _json(text: str) -> Any:
    """None where it is no JSON, nor something we could use."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


# --- records ----------------------------------------------------------------------------------------------------------


def _explanations(record: Any, where: str) -> Iterator[dict[str, Any]]:
    """A record is one explanation, or a latent with a list of them."""
    if not isinstance(record, dict):
        raise CoreError(f"{where}: an explanation is an object with “index” and “description”; this is none.")
    inner = record.get("explanations")
    if not isinstance(inner, list):
        yield record
        return
    outer = {name: record[name] for name in ("index", "modelId", "layer") if name in record}
    for one in inner:
        if not isinstance(one, dict):
            raise CoreError(f"{where}, field “explanations”: its items are objects; one is none.")
        yield outer | one


def _index(record: dict[str, Any], where: str, n_latents: int) -> int:
    given = record.get("index")
    text = "" if isinstance(given, bool) or given is None else str(given).strip()
    if not (text.isascii() and text.isdigit()):
        raise CoreError(f"{where}, field “index”: a latent's number is needed, this is {json.dumps(given)[:40]}.")
    if len(text) > 12 or int(text) >= n_latents:
        raise CoreError(
            f"{where}, field “index”: latent {text[:20]} does not exist, this dictionary has {n_latents:,}. "
            "The file belongs to another SAE. Nothing was changed."
        )
    return int(text)


def _check_sae(record: dict[str, Any], where: str, sae: str) -> None:
    theirs = [record.get(name) for name in ("modelId", "layer")]
    if sae and all(isinstance(part, str) and part for part in theirs) and "/".join(map(str, theirs)) != sae.strip("/"):
        raise CoreError(
            f"{where}: this explains {theirs[0]}/{theirs[1]}, and the engine's SAE is {sae}. "
            "The file belongs to another SAE. Nothing was changed."
        )


def _text(record: dict[str, Any], where: str) -> str:
    """The explanation as a label; empty where the record has none, as some do."""
    if "description" not in record:
        raise CoreError(f"{where}, field “description”: the explanation is missing.")
    given = record["description"]
    if given is not None and not isinstance(given, str):
        raise CoreError(f"{where}, field “description”: text is needed, this is {json.dumps(given)[:40]}.")
    return clean(given or "")


def _score(record: dict[str, Any]) -> float | None:
    """The newest score that the record states, or the mean of the several that scorers gave."""
    stated = [_number(record.get(name)) for name in ("score", "scoreV2", "scoreV1")]
    listed = record.get("scores")
    given = [_number(one.get("value")) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    known = [value for value in given if value is not None]
    mean = sum(known) / len(known) if known else None
    return next((value for value in stated if value is not None), mean)


def _number(given: Any) -> float | None:
    good = isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)
    return float(given) if good else None


def _rank(score: float | None) -> float:
    return -math.inf if score is None else score


# --- the API ----------------------------------------------------------------------------------------------------------


def _fetched(url: str, latent: int, line: Line) -> Row | None:
    answer = send(line, "GET", url)
    if answer.status_code == 404:
        return None
    if answer.status_code != 200:
        raise CoreError(f"{place(url)} refuses the request ({answer.status_code}).")
    found = json_of(answer)
    given = found.get("explanations") if isinstance(found, dict) else None
    best: Row | None = None
    for one in given if isinstance(given, list) else []:
        text = clean(one["description"]) if isinstance(one, dict) and isinstance(one.get("description"), str) else ""
        score = _score(one) if text else None
        if text and (best is None or _rank(score) > _rank(best[3])):
            best = (latent, "neuronpedia", text, score)
    return best
