from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from core import DEMO_QUERY, Memory, MemoryBank
from tests.fakes import FakeEncoder, latent_of
from tests.pages.conftest import HOSTILE, Shown
from ui.query import marks

Show = Callable[..., Shown]
Make = Callable[..., MemoryBank]


def test_the_landing_page_shows_real_latents_without_a_model(show: Show) -> None:
    loaded = "torch" in sys.modules
    page = show("recall")
    assert page.at.title[0].value == "Which memories come back, and why?"
    assert page.at.text_input(key="recall_text").value == DEMO_QUERY
    columns = page.component("hits")["columns"]
    assert [c["label"] for c in columns] == ["Dense", "Sparse", "Combined"]
    assert [len(c["rows"]) for c in columns] == [10, 10, 10]
    assert len(page.component("chips")["chips"]) == 10
    assert page.component("why")["rows"]
    reason = page.component("threads")
    assert reason["plain"].startswith("Recalled for “")
    assert {thread["from"] for thread in reason["threads"]} & {"charge", "mobile"}
    assert all(row["threads"] for row in columns[1]["rows"][:3])
    assert page.address == {}
    assert ("torch" in sys.modules) == loaded
    assert "bank demo" in page.words


def test_a_link_reopens_everything(show: Show) -> None:
    given = {"recall_k": "3", "conversation": "demo", "weighting": "cosine", "fusion": "study", "balance": "0.8",
             "lexical": "true", "memory": "demo/D2:2"}  # fmt: skip
    page = show("recall", **given)
    assert page.address == given
    columns = page.component("hits")["columns"]
    assert [c["label"] for c in columns] == ["Dense", "Sparse", "Combined", "Lexical"]
    assert all(len(c["rows"]) <= 3 for c in columns)
    assert all(row["id"].startswith("demo/") for c in columns for row in c["rows"])
    assert page.component("hits")["chosen"] == "demo/D2:2"
    assert page.at.selectbox(key="weighting").value == "cosine"
    assert page.at.slider(key="balance").value == 0.8


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"recall_k": "many"}, "a whole number from 1 to 100 is expected"),
        ({"recall_k": "100000"}, "a whole number from 1 to 100 is expected"),
        ({"bank": "../../etc/passwd"}, "which is not here"),
        ({"weighting": "magic"}, "Known: learnt"),
        ({"fusion": "cold"}, "Known: scaled"),
        ({"balance": "nan"}, "a number from 0 to 1 is expected"),
        ({"lexical": "perhaps"}, "true or false is expected"),
        ({"conversation": "<b>nobody</b>"}, "has no conversation “<b>nobody</b>”"),
        ({"memory": "nothing/D1:1"}, "has no memory “nothing/D1:1”"),
        ({"latent": "70000"}, "Latent 70000 does not exist: this dictionary has"),
        ({"latent": "-1"}, "a whole number from 0"),
    ],
)
def test_an_unknown_value_in_a_link_is_a_sentence(show: Show, given: dict[str, str], sentence: str) -> None:
    page = show("recall", **given)
    assert any(sentence in warning for warning in page.warnings), page.warnings
    assert page.has_component("hits")
    assert page.address == {}
    page.run()
    assert page.warnings, "the sentence stays while the page is the same"


def test_choosing_a_hit_explains_it(show: Show) -> None:
    page = show("recall")
    wanted = page.component("hits")["columns"][1]["rows"][4]["id"]
    page.at.session_state["memory"] = wanted
    page.run()
    assert page.address == {"memory": wanted}
    assert page.component("hits")["chosen"] == wanted
    why = page.component("why")
    memory = "".join(piece for piece, _ in why["memory"]["pieces"])
    assert (
        memory[:40] in next(r["text"] for r in page.component("hits")["columns"][1]["rows"] if r["id"] == wanted)[:60]
    )
    assert "latents make up" in page.words


def test_a_memory_outside_the_first_k_is_placed(show: Show) -> None:
    page = show("recall", recall_k="1")
    other = show("recall", recall_k="1", memory="routine-020")
    assert other.component("hits")["chosen"] == "routine-020"
    assert page.component("hits")["columns"][0]["note"] == ""
    assert "The chosen memory: rank" in other.component("hits")["columns"][0]["note"]


def test_the_model_is_waited_for_in_words(show: Show, fake: FakeEncoder, make_named: Make) -> None:
    make_named("mine", "the fox sleeps", "a dog barks")
    fake._warm = False
    page = show("recall", bank="mine", recall_text="fox")
    assert "The model is warming up" in page.at.status[0].label
    assert not page.has_component("hits")
    fake.load()
    page.run()
    assert page.component("hits")["columns"][0]["rows"][0]["id"] == "m0"


def test_exact_shares_in_the_table(show: Show, make_named: Make) -> None:
    make_named("mine", "the lighthouse keeper", "a keeper of bees", "nothing in common")
    page = show("recall", bank="mine", recall_text="keeper lighthouse", memory="m0")
    rows = page.component("why")["rows"]
    assert [row["latent"] for row in rows] == [latent_of("lighthouse"), latent_of("keeper")]
    assert [(row["from"], row["to"]) for row in rows] == [("lighthouse", "lighthouse"), ("keeper", "keeper")]
    assert sum(page.component("why")["memory"]["total"].values()) == pytest.approx(
        sum(page.component("why")["query"]["total"].values()), rel=1e-3
    )
    assert "These 2 latents make up the whole sparse score" in page.words


