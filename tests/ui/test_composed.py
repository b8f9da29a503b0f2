"""Compose's drawings as data: bars, tinted texts, the equation's names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import streamlit as st

from core import Label, MemoryBank, Query, Term
from tests.fakes import latent_of
from tests.handmade import codes
from ui.compose import composer, mixture


def test_a_bar_is_stacked_from_zero_to_both_sides() -> None:
    share = np.asarray([1, 2, -3, 0, 4], np.float32)
    found = mixture.segments(share, ["words", "a", "b", "c", "d"], left=3, span=10)
    assert [(s["kind"], s["from"], s["width"], s["title"]) for s in found] == [
        ("words", 30, 10, "words +1.00"),
        ("plus", 40, 20, "a +2.00"),
        ("minus", 0, 30, "b −3.00"),
        ("plus", 60, 40, "d +4.00"),
    ]


def test_pieces_hold_the_text_and_tint_the_peaks() -> None:
    """Token i covers character i; every latent peaks at token 0, so the stronger of two has it."""
    one = codes([{1: (2, 2), 4: (3, 3)}], tokens=[5])
    terms = (Term(1, 1), Term(4, -1), Term(2, 1))
    found = mixture.pieces("abcde", one, terms, np.asarray([2, -3, 0], np.float32), ["one", "four", "two"])
    assert found == [("a", "minus", "four −3.00"), ("bcde", "", "")]
    assert mixture.pieces("abcde", one, (), np.zeros(0, np.float32), []) == [("abcde", "", "")]


def test_a_long_text_is_cut_around_its_peak() -> None:
    text = "word " * 300 + "here " + "word " * 300
    at = text.index("here")
    long = codes([{1: (2, 2)}], tokens=[len(text)])
    long.peak[0] = at
    found = mixture.pieces(text, long, (Term(1, 1),), np.asarray([2], np.float32), ["one"])
    assert (found[0][0], found[-1][0]) == ("… ", " …")
    assert ("h", "plus", "one +2.00") in found
    assert sum(len(words) for words, *_ in found) < mixture.SHOWN + 10


def test_cards_share_one_scale(make_bank: Callable[..., MemoryBank]) -> None:
    bank = make_bank("a frozen lake", "a frozen pizza")
    hits = bank.compose([Term(latent_of("frozen"), 1), Term(latent_of("pizza"), -0.5)])
    best = [hits.ids[i] for i in hits.top("sparse")]
    shares = bank.recall.contributions(hits.query, best)
    known = {name: code for name in best if (code := bank.codes(name))}
    drawn = mixture.data(hits, shares, bank.memories.of(best), known, {}, (["m2"], ["m0"]), {"m0": False})
    assert [row["id"] for row in drawn["rows"]] == ["m0", "m1"]
    assert drawn["zero"] == pytest.approx(100 * 2.5 / 8.5, abs=0.01)
    first = drawn["rows"][0]
    assert (first["score"], first["liked"], first["disliked"], first["mark"]) == ("6.00", False, True, "wrong")
    assert first["aria"] == "rank 1, marked wrong: a frozen lake"
    assert sum(s["width"] for s in first["segments"]) == pytest.approx(100 * 6 / 8.5, abs=0.01)


def test_two_latents_of_one_name_are_told_apart() -> None:
    names = {1: Label(1, "dog"), 2: Label(2, "dog"), 3: Label(3, "bus")}
    terms = [Term(1, 1), Term(2, 1), Term(3, 1), Term(4, 1)]
    assert mixture.named(terms, names) == ["dog 1", "dog 2", "bus", "latent 4"]


def test_an_export_names_every_term(make_bank: Callable[..., MemoryBank]) -> None:
    bank = make_bank("a frozen lake")
    frozen = latent_of("frozen")
    hits = bank.compose([Term(frozen, 0.5)])
    shares = bank.recall.contributions(hits.query, ["m0"])
    (row,) = mixture.export_rows(hits, shares, bank.memories.of(["m0"]), {})
    assert row == {"query": "", "rank": 1, "id": "m0", "text": "a frozen lake", "score": 3, "from_words": 0,
                   f"+0.5 latent {frozen}": 3}  # fmt: skip


def test_liked_or_disliked_never_both(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, object] = {"liked": [], "disliked": []}
    monkeypatch.setattr(st, "session_state", state)
    composer.like("a b")
    composer.dislike("a b")
    assert state == {"liked": [], "disliked": ["a b"]}
    composer.drop("disliked a b")
    composer.drop("disliked nobody")
    composer.drop("<b>")
    assert state == {"liked": [], "disliked": []}


def test_only_so_many_steps_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, object] = {"terms": [(1, 1.0)], "muted": []}
    monkeypatch.setattr(st, "session_state", state)
    for i in range(composer.MOST_STEPS + 5):
        composer.remember(f"step {i}")
    assert len(state["compose_past"]) == composer.MOST_STEPS  # type: ignore[arg-type]
    assert composer.past() == f"step {composer.MOST_STEPS + 4}"
    composer.use(Query("", weighting="activation", terms=(Term(9, 2),)), "mine")
    assert (state["terms"], state["compose_weighting"]) == ([(9, 2)], "")
    composer.undo()
    assert state["terms"] == [(1, 1.0)]
