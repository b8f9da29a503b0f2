from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core import Memory, MemoryBank, Query, Term
from tests.fakes import FakeEncoder, latent_of
from tests.pages.conftest import HOSTILE, Shown
from ui.compose import composer
from ui.kit import tray

Show = Callable[..., Shown]
Make = Callable[..., MemoryBank]
FOX, SNOW, RED = latent_of("fox"), latent_of("snow"), latent_of("red")
TEXTS = ("a red fox in the snow", "the fox sleeps", "snow on the hill", "nothing alike")


def composed(page: Shown) -> list[tuple[str, str, str]]:
    return [(row["id"], row["score"], row["parts"]) for row in page.component("mixture")["rows"]]


def faders(page: Shown) -> dict[int, float]:
    return {row["latent"]: row["weight"] for row in page.component("mixer")["rows"]}


def act(page: Shown, what: Callable[..., Any], *arguments: Any, **state: Any) -> None:
    """What a click in a component does: its callback, with the page's session."""
    import streamlit as st

    for key in (*composer.UNDONE, "compose_past"):
        if key in page.at.session_state:
            state.setdefault(key, page.at.session_state[key])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(st, "session_state", state)
        what(*arguments)
    for key, value in state.items():
        page.at.session_state[key] = value
    page.run()


def test_nothing_yet_offers_examples_of_the_bank(show: Show) -> None:
    page = show("compose")
    assert page.at.title[0].value == "What comes back for a mixture of latents?"
    assert page.address == {}
    offered = [b for b in page.at.button if b.key and b.key.startswith("compose_example_")]
    assert [len(b.label.replace("\\", "").split()) for b in offered] == [2, 4, 4]
    offered[2].click()
    page.run()
    assert list(faders(page).values()) == [1, -1]
    assert page.component("mixture")["rows"]
    assert page.address["terms"]
    page.at.button(key="compose_undo").click()
    page.run()
    assert page.address == {}


def test_plus_and_minus_by_hand(show: Show, make_named: Make) -> None:
    """Words fire with their lengths: fox 3 and snow 4. The bar of m0 ends at 3 of 5 right of zero, at −2 left of it."""
    make_named("mine", *TEXTS)
    page = show("compose", bank="mine", terms=f"{FOX}:1,{SNOW}:-0.5")
    assert composed(page) == [
        ("m1", "3.00", f"latent {FOX} +3.00"),
        ("m0", "1.00", f"latent {FOX} +3.00 · latent {SNOW} −2.00"),
    ]
    drawn = page.component("mixture")
    assert drawn["zero"] == 40
    assert [(s["kind"], s["from"], s["width"]) for s in drawn["rows"][1]["segments"]] == [
        ("plus", 40, 60),
        ("minus", 0, 40),
    ]
    assert drawn["rows"][1]["said"].startswith("1.00: latent")
    assert [p for p in drawn["rows"][1]["pieces"] if p[1]] == [
        ["fox", "plus", f"latent {FOX} +3.00"], ["snow", "minus", f"latent {SNOW} −2.00"]
    ]  # fmt: skip
    assert not drawn["marking"]
    assert "2 (50" in page.component("mixer")["rows"][0]["fires"]


def test_it_is_the_classic_call_and_says_so_in_python(show: Show, make_named: Make) -> None:
    bank = make_named("mine", *TEXTS)
    page = show("compose", bank="mine", terms=f"{FOX}:1,{SNOW}:-0.5", compose_k="1")
    hits = bank.compose([Term(FOX, 1), Term(SNOW, -0.5)], k=1)
    assert [name for name, *_ in composed(page)] == [hits.ids[i] for i in hits.top("sparse")] == ["m1"]
    code = next(c.value for c in page.at.code if "bank.compose(" in c.value)
    assert f"hits = bank.compose([Term({FOX}, +1), Term({SNOW}, -0.5)], k=1)" in code
    scope: dict[str, Any] = {"engine": bank.engine}
    exec(code.replace(repr(bank.engine.name), "engine"), scope)
    assert scope["best"] == ["m1"]
    assert "score = " in page.words


