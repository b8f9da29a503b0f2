from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from core import Memory, MemoryBank
from core.encoding.catalogue import Catalogue
from tests.fakes import N_LATENTS, FakeEncoder, latent_of
from tests.pages.conftest import HOSTILE, Shown
from ui.latents.fields import PAIR
from ui.session import banks, jobs, models

Show = Callable[..., Shown]
Make = Callable[..., MemoryBank]
FOX, SNOW = latent_of("fox"), latent_of("snow")
TEXTS = ("a red fox in the snow", "the fox sleeps", "snow on the hill", "nothing alike")


def described(**labels: str) -> Catalogue:
    """A handmade description of the fake dictionary; labels: word -> label of its latent."""
    named = {latent_of(word): text for word, text in labels.items()}
    context = {"text": "once a fox ran", "start": 7, "end": 10, "activation": 3.0, "interval": "top"}
    rows = [
        {
            "label": named.get(i, ""),
            "source": "words" if i in named else "",
            "score": 0.9,
            "trust": 0.8 if i == FOX else 0.5 if i in named else float("nan"),
            "density": 0.003,
            "max": 4.0 + (i == FOX),
            "mean": 2.0,
            "histogram": [5, 3, *[0] * 17, 1],
            "words": ["fox", "vixen"] if i == FOX else [],
            "word_share": [0.7, 0.2] if i == FOX else [],
            "nearest": [SNOW] if i == FOX else [],
            "nearest_cosine": [0.4] if i == FOX else [],
            "contexts": [context] if i == FOX else [],
        }
        for i in range(N_LATENTS)
    ]
    return Catalogue(pa.Table.from_pylist(rows), None)


@dataclass
class Described(FakeEncoder):
    """The fake engine with a description of its latents."""

    labels: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        FakeEncoder.__init__(self)
        self.known = described(**self.labels)

    @property
    def catalogue(self) -> Catalogue:
        return self.known


@pytest.fixture
def describe(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Described]:
    """describe(fox="foxes"): the pages use an engine whose latents have labels."""

    def use(**labels: str) -> Described:
        engine = Described(labels)
        monkeypatch.setattr(models, "make_engine", lambda _: engine)
        return engine

    return use


@pytest.fixture
def bank(describe: Callable[..., Described], hold: Callable[[Path], None]) -> Callable[..., MemoryBank]:
    """bank("mine", "text", ..., fox="foxes"): an encoded bank whose engine has labels."""

    def make(name: str, *texts: str, **labels: str) -> MemoryBank:
        from core.progress import finish
        from core.types import Reading

        hold(banks.folder() / f"{name}.duckdb")
        made = MemoryBank.open(banks.folder() / f"{name}.duckdb", describe(**labels))
        finish(made.add(Reading([Memory(f"m{i}", t, position=i) for i, t in enumerate(texts)], [], [])))
        return made

    return make


def table(page: Shown) -> dict[int, list[str]]:
    return {row["latent"]: row["cells"] for row in page.component("dictionary")["rows"]}


def chips(page: Shown, key: str) -> list[dict[str, Any]]:
    """The chips of one of several rows, by the session key of its component."""
    import json

    for element in page.at.get("bidi_component"):
        if element.proto.component_name == "mnemoscope_chips" and f"-{key}" in element.proto.id:
            found: list[dict[str, Any]] = json.loads(element.proto.json)["chips"]
            return found
    return []


def label_input(page: Shown) -> Any:
    return next(i for i in page.at.text_input if i.label.startswith("Latent "))


def test_a_dictionary_nobody_described_looks_fine(show: Show, make_named: Make) -> None:
    make_named("mine", *TEXTS)
    page = show("latents", bank="mine", latent=str(FOX))
    drawn = page.component("dictionary")
    assert [head["name"] for head in drawn["heads"]] == ["latent", "memories", "max"]
    assert not drawn["sparks"]
    assert len(drawn["rows"]) == 200
    assert "512 latents; the first 200 are listed." in page.words
    assert "no label yet" in page.words
    assert "comes without a description" in page.words
    assert "2 of 4 memories fire it here (50" in page.words
    assert label_input(page).value == ""
    assert [row["id"] for row in page.component("passages")["groups"][0]["rows"]] == ["m0", "m1"]
    assert not re.search(r"\bnan\b", page.words)


