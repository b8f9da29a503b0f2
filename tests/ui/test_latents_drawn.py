"""Latents in words and as component data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import nan

import pyarrow as pa
import pytest
import streamlit as st

from core import Health, MemoryBank
from core.types import Context, Label, LatentInfo
from tests.fakes import latent_of
from ui.kit import charts, components, labels, tray
from ui.kit.fields import MOST_TERMS
from ui.latents import dictionary, health, passages

Make = Callable[..., MemoryBank]


def info(density: float, memories: int = 0, share: float = 0.0) -> LatentInfo:
    label = Label(7, "phones", "words")
    return LatentInfo(label, (label,), density, 1, 1, (), (), (), (), (), memories, share, (), (), 0.0)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (Label(1, "x", "words"), "trust not measured"),
        (Label(1, "x", "words", trust=0.84),
         "trust .84 on texts that had no part in the label; not measured in this bank"),
        (Label(1, "x", "words", trust=0.8, trust_here=0.55, n_here=9),
         "trust .55 in this bank (9 memories a side), .80 on texts that had no part in the label; "
         "hardly better than chance"),
        (Label(1), ""),
    ],
)  # fmt: skip
def test_trust_is_said_here_first(label: Label, words: str) -> None:
    assert labels.trust_words(label) == words


@pytest.mark.parametrize(
    ("density", "words"),
    [
        (0.003, "Fires on 0.3\u202f% of tokens: rare, specific."),
        (0.00005, "Fires on 0.005\u202f% of tokens: very rare."),
        (0.08, "Fires on 8.0\u202f% of tokens: common, broad."),
        (0.4, "Fires on 40\u202f% of tokens: so common that it tells little apart."),
        (0.0, "It fired on none of the tokens that described the dictionary."),
    ],
)
def test_density_in_words(density: float, words: str) -> None:
    assert labels.density_words(info(density)) == words


def test_the_bank_in_words() -> None:
    assert "no encoded memory" in labels.bank_words(info(nan), 0)
    assert labels.bank_words(info(nan), 9) == "No memory of this bank fires it."
    assert labels.bank_words(info(nan, 1, 0.5), 2) == "1 of 2 memories fires it here (50\u202f%)."


@pytest.mark.parametrize(
    ("memories", "words", "here", "doubt"),
    [
        (9, ("kennedy",), (("radek", 0.9), ("jfk", 0.1)), True),
        (9, ("kennedy",), (("radek", 0.4), ("kedar", 0.3)), False),  # many words may be a concept
        (9, ("radek",), (("radek", 0.9),), False),
        (9, (), (("jfk", 0.9),), False),
        (9, ("presidents",), (("president", 0.9),), False),
        (4, ("kennedy",), (("radek", 1.0),), False),
        (9, ("kennedy",), ((",", 0.9),), False),
        (9, ("kennedy",), (("the", 0.9),), False),
        (9, ("kennedy",), (), False),
    ],
)
def test_a_label_that_was_made_of_other_words(
    memories: int, words: tuple[str, ...], here: tuple[tuple[str, float], ...], doubt: bool
) -> None:
    named = replace(
        info(0.1, memories, 0.1), label=Label(7, "jfk"), words=tuple((w, 0.5) for w in words), words_here=here
    )
    assert bool(labels.elsewhere(named)) == doubt
    assert not labels.elsewhere(replace(named, label=Label(7)))
    assert not labels.elsewhere(replace(named, label=Label(7, "jfk", "yours")))


@pytest.mark.parametrize(
    ("label", "doubtful", "marked"),
    [
        (Label(7, "branch", trust=0.59), True, "branch ?"),
        (Label(7, "branch", trust=0.6), False, "branch"),
        (Label(7, "branch", trust=0.9, trust_here=0.4), True, "branch ?"),
        (Label(7, "branch"), False, "branch"),
        (Label(7, trust=0.1), False, ""),
        (None, False, ""),
    ],
)
def test_a_label_hardly_better_than_chance_is_asked(label: Label | None, doubtful: bool, marked: str) -> None:
    chip = components.chip(7, "battery", 2.5, label)
    assert (chip["doubtful"], labels.marked(label)) == (doubtful, marked)
    assert chip["trust"] == (labels.trust_words(label) if label else "")
    assert chip["aria"] == ("Latent 7 “branch”, 2.50 at “battery”" if marked else "Latent 7, 2.50 at “battery”")


def test_names_fall_back_to_numbers() -> None:
    names = {7: Label(7, "phones", "words", trust=0.84)}
    assert labels.said(7, names) == "“phones” (latent 7, trust .84)"
    assert labels.said(8, names) == labels.option(8, names) == "latent 8"
    assert labels.said(9, {9: Label(9, "ours", "yours")}) == "“ours” (latent 9)"
    assert labels.option(7, names) == "phones (7)"
    assert labels.option(9, {9: Label(9, "dwarf", trust=0.52)}) == "dwarf ? (9)"
    assert labels.trust_short(names[7]) == ".84"
    assert labels.trust_short(None) == ""


def test_a_row_says_what_its_label_is_worth() -> None:
    names = {7: Label(7, "phones", "words", trust=0.84, trust_here=0.7, n_here=9), 8: Label(8, "dwarf", trust=0.5)}
    assert labels.columns(7, names) == {"latent": 7, "label": "phones", "trust": 0.84, "trust_here": 0.7}
    assert labels.columns(8, names) == {"latent": 8, "label": "dwarf", "trust": 0.5, "trust_here": None}
    assert labels.columns(9, names) == {"latent": 9, "label": "", "trust": None, "trust_here": None}
    assert [labels.cells(i, names)["trust"] for i in (7, 8, 9)] == [0.7, 0.5, None]
    assert labels.sourced(names[7]) == "phones (label made from the words it fires on, trust .70)"
    assert labels.sourced(Label(9, "ours", "yours")) == "ours (your own label)"


def test_pieces_show_the_words_around_the_peak() -> None:
    assert passages.pieces("a fox ran", [(2, 5, 2.0)], 2, 4.0) == [("a ", None), ("fox", 0.5), (" ran", None)]
    long = "word " * 100 + "fox" + " word" * 100
    shown = passages.pieces(long, [(500, 503, 1.0), (0, 4, 1.0)], 500, 1.0)
    assert [piece for piece, strength in shown if strength] == ["fox"]
    assert shown[0][0] == "… "
    assert shown[-1][0] == " …"
    assert len("".join(piece for piece, _ in shown)) < 320
    assert passages.pieces("", [], 0, 1.0) == []
    unbroken = passages.pieces("x" * 1000, [(500, 501, 1.0)], 500, 1.0)
    assert len("".join(piece for piece, _ in unbroken)) <= 304


def test_contexts_are_grouped_by_interval_and_origin() -> None:
    groups = passages.groups(
        [
            Context("a fox", 2, 5, 4.0, "top"),
            Context("b fox", 2, 5, 2.0, "50–75 %", "m1"),
            Context("c", 0, 1, 3.0, "top"),
        ],
        4.0,
    )
    assert [group["title"] for group in groups] == [
        "strongest, texts that described the dictionary", "50–75 % of its activations, this bank",
    ]  # fmt: skip
    assert [row["value"] for row in groups[0]["rows"]] == ["4.00", "3.00"]
    assert groups[1]["rows"][0]["id"] == "m1"


def rows_of(**columns: list[object]) -> pa.Table:
    n = len(columns["latent"])
    empty: dict[str, pa.Array] = {name: pa.array([nan] * n, pa.float32()) for name in dictionary.HEADS}
    empty |= {"label": pa.array([""] * n), "source": pa.array([""] * n)}
    given = {name: pa.array(values) for name, values in columns.items()}
    return pa.table(empty | given).replace_schema_metadata({"found": "900", "latents": "16384"})


def test_a_table_leaves_out_what_nobody_knows() -> None:
    table = rows_of(latent=[3, 4], memories=[1200, 0], max=[0.0, 2.5])
    drawn = dictionary.data(table, [], 4, {"sort": "max", "descending": True})
    assert [head["name"] for head in drawn["heads"]] == ["latent", "memories", "max"]
    assert [row["cells"] for row in drawn["rows"]] == [["1,200", "0"], ["0", "2.50"]]
    assert dictionary.summary(table) == "900 of 16,384 latents; the first 2 are listed."
    described = dictionary.data(rows_of(latent=[3], trust=[0.5], density=[0.003]), [[0, 1, 99]], None,
                                {"sort": "trust", "descending": True})  # fmt: skip
    assert described["rows"][0]["cells"] == [".50", "0.3\u202f%"]
    assert described["rows"][0]["spark"] == "029"


def test_steps_of_activation() -> None:
    figure = charts.activation_steps([3, 1], 4.0, "memories")
    assert list(figure.data[0].x) == [1.0, 3.0]
    assert figure.layout.yaxis.type == "linear"
    assert charts.activation_steps([400, 0, 1], 4.0, "tokens").layout.yaxis.type == "log"


def test_bars_carry_labels_escaped() -> None:
    bar = charts.latent_bars([7, 3], [2.0, 1.0], ["phone", "x"], None, {7: "<b>&" + "y" * 60}).data[0]
    assert bar.y[0].startswith("&lt;b&gt;&amp;yy")
    assert bar.y[0].endswith("<span style='font-size:10px'>7</span>")
    assert bar.y[1] == "3  x"
    assert [row[0] for row in bar.customdata] == [7, 3]


def test_the_tray_adds_mutes_and_removes(monkeypatch: pytest.MonkeyPatch, make_bank: Make) -> None:
    state: dict[str, object] = {}
    monkeypatch.setattr(st, "session_state", state)
    for _ in range(5):
        tray.add(7, 1)
    tray.add(3, -1)
    assert tray.terms() == [(7, 3), (3, -1)]
    tray.add(3, 1)
    assert tray.terms() == [(7, 3)]
    tray.weigh(9, 0)
    tray.weigh(9, 0)
    assert tray.terms() == [(7, 3), (9, 0)]
    tray.remove("term 9")
    tray.mute(5)
    tray.mute(6)
    tray.mute(5)
    assert tray.muted() == [6]
    st.cache_data.clear()
    bank = make_bank("the fox sleeps")
    assert [(c["key"], c["sign"]) for c in tray.chips(bank)] == [("term 7", "+3"), ("mute 6", "muted")]
    tray.remove("term 7")
    tray.remove("mute 6")
    tray.remove("mute <b>")
    assert (tray.terms(), tray.muted()) == ([], [])
    state.update(terms=[(latent_of("fox"), 1.0), (99999, 1.0)], muted=[99999])
    terms, muted = tray.known(bank)
    assert [term.latent for term in terms] == [latent_of("fox")]
    assert muted == ()
    tray.weigh(8, 0)
    assert [term.latent for term in tray.known(bank)[0]] == [latent_of("fox")], "at 0 nothing is asked"
    assert [(c["sign"], c.get("off", False)) for c in tray.chips(bank)] == [("+1", False), ("0", True)]


def test_too_many_latents_are_a_sentence_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, object] = {"terms": [(i, 1.0) for i in range(MOST_TERMS)]}
    monkeypatch.setattr(st, "session_state", state)
    tray.add(99, 1)
    assert (len(tray.terms()), 99 in dict(tray.terms())) == (50, False)
    assert state["_problem"] == "A query takes at most 50 latents: latent 99 was not added."
    tray.add(3, 1)
    assert dict(tray.terms())[3] == 2


def test_health_speaks_where_training_disagrees() -> None:
    def of(here: float, silent: float, **training: float) -> Health:
        return Health("e", "f", 10, 0, 100, here, 0.2, 50, silent, training, ())

    assert health.disagreements(of(16, 0.0, l0=16.0)) == []
    more, silent = health.disagreements(of(32, 0.5, l0=16.0, dead_share=0.05))
    assert "32.0 latents, more than the 16.0 of training" in more
    assert silent.startswith("45\u202f% of the dictionary is alive but silent here")
    unknown: health.Measured = {"trust_here": {}, "trust": {}}
    assert health.trust_rows({}, unknown) == []
    assert "Nobody has measured" in health.trust_words({}, unknown)
    low: health.Measured = {"trust_here": {"mean": 0.55, "n": 3}, "trust": {"mean": 0.9, "n": 4}}
    assert health.trust_words({}, low).endswith("55\u202f% of the time. That is hardly better than chance.")
    assert [r["this bank"] for r in health.trust_rows({}, low)] == ["0.55", "3"]