def test_python_with_words_gives_the_same(show: Show, make_named: Make) -> None:
    bank = make_named("mine", *TEXTS)
    page = show("compose", bank="mine", compose_text="red snow", terms=f"{FOX}:1", muted=str(SNOW))
    code = next(c.value for c in page.at.code if "bank.search(" in c.value)
    scope: dict[str, Any] = {"engine": bank.engine}
    exec(code.replace(repr(bank.engine.name), "engine"), scope)
    assert scope["best"] == [name for name, *_ in composed(page)]
    assert scope["shares"].shape == (2,)


def test_a_link_reopens_everything(show: Show, make_named: Make) -> None:
    make_named("mine", *(Memory(f"m{i}", t, conversation="c", position=i) for i, t in enumerate(TEXTS)))
    given = {
        "bank": "mine",
        "compose_text": "the hill",
        "conversation": "c",
        "compose_k": "2",
        "compose_weighting": "cosine",
        "terms": f"{FOX}:1.5,{SNOW}:-0.25,{RED}:0",
        "muted": str(latent_of("the")),
        "liked": '["m0"]',
        "disliked": '["m3","m2"]',
    }
    page = show("compose", **given)
    assert page.address == given
    assert page.warnings == []
    assert faders(page) == {FOX: 1.5, SNOW: -0.25, RED: 0}
    assert len(composed(page)) == 2


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"terms": ",".join(f"{i}:1" for i in range(51))}, "asks for 51 latents: at most 50 are possible, so none"),
        ({"terms": "1:4"}, "with weights from -3 to 3"),
        ({"terms": "512:1"}, "Latent 512 does not exist"),
        ({"compose_k": "0"}, "a whole number from 1 to 100"),
        ({"compose_weighting": "magic"}, "Known: learnt"),
        ({"liked": "m0"}, "a JSON list of ids is expected"),
        ({"liked": '["nobody"]'}, "has no memory “nobody” to be more or less like"),
    ],
)
def test_an_unknown_value_in_a_link_is_a_sentence(
    show: Show, make_named: Make, given: dict[str, str], sentence: str
) -> None:
    make_named("mine", *TEXTS)
    page = show("compose", bank="mine", **given)
    assert any(sentence in warning for warning in page.warnings), page.warnings
    assert page.address == {"bank": "mine"}


def test_words_are_one_colour_and_their_latents_can_be_muted(show: Show, make_named: Make) -> None:
    make_named("mine", *TEXTS)
    page = show("compose", bank="mine", compose_text="fox hill", terms=f"{SNOW}:1")
    kinds = {row["id"]: [s["kind"] for s in row["segments"]] for row in page.component("mixture")["rows"]}
    assert kinds == {"m0": ["words", "plus"], "m1": ["words"], "m2": ["words", "plus"]}
    assert page.component("mixture")["marking"]
    act(page, composer.step("mute", tray.mute), FOX)
    assert page.address["muted"] == str(FOX)
    assert {name for name, *_ in composed(page)} == {"m0", "m2"}


def test_new_words_wait_for_the_model(show: Show, make_named: Make, fake: FakeEncoder) -> None:
    make_named("mine", *TEXTS)
    fake._warm = False
    page = show("compose", bank="mine", compose_text="brand new words", terms=f"{FOX}:1")
    assert "warming up" in page.at.get("status")[0].label
    assert not page.has_component("mixture")
    assert faders(page) == {FOX: 1}


def test_minus_alone_says_why_nothing_comes(show: Show, make_named: Make) -> None:
    make_named("mine", *TEXTS)
    page = show("compose", bank="mine", terms=f"{FOX}:-1")
    assert "Minus alone brings nothing" in page.words
    page = show("compose", bank="mine", terms=f"{latent_of('unheard')}:1")
    assert "No memory scores above 0" in page.words
    assert page.component("mixer")["rows"][0]["fires"] == "in no memory"


def test_sliders_steps_and_undo(show: Show, make_named: Make) -> None:
    make_named("mine", *TEXTS)
    page = show("compose", bank="mine", terms=f"{FOX}:1")
    act(page, composer.step("weight", composer.weigh), {"latent": FOX, "weight": -3})
    assert faders(page) == {FOX: -3}
    act(page, composer.step("weight", composer.weigh), {"latent": FOX, "weight": 0})
    assert faders(page) == {FOX: 0}
    assert "No memory" not in page.words, "at 0 it asks for nothing, and waits"
    for weight in (-3, 1):
        page.at.button(key="compose_undo").click()
        page.run()
        assert faders(page) == {FOX: weight}
    assert page.at.button(key="compose_undo").disabled
    page.at.button(key="compose_clear").click()
    page.run()
    assert not page.has_component("mixer")
    page.at.button(key="compose_undo").click()
    page.run()
    assert faders(page) == {FOX: 1}


