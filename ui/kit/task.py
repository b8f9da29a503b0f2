"""A long task on a page: how far it is, how long it still takes, Stop; and how it ended."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ui.kit.prose import plain
from ui.session import jobs
from ui.session.jobs import Job, duration


def watch(job: Job, key: str, named: bool = False, also: Callable[[], None] | None = None) -> None:
    """Looks again every half second while the task runs; the page follows when it ends, or when it made something.

    key: of the Stop button. named: say which task it is. also: drawn below it.
    """
    made = len(job.results)

    @st.fragment(run_every=0.5)
    def look() -> None:
        if not job.running or len(job.results) > made:
            st.rerun()
        left = job.seconds_left
        estimate = f" · about {duration(left)} left" if left is not None else ""
        what = f"{job.title}: " if named else ""
        said = "stopping after this step" if job.stopping else f"{what}{job.progress.note}{estimate}"
        st.progress(job.share, text=plain(said))
        st.button("Stop", icon=":material/stop_circle:", on_click=job.stop, disabled=job.stopping, key=key)
        if also is not None:
            also()

    look()


def ended(job: Job, stopped: str) -> bool:
    """Whether a task came to its end; else why not. A bug is raised here, where somebody sees it.

    stopped: what is said of a task that was stopped, after how long it ran.
    """
    if job.error is not None:
        raise job.error
    if job.state == "failed":
        st.error(plain(job.problem), icon=":material/error:")
    elif job.state == "stopped":
        st.warning(f"Stopped after {duration(job.seconds)}. {stopped}", icon=":material/stop_circle:")
    return job.state == "done"


def panel(
    key: str,
    stop: str,
    stopped: str,
    done: Callable[[Job], None] = lambda _: None,
    named: bool = False,
    also: Callable[[Job], None] = lambda _: None,
) -> bool:
    """The task of this key, if there is one: its progress, or once how it ended. Whether it is running.

    stop: key of its button. done: what follows when it came to its end. also: drawn below it while it runs.
    """
    job = jobs.get(key)
    if job is None:
        return False
    if job.running:
        watch(job, stop, named, lambda: also(job))
        return True
    if ended(job, stopped):
        done(job)
    jobs.dismiss(key)
    return False
