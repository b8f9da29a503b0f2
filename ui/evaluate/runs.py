"""Runs on the page: what is asked and how, the running task, which run is shown, and its end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import streamlit as st

from core import MARKS, QUESTIONS, WEIGHTINGS, CoreError, EngineComparison, MemoryBank, Query, Run
from ui.address import link, ways
from ui.address.fields import Scope
from ui.kit import prose, reports, states, task
from ui.kit.export import notebook
from ui.kit.uploads import reading, uploaded
from ui.query import fields
from ui.query import form as asking
from ui.query.fields import SCORING
from ui.session import answers, banks, jobs
from ui.session.jobs import Job

DEMO, FILE = "the demo", "a file"
"""Data that is not in this bank."""
DATA = {
    QUESTIONS: "this bank’s questions",
    MARKS: "hits marked as right",
    DEMO: "the demo dialogue",
    FILE: "a LoCoMo or LongMemEval file",
}


def key(bank: MemoryBank) -> str:
    """Beside the bank's import, which is a job of its own."""
    return f"{bank.path} evaluate"


# --- what is asked ----------------------------------------------------------------------------------------------------


def form(bank: MemoryBank) -> None:
    """Data, categories, scoring, Run; or how to get at data that lies elsewhere."""
    known = answers.run_sources(bank)
    offered = [*known, *([] if bank.path == banks.demo_path() else [DEMO]), FILE]
    with st.container(horizontal=True, vertical_alignment="bottom", key="evaluate_row"):
        source = st.selectbox(
            "Ask", offered, format_func=lambda name: _said(name, known), key=_data_key(bank), width=290
        )
        if known.get(source):
            _ask(bank, source, known[source])
    if source == DEMO:
        st.write("The demo is a bank of its own, with questions about a dialogue whose evidence is known.")
        _open_demo()
    elif source == FILE:
        _upload()
    elif not known[source] and not _importing(bank):
        st.write(
            "This bank has no questions whose evidence is known. Ask those of the demo dialogue or of a benchmark file."
        )
        with st.container(horizontal=True):
            _open_demo()
            st.button("Choose a file", icon=":material/upload_file:", on_click=_choose_file, args=(bank,))


def _importing(bank: MemoryBank) -> bool:
    job = jobs.of(bank)
    return job is not None and job.running


def _data_key(bank: MemoryBank) -> str:
    return f"evaluate_data_{bank.name}"


def _open_demo() -> None:
    st.button(
        "Open the demo", type="primary", icon=":material/auto_awesome:", on_click=ways.use_bank, args=(banks.DEMO,)
    )


def _choose_file(bank: MemoryBank) -> None:
    st.session_state[_data_key(bank)] = FILE


def _said(name: str, known: dict[str, dict[str, int]]) -> str:
    n = f" ({sum(known[name].values()):,})" if name in known else ""
    return f"{DATA.get(name, name)}{n}"


def _ask(bank: MemoryBank, source: str, counts: dict[str, int]) -> None:
    job = jobs.get(key(bank))
    busy = job is not None and job.running
    st.multiselect(
        "Categories", sorted(counts), format_func=lambda c: f"{c or 'none'} ({counts[c]:,})", placeholder="all",
        key=_categories_key(bank, source), width=300,
    )  # fmt: skip
    with st.popover("How it is scored", key="evaluate_scored"):
        asking.scoring(bank)
    st.text_input("Name of the run", key="evaluate_name", placeholder="optional", width=190)
    st.button(
        "Run", type="primary", icon=":material/play_arrow:", disabled=busy, on_click=start,
        args=(bank, source),
    )  # fmt: skip


def _categories_key(bank: MemoryBank, source: str) -> str:
    return f"evaluate_categories_{bank.name}_{source}"


def _upload() -> None:
    st.write("The file becomes a bank of its own, with its questions; then this page asks them.")
    upload_key = f"evaluate_upload_{st.session_state.get('evaluate_uploads', 0)}"
    st.file_uploader("LoCoMo or LongMemEval, as JSON", type=["json", "jsonl", "gz"], key=upload_key)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Make a bank of it", type="primary", icon=":material/upload_file:", on_click=take, args=(upload_key,))
        st.button("A file that lies on this machine: Library", type="tertiary", on_click=ways.to, args=("library",))


def take(upload_key: str) -> None:
    """An uploaded file becomes a new bank, and that the current one."""
    file = st.session_state.get(upload_key)
    with states.kept_problem():
        if file is None:
            raise CoreError("Choose a file first.")
        scratch = uploaded([file])
        stored = next(scratch.glob("*/*"))
        name = banks.create(_free_name(stored))
        bank = banks.named(name)
        jobs.start(str(bank.path), f"Importing into {name}", reading(bank, [stored], "auto", scratch), "intake")
        st.session_state["evaluate_uploads"] = st.session_state.get("evaluate_uploads", 0) + 1
        ways.use_bank(name)


def _free_name(file: Path) -> str:
    stem = re.sub(r"[^\w .\-]+", " ", file.name.split(".")[0]).strip(" .-")[:40] or "benchmark"
    number, name = 2, stem
    while name in banks.known():
        name, number = f"{stem} {number}", number + 1
    return name


# --- the running task -------------------------------------------------------------------------------------------------


def start(bank: MemoryBank, source: str) -> None:
    """Begin to ask what the form names, in the background."""
    state = st.session_state
    with states.kept_problem():
        asking_all = bank.runs.run(
            settings(), state[_categories_key(bank, source)] or None, state["evaluate_name"], source
        )
        jobs.start(key(bank), f"Asking the questions of {bank.name}", asking_all)
        state["evaluate_name"] = ""