def test_hostile_texts_stay_texts(show: Show, make_named: Make) -> None:
    rows = [
        Memory(f"<i>{i}</i>", text, role="<u>me</u>", conversation="a <b>talk</b>", position=i)
        for i, text in enumerate(HOSTILE)
    ]
    make_named("hostile", *rows)
    page = show(
        "recall", bank="hostile", recall_text="<script>alert(1)</script> bold x spaces emoji heading", memory="<i>0</i>"
    )
    assert "<script>" not in page.words
    assert "<i>" not in "".join(e.proto.body for e in page.at.get("html"))
    shown = page.component("hits")["columns"][2]["rows"]
    assert {r["id"] for r in shown} <= {m.id for m in rows}
    assert shown[0]["text"] == HOSTILE[0]
    assert "".join(piece for piece, _ in page.component("why")["memory"]["pieces"]) == HOSTILE[0]


def test_an_empty_bank_names_the_next_click(show: Show, make_named: Make) -> None:
    make_named("empty")
    page = show("recall", bank="empty")
    assert "is empty" in page.words
    page.button("Open the Library").click()
    page.run()
    assert page.at.title[0].value.startswith("Which memories are in this bank")


def test_a_bank_without_codes_says_so(show: Show, make_named: Make) -> None:
    make_named("raw", "a text", encode=False)
    assert "has latents of engine fake yet" in show("recall", bank="raw").words


def test_a_query_that_fires_nothing(show: Show, make_named: Make) -> None:
    make_named("mine", "the fox sleeps")
    page = show("recall", bank="mine", recall_text="!!! ???")
    assert "Nothing stored resembles this query" in page.words


def test_no_question_offers_some(show: Show) -> None:
    page = show("recall", recall_text="")
    assert page.address == {"recall_text": ""}
    suggestions = [b for b in page.at.button if b.key and b.key.startswith("suggest_")]
    assert len(suggestions) == 4
    suggestions[0].click()
    page.run()
    assert page.address["recall_text"]


def test_another_bank_starts_afresh(show: Show, make_named: Make) -> None:
    make_named("mine", "the fox sleeps")
    page = show("recall", memory="demo/D2:2")
    page.at.selectbox(key="bank").set_value("mine")
    page.run()
    assert page.address == {"bank": "mine"}


def test_export_and_python_are_offered(show: Show) -> None:
    page = show("recall", memory="demo/D2:2")
    labels = [b.label for b in page.at.get("download_button")]
    assert labels == ["CSV", "Parquet", "JSON"] * 3
    assert any("bank.explain(query, 'demo/D2:2')" in c.value for c in page.at.code)


# --- marks ------------------------------------------------------------------------------------------------------------


def test_a_hit_is_marked_shown_and_unmarked(show: Show, make_named: Make) -> None:
    bank = make_named("mine", "the fox sleeps", "a fox and snow")
    page = show("recall", bank="mine", recall_text="fox snow", memory="m1")
    page.at.button(key="mark_right").click()
    page.run()
    assert [(m.text, m.memory, m.right) for m in bank.marks.all()] == [("fox snow", "m1", True)]
    rows = {row["id"]: row for row in page.component("hits")["columns"][1]["rows"]}
    assert (rows["m1"]["mark"], rows["m0"]["mark"]) == ("right", None)
    assert ", marked right: " in rows["m1"]["aria"]
    assert page.at.button(key="mark_right").label == "Marked right"
    assert "export_marks_csv" in [b.key for b in page.at.get("download_button")]
    page.at.button(key="mark_wrong").click()
    page.run()
    assert [m.right for m in bank.marks.all()] == [False]
    page.at.button(key="mark_wrong").click()
    page.run()
    assert bank.marks.all() == []
    assert all(row["mark"] is None for row in page.component("hits")["columns"][1]["rows"])


def test_marks_lead_to_compose(show: Show, make_named: Make) -> None:
    bank = make_named("mine", "the fox sleeps", "a fox and snow")
    bank.marks.mark("fox", "m0", True)
    bank.marks.mark("fox", "m1", False)
    page = show("recall", bank="mine", recall_text="fox")
    page.button("Compose from 2 marks").click()
    page.run()
    assert page.address == {"bank": "mine", "compose_text": "fox", "liked": '["m0"]', "disliked": '["m1"]'}


def test_latents_alone_ask_nothing_that_could_be_right(show: Show, make_named: Make) -> None:
    make_named("mine", "the fox sleeps")
    page = show("recall", bank="mine", recall_text="", terms=f"{latent_of('fox')}:1")
    assert page.has_component("why")
    assert not [b for b in page.at.button if b.key in ("mark_right", "mark_wrong")]


def test_marks_are_exported_with_their_words(make_named: Make) -> None:
    bank = make_named("mine", Memory("m0", "the fox sleeps", conversation="c"))
    bank.marks.mark("fox", "m0", False)
    (row,) = marks.export_rows(bank)
    assert row | {"query": "fox", "memory": "m0", "conversation": "c", "mark": "wrong", "text": "the fox sleeps"} == row
