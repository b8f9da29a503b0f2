"""The address bar tells what one sees: it is read on arrival and written after every page.

A link's value that does not exist becomes a sentence, and the page shows its default instead.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from core import CRITERIA, DEMO_QUERY, FUSIONS, GROUPINGS, MEASURES, MODES, SIMILARITIES, WEIGHTINGS, MemoryBank, Query
from core.lab.plan import LIMITS, MOST_SEEDS, PENALTIES, PRESETS, SOURCES
from core.lab.traces import THRESHOLDS as LAB_THRESHOLDS
from ui.session import banks

SECONDS_A_STALE_ADDRESS_MAY_ARRIVE = 3.0
"""A click that is faster than the browser's address bar still carries the address before the last."""
MOST_HITS = 100
MOST_TERMS, HEAVIEST = 50, 3
"""Latents asked for by hand, and the largest weight of one."""
MOST_LIKED = 50
"""Memories to be more or less like."""
DEFAULTS = Query("")
"""Where nothing is asked otherwise; the balance of dense and sparse is the engine's: ``usual``."""


def unless_usual(settings: Query) -> Query:
    """The same, with the balance left to each engine where it is the usual one of this engine."""
    return replace(settings, balance=None) if settings.balance == usual().balance else settings


class Unknown(Exception):
    """Why a value of a link is not used, as a sentence."""


def usual() -> Query:
    """What a query is where a link states nothing."""
    return replace(DEFAULTS, balance=banks.balance())


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Field:
    """One value of the address: its key in the session, how it is read, what it is when absent."""

    key: str
    read: Callable[[str], Any]
    default: Callable[[], Any]
    write: Callable[[Any], str] = _written


def _text(value: str) -> str:
    return value[:4000]


def _optional_text(value: str) -> str | None:
    return value[:4000] or None