def test_one_latent_from_top_to_bottom(show: Show, bank: Make) -> None:
    bank("mine", *TEXTS, fox="foxes & vixens", snow="winter")
    page = show("latents", bank="mine", latent=str(FOX))
    assert label_input(page).value == "foxes & vixens"
    assert label_input(page).label == f"Latent {FOX}"
    assert "trust .80 on texts that had no part in the label; not measured in this bank" in page.words
    assert "Fires on 0.3\u202f% of tokens: rare, specific." in page.words
    assert "vixen <small>" in page.words
    top = page.component("passages")["groups"][0]["rows"]
    assert [piece for piece in top[0]["pieces"] if piece[1] is not None] == [["fox", 1.0]]
    assert "".join(piece for piece, _ in top[0]["pieces"]) == TEXTS[0]
    assert [(c["label"], c["value"]) for c in chips(page, "latent_nearest")] == [("winter", ".400")]
    coactive = chips(page, "latent_coactive")
    assert SNOW in [c["latent"] for c in coactive]
    assert all("PMI" in c["aria"] for c in coactive)


def test_every_token_is_tinted_when_the_model_is_warm(show: Show, bank: Make) -> None:
    made = bank("mine", "fox sees fox", fox="foxes")
    page = show("latents", bank="mine", latent=str(FOX))
    pieces = page.component("passages")["groups"][0]["rows"][0]["pieces"]
    assert [p for p in pieces if p[1]] == [["fox", 1.0], ["fox", 1.0]]
    made.engine._warm = False  # type: ignore[attr-defined]
    cold = show("latents", bank="mine", latent=str(FOX))
    pieces = cold.component("passages")["groups"][0]["rows"][0]["pieces"]
    assert [p for p in pieces if p[1]] == [["fox", 1.0]]
    assert "Tinted at its peak" in cold.words


def test_a_link_reopens_the_search(show: Show, bank: Make) -> None:
    bank("mine", *TEXTS, fox="foxes", snow="winter", hill="uphill")
    given = {"bank": "mine", "latent": str(SNOW), "latents_sort": "trust", "latents_up": "true", "latents_live": "true",
             "latents_trust": "0.4", "terms": f"{FOX}:1,{SNOW}:-0.5", "muted": str(FOX)}  # fmt: skip
    page = show("latents", **given)
    assert page.address == given
    drawn = page.component("dictionary")
    assert drawn["sort"] == "trust"
    assert not drawn["down"]
    assert [row["label"] for row in drawn["rows"]][-1] == "foxes"
    assert drawn["chosen"] == SNOW
    assert len(drawn["rows"]) == 3


def test_search_by_label_by_word_and_by_number(show: Show, bank: Make) -> None:
    bank("mine", *TEXTS, fox="reynard", snow="winter")
    for words in ("reynard", "vixen", str(FOX)):
        page = show("latents", bank="mine", latents_find=words)
        assert list(table(page)) == [FOX], words
        assert "1 of 512 latents." in page.words
    page = show("latents", bank="mine", latents_find="nothing like it")
    assert "No latent is like this." in page.words
    page.button("Clear search and filters").click()
    page.run()
    assert page.address == {"bank": "mine"}


def test_latents_of_a_text(show: Show, bank: Make) -> None:
    bank("mine", *TEXTS, fox="foxes")
    page = show("latents", bank="mine")
    page.at.text_input(key="latents_text").set_value("fox elephant")
    page.run()
    assert page.address["latents_sort"] == "fires"
    assert [cells[0] for cells in table(page).values()] == ["8.00", "3.00"]
    page.at.text_input(key="latents_text").set_value("")
    page.run()
    assert page.address == {"bank": "mine"}


def test_a_text_waits_for_the_model(show: Show, bank: Make) -> None:
    bank("mine", *TEXTS, fox="foxes").engine._warm = False  # type: ignore[attr-defined]
    page = show("latents", bank="mine", latents_text="fox", latents_sort="fires")
    assert "The model is warming up" in page.at.status[0].label


