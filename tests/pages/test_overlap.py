from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from core import Memory, MemoryBank
from tests.fakes import latent_of
from tests.pages.conftest import HOSTILE, Shown
from ui.overlap import view as overlap

Show = Callable[..., Shown]
Make = Callable[..., MemoryBank]
THREE = (
    Memory("a", "fox sees owl", conversation="one", session="s1", category="x"),
    Memory("b", "fox runs", conversation="one", session="s2", category="x"),
    Memory("c", "owl sleeps soundly", conversation="two", session="s1", category="y"),
)


def chips(page: Shown) -> list[list[int]]:
    """Latents of every row of chips, in the page's order."""
    found = [e for e in page.at.get("bidi_component") if e.proto.component_name == "mnemoscope_chips"]
    return [[chip["latent"] for chip in json.loads(e.proto.json)["chips"]] for e in found]


def test_the_demo_without_a_model(show: Show) -> None:
    page = show("overlap")
    assert len(page.at.get("plotly_chart")) == 1  # tiles: no pair is chosen among so many
    assert page.at.selectbox(key="overlap_by").options == ["memories (525)", "sessions (7)", "categories (3)"]
    assert "Interference" in [s.value.split(":")[0] for s in page.at.subheader]
    assert page.address == {}


def test_a_dialogue_row_by_row(show: Show) -> None:
    page = show("overlap", conversation="demo")
    assert len(page.at.selectbox(key="overlap_pick_a").options) == 165
    assert page.component("why")["rows"]


def test_the_pair_of_a_link(show: Show, make_named: Make) -> None:
    make_named("mine", *THREE)
    page = show("overlap", bank="mine", overlap_a="a", overlap_b="c", latent=str(latent_of("owl")))
    (row,) = page.component("why")["rows"]
    assert (row["latent"], row["value"], row["from"], row["to"]) == (latent_of("owl"), "3.00", "owl", "owl")
    assert page.component("why")["latent"] == latent_of("owl")
    core, unique, only_a, only_b = chips(page)
    assert core == []
    assert set(unique) == {latent_of(word) for word in ("sees", "runs", "sleeps", "soundly")}
    assert only_a == [latent_of("sees"), latent_of("fox")]
    assert only_b == [latent_of("soundly"), latent_of("sleeps")]


def test_without_a_pair_the_nearest_is_shown(show: Show, make_named: Make) -> None:
    make_named("mine", *THREE)
    page = show("overlap", bank="mine")
    assert (page.at.selectbox(key="overlap_pick_a").value, page.at.selectbox(key="overlap_pick_b").value) == ("a", "b")
    page.at.selectbox(key="overlap_pick_b").set_value("c").run()
    assert (page.address["overlap_a"], page.address["overlap_b"]) == ("a", "c")


def test_groups_lead_to_their_memories_and_back(show: Show, make_named: Make) -> None:
    make_named("mine", *THREE, Memory("d", "nobody"))
    page = show("overlap", bank="mine", overlap_by="category", overlap_measure="shared")
    page.at.button(key="overlap_into").click().run()
    assert page.address["overlap_zoom"] == "category:x|y"
    assert "overlap_by" not in page.address
    assert set(page.at.selectbox(key="overlap_pick_a").options) == {"a", "b", "c"}
    page.at.button(key="overlap_back").click().run()
    assert "overlap_zoom" not in page.address
    assert set(page.at.selectbox(key="overlap_pick_a").options) == {"a", "b", "c", "d"}


