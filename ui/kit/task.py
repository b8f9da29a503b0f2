"""A long task on a page: how far it is, how long it still takes, and Stop."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ui.kit import parts
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
        st.progress(job.share, text=parts.plain(said))
        st.button("Stop", icon=":material/stop_circle:", on_click=job.stop, disabled=job.stopping, key=key)
        if also is not None:
            also()

    look()
