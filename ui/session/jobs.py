"""Long tasks in a thread of their own: a page starts one, looks at it now and then, and may stop it."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from typing import Any, Literal

import streamlit as st

from core import CoreError, MemoryBank, Progress

State = Literal["running", "done", "stopped", "failed"]


class Job:
    """A generator of ``Progress`` being consumed in the background. Its thread calls nothing of Streamlit.

    Whatever else the generator yields is an interim result; what it returns is the last one.
    """

    def __init__(self, title: str, task: Generator[Any, None, Any], kind: str = "") -> None:
        self.title = title
        self.kind = kind
        """What sort of task it is, for those who tell its outcome."""
        self.progress = Progress(0, 1, "starting")
        self.results: list[Any] = []
        self.state: State = "running"
        self.problem = ""
        """The sentence of a CoreError that ended the task."""
        self.error: Exception | None = None
        """Any other exception: a bug, to be raised where somebody sees it."""
        self.started = time.monotonic()
        self.ended: float | None = None
        self._first_step: tuple[float, int] | None = None
        self._stop = threading.Event()
        self._task = task
        self._thread = threading.Thread(target=self._run, name=f"job {title}", daemon=True)

    def start(self) -> Job:
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the task after its current batch; what it stored stays stored."""
        self._stop.set()

    def wait(self, seconds: float | None = None) -> None:
        """For tests and scripts: until the thread has ended."""
        self._thread.join(seconds)

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def stopping(self) -> bool:
        return self.running and self._stop.is_set()

    @property
    def share(self) -> float:
        """0–1"""
        return min(1.0, self.progress.done / self.progress.total) if self.progress.total else 0.0

    @property
    def seconds(self) -> float:
        return (self.ended or time.monotonic()) - self.started

    @property
    def seconds_left(self) -> float | None:
        """At the pace since the first step, loading left out; None while there is no pace yet."""
        if self._first_step is None or self.progress.done <= self._first_step[1]:
            return None
        elapsed = time.monotonic() - self._first_step[0]
        return elapsed * (self.progress.total - self.progress.done) / (self.progress.done - self._first_step[1])

    def _run(self) -> None:
        try:
            self.state = self._consume()
        except CoreError as problem:
            self.problem = str(problem)
            self.state = "failed"
        except Exception as error:
            self.error = error
            self.state = "failed"
        finally:
            self.ended = time.monotonic()

    def _consume(self) -> State:
        while not self._stop.is_set():
            try:
                step = next(self._task)
            except StopIteration as end:
                self.results.append(end.value)
                return "done"
            if isinstance(step, Progress):
                self._note(step)
            else:
                self.results.append(step)
        self._task.close()
        return "stopped"

    def _note(self, step: Progress) -> None:
        if self._first_step is None or step.total != self.progress.total or step.done < self.progress.done:
            self._first_step = time.monotonic(), step.done
        self.progress = step


class Jobs:
    """At most one job per bank, kept until the next one starts so that its outcome can be read on any page."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(self, key: str, title: str, task: Generator[Any, None, Any], kind: str = "") -> Job:
        with self._lock:
            earlier = self._jobs.get(key)
            if earlier is not None and earlier.running:
                raise CoreError(f"“{earlier.title}” is still running on this bank: wait for it, or stop it.")
            self._jobs[key] = Job(title, task, kind).start()
            return self._jobs[key]

    def get(self, key: str) -> Job | None:
        return self._jobs.get(key)

    def running(self) -> bool:
        """Whether any task is still going on."""
        return any(job.running for job in self._jobs.values())

    def dismiss(self, key: str) -> None:
        """Forget a job that has ended."""
        with self._lock:
            if key in self._jobs and not self._jobs[key].running:
                del self._jobs[key]


# --- those of this process --------------------------------------------------------------------------------------------


@st.cache_resource(show_spinner=False)
def _jobs() -> Jobs:
    return Jobs()


def start(key: str, title: str, task: Generator[Any, None, Any], kind: str = "") -> Job:
    """Begin a task in the background. Raises CoreError where one of this key is still running."""
    return _jobs().start(key, title, task, kind)


def get(key: str) -> Job | None:
    return _jobs().get(key)


def of(bank: MemoryBank) -> Job | None:
    """The long task of a bank, running or just ended."""
    return get(str(bank.path))


def running() -> bool:
    return _jobs().running()


def dismiss(key: str) -> None:
    """Forget a job that has ended."""
    _jobs().dismiss(key)


def duration(seconds: float) -> str:
    """“40 s”, “3 min”: as exact as an estimate deserves."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
