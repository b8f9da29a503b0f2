"""Asking a language model: what is sent, what passes and is tried again, and the sentence for everything else."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest

from core.errors import CoreError
from core.llm.endpoint import Endpoint, Request, json_in
from core.llm.http import TRIES, Line
from tests.served import Asked, Plan, Step, said, serve

KEY = "sk-very-secret-key"
HELLO = [{"role": "user", "content": "Hello"}]


class Clock:
    """Waits no time, and remembers how long it would have waited."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def __call__(self, stop: threading.Event, seconds: float) -> bool:
        self.waited.append(seconds)
        return stop.is_set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def endpoint(url: str, clock: Clock, key: str = KEY, timeout: float = 5.0) -> Endpoint:
    return Endpoint(f"{url}/v1", "tiny", key, line=Line(timeout, wait=clock))


def problem(plan: Plan, clock: Clock, timeout: float = 5.0) -> str:
    """The sentence of a completion that fails."""
    with serve(plan) as served, pytest.raises(CoreError) as raised:
        endpoint(served.url, clock, timeout=timeout).complete(HELLO)
    assert KEY not in str(raised.value)
    return str(raised.value).replace(served.url, "URL")


# --- settings ---------------------------------------------------------------------------------------------------------


def test_the_environment_names_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "URL": "http://localhost:11434/v1/",
        "MODEL": "llama3.2",
        "KEY": KEY,
        "PRICE": "0.15, 0.6",
    }.items():
        monkeypatch.setenv(f"MNEMOSCOPE_LLM_{name}", value)
    found = Endpoint.from_environment()
    assert (found.url, found.model, found.key) == ("http://localhost:11434/v1", "llama3.2", KEY)
    assert found.price == (0.15, 0.6)
    assert KEY not in repr(found)


@pytest.mark.parametrize("missing", ["URL", "MODEL"])
def test_a_missing_variable_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "MODEL"):
        monkeypatch.setenv(f"MNEMOSCOPE_LLM_{name}", "http://localhost/v1" if name != missing else " ")
    with pytest.raises(CoreError, match=f"set MNEMOSCOPE_LLM_{missing}"):
        Endpoint.from_environment()