def test_add_by_label_and_by_number(show: Show, make_named: Make) -> None:
    bank = make_named("mine", *TEXTS)
    bank.latents.rename(FOX, "foxes")
    page = show("compose", bank="mine")
    page.at.text_input(key="compose_find").set_value("fox").run()
    (chip,) = page.component("chips")["chips"]
    assert (chip["latent"], chip["label"], chip["value"], chip["pressed"]) == (FOX, "foxes", "2", False)
    act(page, composer.put, FOX)
    assert faders(page) == {FOX: 1}
    assert page.component("chips")["chips"][0]["pressed"]
    act(page, composer.put, FOX)
    assert not page.has_component("mixer")
    page.at.text_input(key="compose_find").set_value("zebra").run()
    assert "No latent that fires in this bank" in page.words


def test_add_from_a_memory(show: Show, make_named: Make) -> None:
    make_named("mine", *TEXTS)
    page = show("compose", bank="mine")
    page.at.segmented_control[0].set_value("memory").run()
    page.at.text_input(key="compose_memory_find").set_value("red fox").run()
    chips = [(chip["latent"], chip["word"], chip["value"]) for chip in page.component("chips")["chips"]]
    assert chips[0] == (SNOW, "snow", "4.00")
    assert (RED, "red", "3.00") in chips
    page.at.button(key="compose_like_memory").click()
    page.run()
    assert page.address["liked"] == '["m0"]'
    page.at.text_input(key="compose_memory_find").set_value("zebra").run()
    assert "No memory has these words" in page.words


def test_add_from_a_text_and_from_bookmarks(show: Show, make_named: Make, fake: FakeEncoder) -> None:
    bank = make_named("mine", *TEXTS)
    page = show("compose", bank="mine")
    page.at.segmented_control[0].set_value("text").run()
    page.at.text_input(key="compose_add_text").set_value("snow fox").run()
    assert [chip["latent"] for chip in page.component("chips")["chips"]] == [SNOW, FOX]
    page.at.segmented_control[0].set_value("bookmarks").run()
    assert "No latent is bookmarked" in page.words
    bank.latents.bookmark(RED, "a colour")
    page.run()
    assert [(c["latent"], c["word"]) for c in page.component("chips")["chips"]] == [(RED, "a colour")]
    page.at.segmented_control[0].set_value("text").run()
    fake._warm = False
    page.at.text_input(key="compose_add_text").set_value("something new").run()
    assert "warming up" in page.at.get("status")[0].label


def test_likes_become_weights(show: Show, make_named: Make) -> None:
    bank = make_named("mine", *TEXTS)
    page = show("compose", bank="mine", terms=f"{FOX}:1")
    act(page, composer.step("more like", composer.like), "m0")
    act(page, composer.step("less like", composer.dislike), "m1")
    row = next(row for row in page.component("mixture")["rows"] if row["id"] == "m0")
    assert (row["liked"], row["disliked"]) == (True, False)
    page.at.button(key="compose_turn").click()
    page.run()
    wanted = bank.more_like(["m0"], ["m1"])
    found = faders(page)
    assert "liked" not in page.address
    assert found[RED] == 1
    for term in wanted:
        assert found[term.latent] == pytest.approx(term.weight + (term.latent == FOX), abs=composer.STEP / 2 + 1e-9)
    assert composed(page)[0][0] == "m0"
    page.at.button(key="compose_undo").click()
    page.run()
    assert (faders(page), page.address["liked"]) == ({FOX: 1}, '["m0"]')