def test_many_rows_are_tiles_that_open(show: Show, make_named: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "MOST_ROWS", 5)
    monkeypatch.setattr(overlap, "TILES", 3)
    words = ("red", "blue", "green")
    make_named("mine", *[f"{words[i % 3]} thing number {words[i % 3]}{i}" for i in range(9)])
    page = show("overlap", bank="mine")
    assert not page.has_component("why")
    assert "9 memories stand in the order of the tree, drawn as 3 tiles of about 3" in page.words
    page.at.button(key="overlap_into").click().run()
    assert page.address["overlap_zoom"] == "tiles.jaccard.0:0"
    inside = set(page.at.selectbox(key="overlap_pick_a").options)
    assert len(inside) == 3
    page.at.selectbox(key="overlap_measure").set_value("cosine").run()  # the zoom keeps to the tiles it was made of
    assert set(page.at.selectbox(key="overlap_pick_a").options) == inside
    twice = show("overlap", bank="mine", overlap_zoom="tiles.jaccard.0:0,2")
    assert "6 memories stand in the order" in twice.words
    twice.at.button(key="overlap_into").click().run()
    assert twice.address["overlap_zoom"] == "tiles.jaccard.0:0,2>tiles.jaccard.0:0"
    assert len(twice.at.selectbox(key="overlap_pick_a").options) == 2


def test_a_threshold_takes_latents_away(show: Show, make_named: Make) -> None:
    make_named("mine", *THREE)
    page = show("overlap", bank="mine", overlap_threshold="75", overlap_a="a", overlap_b="c")
    assert page.component("why")["rows"] == []  # owl has three letters: below
    page.at.select_slider(key="overlap_threshold").set_value("0").run()
    assert len(page.component("why")["rows"]) == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"overlap_by": "colour"}, "the kind of row “colour”"),
        ({"overlap_measure": "best"}, "the measure “best”"),
        ({"overlap_threshold": "33"}, "the threshold “33”"),
        ({"overlap_a": "nobody"}, "There is no row “nobody”"),
        ({"overlap_zoom": "tiles.jaccard.0:0"}, "The link looks into “tiles.jaccard.0:0”"),
        ({"overlap_zoom": "tiles.best:x"}, "The link looks into “tiles.best:x”"),
        ({"overlap_zoom": "category:nothing"}, "The link looks into “category:nothing”"),
        ({"overlap_zoom": "<b>"}, "The link looks into “<b>”"),
        ({"conversation": "gone"}, "has no conversation “gone”"),
    ],
)
def test_an_unknown_value_in_a_link_is_a_sentence(
    show: Show, make_named: Make, given: dict[str, str], sentence: str
) -> None:
    make_named("mine", *THREE)
    page = show("overlap", bank="mine", **given)
    assert any(sentence in warning for warning in page.warnings), page.warnings
    assert len(page.at.get("plotly_chart")) == 1


def test_rows_that_a_bank_does_not_have(show: Show, make_named: Make) -> None:
    make_named("mine", "one fox", "two foxes")
    page = show("overlap", bank="mine", overlap_by="category")
    assert any("too few categories to compare" in warning for warning in page.warnings)


def test_one_memory_and_none(show: Show, make_named: Make) -> None:
    make_named("one", "alone")
    page = show("overlap", bank="one")
    assert "There is one row alone" in page.words
    make_named("empty")
    assert "is empty" in show("overlap", bank="empty").words


def test_hostile_texts_stay_texts(show: Show, make_named: Make) -> None:
    rows = [
        Memory(f"<i>{i}</i>", f"{text} fox", conversation="<b>c</b>", session=f"<u>{i % 2}</u>", category=f"<s>{i % 2}")
        for i, text in enumerate(HOSTILE)
    ]
    make_named("hostile", *rows)
    for by in ("memory", "session", "category"):
        page = show("overlap", bank="hostile", overlap_by=by)
        if by != "memory":
            page.at.button(key="overlap_into").click().run()
            assert not page.at.exception
            assert set(page.at.selectbox(key="overlap_pick_a").options) == {m.id for m in rows}
        html = "".join(e.proto.body for e in page.at.get("html"))
        specs = "".join(e.proto.spec for e in page.at.get("plotly_chart"))
        assert all(tag not in html + specs for tag in ("<script", "<i>", "<u>", "<s>"))
