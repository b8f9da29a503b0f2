"""Memories into a bank: uploads and paths, the running task, and its report."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import streamlit as st

from core import FORMATS, CoreError, ImportReport, MemoryBank
from ui.kit import parts
from ui.kit import task as watching
from ui.kit.export import file_of
from ui.session import answers, jobs
from ui.session.jobs import Job, duration

FORMAT_WORDS = {
    "auto": "recognise it",
    "jsonl": "JSON Lines or JSON, one memory per object",
    "csv": "CSV, one memory per row",
    "parquet": "Parquet, one memory per row",
    "locomo": "LoCoMo dialogues",
    "longmemeval": "LongMemEval cases",
}


MEASURING = "Measuring trust in "
"""How the title of the task begins that stores no memories."""


def reading(
    bank: MemoryBank, files: Sequence[Path], format: str, scratch: Path | None = None
) -> Generator[Any, None, int]:
    """Store the files, say what became of each row, then encode; scratch is a folder to remove in any case."""
    try:
        report = yield from bank.import_files(files, format, encode=False)
        yield report
        return (yield from bank.encode())
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def uploaded(files: Sequence[Any]) -> Path:
    """Uploads in a folder of their own, each under the name it came with, since that becomes the memories' source."""
    folder = Path(tempfile.mkdtemp(prefix="mnemoscope-"))
    for i, file in enumerate(files):
        place = folder / str(i)
        place.mkdir()
        (place / file_name(file.name)).write_bytes(file.getbuffer())
    return folder


def file_name(name: str) -> str:
    """The last part of whatever a browser calls a file."""
    return PureWindowsPath(PurePosixPath(name).name).name.strip(". ") or "upload"


def start(bank: MemoryBank) -> None:
    """Begin to import what the form names, in the background."""
    state = st.session_state
    uploads, path, format = state.get(_upload_key()) or [], state["library_path"].strip(), state["library_format"]
    with parts.kept_problem():
        if not uploads and not path:
            raise CoreError("Choose a file, or type the path of one.")
        scratch = uploaded(uploads) if uploads else None
        files = sorted(scratch.glob("*/*"), key=lambda f: int(f.parent.name)) if scratch else [Path(path).expanduser()]
        jobs.start(str(bank.path), f"Importing into {bank.name}", reading(bank, files, format, scratch))
        state["library_uploads"] = state.get("library_uploads", 0) + 1


def encode(bank: MemoryBank) -> None:
    with parts.kept_problem():
        jobs.start(str(bank.path), f"Encoding {bank.name}", bank.encode())


def _upload_key() -> str:
    """A new key empties the uploader after each import."""
    return f"library_upload_{st.session_state.get('library_uploads', 0)}"


def form(bank: MemoryBank) -> None:
    """Upload or path, format, Import."""
    job = jobs.of(bank)
    busy = job is not None and job.running
    st.file_uploader("Files", accept_multiple_files=True, key=_upload_key(), disabled=busy)
    st.text_input(
        "or a path on this machine", key="library_path", placeholder="~/conversations/locomo10.json", disabled=busy
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):  # wraps where the page is narrow
        st.selectbox(
            "Format",
            FORMATS,
            format_func=lambda f: FORMAT_WORDS.get(f, f),
            key="library_format",
            disabled=busy,
            width=260,
        )
        st.button(
            "Import", type="primary", icon=":material/upload_file:", disabled=busy, width="content",
            on_click=start, args=(bank,),
        )  # fmt: skip


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
                parts.small(report_line(report))

    watching.watch(job, "library_stop", also=stored)


def outcome(bank: MemoryBank, job: Job) -> None:
    """How a task ended, in words; a bug is raised here, where somebody sees it."""
    if job.error is not None:
        raise job.error
    sizes = answers.counts(bank)
    if job.state == "failed":
        st.error(parts.plain(job.problem), icon=":material/error:")
    elif job.state == "stopped" and job.title.startswith(MEASURING):
        st.warning(f"Stopped after {duration(job.seconds)}. Nothing was changed.", icon=":material/stop_circle:")
    elif job.state == "stopped":
        st.warning(
            f"Stopped after {duration(job.seconds)}. What was stored is kept; "
            f"{sizes['pending']:,} memories wait to be encoded.",
            icon=":material/stop_circle:",
        )
    elif figures := next((r for r in job.results if isinstance(r, dict)), None):
        st.success(f"Done in {duration(job.seconds)}. {measured(figures)}", icon=":material/verified:")
    else:
        encoded = next((r for r in reversed(job.results) if isinstance(r, int)), 0)
        st.success(f"Done in {duration(job.seconds)}: {encoded:,} memories encoded.", icon=":material/check_circle:")
    for report in job.results:
        if isinstance(report, ImportReport):
            show_report(bank, report)


def measured(figures: dict[str, Any]) -> str:
    """What a measurement of trust found, in a sentence."""
    return (
        f"Over the {figures['n_latents']:,} labels with enough texts a side, of {parts.plain(figures['texts'])}, "
        f"mean trust is {figures['mean_auroc']:.2f}, against {figures['shuffled_auroc']:.2f} when labels are dealt to "
        "other latents."
    )


def report_line(report: ImportReport) -> str:
    return (
        f"{report.read:,} rows read: {report.added:,} added, {report.already_there:,} already there, "
        f"{len(report.refused):,} refused. {report.questions:,} questions."
    )


def refused_rows(report: ImportReport) -> list[dict[str, Any]]:
    return [{"file": r.source, "line": r.line, "field": r.field, "reason": r.reason} for r in report.refused]


def show_report(bank: MemoryBank, report: ImportReport) -> None:
    """Counts, and every refused row with its place and reason."""
    parts.small(report_line(report))
    if not report.refused:
        return
    rows = refused_rows(report)
    st.caption("These rows were not imported. Everything else was; correct them and import the file again.")
    st.dataframe(rows, hide_index=True, height=min(38 + 35 * len(rows), 320))
    st.download_button(
        "Download the refused rows", data=lambda: file_of(rows, {"bank": bank.name}, "csv"),
        file_name=f"{bank.name}-refused.csv", on_click="ignore", icon=":material/download:", key="library_refused",
    )  # fmt: skip