def settings() -> Query:
    """How the form says that questions are scored."""
    return Query("", **{field.key: st.session_state[field.key] for field in SCORING})


def start_muting(bank: MemoryBank, run: str) -> None:
    with states.kept_problem():
        jobs.start(key(bank), f"Muting explanations in {bank.name}", bank.runs.add_faithfulness(run), "muting")


def progress(bank: MemoryBank) -> bool:
    """The running task, or how it ended: what it made becomes what is shown. Whether one is running."""
    reports.progress(bank)
    kept = "Nothing of it was kept; earlier runs are as they were."
    return task.panel(key(bank), "evaluate_stop", kept, show, named=True) or _importing(bank)


def show(job: Job) -> None:
    """What a task made becomes what is shown."""
    made = job.results[-1]
    if isinstance(made, EngineComparison):
        st.session_state.update(versus=made.id, versus_pair="")
    elif isinstance(made, Run):
        st.session_state["run"] = made.id
        if job.kind != "muting":
            st.session_state["run_question"] = ""


def nothing_yet(bank: MemoryBank) -> None:
    if any(answers.run_sources(bank).values()):
        st.write(
            "Nothing was measured here yet. Run asks every question of its own dialogue and looks where the memories "
            "that answer it are ranked."
        )


# --- which run is shown -----------------------------------------------------------------------------------------------


def chosen(bank: MemoryBank, runs: Sequence[Run]) -> Run:
    """The run of the link; without one, the newest."""
    by_id = {run.id: run for run in runs}
    wanted = st.session_state.get("run", "")
    if wanted and wanted not in by_id:
        other = next((run for run in bank.runs.list() if run.id == wanted), None)
        link.note(
            f"{bank.name} has no run “{wanted[:40]}”: it may have been deleted. This is the newest."
            if other is None
            else f"The run “{wanted[:40]}” was made with {made_with(other)}. This is the newest of {bank.engine.name}."
        )
    if wanted not in by_id:
        st.session_state["run"] = runs[0].id
    return by_id[st.session_state["run"]]


def title(run: Run) -> str:
    """Its name, how it was scored, when, and how many questions."""
    when = local(run.created)
    asked = "all categories" if run.categories is None else f"categories {', '.join(run.categories)}"
    named = f"{run.name} · " if run.name else ""
    return f"{named}{scored(run.settings)} · {run.report['n_questions']:,} questions, {asked} · {when:%d %b %H:%M}"


def local(when: datetime) -> datetime:
    """A time of the bank, which is UTC, as it is here."""
    return when.replace(tzinfo=UTC).astimezone()


def made_with(run: Run) -> str:
    """Its engine, where that is not the one in use."""
    return f"the engine {run.engine_name or run.engine} ({run.engine[:6]})"


def scored(settings: Query) -> str:
    """How it was scored, in a few words: what differs from the usual."""
    usual = fields.usual()
    said = [WEIGHTINGS[settings.weighting].label] if settings.weighting != usual.weighting else []
    said += [f"{settings.fusion} combination"] if settings.fusion != usual.fusion else []
    if settings.balance not in (None, usual.balance) and settings.fusion != "study":
        said += [f"dense × {settings.balance:g}"]
    said += [f"neighbours × {settings.context:g}"] if settings.context != usual.context else []
    return ", ".join(said) or "scored as usual"


def head(bank: MemoryBank, runs: Sequence[Run]) -> Run:
    """Which run, and its end."""
    run = chosen(bank, runs)
    titles = {one.id: title(one) for one in runs}
    with st.container(horizontal=True, vertical_alignment="bottom", key="evaluate_runs"):
        st.selectbox(
            f"Run ({len(runs)})", list(titles), format_func=lambda name: titles[name], key="run",
            persist_state="session", on_change=link.forget, args=(Scope.RUN,),
        )  # fmt: skip
        with st.popover("Delete", icon=":material/delete:"):
            st.write(f"Delete “{prose.plain(titles[run.id])}” with its figures and questions? This cannot be undone.")
            st.button("Delete this run", type="primary", on_click=delete, args=(bank, run.id), key="evaluate_delete")
    for warning in run.report["warnings"]:
        st.caption(prose.plain(warning))
    return run


def delete(bank: MemoryBank, run: str) -> None:
    with states.kept_problem():
        bank.runs.delete(run)
        st.session_state["run"] = ""
        link.forget(Scope.RUN)


def python(bank: MemoryBank, run: Run) -> str:
    """The same in a notebook."""
    categories = None if run.categories is None else list(run.categories)
    return notebook(
        bank,
        f"run = bank.runs.get({run.id!r})",
        f"# or again: for step in bank.runs.run(Query(''{written(run.settings)}), {categories!r}): print(step)",
        'for mode, figures in run.report["modes"].items():',
        '    print(mode, figures["recall@10"], figures["interval"]["recall@10"], figures["criteria"]["study"])',
        'for case in bank.runs.cases(run.id, "combined", missed=True):',
        '    print(case.question.text, case.ranks["combined"])',
        names="MemoryBank, Query",
    )


def written(settings: Query) -> str:
    """Arguments of a ``Query``: what differs from the usual."""
    return "".join(
        f", {field.key}={getattr(settings, field.key)!r}"
        for field in SCORING
        if getattr(settings, field.key) not in (None, getattr(fields.usual(), field.key))
    )


def export_settings(run: Run) -> dict[str, Any]:
    """What every exported row says of its run."""
    settings = run.settings
    return {
        "run": run.id, "engine": run.engine_name, "fingerprint": run.engine, "name": run.name,
        "created": run.created.isoformat(), "weighting": settings.weighting,
        "fusion": settings.fusion, "balance": settings.balance, "context": settings.context,
    }  # fmt: skip
