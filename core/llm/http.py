"""One HTTP request to a server that may be busy, slow or gone: what passes is tried again, the rest is a sentence."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from core.errors import CoreError

if TYPE_CHECKING:
    import httpx

TRIES = 5
LONGEST_PAUSE = 120.0
"""Seconds. A server that asks for more is not waited for."""
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""Statuses that the same request may not meet a moment later."""
UNDONE = frozenset({425, 429, 503, 529})
"""Those of them that say that nothing was done."""

Wait = Callable[[threading.Event, float], bool]
"""Wait some seconds, or until the event is set; returns whether it is. ``threading.Event.wait`` outside tests."""


@dataclass(frozen=True, slots=True)
class Line:
    """How to speak to a server."""

    timeout: float = 60.0
    """Seconds without a byte after which a try is given up."""
    tries: int = TRIES
    wait: Wait = threading.Event.wait


def send(
    line: Line,
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
    stop: threading.Event | None = None,
    file: tuple[str, bytes] | None = None,
    once: bool = False,
) -> httpx.Response:
    """The answer to a request, read whole. Its status may still be an error that will not pass.

    body: sent as JSON or, beside a file (its name and content), as the fields of a form. once: what may have been done
    although no answer came is not sent again.
    Raises CoreError when the last try met a passing error, or when ``stop`` was set between two tries.
    """
    import httpx

    stop = stop or threading.Event()
    content: dict[str, Any] = {"json": body} if file is None else {"data": body, "files": {"file": file}}
    for left in reversed(range(line.tries)):
        asked = 0.0
        try:
            answer = _client().request(method, url, headers=dict(headers or {}), timeout=line.timeout, **content)
            if answer.status_code not in (UNDONE if once else PASSING):
                return answer
            problem = f"{place(url)} answered {answer.status_code} ({answer.reason_phrase or 'no reason given'})"
            asked = _asked_pause(answer.headers.get("Retry-After", ""))
        except httpx.RequestError as error:
            problem = _in_words(error, url, line.timeout)
            if once and not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
                raise CoreError(f"{problem}. Try again later; what is stored is kept.") from error
        if not left:
            raise CoreError(f"{problem}, {line.tries} times in a row. Try again later; what is stored is kept.")
        if asked > LONGEST_PAUSE:
            raise CoreError(f"{problem} and asks to wait {asked:,.0f} s. Try again then; what is stored is kept.")
        if line.wait(stop, max(asked, _pause(line.tries - left))):
            raise CoreError("Stopped before an answer came.")
    raise AssertionError("the last try returns or raises")


def place(url: str) -> str:
    """A URL as it may be shown: without user, password, query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def check_url(url: str, name: str) -> str:
    """The URL without a slash at its end. Raises CoreError where it is none of HTTP; name: the setting it came from."""
    try:
        parts = urlsplit(url.strip())
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        raise CoreError(f"{name} is no URL: it starts with http:// or https://, like http://localhost:11434/v1.")
    return url.strip().rstrip("/")


def json_of(answer: httpx.Response) -> Any:
    """The body as JSON. Raises CoreError where it is something else."""
    try:
        return answer.json()
    except ValueError as problem:
        raise CoreError(
            f"{place(str(answer.url))} answered with something that is no JSON. Is the URL that of the API?"
        ) from problem


@cache
def _client() -> httpx.Client:
    """One pool of connections for all threads. It follows no redirect: a key must not travel to another host."""
    import httpx

    return httpx.Client(follow_redirects=False, headers={"User-Agent": "mnemoscope"})


def _pause(tried: int) -> float:
    """Seconds before the next try: 1, 2, 4, … shortened by chance, so that many clients do not come back at once."""
    return min(LONGEST_PAUSE, 2.0 ** (tried - 1)) * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)


def _asked_pause(retry_after: str) -> float:
    """Seconds that a Retry-After header asks for, given as a number or as a date; 0 where it says neither."""
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _in_words(error: httpx.RequestError, url: str, timeout: float) -> str:
    """What went wrong. The error's own text is left out: it may quote a header, and with it the key."""
    import httpx

    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return f"{place(url)} cannot be reached"
    if isinstance(error, httpx.TimeoutException):
        return f"{place(url)} did not answer within {timeout:g} s"
    return f"{place(url)} broke off"
