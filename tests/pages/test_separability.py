from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core import MemoryBank
from core.bank.separability import DEMO_CASES
from tests.fakes import latent_of
from tests.pages.conftest import HOSTILE, Shown
from ui.session import jobs

Show = Callable[..., Shown]
Make = Callable[..., MemoryBank]


def components(page: Shown, name: str) -> list[dict[str, object]]:
    """Every mounted component of one kind, in the page's order."""
    found = [e for e in page.at.get("bidi_component") if e.proto.component_name == f"mnemoscope_{name}"]
    return [json.loads(e.proto.json) for e in found]


def cases_file(folder: Path, *rows: dict[str, str]) -> Path:
    file = folder / "mine.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return file


def test_the_demo_without_a_model(show: Show) -> None:
    page = show("separability")
    assert page.at.selectbox(key="sep_source").options[-1] == "the demo’s cases (100)"
    assert page.at.selectbox(key="sep_source").value == "demo"
    assert len(page.at.get("plotly_chart")) == 2
    helped, confused = components(page, "why")
    assert helped["rows"]
    assert confused["rows"]
    assert page.address == {"sep_source": "demo"}
    assert "One case" in page.words


def test_the_case_of_a_link(show: Show) -> None:
    first = json.loads(DEMO_CASES.read_text(encoding="utf-8").splitlines()[0])
    page = show("separability", sep_case="sep-001", sep_against="other", sep_similarity="cosine", picture_format="png")
    helped, confused = components(page, "why")
    assert "".join(piece for piece, _ in helped["query"]["pieces"]) == first["related"]  # type: ignore[index]
    assert "".join(piece for piece, _ in helped["memory"]["pieces"]) == first["context"]  # type: ignore[index]
    assert "".join(piece for piece, _ in confused["query"]["pieces"]) == first["unrelated_other_dialogue"]  # type: ignore[index]
    assert page.at.selectbox(key="sep_pick").value == "sep-001"
    assert page.address["sep_case"] == "sep-001"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"sep_case": "nobody"}, "There is no case “nobody” here"),
        ({"sep_source": "gone.jsonl"}, "has no cases “gone.jsonl”"),
        ({"sep_similarity": "best"}, "the similarity “best”"),
        ({"latent": "9999999"}, "Latent 9999999 does not exist"),
    ],
)
def test_an_unknown_value_in_a_link_is_a_sentence(show: Show, given: dict[str, str], sentence: str) -> None:
    page = show("separability", **given)
    assert any(sentence in warning for warning in page.warnings), page.warnings
    assert len(page.at.get("plotly_chart")) == 2


def test_choosing_a_case_without_a_mouse(show: Show) -> None:
    page = show("separability")
    other = page.at.selectbox(key="sep_pick").options[-1]
    page.at.selectbox(key="sep_pick").set_value(other.split("  ")[1].split(" — ")[0])
    page.run()
    assert page.address["sep_case"] == page.at.selectbox(key="sep_pick").value


def test_a_file_of_ones_own_is_encoded_first(show: Show, make_named: Make, tmp_path: Path) -> None:
    bank = make_named("mine", "fox sees fox")
    file = cases_file(tmp_path, {"case": "a", "context": "fox sees fox", "related": "fox", "unrelated": "owl"})
    bank.separability.add(file)
    page = show("separability", bank="mine", sep_source="mine.jsonl")
    assert "2 of the texts in these cases have no codes yet" in page.words
    assert not page.at.get("plotly_chart")
    page.at.button(key="sep_encode").click().run()

    job = jobs.of(bank)
    assert job is not None
    job.wait(20)
    page.run()
    assert len(page.at.get("plotly_chart")) == 1  # one case: nothing to compare
    assert "modes cannot be compared" in page.words
    helped, confused = components(page, "why")
    assert [row["latent"] for row in helped["rows"]] == [latent_of("fox")]  # type: ignore[index,attr-defined]
    assert confused["rows"] == []
    assert "every latent weighs the same" in page.words
    page.at.button(key="sep_forget").click().run()
    assert "mine.jsonl" not in bank.separability.sources()


def test_cases_without_another_dialogue_say_so(show: Show, make_named: Make, tmp_path: Path) -> None:
    bank = make_named("mine", "fox sees fox")
    bank.separability.add(cases_file(tmp_path, {"context": "fox sees fox", "related": "fox", "unrelated": "owl"}))
    bank.separability.measure(bank.separability.cases("mine.jsonl"))
    page = show("separability", bank="mine", sep_source="mine.jsonl", sep_against="other")
    assert "None of these cases has a question about another dialogue" in page.words


def test_hostile_texts_stay_texts(show: Show, make_named: Make, tmp_path: Path) -> None:
    bank = make_named("mine", "fox")
    rows = [
        {"case": f"<b>{i}</b>", "context": text, "related": f"{text} <i>q</i>", "unrelated": "<u>x</u>"}
        for i, text in enumerate(HOSTILE)
    ]
    bank.separability.add(cases_file(tmp_path, *rows))
    bank.separability.measure(bank.separability.cases("mine.jsonl"))
    page = show("separability", bank="mine", sep_source="mine.jsonl")
    html = "".join(e.proto.body for e in page.at.get("html"))
    assert all(tag not in html for tag in ("<script", "<i>", "<u>", "<b>"))
    for element in page.at.get("plotly_chart"):
        assert "<script" not in element.proto.spec
        assert "<i>q" not in element.proto.spec


def test_an_empty_bank_has_the_demos_cases(show: Show, make_named: Make) -> None:
    make_named("empty")
    page = show("separability", bank="empty")
    assert "have no codes yet" in page.words