def _number(what: str, low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not low <= int(value[:12]) <= high:
            raise Unknown(f"The link asks for {what} “{value[:40]}”: a whole number from {low} to {high} is expected.")
        return int(value)

    return read


def _one_of(what: str, known: Callable[[], Any]) -> Callable[[str], str]:
    def read(value: str) -> str:
        names = list(known())
        if value not in names:
            listed = ", ".join(filter(None, names[:8]))
            raise Unknown(f"The link asks for the {what} “{value[:80]}”, which is not here. Known: {listed}.")
        return value

    return read


def _terms(value: str) -> list[tuple[int, float]]:
    """``15:1,5:-0.5``: latents with their weights; one of 0 waits to be turned up."""
    found: dict[int, float] = {}
    for one in _some(value.split(","), MOST_TERMS, "latents"):
        named = re.fullmatch(r"(\d{1,8}):(-?\d(?:\.\d{1,3})?)", one, re.ASCII)
        if named is None or abs(float(named[2])) > HEAVIEST:
            raise Unknown(
                f"The link asks for the latents “{value[:40]}”: they are written like 15:1,5:-0.5, "
                f"with weights from -{HEAVIEST} to {HEAVIEST}."
            )
        found[int(named[1])] = float(named[2])
    return list(found.items())


def _latents(value: str) -> list[int]:
    if not re.fullmatch(r"\d{1,8}(,\d{1,8})*", value, re.ASCII):
        raise Unknown(f"The link names the latents “{value[:40]}”: their numbers are expected, like 15,5.")
    return list(dict.fromkeys(int(one) for one in _some(value.split(","), MOST_TERMS, "latents")))


def _memories(value: str) -> list[str]:
    """Ids as a JSON list, since an id may hold any character."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Unknown(f"The link names the memories “{value[:40]}”: a JSON list of ids is expected.")
    return _some(list(dict.fromkeys(found)), MOST_LIKED, "memories")


def _some(found: list[str], most: int, what: str) -> list[str]:
    if len(found) > most:
        raise Unknown(f"The link asks for {len(found):,} {what}: at most {most} are possible, so none was taken.")
    return found


def _share(what: str, most: float = 1) -> Callable[[str], float]:
    def read(value: str) -> float:
        number = _real(value)
        if number is None or not 0 <= number <= most:
            raise Unknown(f"The link asks for a {what} of “{value[:40]}”: a number from 0 to {most:g} is expected.")
        return round(number, 2)

    return read


def _real(value: str) -> float | None:
    try:
        number = float(value[:12])
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _threshold(value: str) -> float | None:
    """Read before the criterion it belongs to is known: the form keeps it within that one's limits."""
    number = _real(value)
    if number is None or number < 0:
        raise Unknown(f"The link asks for a threshold of “{value[:40]}”: a number of 0 or more is expected.")
    return number


def _tokens(value: str) -> list[int]:
    if not re.fullmatch(r"\d{1,4}(,\d{1,4})*", value, re.ASCII):
        raise Unknown(f"The link masks the words “{value[:40]}”: their numbers are expected, like 0,3.")
    return sorted({int(one) for one in value.split(",")[:MOST_TERMS]})


def _switch(what: str) -> Callable[[str], bool]:
    def read(value: str) -> bool:
        if value not in ("true", "false"):
            raise Unknown(f"The link says {what} “{value[:40]}”: true or false is expected.")
        return value == "true"

    return read


def _polygon(value: str) -> Polygon:
    """``sparse:0.1,-2;0.4,1;0,3``: the map that was drawn on, and the corners of what was drawn."""
    codes, _, corners = value[:4000].partition(":")
    point = r"-?[\d.]{1,10}(?:e-?\d{1,2})?"
    if codes not in MAPS or not re.fullmatch(
        rf"{point},{point}(;{point},{point}){{2,{MOST_CORNERS}}}", corners, re.ASCII
    ):
        raise Unknown(
            f"The link selects “{value[:40]}”: a map and at least three corners are expected, like dense:0,0;1,0;0,1."
        )
    try:
        places = tuple(tuple(float(one) for one in corner.split(",")) for corner in corners.split(";"))
    except ValueError:
        raise Unknown(f"The link selects “{value[:40]}”: corners are pairs of numbers.") from None
    return codes, places


def _corners(selection: Polygon | None) -> str:
    return "" if selection is None else f"{selection[0]}:{';'.join(f'{x:.4g},{y:.4g}' for x, y in selection[1])}"


def _runs(value: str) -> list[str]:
    if not re.fullmatch(r"[0-9a-f]{8}(,[0-9a-f]{8})*", value, re.ASCII):
        raise Unknown(f"The link shows the runs “{value[:40]}”: their ids are expected, like 1f2e3d4c,5b6a7988.")
    return _some(list(dict.fromkeys(value.split(","))), MOST_RUNS, "runs")


def _lab_number(name: str) -> Field:
    """A number of the lab's form; left out of the address where it is the phase's own."""
    low, high = LIMITS[name]
    whole = isinstance(getattr(PRESETS["5"], name), int)

    def read(value: str) -> float:
        number = _real(value)
        if number is None or not low <= number <= high or (whole and number != int(number)):
            raise Unknown(f"The link asks for {name} = “{value[:40]}”: a number from {low:g} to {high:g} is expected.")
        return int(number) if whole else number

    return Field(f"lab_{name}", read, lambda: lab_default(name), lambda number: f"{number:g}")


def lab_default(name: str) -> Any:
    """What the phase of the session has for a field of the form; weights as text."""
    value = getattr(PRESETS[st.session_state.get("lab_phase", "5")], name)
    return ", ".join(f"{one:g}" for one in value) if isinstance(value, tuple) else value


def first_question() -> str:
    """What Recall asks when nothing was typed: the demo has a question whose codes are stored."""
    return DEMO_QUERY if st.session_state.get("bank", banks.DEMO) == banks.DEMO else ""


NEIGHBOURS = {"dense": "nearest dense", "sparse": "nearest sparse", "dialogue": "in the dialogue"}

BANK = Field("bank", _one_of("bank", banks.known), lambda: banks.DEMO)
ENGINE = Field("engine", _text, lambda: banks.DEFAULT_ENGINE)
"""Whether the bank can be seen through it is known once the bank is: the sidebar says so."""
CONVERSATION = Field("conversation", _text, lambda: "")
MEMORY = Field("memory", _optional_text, lambda: None)
LATENT = Field("latent", _number("latent", 0, 10_000_000), lambda: None)
TERMS = Field("terms", _terms, list, lambda terms: ",".join(f"{latent}:{weight:g}" for latent, weight in terms))
MUTED = Field("muted", _latents, list, lambda muted: ",".join(map(str, muted)))
MASKED = Field("masked", _tokens, list, lambda tokens: ",".join(map(str, tokens)))
LIKED = Field("liked", _memories, list, lambda ids: json.dumps(ids, ensure_ascii=False, separators=(",", ":")))
DISLIKED = replace(LIKED, key="disliked")
MOST_CONTEXT = 0.5
VIEWS = {"dictionary": "Dictionary", "pair": "Pair microscope", "weights": "Learnt weights", "health": "Health"}
PICTURE = Field("picture_format", _one_of("picture format", lambda: ("svg", "png")), lambda: "svg")
THRESHOLDS = {"0": 0.0, "25": 0.25, "50": 0.5, "75": 0.75, "90": 0.9, "95": 0.95, "99": 0.99}
"""Quantiles of the positive activations, by the percent that the slider shows."""
SORTS = {
    "fires": "activation on the text",
    "max": "strongest activation",
    "memories": "memories that fire it",
    "trust": "trust",
    "trust_here": "trust in this bank",
    "density": "density",
    "latent": "number",
}
FIRST_SORT = "trust_here"
"""A newcomer meets latents whose names hold in this bank."""
PAIR = (
    "I've been having trouble with the battery life on my phone lately. Any tips?",
    "I'm looking for some advice on the best way to organize my tech accessories, like my new portable power bank "
    "and wireless charging pad, when I'm traveling.",
)
"""What the microscope opens with: nearly no word in common."""
SCORING = (
    Field("weighting", _one_of("weighting", lambda: WEIGHTINGS), lambda: DEFAULTS.weighting),
    Field("fusion", _one_of("combination", lambda: FUSIONS), lambda: DEFAULTS.fusion),
    Field("balance", _share("weight of the dense side"), lambda: usual().balance),
    Field("context", _share("share of the neighbouring turns", MOST_CONTEXT), lambda: DEFAULTS.context),
)
EVALUATE_VIEWS = {"runs": "This engine", "engines": "Engine against engine"}
RUN_VIEWS = {
    "misses": "Missed questions",
    "compare": "Compare two runs",
    "faithfulness": "Are the reasons true?",
    "latents": "Latents of the misses",
}
TIMELINES = {"recurring": "Recurring", "text": "Of a text", "picked": "Picked"}
LAB_VIEWS = {
    "sparsity": "Sparsity",
    "traces": "Traces",
    "distinct": "Distinctiveness",
    "overlap": "Overlap",
    "reconstruction": "Reconstruction",
    "latents": "Latents by category",
    "losses": "Losses",
}
MOST_RUNS = 4
"""Runs side by side."""
MEASURED = {"rate": "firing rate", "mean": "mean activation"}
LAB_FORM = (
    Field("lab_phase", _one_of("phase", lambda: PRESETS), lambda: "5"),
    *map(_lab_number, LIMITS),
    Field("lab_penalty", _one_of("penalty", lambda: PENALTIES), lambda: lab_default("penalty")),
    Field("lab_episodes", _one_of("kind of episodes", lambda: SOURCES), lambda: lab_default("episodes")),
    Field("lab_output", _one_of("output", lambda: ("sigmoid", "linear")), lambda: lab_default("output")),
    Field("lab_projection", _switch("projection"), lambda: lab_default("projection")),
    Field("lab_weights", _text, lambda: lab_default("weights")),
    Field("lab_kept", _text, lambda: lab_default("kept")),
)
"""What the next run is to be: the phase first, since the others' defaults follow from it."""
LAB = (
    Field("lab_runs", _runs, list, ",".join),
    Field("lab_view", _one_of("view", lambda: LAB_VIEWS), lambda: "sparsity"),
    Field("lab_shown", _number("seed", 0, MOST_SEEDS - 1), lambda: 0),
    Field("lab_episode", _number("episode", 0, 100_000), lambda: 0),
    Field("lab_above", _one_of("threshold", lambda: [f"{t:g}" for t in LAB_THRESHOLDS]), lambda: "0"),
    Field("lab_measure", _one_of("measure", lambda: MEASURED), lambda: "rate"),
)
Polygon = tuple[str, tuple[tuple[float, ...], ...]]
MOST_CORNERS = 60
"""A lasso is thinned to so many corners, so that it fits into an address."""
MAPS = {"dense": "Dense", "sparse": "Sparse", "combined": "Combined"}
METHODS = {"pca": "PCA", "umap": "UMAP"}
ATLAS_VIEWS = {"one": "One map", "beside": "Dense beside sparse"}
COLOURS = {
    "category": "category",
    "role": "role",
    "session": "session",
    "conversation": "conversation",
    "time": "time",
    "cluster": "cluster",
    "similarity": "similarity to a text",
    "latent": "one latent’s activation",
}
ATLAS = (
    Field("atlas_view", _one_of("view", lambda: ATLAS_VIEWS), lambda: "one"),
    Field("atlas_method", _one_of("kind of map", lambda: METHODS), lambda: "pca"),
    Field("atlas_codes", _one_of("kind of codes", lambda: MAPS), lambda: "combined"),
    Field("atlas_dims", _number("number of dimensions", 2, 3), lambda: 2),
    Field("atlas_colour", _one_of("colour", lambda: COLOURS), lambda: "category"),
    Field("atlas_text", _text, lambda: ""),
    Field("atlas_neighbours", _number("number of neighbours", 2, 200), lambda: 15),
    Field("atlas_min_dist", _share("smallest distance"), lambda: 0.1),
    Field("atlas_seed", _number("seed", 0, 99_999), lambda: 0),
    Field("atlas_smallest", _number("smallest cluster", 3, 1000), lambda: 15),
    Field("atlas_field", _one_of("group", lambda: [*COLOURS][:6]), lambda: ""),
    Field("atlas_value", _text, lambda: ""),
    Field("atlas_against", _text, lambda: ""),
    Field("atlas_shape", _polygon, lambda: None, _corners),
)
FRAME = (BANK, ENGINE)
"""What every page's address says."""
OF_ONE_ENGINE = (
    LATENT,
    TERMS,
    MUTED,
    MASKED,
    Field("token", _number("token", 0, 1_000_000), lambda: None),
    Field("timeline_latents", _latents, list, lambda latents: ",".join(map(str, latents))),
    Field("atlas_shape", _polygon, lambda: None, _corners),
)
"""Values that mean something under one engine alone."""
OF_ONE_RUN = ("run", "run_category", "run_question", "run_wrong", "run_right", "run_other")
PAGES: dict[str, tuple[Field, ...]] = {
    "recall": (
        BANK,
        ENGINE,
        Field("recall_text", _text, first_question),
        CONVERSATION,
        Field("recall_k", _number("k", 1, MOST_HITS), lambda: DEFAULTS.k),
        *SCORING,
        Field("criterion", _one_of("criterion", lambda: CRITERIA), lambda: DEFAULTS.criterion),
        Field("threshold", _threshold, lambda: None, lambda number: "" if number is None else f"{number:g}"),
        Field("lexical", _switch("lexical"), lambda: False),
        MEMORY,
        LATENT,
        TERMS,
        MUTED,
        MASKED,
    ),
    "compose": (
        BANK,
        ENGINE,
        Field("compose_text", _text, lambda: ""),
        CONVERSATION,
        Field("compose_k", _number("k", 1, MOST_HITS), lambda: DEFAULTS.k),
        Field("compose_weighting", _one_of("weighting", lambda: ("", *WEIGHTINGS)), lambda: ""),
        TERMS,
        MUTED,
        LIKED,
        DISLIKED,
    ),
    "latents": (
        BANK,
        ENGINE,
        Field("latents_view", _one_of("view", lambda: VIEWS), lambda: "dictionary"),
        LATENT,
        Field("latents_find", _text, lambda: ""),
        Field("latents_text", _text, lambda: ""),
        Field("latents_sort", _one_of("order", lambda: SORTS), lambda: FIRST_SORT),
        Field("latents_up", _switch("ascending"), lambda: False),
        Field("latents_live", _switch("live"), lambda: False),
        Field("latents_trust", _share("trust"), lambda: 0.0),
        Field("latents_marked", _switch("bookmarked"), lambda: False),
        Field("pair_a", _text, lambda: PAIR[0]),
        Field("pair_b", _text, lambda: PAIR[1]),
        TERMS,
        MUTED,
    ),
    "memory": (
        BANK,
        ENGINE,
        MEMORY,
        LATENT,
        Field("token", _number("token", 0, 1_000_000), lambda: None),
        Field("memory_find", _text, lambda: ""),
        CONVERSATION,
        Field("memory_near", _one_of("list of neighbours", lambda: NEIGHBOURS), lambda: "dense"),
    ),
    "evaluate": (
        BANK,
        ENGINE,
        Field("evaluate_view", _one_of("view", lambda: EVALUATE_VIEWS), lambda: "runs"),
        Field("versus", _text, lambda: ""),
        Field("versus_pair", _text, lambda: ""),
        Field("run", _text, lambda: ""),
        Field("run_criterion", _one_of("criterion", lambda: CRITERIA), lambda: "study"),
        Field("run_view", _one_of("view", lambda: RUN_VIEWS), lambda: "misses"),
        Field("run_mode", _one_of("mode", lambda: MODES), lambda: "combined"),
        Field("run_category", _text, lambda: ""),
        Field("run_question", _text, lambda: ""),
        Field("run_wrong", _text, lambda: ""),
        Field("run_right", _text, lambda: ""),
        Field("run_other", _text, lambda: ""),
        LATENT,
        *SCORING,
    ),
    "atlas": (BANK, ENGINE, *ATLAS, MEMORY, LATENT, TERMS, MUTED),
    "timeline": (
        BANK,
        ENGINE,
        Field("timeline_of", _text, lambda: ""),
        Field("timeline_by", _one_of("choice of latents", lambda: TIMELINES), lambda: "recurring"),
        Field("timeline_text", _text, lambda: ""),
        Field("timeline_latents", _latents, list, lambda latents: ",".join(map(str, latents))),
        Field("timeline_k", _number("number of latents", 4, 60), lambda: 24),
        MEMORY,
        LATENT,
        TERMS,
        MUTED,
    ),
    "overlap": (
        BANK,
        ENGINE,
        Field("overlap_by", _one_of("kind of row", lambda: GROUPINGS), lambda: "memory"),
        Field("overlap_measure", _one_of("measure", lambda: MEASURES), lambda: "jaccard"),
        Field("overlap_threshold", _one_of("threshold", lambda: THRESHOLDS), lambda: "0"),
        CONVERSATION,
        Field("overlap_zoom", _optional_text, lambda: None),
        Field("overlap_a", _optional_text, lambda: None),
        Field("overlap_b", _optional_text, lambda: None),
        PICTURE,
        LATENT,
    ),
    "separability": (
        BANK,
        ENGINE,
        Field("sep_source", _text, lambda: ""),
        Field("sep_similarity", _one_of("similarity", lambda: SIMILARITIES), lambda: next(iter(SIMILARITIES))),
        Field("sep_against", _one_of("unrelated question", lambda: ("same", "other")), lambda: "same"),
        Field("sep_figure", _one_of("figure", lambda: ("share_positive", "effect", "auc")), lambda: "share_positive"),
        Field("sep_case", _optional_text, lambda: None),
        PICTURE,
        LATENT,
    ),
    "library": (BANK, ENGINE),
    "lab": (BANK, ENGINE, *LAB_FORM, *LAB, PICTURE),
}


def adopt(page: str) -> None:
    """Bring the session to what the address says; a plain visit keeps what the session had."""
    state, given = st.session_state, st.query_params.to_dict()
    fields = PAGES.get(page, FRAME)
    arrived = state.get("_link_page") != page
    state["_link_page"] = page
    if given and (arrived or not _was_written(given)):
        before = state.get(ENGINE.key)
        state["_link_notes"] = _read(fields, given)
        if before not in (None, state[ENGINE.key]):
            forget_latents(given)
        state["_link_notes_for"] = None
        # A click may end this run before it publishes: the next one finds this address again, already read.
        state["_link_past"] = [*state.get("_link_past", [])[-8:], (given, None)]
    elif arrived:
        state["_link_notes"] = []
    for field in fields:
        if field.key not in state:
            state[field.key] = field.default()


def forget_latents(but: Collection[str] = ()) -> None:
    """Let go of what names latents, tokens or places of one engine: the same numbers mean other things with another."""
    for field in OF_ONE_ENGINE:
        if field.key not in but:
            st.session_state[field.key] = field.default()
    st.session_state.update(dict.fromkeys(set(OF_ONE_RUN) - set(but), ""), compose_past=[], compose_kept=("", ""))
    if "balance" not in but:
        st.session_state["balance"] = usual().balance


def _of_one_engine() -> list[str]:
    """Keys of what ``forget_latents`` lets go of."""
    return [field.key for field in OF_ONE_ENGINE] + [*OF_ONE_RUN]


def _read(fields: tuple[Field, ...], given: dict[str, str]) -> list[str]:
    notes = []
    for field in fields:
        if field.key not in given:
            if field is not BANK or "bank" not in st.session_state:
                st.session_state[field.key] = field.default()
            continue
        try:
            st.session_state[field.key] = field.read(given[field.key])
        except Unknown as why:
            st.session_state[field.key] = field.default()
            notes.append(str(why))
    return notes


def _was_written(given: dict[str, str]) -> bool:
    """Whether this address is ours: the last one, or one that was on its way when we wrote the last."""
    now = time.monotonic()
    past = st.session_state.get("_link_past", [])
    return any(
        address == given and (ended is None or now - ended < SECONDS_A_STALE_ADDRESS_MAY_ARRIVE)
        for address, ended in past
    )


def publish(page: str) -> None:
    """Write what is shown into the address bar."""
    state, wanted = st.session_state, parameters(page)
    past = [(address, ended or time.monotonic()) for address, ended in state.get("_link_past", []) if address != wanted]
    state["_link_past"] = [*past[-8:], (wanted, None)]
    if st.query_params.to_dict() != wanted:
        if state.get("_link_notes_for") not in (None, wanted):
            state["_link_notes"] = []
        st.query_params.from_dict(wanted)
    state["_link_notes_for"] = wanted


def parameters(page: str) -> dict[str, str]:
    """The address's values of a page: those that are not the default."""
    found = {}
    for field in PAGES.get(page, FRAME):
        value = st.session_state.get(field.key)
        if value != field.default():
            found[field.key] = field.write(value)
    return found


def address(page: str, default: bool = False) -> str:
    """The whole link to what is shown now."""
    here = urlsplit(st.context.url or "http://localhost:8501")
    parts = [part for part in here.path.split("/") if part]
    if parts and parts[-1] in PAGES:
        parts.pop()
    path = "/" + "/".join([*parts, *([] if default else [page])])
    return urlunsplit((here.scheme, here.netloc, path, urlencode(parameters(page)), ""))


def notes() -> list[str]:
    """What the link asked for and did not find."""
    return list(st.session_state.get("_link_notes", []))


def note(sentence: str) -> None:
    """Say on this page that a value of the link is unknown."""
    if sentence not in notes():
        st.session_state["_link_notes"] = [*notes(), sentence]


def known_latent(bank: MemoryBank) -> int | None:
    """The latent of the link, where this dictionary has it."""
    latent, n = st.session_state.get("latent"), bank.latents.n
    if latent is None or latent < n:
        return latent
    note(f"Latent {latent} does not exist: this dictionary has {n:,} (0–{n - 1}).")
    st.session_state["latent"] = None
    return None


def go(page: str) -> None:
    """From a callback: show another page next, with the session as it is."""
    st.session_state["_go"] = page


def use_engine(name: str) -> None:
    """From a callback: see the bank through another engine. What was chosen under one waits until it is used again:
    latents of one are none of another’s."""
    state, before = st.session_state, st.session_state.get("_engine")
    left: dict[str, dict[str, Any]] = state.setdefault("_left", {})
    left[str(before)] = {key: state.get(key) for key in (*_of_one_engine(), "balance")}
    state["engine"] = name
    forget_latents()
    state.update(left.get(name, {}))


def open_latent(latent: int) -> None:
    """From a callback: show one latent on its page."""
    st.session_state.update(latent=int(latent), latents_view="dictionary")
    go("latents")


def ask(text: str, conversation: str, memory: str, settings: Query) -> None:
    """From a callback: ask something on Recall, and look at one memory of the answer."""
    scored = {field.key: getattr(settings, field.key) for field in SCORING}
    st.session_state.update(
        recall_text=text, conversation=conversation, memory=memory, latent=None, masked=[], **scored
    )
    go("recall")


def open_pair(a: str, b: str) -> None:
    """From a callback: two texts under the microscope."""
    st.session_state.update(pair_a=a, pair_b=b, latents_view="pair")
    go("latents")


def open_memory(memory: str, latent: int | None = None) -> None:
    """From a callback: show one memory on its page, tinted by a latent."""
    st.session_state.update(memory=memory, latent=latent, token=None)
    go("memory")