def test_a_label_is_edited_in_place_and_taken_away(show: Show, bank: Make) -> None:
    made = bank("mine", *TEXTS, fox="foxes")
    page = show("latents", bank="mine", latent=str(FOX))
    label_input(page).set_value("  my   own name ")
    page.run()
    assert label_input(page).value == "my own name"
    assert "your own label" in page.words
    assert "then: foxes" in page.words
    assert made.latents.labels([FOX])[FOX].source == "yours"
    page.button("Take my label away").click()
    page.run()
    assert label_input(page).value == "foxes"
    assert not [b for b in page.at.button if b.label == "Take my label away"]
    label_input(page).set_value("")
    page.run()
    assert label_input(page).value == "foxes"
    assert any("no label of yours to take away" in s.value for s in page.at.success)


def test_a_bookmark_keeps_its_note(show: Show, bank: Make) -> None:
    made = bank("mine", *TEXTS, fox="foxes")
    page = show("latents", bank="mine", latent=str(FOX))
    page.at.text_area(key=f"latents_note_{FOX}").set_value("look again <b>")
    page.at.button(key="latent_keep").click()
    page.run()
    assert made.latents.bookmarks() == {FOX: "look again <b>"}
    assert "Your note: look again &lt;b&gt;" in page.words
    marked = show("latents", bank="mine", latents_marked="true")
    assert list(table(marked)) == [FOX]
    page.at.button(key="latent_forget").click()
    page.run()
    assert made.latents.bookmarks() == {}


def test_the_tray_goes_to_compose_and_to_recall(show: Show, bank: Make) -> None:
    bank("mine", *TEXTS, fox="foxes", snow="winter")
    page = show("latents", bank="mine", latent=str(FOX))
    page.at.button(key="latent_plus").click()
    page.run()
    page.at.button(key="latent_plus").click()
    page.run()
    page.at.button(key="latent_mute").click()
    page.run()
    assert [(c["sign"], c["label"]) for c in chips(page, "latents_tray")] == [("+2", "foxes"), ("muted", "foxes")]
    assert page.address["terms"] == f"{FOX}:2"
    page.button("Open in Compose").click()
    page.run()
    assert page.at.title[0].value == "What comes back for a mixture of latents?"
    assert [row["label"] for row in page.component("mixer")["rows"]] == ["foxes"]
    page.at.button(key="compose_recall").click()
    page.run()
    assert page.at.title[0].value == "Which memories come back, and why?"
    assert chips(page, "recall_tray")[0]["aria"] == f"+2 “foxes” (latent {FOX}, trust .80): take it out"
    assert [row["id"] for row in page.component("hits")["columns"][1]["rows"]] == ["m1", "m0"]
    assert "No words are asked for" in page.component("hits")["columns"][0]["note"]
    assert page.component("why")["rows"][0]["label"] == "foxes"
    page = show("recall", bank="mine", recall_text="", terms=f"{FOX}:2")
    page.at.button(key="recall_tray_clear").click()
    page.run()
    assert "Type a question above" in page.words


def test_terms_and_muted_are_part_of_a_recall_link(show: Show, bank: Make) -> None:
    bank("mine", *TEXTS, fox="foxes", snow="winter")
    given = {"bank": "mine", "recall_text": "fox snow", "terms": f"{SNOW}:1.5", "muted": str(FOX)}
    page = show("recall", **given)
    assert page.address == given
    assert page.component("hits")["columns"][1]["rows"][0]["id"] == "m2"
    assert [(c["label"], c["off"]) for c in chips(page, "recall_chips")] == [("winter", False), ("foxes", True)]
    page = show("recall", bank="mine", recall_text="fox", terms="99999:1", muted="88888")
    assert [w for w in page.warnings if "does not exist" in w] == [
        "Latent 88888 does not exist: this dictionary has 512 (0–511).",
        "Latent 99999 does not exist: this dictionary has 512 (0–511).",
    ]
    assert page.address == {"bank": "mine", "recall_text": "fox"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"latent": "9999"}, "Latent 9999 does not exist"),
        ({"latents_view": "tarot"}, "Known: dictionary"),
        ({"latents_sort": "beauty"}, "which is not here. Known:"),
        ({"latents_live": "perhaps"}, "true or false is expected"),
        ({"latents_trust": "2"}, "a number from 0 to 1 is expected"),
        ({"terms": "15"}, "they are written like 15:1,5:-0.5"),
        ({"terms": "15:9"}, "with weights from -3 to 3"),
        ({"muted": "x"}, "their numbers are expected"),
    ],
)
def test_an_unknown_value_in_a_link_is_a_sentence(
    show: Show, make_named: Make, given: dict[str, str], sentence: str
) -> None:
    make_named("mine", *TEXTS)
    page = show("latents", **({"bank": "mine"} | given))
    assert any(sentence in warning for warning in page.warnings), page.warnings
    assert page.has_component("dictionary")
    assert page.address == {"bank": "mine"}


