from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core import Memory, MemoryBank
from tests.fakes import FakeEncoder, latent_of
from tests.pages.conftest import HOSTILE, Shown

Show = Callable[..., Shown]
Make = Callable[..., MemoryBank]
FOX, SNOW = latent_of("fox"), latent_of("snow")


@pytest.fixture
def mine(make_named: Make) -> MemoryBank:
    said = ["fox", "fox den", "fox", "fox", *["quiet"] * 8, "fox snow", "snow", "snow", "snow"]
    turns = [
        Memory(f"t{i:02}", f"{text} word{i}", conversation="c", session=f"session_{1 + i // 4}", position=i)
        for i, text in enumerate(said)
    ]
    return make_named("mine", *turns, Memory("other", "fox", conversation="d", position=0))


def trace(page: Shown, kind: str) -> dict[str, Any]:
    return next(t for t in page.figures[0]["data"] if t["type"] == kind)


def test_the_demo_s_dialogue(show: Show) -> None:
    page = show("timeline")
    assert page.errors == []
    assert page.figures[0]["layout"]["title"]["text"] == "Which topics come and go in demo?"
    said = {a["text"] for a in page.figures[0]["layout"]["annotations"]}
    assert {"1", "7", "session"} <= said
    assert any("demo · demo · 165 turns · minilm" in text for text in said)
    assert {t.get("name") for t in page.figures[0]["data"]} >= {"dense codes", "sparse codes"}


def test_picked_latents_and_a_story(show: Show, mine: MemoryBank) -> None:
    given = {"bank": "mine", "timeline_of": "c", "timeline_by": "picked", "timeline_latents": f"{SNOW},{FOX}",
             "latent": str(FOX), "memory": "t12"}  # fmt: skip
    page = show("timeline", **given)
    assert page.address == given
    assert len(trace(page, "heatmap")["y"]) == 2
    words = page.words.replace("\\", "")
    assert "Enters at turn 1 (session_1) and stays until 4, in 4 of 4 turns." in words
    assert "Returns after 8 turns at 13 (session_4)." in words
    assert "fox snow word12" in page.words
    page.at.selectbox(key="timeline_turn").set_value(2)
    page.run()
    assert page.address["memory"] == "t02"


def test_the_latents_of_a_text(show: Show, mine: MemoryBank, fake: FakeEncoder) -> None:
    page = show("timeline", bank="mine", timeline_of="c", timeline_by="text")
    assert "Type a text" in page.words
    page.at.text_input(key="timeline_text").set_value("snow elephant")
    page.run()
    assert trace(page, "heatmap")["y"] == [f"latent {SNOW}"]
    page.at.text_input(key="timeline_text").set_value("elephant")
    page.run()
    assert "No latent of this choice fires in this dialogue" in page.words


def test_one_turn_and_alone(show: Show, mine: MemoryBank, make_named: Make) -> None:
    page = show("timeline", bank="mine", timeline_of="d", timeline_by="picked", timeline_latents=str(FOX))
    assert len(page.figures) == 1
    make_named("alone", "one", "two")
    page = show("timeline", bank="alone")
    assert "stand alone" in page.words
    assert page.button("Look at them in the Atlas")
    make_named("empty")
    assert "is empty" in show("timeline", bank="empty").words


def test_what_the_link_has_wrong_is_said(show: Show, mine: MemoryBank) -> None:
    page = show("timeline", bank="mine", timeline_of="zzz", timeline_by="picked", timeline_latents=f"{FOX},9999",
                timeline_k="999")  # fmt: skip
    said = " ".join(page.warnings)
    assert "mine has no conversation “zzz”" in said
    assert "Latent 9999 does not exist" in said
    assert "number of latents “999”" in said
    assert page.address["timeline_latents"] == str(FOX)


def test_hostile_turns_stay_words(show: Show, make_named: Make) -> None:
    name = "<img src=x>"
    make_named(
        "hostile", *(Memory(f"h{i}", t, conversation=name, session=t, position=i) for i, t in enumerate(HOSTILE))
    )
    latent = latent_of("script")
    page = show("timeline", bank="hostile", timeline_by="picked", timeline_latents=str(latent), latent=str(latent))
    assert page.errors == []
    spec = str(page.figures)
    assert "<script" not in spec
    assert "<img" not in spec
