from __future__ import annotations

from collections.abc import Callable

import pytest

from core import Memory, MemoryBank
from tests.fakes import FakeEncoder, latent_of
from tests.pages.conftest import HOSTILE, Shown

Show = Callable[..., Shown]
Make = Callable[..., MemoryBank]


def test_a_memory_of_the_demo_without_a_model(show: Show) -> None:
    page = show("memory", memory="demo/D2:2")
    strip = page.component("strip")
    assert "".join(piece for piece, _ in strip["pieces"]).startswith("Tamsin: Phone. It goes")
    assert any(t["tint"] > 0 for t in strip["tokens"])
    assert "Only the peak of each latent is known" in page.words
    assert "Strongest of" in page.at.subheader[0].value
    assert len(page.component("hits")["columns"][0]["rows"]) == 8
    assert page.address == {"memory": "demo/D2:2"}


def test_with_a_model_every_token_is_known(show: Show, make_named: Make) -> None:
    make_named("mine", "fox sees fox", "a dog")
    page = show("memory", bank="mine", memory="m0", latent=str(latent_of("fox")))
    assert [t["tint"] for t in page.component("strip")["tokens"]] == [1.0, 0.0, 1.0]
    assert "Only the peak" not in page.words


def test_the_token_of_a_link_is_chosen(show: Show, make_named: Make) -> None:
    make_named("mine", "fox sees fox")
    page = show("memory", bank="mine", memory="m0", token="1")
    assert page.component("strip")["token"] == 1
    chips = page.component("chips")
    assert chips["before"] == "at “sees”"
    assert [c["latent"] for c in chips["chips"]] == [latent_of("sees")]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"memory": "nobody"}, "has no memory “nobody”"),
        ({"token": "9999"}, "Token 9999 does not exist"),
        ({"latent": "9999999"}, "Latent 9999999 does not exist"),
        ({"memory_near": "far"}, "list of neighbours “far”"),
        ({"token": "one"}, "a whole number from 0"),
    ],
)
def test_an_unknown_value_in_a_link_is_a_sentence(show: Show, given: dict[str, str], sentence: str) -> None:
    page = show("memory", **({"memory": "demo/D2:2"} | given))
    assert any(sentence in warning for warning in page.warnings), page.warnings
    assert page.has_component("strip")


def test_neighbours_leave_the_memory_itself_out(show: Show) -> None:
    for near in ("dense", "sparse"):
        page = show("memory", memory="demo/D2:2", memory_near=near)
        rows = page.component("hits")["columns"][0]["rows"]
        assert "demo/D2:2" not in [row["id"] for row in rows]
        assert [row["rank"] for row in rows] == [str(i) for i in range(1, 9)]


def test_the_dialogue_around_it(show: Show) -> None:
    page = show("memory", memory="demo/D2:2", memory_near="dialogue")
    places = [int(row["rank"]) for row in page.component("hits")["columns"][0]["rows"]]
    assert places == list(range(places[0], places[0] + 9))
    assert page.component("hits")["chosen"] == "demo/D2:2"


def test_a_memory_that_stands_alone_says_so(show: Show) -> None:
    page = show("memory", memory="chaotic-001", memory_near="dialogue")
    assert "stands alone" in page.component("hits")["columns"][0]["note"]


def test_find_by_words_and_by_id(show: Show) -> None:
    page = show("memory", memory_find="battery")
    options = page.at.selectbox(key="memory_pick").options
    assert options
    assert all("demo" in o or "-" in o for o in options)
    page.at.text_input(key="memory_find").set_value("no such words anywhere")
    page.at.session_state["memory"] = None
    page.run()
    assert "No memory has these words" in page.words


def test_picking_from_the_list(show: Show) -> None:
    page = show("memory", memory="demo/D2:2", memory_find="ladder", token="2")
    other = page.at.selectbox(key="memory_pick").options[0].split(" — ")[0]
    page.at.selectbox(key="memory_pick").set_value(other)
    page.run()
    assert page.address["memory"] == other
    assert "token" not in page.address


def test_hostile_texts_stay_texts(show: Show, make_named: Make) -> None:
    rows = [
        Memory(
            f"<i>{i}</i>", text, role="<u>me</u>", conversation="a <b>talk</b>", position=i, meta={"<s>": "<script>"}
        )
        for i, text in enumerate(HOSTILE)
    ]
    make_named("hostile", *rows)
    for memory in rows:
        page = show("memory", bank="hostile", memory=memory.id, memory_near="dialogue", token="0")
        assert "".join(piece for piece, _ in page.component("strip")["pieces"]) == memory.text
        html = "".join(e.proto.body for e in page.at.get("html"))
        assert all(tag not in html for tag in ("<script", "<i>", "<u>", "<b>", "<s>"))


def test_a_memory_without_latents(show: Show, make_named: Make) -> None:
    make_named("mine", "...", "words here")
    page = show("memory", bank="mine", memory="m0")
    assert "No latent fires in this memory" in page.words


def test_a_poorly_read_memory_is_flagged(
    show: Show, make_named: Make, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    encode = fake.encode

    def badly(texts: list[str], query: bool = False) -> object:
        codes = encode(texts, query)
        bad = [i for i, text in enumerate(texts) if "gibberish" in text]
        residual = codes.residual.copy()
        residual[bad] = codes.variance[bad] * 0.9
        return replace(codes, residual=residual)

    monkeypatch.setattr(fake, "encode", badly)
    make_named("mine", "gibberish", *[f"plain words number {i}" for i in range(9)])
    assert any("says little about this memory" in w for w in show("memory", bank="mine", memory="m0").warnings)
    assert not show("memory", bank="mine", memory="m1").warnings


def test_an_empty_bank_names_the_next_click(show: Show, make_named: Make) -> None:
    make_named("empty")
    assert "is empty" in show("memory", bank="empty").words


def test_a_memory_added_but_not_encoded(show: Show, make_named: Make) -> None:
    make_named("mine", "first text")
    make_named("mine", "first text", "second <b>text</b>", encode=False)
    page = show("memory", bank="mine", memory="m1")
    assert "has no latents of this engine yet" in page.words
