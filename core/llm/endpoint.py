"""The one client for OpenAI-compatible chat endpoints: a local server or a service, set in the environment.

MNEMOSCOPE_LLM_URL is its base URL (``http://localhost:11434/v1``), MNEMOSCOPE_LLM_MODEL the model's name there,
MNEMOSCOPE_LLM_KEY the key where one is needed, MNEMOSCOPE_LLM_PRICE its price as ``in,out`` in USD per million tokens.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from core.errors import CoreError, EndpointRefuses
from core.llm.http import Line, check_url, json_of, place, send

if TYPE_CHECKING:
    import httpx

K = TypeVar("K")
Messages = Sequence[Mapping[str, str]]
"""Chat messages: ``{"role": "user", "content": …}``."""
CHARACTERS_PER_TOKEN = 4
SECONDS_FOR_AN_ANSWER = 120.0


@dataclass(frozen=True, slots=True)
class Request(Generic[K]):
    """One question to a model."""

    key: K
    """What the answer is for: comes back beside it."""
    messages: Messages
    max_tokens: int = 300
    temperature: float = 0.0
    schema: Mapping[str, Any] | None = None
    """JSON schema of the answer; endpoints that know none are asked without."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What some requests will take, roughly."""

    requests: int
    tokens_in: int
    tokens_out: int
    cost: float | None = None
    """USD; None where no price is set."""

    def __str__(self) -> str:
        size = f"{self.requests:,} requests, about {self.tokens_in:,} tokens in and {self.tokens_out:,} tokens out"
        if self.cost is None:
            return (
                f"{size}; the cost is unknown. Set MNEMOSCOPE_LLM_PRICE to “in,out” (USD per million tokens) to see it."
            )
        return f"{size}: about ${self.cost:,.2f}."


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is asked. Safe to share between threads. Its key is in no text that this module makes."""

    url: str
    model: str
    key: str = field(default="", repr=False)
    price: tuple[float, float] | None = None
    """USD per million tokens, in and out."""
    line: Line = field(default_factory=lambda: Line(SECONDS_FOR_AN_ANSWER))
    unknown: set[str] = field(default_factory=set, compare=False)
    """Settings that it refuses, learnt from its answers: they are left out from then on."""

    def __post_init__(self) -> None:
        base = check_url(self.url, "MNEMOSCOPE_LLM_URL").removesuffix("/chat/completions")
        object.__setattr__(self, "url", base)
        if not all("!" <= c <= "~" for c in self.key):
            raise CoreError("MNEMOSCOPE_LLM_KEY holds a space or a sign that no key has: copy it again.")

    @classmethod
    def from_environment(cls, url: str = "", model: str = "") -> Endpoint:
        """The endpoint that the environment names, but for what is given here.

        Raises CoreError with the name of the variable that is missing.
        """
        found = {name: os.environ.get(f"MNEMOSCOPE_LLM_{name}", "").strip() for name in ("URL", "MODEL", "KEY")}
        found |= {name: given for name, given in (("URL", url), ("MODEL", model)) if given}
        examples = {"URL": "http://localhost:11434/v1", "MODEL": "llama3.2"}
        for name, example in examples.items():
            if not found[name]:
                raise CoreError(f"No model to ask: set MNEMOSCOPE_LLM_{name}, for example to {example}.")
        return cls(found["URL"], found["MODEL"], found["KEY"], _price(os.environ.get("MNEMOSCOPE_LLM_PRICE", "")))

    @property
    def place(self) -> str:
        """The base URL as it may be shown."""
        return place(self.url)

    def complete(
        self,
        messages: Messages,
        max_tokens: int = 300,
        temperature: float = 0.0,
        schema: Mapping[str, Any] | None = None,
        stop: threading.Event | None = None,
    ) -> str:
        """The model's answer to a chat, never empty. Raises CoreError when none comes or when it is cut off."""
        request = Request(None, messages, max_tokens, temperature, schema)
        unknown = set(self.unknown)
        while True:
            answer = self.send("POST", "chat/completions", self.body(request, unknown), stop)
            refused = self._refused(answer, request, unknown)
            if refused is None:
                break
            unknown.add(refused)
        if answer.status_code != 200:
            raise self.refusal(answer)
        self.unknown.update(unknown)
        return self.text(json_of(answer), max_tokens)

    def body(self, request: Request[Any], unknown: Collection[str] | None = None) -> dict[str, Any]:
        """A request as the endpoint takes it, without the settings unknown to it (by default: those learnt so far)."""
        unknown = self.unknown if unknown is None else unknown
        schema = {"name": "answer", "strict": True, "schema": dict(request.schema or {})}
        settings = {
            "max_completion_tokens" if "max_tokens" in unknown else "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "response_format": {"type": "json_schema", "json_schema": schema} if request.schema is not None else None,
        }
        asked = {"model": self.model, "messages": [dict(message) for message in request.messages]}
        return asked | {name: value for name, value in settings.items() if name not in unknown and value is not None}

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        stop: threading.Event | None = None,
        file: tuple[str, bytes] | None = None,
        once: bool = False,
    ) -> httpx.Response:
        """The answer to one request with the key, as ``core.llm.http.send`` gives it."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return send(self.line, method, f"{self.url}/{path}", headers, body, stop, file, once)

    def batched(
        self, requests: Iterable[Request[K]], at_once: int = 4
    ) -> Generator[tuple[K, str | CoreError], None, None]:
        """(key, answer or the problem in its place) of each request, as they end, at_once of them at a time.

        Requests are taken as they are needed. Closing the generator starts no further try; answers under way are
        dropped.
        """
        stop, waiting = threading.Event(), iter(requests)
        running: dict[Future[str | CoreError], K] = {}
        pool = ThreadPoolExecutor(at_once, thread_name_prefix="llm")
        try:
            while True:
                for request in islice(waiting, at_once - len(running)):
                    running[pool.submit(self._answer, request, stop)] = request.key
                if not running:
                    return
                ended = next(iter(wait_for(running, return_when=FIRST_COMPLETED).done))
                yield running.pop(ended), ended.result()
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def estimate(self, requests: Iterable[Request[Any]], answer_tokens: int | None = None) -> Estimate:
        """What requests will take. answer_tokens: length of an answer; where not given, the most that may come."""
        n = tokens_in = tokens_out = 0
        for request in requests:
            n += 1
            tokens_in += sum(-(-len(message["content"]) // CHARACTERS_PER_TOKEN) for message in request.messages)
            tokens_out += request.max_tokens if answer_tokens is None else answer_tokens
        return self.priced(n, tokens_in, tokens_out)

    def priced(self, requests: int, tokens_in: int, tokens_out: int) -> Estimate:
        """An estimate with its cost, where a price is set."""
        price = self.price
        cost = None if price is None else (tokens_in * price[0] + tokens_out * price[1]) / 1e6
        return Estimate(requests, tokens_in, tokens_out, cost)

    def _answer(self, request: Request[Any], stop: threading.Event) -> str | CoreError:
        try:
            return self.complete(request.messages, request.max_tokens, request.temperature, request.schema, stop)
        except CoreError as problem:
            return problem

    def refusal(self, answer: httpx.Response) -> CoreError:
        """What an answer that is none says, as a sentence."""
        where, status, said = self.place, answer.status_code, self.said(_message(answer))
        if status in (401, 403):
            return EndpointRefuses(f"{where} refuses the key ({status}): check MNEMOSCOPE_LLM_KEY.")
        if status == 404:
            return EndpointRefuses(
                f"{where} has no model “{self.model}”, or is not the API's base URL (404){said}. "
                "Check MNEMOSCOPE_LLM_MODEL and MNEMOSCOPE_LLM_URL."
            )
        if 300 <= status < 400:
            return EndpointRefuses(
                f"{where} points elsewhere ({status}): set MNEMOSCOPE_LLM_URL to the address it points to."
            )
        return CoreError(f"{where} refuses the request ({status}){said}.")

    def said(self, text: str) -> str:
        """The endpoint's own words behind a colon, short and without the key, which some repeat; empty for none."""
        text = " ".join(text.split()).rstrip(".")
        if self.key:
            text = text.replace(self.key, "…")
        return f": {text[:200]}" if text else ""

    def text(self, found: Any, max_tokens: int) -> str:
        """The text of a chat completion. Raises CoreError where there is none or where it was cut off."""
        where = self.place
        try:
            choice = found["choices"][0]
            text, reason = choice["message"]["content"], choice.get("finish_reason")
        except (KeyError, IndexError, TypeError, AttributeError) as problem:
            raise CoreError(f"{where} answered with JSON that is no chat completion. Is the URL right?") from problem
        if reason == "length":
            raise CoreError(f"The answer of {self.model} was cut off at {max_tokens} tokens.")
        if not isinstance(text, str) or not text.strip():
            raise CoreError(f"{self.model} answered with no text (it ended by “{reason}”).")
        return text

    def _refused(self, answer: httpx.Response, request: Request[Any], unknown: Collection[str]) -> str | None:
        """The setting to leave out (or, as max_tokens, to give its newer name) after an answer; None: ask no more."""
        if answer.status_code not in (400, 422):
            return None
        sent = self.body(request, unknown)
        if "max_completion_tokens" in answer.text and "max_tokens" in sent:
            return "max_tokens"
        if "temperature" in answer.text and "temperature" in sent:
            return "temperature"
        return "response_format" if "response_format" in sent else None