def test_a_pair_under_the_microscope(show: Show, bank: Make) -> None:
    bank("mine", *TEXTS, fox="foxes")
    page = show("latents", bank="mine", latents_view="pair", pair_a="fox in snow", pair_b="a fox", latent=str(SNOW))
    why = page.component("why")
    assert [(row["label"], row["from"], row["to"]) for row in why["rows"]] == [("foxes", "fox", "fox")]
    assert why["elsewhere"]["query"] == {"2": 4.0}
    assert "they share one latent" in page.words
    assert "they share the word fox" in page.words
    assert {c["word"] for c in chips(page, "pair_only_a")} == {"snow", "in"}
    assert [c["word"] for c in chips(page, "pair_only_b")] == ["a"]


def test_the_pair_opens_with_an_example_and_waits_for_the_model(show: Show, make_named: Make) -> None:
    made = make_named("mine", *TEXTS)
    made.engine._warm = False  # type: ignore[attr-defined]
    page = show("latents", bank="mine", latents_view="pair")
    assert (page.at.text_area(key="pair_a").value, page.at.text_area(key="pair_b").value) == PAIR
    assert "The model is warming up" in page.at.status[0].label
    empty = show("latents", bank="mine", latents_view="pair", pair_a="")
    assert "Type or paste two texts" in empty.words


def test_health_beside_training(show: Show, bank: Make) -> None:
    engine = bank("mine", *TEXTS, fox="foxes", snow="winter").engine
    about = {**engine.about, "training": {"fvu": 0.25, "l0": 4.0, "dead_share": 0.2,
             "labels": {"mean_auroc": 0.81, "shuffled_auroc": 0.52, "n_latents": 400}}}  # fmt: skip
    type(engine).about = property(lambda _: about)  # type: ignore[assignment, method-assign]
    try:
        page = show("latents", bank="mine", latents_view="health")
    finally:
        del type(engine).about
    words = page.words.replace("\\", "")
    assert "A token here fires 1.0 latents, fewer than the 4.0 of training" in words
    assert "were dead in training already" in words
    assert "81\u202f% of the time" in words
    trust = page.at.table[1].value
    assert list(trust["held-out texts"]) == ["0.81", "0.52", "400"]


def test_trust_is_measured_in_the_background(
    show: Show, bank: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path / "cache"))
    texts = [f"fox {'abcdefghijklmnopqrstuvwxyz'[i] * 3}" for i in range(26)]
    others = [f"owl {'abcdefghijklmnopqrstuvwxyz'[i] * 4}" for i in range(26)]
    made = bank("mine", *texts, *others, fox="fox", owl="owl")
    page = show("latents", bank="mine", latents_view="health")
    page.at.button(key="latents_measure").click()
    page.run()
    job = jobs.of(made)
    assert job is not None
    job.wait(20)
    page.run()
    assert any("of the 52 memories of mine, mean trust is" in s.value.replace("\\", "") for s in page.at.success)
    label = made.latents.labels([FOX])[FOX]
    assert label.trust_here > 0.9
    assert "Of two memories of this bank" in page.words
    card = show("latents", bank="mine", latent=str(FOX))
    assert f"in this bank ({label.n_here} memories a side), .80 on texts" in card.words