@pytest.mark.parametrize(
    "url", ["localhost:11434/v1", "ftp://host/v1", "http://", "http://host:99999/v1", "file:///etc"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(CoreError, match="MNEMOSCOPE_LLM_URL is no URL"):
        Endpoint(url, "tiny")


@pytest.mark.parametrize("price", ["1", "a,b", "1,2,3", "-1,2", "nan,1", "inf,1"])
def test_what_is_no_price_is_refused(price: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"URL": "http://localhost/v1", "MODEL": "m", "PRICE": price}.items():
        monkeypatch.setenv(f"MNEMOSCOPE_LLM_{name}", value)
    with pytest.raises(CoreError, match="MNEMOSCOPE_LLM_PRICE is two numbers"):
        Endpoint.from_environment()


@pytest.mark.parametrize("key", ["sk-a b", "sk-a\nX-Evil: 1", "sk-ä"])
def test_a_key_that_no_header_holds_is_refused_unseen(key: str) -> None:
    with pytest.raises(CoreError, match="MNEMOSCOPE_LLM_KEY") as raised:
        Endpoint("http://localhost/v1", "tiny", key)
    assert key not in str(raised.value)


# --- one request ------------------------------------------------------------------------------------------------------


def test_a_completion(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with serve([said("Hi.")]) as served, caplog.at_level(logging.DEBUG):
        assert endpoint(served.url, clock).complete(HELLO, 20, 0.5, {"type": "object"}) == "Hi."
    (asked,) = served.asked
    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert {name: asked.body[name] for name in ("model", "messages", "max_tokens", "temperature")} == {
        "model": "tiny", "messages": HELLO, "max_tokens": 20, "temperature": 0.5,
    }  # fmt: skip
    assert clock.waited == []
    assert KEY not in caplog.text


def test_without_a_key_none_is_sent(clock: Clock) -> None:
    with serve([said("Hi.")]) as served:
        endpoint(served.url, clock, key="").complete(HELLO)
    assert "authorization" not in served.asked[0].headers


def test_the_full_address_is_a_base_url_too() -> None:
    assert Endpoint("http://h/v1/chat/completions", "m").url == "http://h/v1"


@pytest.mark.parametrize("status", [500, 503, 529, 429, 408])
def test_what_passes_is_tried_again(status: int, clock: Clock) -> None:
    with serve([Step(status), Step(status), said("Hi.")]) as served:
        assert endpoint(served.url, clock).complete(HELLO) == "Hi."
    assert len(served.asked) == 3
    assert 0.5 <= clock.waited[0] <= 1 <= clock.waited[1] <= 2


def test_retry_after_is_honoured(clock: Clock) -> None:
    soon = formatdate(time.time() + 30, usegmt=True)
    plan = [Step(429, headers={"Retry-After": "7"}), Step(429, headers={"Retry-After": soon}), said("Hi.")]
    with serve(plan) as served:
        assert endpoint(served.url, clock).complete(HELLO) == "Hi."
    assert clock.waited[0] == 7
    assert 25 < clock.waited[1] <= 30


def test_who_asks_to_wait_an_hour_is_not_waited_for(clock: Clock) -> None:
    assert "asks to wait 3,600 s" in problem([Step(429, headers={"Retry-After": "3600"})], clock)
    assert clock.waited == []


def test_nonsense_in_retry_after_counts_as_none(clock: Clock) -> None:
    with serve([Step(429, headers={"Retry-After": "soon"}), said("Hi.")]) as served:
        assert endpoint(served.url, clock).complete(HELLO) == "Hi."
    assert clock.waited[0] <= 1


def test_a_server_that_stays_broken_is_given_up(clock: Clock) -> None:
    assert problem([Step(500)], clock).startswith(
        "URL/v1/chat/completions answered 500 (Internal Server Error), 5 times"
    )
    assert len(clock.waited) == TRIES - 1
    assert 4 <= clock.waited[-1] <= 8


def test_a_time_out_is_tried_again(clock: Clock) -> None:
    with serve([said("late", after=0.5), said("Hi.")]) as served:
        assert endpoint(served.url, clock, timeout=0.15).complete(HELLO) == "Hi."
    assert len(served.asked) == 2


def test_an_endless_time_out_is_said(clock: Clock) -> None:
    assert "did not answer within 0.05 s, 5 times in a row" in problem([said("late", after=0.3)], clock, timeout=0.05)


def test_a_body_that_breaks_off_is_tried_again(clock: Clock) -> None:
    with serve([said("Hi", cut=True), said("Hi.")]) as served:
        assert endpoint(served.url, clock).complete(HELLO) == "Hi."
    assert "broke off, 5 times" in problem([said("Hi", cut=True)], clock)


def test_nobody_there(clock: Clock) -> None:
    with serve([]) as served:
        pass
    with pytest.raises(CoreError, match="cannot be reached"):
        endpoint(served.url, clock).complete(HELLO)


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (Step(401, {"error": {"message": f"Wrong key {KEY}"}}), "refuses the key (401): check MNEMOSCOPE_LLM_KEY"),
        (Step(403), "refuses the key (403)"),
        (Step(404, {"error": {"message": "no such model"}}), "has no model “tiny”"),
        (Step(400, {"error": f"too long for {KEY}"}), "refuses the request (400): too long for …."),
        (Step(302, headers={"Location": "http://elsewhere/"}), "points elsewhere (302)"),
        (Step(body='{"choices": [{"message"'), "something that is no JSON"),
        (Step(body="<html>Welcome</html>"), "something that is no JSON"),
        (Step(body={"hello": 1}), "no chat completion"),
        (Step(body=[]), "no chat completion"),
        (Step(body={"choices": []}), "no chat completion"),
        (Step(body={"choices": ["x"]}), "no chat completion"),
        (said("A half answ", "length"), "cut off at 300 tokens"),
        (said(None, "tool_calls"), "answered with no text (it ended by “tool_calls”)"),
        (said("  \n", "content_filter"), "answered with no text"),
    ],
)
def test_what_does_not_pass_is_a_sentence(step: Step, sentence: str, clock: Clock) -> None:
    assert sentence in problem([step], clock)
    assert clock.waited == []


def test_settings_that_an_endpoint_refuses_are_left_out(clock: Clock) -> None:
    def picky(asked: Asked) -> Step:
        if "max_tokens" in asked.body:
            return Step(400, {"error": {"message": "Unsupported: 'max_tokens'. Use 'max_completion_tokens'."}})
        if "temperature" in asked.body:
            return Step(400, {"error": {"message": "Only the default temperature is supported"}})
        return Step(422, "what?") if "response_format" in asked.body else said("Hi.")

    with serve(picky) as served:
        one = endpoint(served.url, clock)
        assert one.complete(HELLO, 20, schema={"type": "object"}) == "Hi."
        assert served.asked[-1].body == {"model": "tiny", "messages": HELLO, "max_completion_tokens": 20}
        before = len(served.asked)
        one.complete(HELLO, 20, schema={"type": "object"})
        assert len(served.asked) == before + 1, "what it learnt is not asked again"


def test_what_was_left_out_in_vain_is_sent_again(clock: Clock) -> None:
    with serve([Step(400, "no"), Step(400, "still no"), said("Hi.")]) as served:
        one = endpoint(served.url, clock)
        with pytest.raises(CoreError, match="refuses the request"):
            one.complete(HELLO, schema={"type": "object"})
        one.complete(HELLO, schema={"type": "object"})
    assert ["response_format" in asked.body for asked in served.asked] == [True, False, True]


def test_what_may_have_been_done_is_not_sent_again(clock: Clock) -> None:
    for step in (said("late", after=0.3), said("Hi", cut=True)):
        with serve([step]) as served, pytest.raises(CoreError):
            endpoint(served.url, clock, timeout=0.1).send("POST", "batches", {}, once=True)
        assert len(served.asked) == 1
    with serve([Step(429), Step(503), Step(500)]) as served:
        assert endpoint(served.url, clock).send("POST", "batches", {}, once=True).status_code == 500
    assert len(served.asked) == 3


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ('<think>{"a": 2}?</think>Here:\n```json\n{"a": {"b": 1}}\n```', {"a": {"b": 1}}),
        ('{"a": "cut o', None),
        ("no object", None),
        ("} and {", None),
        ('{"a": ' * 100_000 + "1" + "}" * 100_000, None),
    ],
)
def test_the_object_in_an_answer(answer: str, found: object) -> None:
    assert json_in(answer) == found