def without_thoughts(answer: str) -> str:
    """An answer without what the model thought aloud before it."""
    return re.sub(r"<think>.*?</think>", "", answer, flags=re.DOTALL).strip()


def printable(answer: str) -> str:
    """An answer on one line, without what a terminal or a page would not show."""
    return " ".join("".join(c if c.isprintable() else " " for c in answer).split())


def json_in(answer: str) -> Any:
    """The JSON object in a model's answer, whatever stands around it; None where there is none."""
    text = without_thoughts(answer)
    try:
        return json.loads(text[text.index("{") : text.rindex("}") + 1])
    except (ValueError, RecursionError):
        return None


def _price(text: str) -> tuple[float, float] | None:
    if not text.strip():
        return None
    try:
        price_in, price_out = (float(part) for part in text.split(","))
    except ValueError:
        price_in = price_out = -1.0
    if not (0 <= price_in < float("inf") and 0 <= price_out < float("inf")):
        raise CoreError(
            "MNEMOSCOPE_LLM_PRICE is two numbers, USD per million tokens in and out, for example 0.15,0.60."
        )
    return price_in, price_out


def _message(answer: httpx.Response) -> str:
    try:
        found = answer.json()
        error = found.get("error", found.get("detail", ""))
        return str(error.get("message", "") if isinstance(error, dict) else error)
    except (ValueError, AttributeError):
        return ""
