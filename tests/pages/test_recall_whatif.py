"""What counts as recalled, and what would have been recalled instead."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import core.bank.bank
from core import Memory, MemoryBank
from core.progress import finish
from core.types import Question, Reading
from tests.fakes import latent_of
from tests.pages.conftest import Shown

Show = Callable[..., Shown]
Make = Callable[..., MemoryBank]


@pytest.fixture
def town(make_named: Make) -> MemoryBank:
    """Two turns of one session about a lighthouse, and ten that share a word with it."""
    turns = ["the lighthouse keeper sleeps", "yes in winter", *(f"a keeper of number{i}" for i in range(10))]
    return make_named("town", *(Memory(f"t{i:02}", text, "Ann", "c", "s", i) for i, text in enumerate(turns)))


def rows(page: Shown, label: str) -> list[dict[str, object]]:
    return next(c["rows"] for c in page.component("hits")["columns"] if c["label"] == label)


def test_a_link_keeps_the_criterion_and_its_number(show: Show, town: MemoryBank) -> None:
    given = {
        "bank": "town",
        "recall_text": "lighthouse keeper",
        "criterion": "budget",
        "threshold": "30",
        "context": "0.0",
    }
    page = show("recall", **given)
    assert page.address == given
    assert page.at.selectbox(key="criterion").value == "budget"
    below = [row["below"] for row in rows(page, "Sparse")]
    assert below[0] is False  # 28 characters and a line break
    assert all(below[1:])
    sparse = next(c for c in page.component("hits")["columns"] if c["label"] == "Sparse")
    assert sparse["strip"]["said"] == "1 of 12 recalled"
    assert 0 < sparse["strip"]["line"] <= 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"criterion": "mood"}, "Known: top, study"),
        ({"criterion": "study", "threshold": "99"}, "z is 99; from 0 to 10 is expected"),
        ({"threshold": "-1"}, "a number of 0 or more is expected"),
        ({"context": "0.9"}, "a number from 0 to 0.5 is expected"),
        ({"masked": "first"}, "their numbers are expected, like 0,3"),
        ({"masked": "99"}, "The query has 2 tokens (0–1)"),
        ({"weighting": "yours"}, "has learnt no weights of its own"),
    ],
)
def test_values_that_cannot_be_are_a_sentence(
    show: Show, town: MemoryBank, given: dict[str, str], sentence: str
) -> None:
    page = show("recall", bank="town", recall_text="lighthouse keeper", **given)
    assert any(sentence in warning for warning in page.warnings), page.warnings
    assert page.has_component("hits")


def test_another_criterion_forgets_the_number(show: Show, town: MemoryBank) -> None:
    page = show("recall", bank="town", recall_text="lighthouse keeper", criterion="budget", threshold="30")
    page.at.selectbox(key="criterion").set_value("study")
    page.run()
    assert "threshold" not in page.address
    assert page.at.number_input(key="threshold").value is None


def test_what_fits_nothing_says_so(show: Show, town: MemoryBank, monkeypatch: pytest.MonkeyPatch) -> None:
    page = show("recall", bank="town", recall_text="lighthouse xylophone quartet", criterion="fits", threshold="0.9")
    assert "Nothing stored fits this query" in " ".join(str(i.value) for i in page.at.info)
    assert all(row["below"] for c in page.component("hits")["columns"] for row in c["rows"])
    fine = show("recall", bank="town", recall_text="lighthouse xylophone quartet", criterion="fits", threshold="0.01")
    assert not fine.at.info


def test_the_neighbours_tokens_are_named(show: Show, town: MemoryBank) -> None:
    page = show("recall", bank="town", recall_text="lighthouse", memory="t01")
    (row,) = page.component("why")["rows"]
    assert (row["latent"], row["to"], row["place"]) == (latent_of("lighthouse"), "lighthouse", "t00")
    assert row["memory"] == {}
    assert "100\u202f% of it comes from what was said around this memory" in page.words


def test_a_masked_word_does_not_count(show: Show, town: MemoryBank) -> None:
    page = show("recall", bank="town", recall_text="lighthouse keeper", memory="t00", masked="0", context="0.0")
    assert [row["latent"] for row in page.component("why")["rows"]] == [latent_of("keeper")]
    assert page.component("why")["masked"] == [0]
    assert "Your edits changed its rank: sparse 1 → " in page.words
    tray = next(e for e in page.at.get("bidi_component") if "without" in e.proto.json)
    assert "lighthouse" in tray.proto.json
    page.at.button(key="recall_tray_clear").click()
    page.run()
    assert "masked" not in page.address
    assert len(page.component("why")["rows"]) == 2


def test_other_words_are_not_masked(show: Show, town: MemoryBank) -> None:
    page = show("recall", bank="town", recall_text="lighthouse keeper", masked="0")
    page.at.text_input(key="recall_text").set_value("keeper sleeps")
    next(b for b in page.at.button if b.label == "Recall").click()
    page.run()
    assert "masked" not in page.address


def test_where_the_columns_disagree(show: Show, town: MemoryBank) -> None:
    page = show("recall", bank="town", recall_text="lighthouse keeper", recall_k="3")
    page.at.toggle(key="disagreement").set_value(True)
    page.run()
    table = page.at.dataframe[0].value
    assert table["columns"].tolist() == ["dense and sparse", "dense and combined", "sparse and combined"]
    assert table["overlap"].between(0, 1).all()
    assert table["tau"].between(-1, 1).all()


def test_the_least_edit_that_brings_a_memory_back(show: Show, town: MemoryBank) -> None:
    page = show("recall", bank="town", recall_text="lighthouse keeper", recall_k="1", memory="t05", context="0.0")
    page.at.toggle(key="flips").set_value(True)
    page.run()
    flip = next(b for b in page.at.button if (b.key or "").startswith("flip_") and not b.disabled)
    assert "rank 1" in flip.label
    flip.click()
    page.run()
    assert page.address["terms"]
    assert rows(page, "Sparse")[0]["id"] == "t05"


def test_learning_from_a_banks_own_questions(show: Show, town: MemoryBank) -> None:
    empty = show("latents", bank="town", latents_view="weights")
    assert "Nothing was learnt for this engine yet" in empty.words
    assert empty.at.button(key="learnt_start").disabled
    finish(town.add(Reading([], [Question("q", "lighthouse keeper", "c", ("t00",), source="town.json")], [])))
    page = show("latents", bank="town", latents_view="weights")
    finish(town.learning.learn(town.memories.questions(), ["town.json"]))
    page = show("latents", bank="town", latents_view="weights")
    assert "Learnt on town.json" in page.words.replace("\\", "")
    raised = page.at.dataframe[0].value
    assert raised["latent"].iloc[0] == latent_of("lighthouse")
    assert raised["weight"].iloc[0] > 1
    recall = show("recall", bank="town", recall_text="keeper", weighting="yours")
    assert recall.address["weighting"] == "yours"
    page.at.button(key="learnt_forget").click()
    page.run()
    assert "Nothing was learnt" in page.words


def test_blind_spots_are_listed_worst_first(show: Show, town: MemoryBank) -> None:
    page = show("latents", bank="town", latents_view="health")
    worst = page.at.dataframe[0].value
    assert len(worst) == 10
    assert worst["left out"].is_monotonic_decreasing
    assert core.bank.bank.MemoryBank.blind_spots(town, 1)[0][0].id == worst["memory"].iloc[0]
