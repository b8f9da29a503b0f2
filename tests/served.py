"""A server on this machine that answers as it is told, one step a request, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Step:
    """One answer: status, body (an object becomes JSON), headers; cut: the body ends before its length; after: s."""

    status: int = 200
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    after: float = 0.0


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


Plan = list[Step] | Callable[[Asked], Step]


@dataclass
class Served:
    url: str
    plan: Plan
    asked: list[Asked] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, asked: Asked) -> Step:
        """The last step of a list is repeated."""
        with self.lock:
            self.asked.append(asked)
            if callable(self.plan):
                return self.plan(asked)
            return self.plan[min(len(self.asked), len(self.plan)) - 1]


@contextmanager
def serve(plan: Plan) -> Iterator[Served]:
    served = Served("", plan)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer(None)

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            is_json = self.headers["Content-Type"] == "application/json"
            self.answer(json.loads(text) if is_json else text)

        def answer(self, body: Any) -> None:
            step = served.next(Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            time.sleep(step.after)
            data = (step.body if isinstance(step.body, str) else json.dumps(step.body)).encode()
            self.send_response(step.status)
            for name, value in step.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data) + 100 * step.cut))
            self.end_headers()
            self.wfile.write(data)
            self.close_connection = step.cut

        def log_message(self, *_: Any) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True  # the client gave up, as some tests want

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def said(content: str | None, finish_reason: str = "stop", **step: Any) -> Step:
    """A chat completion with this content."""
    message = {"role": "assistant", "content": content}
    return Step(body={"choices": [{"message": message, "finish_reason": finish_reason}]}, **step)
