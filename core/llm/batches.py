"""Many requests handed in at once and answered within a day: the batch protocol of OpenAI-compatible endpoints.

``Endpoint`` (core/llm/endpoint.py) speaks; here is what is said: a file of requests (POST /files), a batch over it
(POST /batches, GET /batches/ID), files of answers (GET /files/ID/content). A batch is a value that can be kept on disk:
whoever reads it later comes back for the answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.errors import CoreError
from core.llm.endpoint import Endpoint, Request
from core.llm.http import json_of

if TYPE_CHECKING:
    import httpx

MOST_REQUESTS = 50_000
"""In one batch, as OpenAI takes them."""
WINDOW = "24h"
ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
NOT_THERE = frozenset({404, 405, 501})


class NoBatches(CoreError):
    """The endpoint has no /files or no /batches: ask it one request at a time."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests that an endpoint has, in the order of its file's lines."""

    place: str
    """The endpoint's URL as it may be shown."""
    model: str
    file: str
    """What the endpoint calls the file of requests."""
    keys: tuple[str, ...]
    """What each request's answer is for."""
    max_tokens: int
    """Of each answer."""
    id: str = ""
    """What the endpoint calls the batch; empty until it is known to be begun."""


@dataclass(frozen=True, slots=True)
class State:
    """How far the endpoint is with a batch."""

    status: str
    answered: int
    said: str
    """Why it failed, behind a colon; empty where it did not."""
    files: tuple[str, ...]
    """Where answers are: what succeeded, what did not."""

    @property
    def ended(self) -> bool:
        return self.status in ENDED


def upload(endpoint: Endpoint, requests: Sequence[Request[str]]) -> Batch:
    """Send the requests; nothing is begun, and nothing costs, before ``begin``. Raises NoBatches."""
    asked = [
        {"custom_id": str(i), "method": "POST", "url": "/v1/chat/completions", "body": endpoint.body(request)}
        for i, request in enumerate(requests)
    ]
    content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in asked).encode()
    answer = endpoint.send("POST", "files", {"purpose": "batch"}, file=("requests.jsonl", content))
    keys = tuple(request.key for request in requests)
    return Batch(
        endpoint.place, endpoint.model, _id(endpoint, answer), keys, max(request.max_tokens for request in requests)
    )


def begin(endpoint: Endpoint, batch: Batch) -> Batch:
    """The batch with its id, begun now or by an earlier try whose answer was lost: never twice. Raises NoBatches."""
    known = endpoint.send("GET", "batches?limit=100")
    for one in _parts(json_of(known)).get("data") or () if known.status_code == 200 else ():
        if _parts(one).get("input_file_id") == batch.file and one.get("id"):
            return replace(batch, id=str(one["id"]))
    about = {"input_file_id": batch.file, "endpoint": "/v1/chat/completions", "completion_window": WINDOW}
    return replace(batch, id=_id(endpoint, endpoint.send("POST", "batches", about, once=True)))


def look(endpoint: Endpoint, batch: Batch) -> State:
    """How far a begun batch is. Raises CoreError where the endpoint does not know it any more."""
    answer = endpoint.send("GET", f"batches/{batch.id}")
    if answer.status_code == 404:
        raise CoreError(f"{endpoint.place} does not know the batch {batch.id} (404).")
    found = _object(endpoint, answer)
    counts, errors = _parts(found.get("request_counts")), _parts(found.get("errors")).get("data") or []
    files = (found.get("output_file_id"), found.get("error_file_id"))
    if not found.get("status"):
        raise CoreError(f"{endpoint.place} answered with JSON that is no batch. Is the URL right?")
    return State(
        str(found["status"]).lower(),
        sum(int(counts.get(name) or 0) for name in ("completed", "failed")),
        endpoint.said("; ".join(str(_parts(error).get("message", "")) for error in errors)),
        tuple(str(file) for file in files if file),
    )


def answers(endpoint: Endpoint, batch: Batch, state: State) -> Iterator[tuple[str, str | CoreError]]:
    """(key, answer or the problem in its place) of each request, once; what was not answered is the last ones' problem.

    A batch that failed or expired has the answers that came before.
    """
    left = dict(enumerate(batch.keys))
    for file in state.files:
        content = endpoint.send("GET", f"files/{file}/content")
        if content.status_code != 200:
            raise endpoint.refusal(content)
        for line in content.text.splitlines():
            number, answer = _answer(endpoint, line, batch.max_tokens)
            if number in left:
                yield left.pop(number), answer
    for key in left.values():
        yield key, CoreError(f"The batch {batch.id} ended without an answer (it is {state.status}{state.said}).")


def _answer(endpoint: Endpoint, line: str, max_tokens: int) -> tuple[int, str | CoreError]:
    """(number of the request, its answer) in a line of a file of answers; −1 where the line is none."""
    try:
        found = json.loads(line)
        number = int(found["custom_id"])
    except (ValueError, KeyError, TypeError):
        return -1, ""
    answer = _parts(found.get("response"))
    body, status = answer.get("body"), answer.get("status_code")
    if status == 200:
        try:
            return number, endpoint.text(body, max_tokens)
        except CoreError as problem:
            return number, problem
    error = _parts(_parts(body).get("error") or found.get("error"))
    said = endpoint.said(str(error.get("message") or error.get("code") or ""))
    return number, CoreError(f"A request of the batch failed ({status or 'not sent'}){said}.")


def _parts(value: Any) -> dict[str, Any]:
    """An object's parts; none of what is no object."""
    return value if isinstance(value, dict) else {}


def _id(endpoint: Endpoint, answer: httpx.Response) -> str:
    """The id of what an answer says was made."""
    if answer.status_code in NOT_THERE:
        raise NoBatches(f"{endpoint.place} takes no batches ({answer.status_code}).")
    found = _object(endpoint, answer).get("id")
    if not isinstance(found, str) or not found:
        raise CoreError(f"{endpoint.place} answered with JSON that names no file or batch. Is the URL right?")
    return found


def _object(endpoint: Endpoint, answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code not in (200, 201):
        raise endpoint.refusal(answer)
    found = json_of(answer)
    if not isinstance(found, dict):
        raise CoreError(f"{endpoint.place} answered with JSON that is no object. Is the URL right?")
    return found
