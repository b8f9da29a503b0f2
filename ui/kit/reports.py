"""The long task of a bank: the files it has stored so far, and what became of each row."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import ImportReport, MemoryBank
from ui.kit import prose, task
from ui.kit.export import file_of
from ui.kit.task import ended
from ui.session import answers, jobs
from ui.session.jobs import Job, duration


def progress(bank: MemoryBank) -> None:
    """The running task with its estimate and Stop, or what became of it."""
    job = jobs.of(bank)
    if job is None:
        return
    if job.running:
        watch(job)
        return
    outcome(bank, job)
    st.button("Close this report", key="library_dismiss", on_click=jobs.dismiss, args=(str(bank.path),))


def watch(job: Job) -> None:
    """The running task, and the files that it has stored so far."""

    def stored() -> None:
        for report in job.results:
            if isinstance(report, ImportReport):
                prose.small(report_line(report))

    task.watch(job, "library_stop", also=stored)


def outcome(bank: MemoryBank, job: Job) -> None:
    """How a task of a bank ended, in words, with the files it stored."""
    waiting = f"What was stored is kept; {answers.counts(bank)['pending']:,} memories wait to be encoded."
    if ended(job, waiting if job.kind == "intake" else "Nothing was changed."):
        _done(job)
    for report in job.results:
        if isinstance(report, ImportReport):
            show_report(bank, report)


def _done(job: Job) -> None:
    took, last = f"Done in {duration(job.seconds)}", job.results[-1]
    if job.kind == "trust":
        st.success(f"{took}. {measured(last)}", icon=":material/verified:")
    elif job.kind == "learn":
        st.success(f"Learnt from {last:,} questions. Figures on these very questions say nothing of others.")
    else:
        st.success(f"{took}: {last or 0:,} memories encoded.", icon=":material/check_circle:")


def measured(figures: dict[str, Any]) -> str:
    """What a measurement of trust found, in a sentence."""
    return (
        f"Over the {figures['n_latents']:,} labels with enough texts a side, of {prose.plain(figures['texts'])}, "
        f"mean trust is {figures['mean_auroc']:.2f}, against {figures['shuffled_auroc']:.2f} when labels are dealt to "
        "other latents."
    )


def report_line(report: ImportReport) -> str:
    return (
        f"{report.read:,} rows read: {report.added:,} added, {report.already_there:,} already there, "
        f"{len(report.refused) + report.refused_more:,} refused. {report.questions:,} questions."
    )


def _said(report: ImportReport) -> list[str]:
    """What was left out, found out and assumed, a sentence each."""
    left = ", ".join(f"{count:,} {what}" for what, count in report.left_out.items())
    return [*([f"Left out: {left}."] if left else []), *report.said[:50]]


def refused_rows(report: ImportReport) -> list[dict[str, Any]]:
    return [{"file": r.source, "line": r.line, "field": r.field, "reason": r.reason} for r in report.refused]


def show_report(bank: MemoryBank, report: ImportReport) -> None:
    """Counts, and every refused row with its place and reason."""
    prose.small(report_line(report))
    for said in _said(report):
        st.caption(prose.plain(said))
    if report.offered:
        st.caption("These texts differ from the stored ones, which were kept; `import --replace` takes the new ones.")
        rows = [{"id": r.id, "stored": r.old, "in the file": r.new, "file": r.source} for r in report.offered]
        st.dataframe(rows, hide_index=True, height=min(38 + 35 * len(rows), 320))
    if not report.refused:
        return
    rows = refused_rows(report)
    st.caption("These rows were not imported. Everything else was; correct them and import the file again.")
    st.dataframe(rows, hide_index=True, height=min(38 + 35 * len(rows), 320))
    st.download_button(
        "Download the refused rows", data=lambda: file_of(rows, {"bank": bank.name}, "csv"),
        file_name=f"{bank.name}-refused.csv", on_click="ignore", icon=":material/download:", key="library_refused",
    )  # fmt: skip
