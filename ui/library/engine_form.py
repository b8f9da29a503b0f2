"""Anyone's own engine: a published SAE or a folder, its model, a dense embedder; checked, tried, kept."""

from __future__ import annotations

from collections.abc import Generator

import streamlit as st

from core import Engine, EngineSpec, Progress, registry
from ui.kit import prose, states, task
from ui.session import access, banks, jobs

TRIAL = "engine trial"
GB = 1e9
FIELDS = ("engine_sae", "engine_model", "engine_dense", "engine_hook", "engine_name")


def draw() -> None:
    """Search, choose, check, try, save."""
    if not st.toggle("Add an engine of your own", key="engine_add"):
        return
    search()
    left, right = st.columns(2, gap="large")
    with left:
        st.text_input("SAE", key="engine_sae", placeholder="RELEASE/ID of sae-lens, hub:OWNER/NAME/FOLDER, or a folder")
        st.text_input("Layer it reads", key="engine_hook", placeholder="the SAE’s own, or blocks.6.hook_resid_post")
    with right:
        st.text_input("Model", key="engine_model", placeholder="the SAE’s own, or OWNER/NAME, or a folder")
        st.text_input("Dense embedder", key="engine_dense", placeholder="pooled, minilm, OWNER/NAME, or a folder",
                      help="pooled: the mean of the model’s own last layer.")  # fmt: skip
    st.text_input("Name of the engine", key="engine_name", placeholder="my-engine", width=330)
    trial()
    if not (st.session_state["engine_sae"].strip() and st.session_state["engine_name"].strip()):
        st.caption("An SAE and a name are needed; the SAE usually says the rest.")
        return
    with states.problems():
        judge(made())


def search() -> None:
    """sae-lens' directory of published SAEs; a row fills the form."""
    words = st.text_input("Search published SAEs", key="engine_words", placeholder="gemma-2-2b layer_12 16k")
    found = registry.search_releases(words) if words.strip() else []
    if not words.strip():
        return
    if not found:
        st.caption("No SAE of sae-lens’ directory has all of these words.")
        return

    key = f"engine_found_{words.strip()}"  # a selection is by position: other words, other rows

    def chosen() -> None:
        picked = st.session_state[key].selection.rows
        if picked and not found[picked[0]].unreadable:
            one = found[picked[0]]
            st.session_state.update(
                engine_sae=f"{one.release}/{one.id}", engine_model=one.model, engine_hook=one.hook
            )  # fmt: skip

    st.dataframe(
        [{"SAE": f"{r.release}/{r.id}", "model": r.model, "reads": r.hook or r.unreadable,
          "latents": r.d_sae or None} for r in found],
        hide_index=True, key=key, on_select=chosen, selection_mode="single-row", height=230,
        alt=f"{len(found)} published SAEs; a row fills the form.",
    )  # fmt: skip


def made() -> EngineSpec:
    """What the form says."""
    sae, model, dense, hook, name = (st.session_state[field].strip() for field in FIELDS)
    access.no_folders(sae, model, dense)
    return registry.make(name, model, sae, dense or "pooled", hook)


def judge(spec: EngineSpec) -> None:
    """What speaks against it, what it needs, and what can be done with it."""
    findings = registry.check(spec)
    for finding in findings:
        show = st.error if finding.level == "problem" else st.warning
        show(prose.plain(finding.sentence))
    impossible = any(finding.level == "problem" for finding in findings)
    doubtful = any(finding.level == "doubt" for finding in findings)
    missing, needed = Engine(spec).missing(), registry.estimate_bytes(spec)
    fits = "" if findings else "Model, SAE and layer fit. "
    memory = f"It takes about {needed / GB:.1f} GB of memory. " if needed else ""
    st.caption(prose.plain(f"{fits}{memory}{' '.join(missing)}"))
    sure = st.checkbox("Add it all the same", key="engine_sure") if doubtful else True
    with st.container(horizontal=True):
        st.button(
            "Try it on one sentence", icon=":material/science:", key="engine_try", on_click=begin, args=(spec,),
            disabled=impossible or bool(missing),
        )  # fmt: skip
        st.button(
            "Save", type="primary", icon=":material/add:", key="engine_save", on_click=save, args=(spec, doubtful),
            disabled=impossible or not sure,
        )  # fmt: skip


def begin(spec: EngineSpec) -> None:
    with states.kept_problem():
        jobs.start(TRIAL, f"Trying {spec.name}", trying(spec))


def trying(spec: EngineSpec) -> Generator[Progress, None, registry.Trial]:
    yield Progress(0, 1, f"loading {spec.name} and encoding one sentence")
    return registry.trial(spec)


def trial() -> None:
    """The running trial, or what it said."""
    job = jobs.get(TRIAL)
    if job is None:
        return
    if job.running:
        task.watch(job, "engine_trial_stop")
    elif task.ended(job, "Nothing was kept."):
        said: registry.Trial = job.results[-1]
        st.success(
            f"{job.title}: {said.tokens} tokens, {said.l0:.1f} latents each, {prose.percent(said.fvu)} of the variance "
            f"left out; loaded in {said.load_seconds:.0f} s, encoded in {said.seconds:.1f} s."
        )


def save(spec: EngineSpec, force: bool) -> None:
    with states.kept_problem():
        registry.add(spec, force)
        banks.reopen(spec.name)
        st.session_state.update(library_engine=spec.name, engine_add=False)