def test_measuring_without_labels_is_a_sentence(show: Show, make_named: Make) -> None:
    made = make_named("mine", *TEXTS)
    page = show("latents", bank="mine", latents_view="health")
    page.at.button(key="latents_measure").click()
    page.run()
    job = jobs.of(made)
    assert job is not None
    job.wait(20)
    page.run()
    assert any("has a label yet" in error for error in page.errors)


def test_labels_come_from_a_file(show: Show, make_named: Make) -> None:
    made = make_named("mine", *TEXTS)
    page = show("latents", bank="mine")
    uploader = page.at.get("file_uploader")[0]
    assert "latent and label" in uploader.proto.label
    upload(made, "latent,label\n1,first\n2,second\n")
    assert made.latents.labels([1, 2])[2].text == "second"
    assert "2 labels were stored" in state_of()["_labels_told"]
    upload(made, "latent,label\n1,first\nx,second\n")
    assert "line 3, field “latent”" in state_of()["_problem"]


STATE: dict[str, Any] = {}


def state_of() -> dict[str, Any]:
    return STATE


def upload(bank: MemoryBank, text: str) -> None:
    """What the uploader's callback does, without a browser."""
    from ui.latents import label_files

    class File:
        name = "../labels.csv"

        def getbuffer(self) -> memoryview:
            return memoryview(text.encode())

    STATE["up"] = File()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streamlit.session_state", STATE)
        label_files.take(bank, "up")


def test_hostile_labels_stay_texts(show: Show, make_named: Make) -> None:
    made = make_named("mine", *TEXTS)
    for i, text in enumerate(HOSTILE):
        made.latents.rename([FOX, SNOW, latent_of("the"), latent_of("a"), latent_of("hill")][i], text)
    for page in (
        show("latents", bank="mine", latent=str(FOX), terms=f"{FOX}:1", muted=str(SNOW)),
        show("latents", bank="mine", latents_view="pair", pair_a="the fox", pair_b="a fox hill", latent=str(FOX)),
        show("recall", bank="mine", recall_text="the fox", latent=str(FOX), terms=f"{SNOW}:1"),
        show("memory", bank="mine", memory="m0", latent=str(SNOW), token="1"),
    ):
        assert "<script" not in page.words
        assert "<img src=x" not in page.words
        assert not any("**bold**" in e.value for e in [*page.at.markdown, *page.at.caption, *page.at.success])


def test_an_empty_bank_names_the_next_click(show: Show, make_named: Make) -> None:
    make_named("empty")
    page = show("latents", bank="empty")
    assert "is empty. Import memories in the Library" in page.words
    assert page.button("Open the Library")


def test_a_described_dictionary_is_shown_without_memories(show: Show, bank: Make) -> None:
    bank("empty", fox="foxes")
    page = show("latents", bank="empty", latent=str(FOX))
    assert "This bank has no encoded memory to see it in." in page.words
    assert "foxes" in [row["label"] for row in page.component("dictionary")["rows"]]


def test_memory_names_its_latents(show: Show, bank: Make) -> None:
    bank("mine", *TEXTS, fox="foxes")
    page = show("memory", bank="mine", memory="m1", latent=str(FOX), token="1")
    assert f"Tinted by “foxes” (latent {FOX}, trust .80)" in page.words
    assert page.component("strip")["tokens"][1]["latents"] == [[str(FOX), "3.00", "foxes"]]
    assert chips(page, "memory_chips")[0]["label"] == "foxes"
    page.button("Open in Latents").click()
    page.run()
    assert page.address == {"bank": "mine", "latent": str(FOX)}
    assert label_input(page).value == "foxes"


def test_what_is_exported_is_everything_found(show: Show, bank: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from ui.latents import dictionary

    made = bank("mine", *TEXTS, fox="foxes")
    values = {"search": "", "text": "", "sort": "latent", "descending": False, "live": False, "min_trust": 0.0,
              "bookmarked": False}  # fmt: skip
    monkeypatch.setattr(dictionary, "asked", lambda: values)
    rows = dictionary.export_rows(made)
    assert len(rows) == N_LATENTS
    assert rows[FOX]["label"] == "foxes"
    assert rows[0 if FOX else 1]["trust"] is None
    assert not any(isinstance(v, float) and math.isnan(v) for row in rows for v in row.values())
