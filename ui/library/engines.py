"""Engines on the Library page: what there is and what each needs, encoding with another one, deleting its codes."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import streamlit as st

from core import Engine, HeldCodes, MemoryBank, Progress, presets, registry
from ui.address import ways
from ui.kit import prose, states
from ui.library import engine_form
from ui.session import answers, jobs, models

GB = 1e9
STATES = {
    "ready": "ready",
    "older": "made by another version",
    "missing": "its files are not here",
    "unknown": "not known on this machine",
}


def section(bank: MemoryBank) -> None:
    """Every engine, and what can be done with the chosen one."""
    st.subheader("Engines", anchor=False)
    held = answers.held_codes(bank)
    names = list(dict.fromkeys([*presets(), *(one.name for one in held)]))
    st.dataframe(
        rows(bank, held), hide_index=True, height="content", alt=f"{len(names)} engines, and what each needs.",
        column_order=("engine", "codes", "here", "what"),
        column_config={
            "engine": st.column_config.TextColumn("Engine", width=125),
            "what": st.column_config.TextColumn("What it is", width="large"),
            "codes": st.column_config.TextColumn("Codes in this bank", width=140),
            "here": st.column_config.TextColumn("On this machine", width=160),
        },
    )  # fmt: skip
    if st.session_state.get("library_engine") not in names:
        st.session_state["library_engine"] = bank.engine.name if bank.engine.name in names else names[0]
    chosen = st.selectbox("Look at or encode with", names, key="library_engine", persist_state="session", width=330)
    actions(bank, str(chosen), [one for one in held if one.name == chosen])
    engine_form.draw()


def rows(bank: MemoryBank, held: list[HeldCodes]) -> list[dict[str, Any]]:
    """A row an engine; two where the bank holds codes of an earlier version."""
    ready = models.ready()
    found = []
    for name, spec in presets().items():
        mine: list[HeldCodes | None] = [one for one in held if one.name == name]
        download = f"to download, {spec.download / GB:.1f} GB" if spec.download else "files missing"
        needs = "ready" if name in ready else download
        found += [{"engine": name, "what": spec.title, "codes": _codes(one), "here": needs} for one in mine or [None]]
    strange = [one for one in held if one.name not in presets()]
    return found + [
        {"engine": one.name, "what": str(one.about.get("title", "")), "codes": _codes(one), "here": STATES[one.state]}
        for one in strange
    ]


def _codes(one: HeldCodes | None) -> str:
    if one is None:
        return "none"
    waiting = f", {one.pending:,} to encode" if one.pending else ""
    older = ", another version" if one.state == "older" else ""
    return f"{one.memories:,}{waiting}{older}"


def actions(bank: MemoryBank, name: str, held: list[HeldCodes]) -> None:
    """What the chosen engine can do here, and the next step where it cannot."""
    job = jobs.of(bank)
    busy = (job is not None and job.running) or not bank.memories.counts()["memories"]
    now = next((one for one in held if one.state != "older"), None)
    spec = presets().get(name)
    missing = Engine(spec).missing() if spec is not None else []
    if any(one.state == "older" for one in held) and now is None:
        st.write("The codes here were made by another version of this engine: encode the bank anew to use it.")
    for sentence in missing:
        st.caption(prose.plain(sentence))
    with st.container(horizontal=True, vertical_alignment="center"):
        if now is not None and name != bank.engine.name:
            st.button("Look through it", icon=":material/visibility:", on_click=ways.use_engine, args=(name,),
                      key="engine_look")  # fmt: skip
        if spec is not None and (now is None or now.pending):
            _encode(bank, name, missing, busy)
        for one in held:
            _delete(bank, one, busy)


def _encode(bank: MemoryBank, name: str, missing: list[str], busy: bool) -> None:
    spec = presets()[name]
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    needed = (
        registry.estimate_bytes(spec) if bank.engine.warm else 0
    )  # the estimate asks torch, for which no page waits
    download = f"Download {spec.download / GB:.1f} GB and encode" if missing and spec.download else "Encode this bank"
    st.button(
        f"{download} with {prose.plain(name)}", type="primary", icon=":material/bolt:", key="engine_encode",
        on_click=start, args=(bank, name), disabled=busy or needed > there or bool(missing and not spec.download),
    )  # fmt: skip
    if missing and spec.licence:
        prose.small(f"The model that is fetched comes under {spec.licence}.")
    if needed:
        short = f", and this machine has {there / GB:.1f} GB: it does not fit" if needed > there else ""
        prose.small(f"It takes about {needed / GB:.1f} GB of memory{short}.")


def start(bank: MemoryBank, name: str) -> None:
    """Encode in the background; a stop keeps what is stored, and the same button goes on from there."""
    with states.kept_problem():
        jobs.start(str(bank.path), f"Encoding {bank.name} with {name}", encoding(bank, name), "intake")
        if name in models.ready():
            ways.use_engine(name)


def encoding(bank: MemoryBank, name: str) -> Generator[Progress, None, int]:
    """Fetch what the engine still needs, then give every memory its codes."""
    engine = models.pool().engine(name)
    if isinstance(engine, Engine) and engine.missing():
        yield from engine.prepare()
    return (yield from bank.with_engine(engine).encode())


def _delete(bank: MemoryBank, one: HeldCodes, busy: bool) -> None:
    version = " of the other version" if one.state == "older" else ""
    with st.popover(f"Delete its codes{version}", icon=":material/delete:", disabled=busy):
        st.write(
            f"Delete the codes of {one.memories:,} memories made by {prose.plain(one.name)} ({one.fingerprint})? Its "
            "maps and measured trust go with them, and encoding anew takes its time. Memories, labels, compositions, "
            "learnt weights and runs stay."
        )
        st.button("Delete these codes", type="primary", on_click=forget, args=(bank, one.fingerprint),
                  key=f"engine_delete_{one.fingerprint}")  # fmt: skip


def forget(bank: MemoryBank, fingerprint: str) -> None:
    with states.kept_problem():
        bank.engines.forget(fingerprint)
