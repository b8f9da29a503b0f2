"""A plan for ``tests.served``: an endpoint with chat completions, files and batches, as OpenAI's API describes them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.served import Asked, Step, said

Chat = Callable[[Asked], Step]


@dataclass
class BatchingEndpoint:
    """Each batch goes through ``statuses``, one a look; the last one stays. What ended was answered by ``chat``."""

    chat: Chat
    statuses: tuple[str, ...] = ("validating", "in_progress", "completed")
    answered: int | None = None
    """Requests answered before a batch ends; None: all."""
    errors: tuple[str, ...] = ()
    first: dict[tuple[str, str], list[Step]] = field(default_factory=dict)
    """Answers given before the usual ones, by method and path."""
    files: dict[str, str] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)

    def __call__(self, asked: Asked) -> Step:
        path = asked.path.removeprefix("/v1/").partition("?")[0]
        steps = self.first.get((asked.method, path))
        if steps:
            return steps.pop(0)
        if path == "chat/completions":
            return self.chat(asked)
        if asked.method == "POST":
            return self._file(asked.body) if path == "files" else self._begin(asked.body)
        if path == "batches":
            return Step(body={"object": "list", "data": list(self.batches.values())})
        kind, name = path.split("/")[:2]
        known: dict[str, Any] = self.files if kind == "files" else self.batches
        if name not in known:
            return Step(404, {"error": {"message": "no such thing"}})
        return Step(body=self.files[name]) if kind == "files" else self._look(name)

    def _file(self, form: str) -> Step:
        assert 'name="purpose"\r\n\r\nbatch' in form
        found = re.search(r'name="file"; filename="[^"]+\.jsonl"\r\n.*?\r\n\r\n(.*?)\r\n--', form, re.DOTALL)
        assert found is not None
        return self._stored(found[1])

    def _stored(self, content: str) -> Step:
        name = f"file-{len(self.files)}"
        self.files[name] = content
        return Step(body={"id": name, "object": "file"})

    def _begin(self, body: dict[str, Any]) -> Step:
        assert body["endpoint"] == "/v1/chat/completions"
        assert body["completion_window"] == "24h"
        name = f"batch-{len(self.batches)}"
        self.batches[name] = {"id": name, "object": "batch", "input_file_id": body["input_file_id"]}
        return self._look(name, begun=True)

    def _look(self, name: str, begun: bool = False) -> Step:
        looks = self.looks[name] = 0 if begun else self.looks[name] + 1
        batch = self.batches[name]
        batch["status"] = self.statuses[min(looks, len(self.statuses)) - 1] if looks else "validating"
        lines = self.files[batch["input_file_id"]].splitlines()
        batch["request_counts"] = {"total": len(lines), "completed": looks, "failed": 0}
        if batch["status"] in ("completed", "expired", "cancelled") and "output_file_id" not in batch:
            answered = len(lines) if self.answered is None else self.answered
            done = [self._line(json.loads(line)) for line in lines[:answered]]
            batch["output_file_id"] = self._stored("".join(json.dumps(line) + "\n" for line in reversed(done))).body[
                "id"
            ]
            error = {"code": "batch_expired", "message": "This request could not be executed in time"}
            late = [{"custom_id": json.loads(line)["custom_id"], "response": None, "error": error} for line in lines]
            batch["error_file_id"] = self._stored("".join(json.dumps(line) + "\n" for line in late[answered:])).body[
                "id"
            ]
        if batch["status"] == "failed":
            batch["errors"] = {"object": "list", "data": [{"code": "bad", "message": text} for text in self.errors]}
        return Step(body=dict(batch))

    def _line(self, request: dict[str, Any]) -> dict[str, Any]:
        assert (request["method"], request["url"]) == ("POST", "/v1/chat/completions")
        step = self.chat(Asked("POST", request["url"], {}, request["body"]))
        response = {"status_code": step.status, "request_id": "r", "body": step.body}
        return {"id": "b", "custom_id": request["custom_id"], "response": response, "error": None}


class Writer:
    """A model that writes what it is asked for: another each time, or what ``odd`` says for its nth answer."""

    def __init__(self, odd: dict[int, Step] | None = None) -> None:
        self.odd, self.n = odd or {}, 0

    def __call__(self, asked: Asked) -> Step:
        self.n += 1
        return self.odd.get(self.n) or written(category_of(asked), story(self.n))


def category_of(asked: Asked) -> str:
    found: str = asked.body["messages"][1]["content"].partition("\n")[0]
    return found.removeprefix("Category: ")


def story(n: int) -> str:
    """Twenty words that no other number has."""
    digits = f"{n:03}".translate(str.maketrans("0123456789", "abcdefghij"))
    return " ".join(f"{digits}{digits[::-1]}{chr(97 + i)}" for i in range(20))


def written(category: str, text: str, **step: Any) -> Step:
    return said(json.dumps({"category": category, "text": text}), **step)
