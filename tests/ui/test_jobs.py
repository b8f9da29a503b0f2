from __future__ import annotations

import threading
import time
from collections.abc import Generator
from typing import Any

import pytest

from core import CoreError, Progress
from ui.session.jobs import Job, Jobs, duration
from ui.session.models import Warmer


def counting(n: int, gate: threading.Event | None = None, closed: list[str] | None = None) -> Generator[Any, None, str]:
    try:
        for i in range(n):
            yield Progress(i + 1, n, f"step {i + 1}")
            if gate is not None:
                gate.wait(5)
        return "the result"
    finally:
        if closed is not None:
            closed.append("closed")


def test_a_job_ends_with_its_result() -> None:
    job = Job("count", counting(3)).start()
    job.wait(5)
    assert job.state == "done"
    assert job.results == ["the result"]
    assert job.share == 1
    assert job.progress.note == "step 3"


def test_a_stop_closes_the_task_between_two_steps() -> None:
    gate, closed = threading.Event(), list[str]()
    job = Job("count", counting(100, gate, closed)).start()
    while job.progress.note != "step 1":
        time.sleep(0.001)
    job.stop()
    assert job.stopping
    gate.set()
    job.wait(5)
    assert (job.state, closed) == ("stopped", ["closed"])
    assert job.progress.done < 100


def test_a_core_error_becomes_its_sentence() -> None:
    def failing() -> Generator[Any, None, None]:
        yield Progress(1, 2)
        raise CoreError("The disk is full.")

    job = Job("fail", failing()).start()
    job.wait(5)
    assert (job.state, job.problem, job.error) == ("failed", "The disk is full.", None)


def test_any_other_error_is_kept_to_be_raised() -> None:
    def failing() -> Generator[Any, None, None]:
        yield Progress(1, 2)
        raise ZeroDivisionError

    job = Job("fail", failing()).start()
    job.wait(5)
    assert job.state == "failed"
    assert isinstance(job.error, ZeroDivisionError)


def test_interim_results_are_there_while_it_runs() -> None:
    gate = threading.Event()

    def two() -> Generator[Any, None, str]:
        yield "first"
        yield Progress(1, 2)
        gate.wait(5)
        return "last"

    job = Job("two", two()).start()
    while not job.results:
        time.sleep(0.001)
    assert job.running
    gate.set()
    job.wait(5)
    assert job.results == ["first", "last"]


def test_the_estimate_leaves_loading_out(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("ui.session.jobs.time.monotonic", lambda: clock[0])
    job = Job("steps", counting(1))
    job._note(Progress(0, 100, "loading"))
    assert job.seconds_left is None
    clock[0] = 30.0
    job._note(Progress(0, 1000, "first"))
    clock[0] = 40.0
    job._note(Progress(250, 1000))
    assert job.seconds_left == pytest.approx(30)


def test_one_job_per_bank() -> None:
    gate = threading.Event()
    jobs = Jobs()
    first = jobs.start("bank", "first", counting(2, gate))
    with pytest.raises(CoreError, match="“first” is still running"):
        jobs.start("bank", "second", counting(1))
    jobs.start("another bank", "third", counting(1))
    jobs.dismiss("bank")
    assert jobs.get("bank") is first
    gate.set()
    first.wait(5)
    jobs.dismiss("bank")
    assert jobs.get("bank") is None


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "1 s"), (41, "41 s"), (170, "3 min"), (7200, "2.0 h")])
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


class Slow:
    """An engine whose loading is in the test's hands."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.warm, self.loads, self.problem, self.gate = False, 0, problem, threading.Event()

    def missing(self) -> list[str]:
        return []

    def load(self) -> None:
        self.loads += 1
        self.gate.wait(5)
        if self.problem:
            raise self.problem
        self.warm = True


def test_the_model_is_loaded_once_whatever_is_clicked() -> None:
    engine = Slow()
    warmer = Warmer(engine)
    assert warmer.state == "cold"
    warmer.start()
    warmer.start()
    assert warmer.state == "warming"
    engine.gate.set()
    warmer._thread.join(5)  # type: ignore[union-attr]
    assert (warmer.state, engine.loads) == ("ready", 1)


@pytest.mark.parametrize("problem", [CoreError("No weights."), RuntimeError("broken file")])
def test_a_failed_load_is_told_and_not_tried_for_ever(problem: Exception) -> None:
    engine = Slow(problem)
    engine.gate.set()
    warmer = Warmer(engine)
    warmer.start()
    warmer._thread.join(5)  # type: ignore[union-attr]
    warmer.start()
    assert (warmer.state, engine.loads) == ("missing", 1)
    assert str(problem) in warmer.problems[0]