# --- many requests ----------------------------------------------------------------------------------------------------


def requests(n: int) -> list[Request[int]]:
    return [Request(i, [{"role": "user", "content": str(i)}]) for i in range(n)]


def echo(asked: Asked) -> Step:
    return said(asked.body["messages"][0]["content"])


def test_many_requests_come_back_with_their_keys(clock: Clock) -> None:
    def some_fail(asked: Asked) -> Step:
        return Step(401) if asked.body["messages"][0]["content"] == "3" else echo(asked)

    with serve(some_fail) as served:
        found = dict(endpoint(served.url, clock).batched(requests(9), at_once=4))
    assert isinstance(found.pop(3), CoreError)
    assert found == {i: str(i) for i in range(9) if i != 3}


def test_no_more_than_so_many_at_once(clock: Clock) -> None:
    at_work, most, lock = [0], [0], threading.Lock()

    with serve(echo) as served:
        one = endpoint(served.url, clock)
        complete = Endpoint.complete

        def watched(self: Endpoint, *args: object) -> str:
            with lock:
                at_work[0] += 1
                most[0] = max(most[0], at_work[0])
            time.sleep(0.02)
            try:
                return complete(self, *args)  # type: ignore[arg-type]
            finally:
                with lock:
                    at_work[0] -= 1

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Endpoint, "complete", watched)
            assert len(dict(one.batched(requests(12), at_once=3))) == 12
    assert most == [3]


def test_requests_are_made_only_when_needed(clock: Clock) -> None:
    taken: list[int] = []

    def lazily() -> Iterator[Request[int]]:
        for request in requests(100):
            taken.append(request.key)
            yield request

    with serve(echo) as served:
        answers = endpoint(served.url, clock).batched(lazily(), at_once=2)
        next(answers)
        answers.close()
    assert len(taken) == 2
    assert len(served.asked) <= 2


def test_closing_starts_no_further_try() -> None:
    """The waiting threads hear of it at once, not at the end of their pause."""
    plan = lambda asked: echo(asked) if asked.body["messages"][0]["content"] == "0" else Step(500)  # noqa: E731
    with serve(plan) as served:
        answers = Endpoint(f"{served.url}/v1", "tiny").batched(requests(4), at_once=4)
        assert next(answers) == (0, "0")
        answers.close()
        ours = [t for t in threading.enumerate() if t.name.startswith("llm")]
        for thread in ours:
            thread.join(3)
        assert not any(t.is_alive() for t in ours)
    assert len(served.asked) <= 8


def test_an_error_of_ours_stays_loud(clock: Clock) -> None:
    broken: list[Request[int]] = [Request(0, [{"role": "user", "content": object()}])]  # type: ignore[dict-item]
    with serve(echo) as served, pytest.raises(TypeError):
        list(endpoint(served.url, clock).batched(broken))


# --- cost -------------------------------------------------------------------------------------------------------------


def test_an_estimate_with_and_without_a_price() -> None:
    chats = [Request(i, [{"role": "user", "content": "x" * 401}], max_tokens=50) for i in range(10)]
    free = Endpoint("http://h/v1", "m").estimate(chats)
    assert (free.requests, free.tokens_in, free.tokens_out, free.cost) == (10, 1010, 500, None)
    assert "MNEMOSCOPE_LLM_PRICE" in str(free)
    priced = Endpoint("http://h/v1", "m", price=(1000.0, 2000.0)).estimate(chats, answer_tokens=20)
    assert priced.cost == pytest.approx(1010 * 1e-3 + 200 * 2e-3)
    assert str(priced) == "10 requests, about 1,010 tokens in and 200 tokens out: about $1.41."
    assert Endpoint("http://h/v1", "m").estimate([]).requests == 0