def test_saved_opened_deleted_and_put_back(show: Show, make_named: Make) -> None:
    bank = make_named("mine", *TEXTS)
    page = show("compose", bank="mine", terms=f"{FOX}:1,{SNOW}:-0.5")
    name = "<b>winter</b> fox"

    def click(key: str) -> None:
        page.at.button(key=key).click()
        page.run()

    page.at.text_input(key="compose_name").set_value(name)
    click("compose_save")
    assert f"Saved as “{name}” in mine." in page.words.replace("\\", "")
    saved = bank.compositions.load(name)
    assert saved.terms == (Term(FOX, 1), Term(SNOW, -0.5))
    assert not [b for b in page.at.button if b.key == "compose_put_back"]
    click("compose_clear")
    click("compose_open")
    assert faders(page) == {FOX: 1, SNOW: -0.5}
    act(page, composer.put, RED)
    page.at.text_input(key="compose_name").set_value(name)
    click("compose_save")
    assert f"took the place of another “{name}”" in page.words.replace("\\", "")
    click("compose_put_back")
    assert bank.compositions.load(name) == saved
    click("compose_delete")
    assert bank.compositions.saved() == {}
    click("compose_put_back")
    assert bank.compositions.load(name) == saved
    click("compose_told")
    assert "is what it was" not in page.words


def test_nothing_is_saved_without_a_name(show: Show, make_named: Make) -> None:
    make_named("mine", *TEXTS)
    page = show("compose", bank="mine", terms=f"{FOX}:1")
    page.at.button(key="compose_save").click()
    page.run()
    assert page.errors == ["A composition needs a name. Nothing was saved."]


def test_what_python_saved_opens_with_its_own_weighting(show: Show, make_named: Make) -> None:
    make_named("mine", *TEXTS).compositions.save("mine", Query("fox", weighting="cosine", terms=(Term(SNOW, 2),)))
    page = show("compose", bank="mine")
    page.at.button(key="compose_open").click()
    page.run()
    assert page.address == {"bank": "mine", "compose_text": "fox", "compose_weighting": "cosine", "terms": f"{SNOW}:2"}


def test_marks_become_likes(show: Show, make_named: Make) -> None:
    bank = make_named("mine", *TEXTS)
    bank.marks.mark("fox", "m0", True)
    bank.marks.mark("fox", "m1", False)
    page = show("compose", bank="mine", compose_text="fox")
    assert {row["id"]: row["mark"] for row in page.component("mixture")["rows"]} == {"m0": "right", "m1": "wrong"}
    page.at.button(key="compose_marks").click()
    page.run()
    assert (page.address["liked"], page.address["disliked"]) == ('["m0"]', '["m1"]')
    assert "marks" in "".join(b.key or "" for b in page.at.get("download_button"))


def test_marks_are_cases_to_learn_from(show: Show, make_named: Make) -> None:
    bank = make_named("mine", *TEXTS)
    assert show("latents", bank="mine", latents_view="weights").at.button(key="learnt_start").disabled
    bank.marks.mark("fox", "m0", True)
    bank.marks.mark("fox", "m1", False)
    button = show("latents", bank="mine", latents_view="weights").at.button(key="learnt_start")
    assert (button.label, button.disabled) == ("Learn from this bank’s questions and marks (1)", False)


def test_from_compose_to_recall_with_the_words(show: Show, make_named: Make) -> None:
    make_named("mine", *TEXTS)
    page = show("compose", bank="mine", compose_text="hill", terms=f"{FOX}:1")
    page.at.button(key="compose_recall").click()
    page.run()
    assert page.at.title[0].value == "Which memories come back, and why?"
    assert page.address == {"bank": "mine", "recall_text": "hill", "terms": f"{FOX}:1"}
    page.button("Open in Compose").click()
    page.run()
    assert page.address == {"bank": "mine", "compose_text": "hill", "terms": f"{FOX}:1"}


def test_hostile_texts_stay_texts(show: Show, make_named: Make) -> None:
    bank = make_named("hostile", *HOSTILE)
    bank.latents.rename(latent_of("script"), "<i>script</i>")
    page = show("compose", bank="hostile", terms=f"{latent_of('script')}:1", liked='["m1"]')
    row = page.component("mixture")["rows"][0]
    assert "".join(words for words, *_ in row["pieces"]) == HOSTILE[0]
    assert "&lt;i&gt;script&lt;/i&gt;" in page.words
    assert "<i>script" not in page.words


def test_an_empty_bank_names_the_next_click(show: Show, make_named: Make) -> None:
    make_named("empty")
    assert "is empty" in show("compose", bank="empty").words
