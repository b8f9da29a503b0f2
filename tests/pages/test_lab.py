from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from core import Lab, LabPlan, MemoryBank
from core.lab.plan import BETAS, PHASES
from core.progress import finish
from core.types import Memory
from tests.pages.conftest import HOSTILE, Shown
from ui.session import jobs

Show = Callable[..., Shown]
SHORT = replace(PHASES[5], epochs=6, n=5, width=40, size=8)
WAVES, OTHER = replace(SHORT, seeds=2), replace(SHORT, beta=0.001)


def trained(*plans: LabPlan, bank: MemoryBank | None = None) -> list[str]:
    return [finish(Lab().train(plan, bank)).head.id for plan in plans]


def waited(page: Shown) -> None:

    if job := jobs.get("lab"):  # else it ended while the page was drawn
        job.wait(180)
        page.run()


def test_nothing_yet_offers_the_next_click(show: Show) -> None:
    page = show("lab")
    assert "Nothing was trained here yet" in page.words
    assert page.at.number_input(key="lab_beta").value == 0.0005
    assert not page.at.get("plotly_chart")
    assert page.address == {}


def test_training_shows_the_run_and_keeps_it(show: Show) -> None:
    page = show("lab", lab_epochs="6", lab_width="40", lab_size="8", lab_n="5", lab_seeds="2")
    page.at.button(key="lab_train").click().run()
    waited(page)
    (head,) = Lab().list()
    assert head.plan == WAVES
    assert page.address["lab_runs"] == head.id
    assert "What the source reports" in page.words
    again = show("lab", lab_runs=head.id, lab_view="losses")
    (losses,) = again.figures
    assert [trace["name"] for trace in losses["data"]][:3] == ["total", "reconstruction", "β · sparsity"]
    assert len(losses["data"]) == 6  # of two seeds


def test_three_runs_of_the_source(show: Show) -> None:
    page = show("lab", lab_epochs="4", lab_width="40", lab_size="8", lab_n="5")
    page.at.button(key="lab_three").click().run()
    waited(page)
    assert [Lab().get(run).head.plan.beta for run in page.address["lab_runs"].split(",")] == list(BETAS)
    (sparsity,) = page.figures
    assert [note["text"] for note in sparsity["layout"]["annotations"]][:3] == [
        f"β = {beta:g} (phase 5)" for beta in BETAS
    ]


@pytest.mark.parametrize(
    ("view", "figures"),
    [("sparsity", 1), ("traces", 2), ("distinct", 0), ("overlap", 1), ("reconstruction", 1), ("latents", 2),
     ("losses", 1)],
)  # fmt: skip
def test_every_view_of_two_runs(show: Show, view: str, figures: int) -> None:
    runs = trained(WAVES, OTHER)
    page = show("lab", lab_runs=",".join(runs), lab_view=view, lab_shown="1")
    assert len(page.figures) == figures
    assert page.address["lab_runs"] == ",".join(runs)
    assert not page.errors
    assert not page.warnings


def test_a_phase_brings_its_settings(show: Show) -> None:
    page = show("lab")
    page.at.segmented_control(key="lab_phase").set_value("4").run()
    assert page.at.number_input(key="lab_beta").value == 3.0
    assert page.at.text_input(key="lab_weights").value == "5, 3, 1"
    page.at.number_input(key="lab_size").set_value(12).run()
    assert "Latents 12" in page.words
    assert page.address == {"lab_phase": "4", "lab_size": "12"}
    page.at.button(key="lab_reset").click().run()
    assert page.at.number_input(key="lab_size").value == 30


def test_weights_that_are_none(show: Show) -> None:
    page = show("lab", lab_weights="much")
    page.at.button(key="lab_train").click().run()
    assert any("“much” are no weights" in error for error in page.errors)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"lab_phase": "9"}, "the phase “9”"),
        ({"lab_beta": "-1"}, "a number from 0 to 100"),
        ({"lab_epochs": "2.5"}, "epochs = “2.5”"),
        ({"lab_runs": "nobody"}, "shows the runs “nobody”"),
        ({"lab_runs": "0123abcd"}, "no run “0123abcd”"),
        ({"lab_view": "all"}, "the view “all”"),
    ],
)
def test_an_unknown_value_in_a_link_is_a_sentence(show: Show, given: dict[str, str], sentence: str) -> None:
    trained(OTHER)
    page = show("lab", **given)
    assert any(sentence in warning for warning in page.warnings), page.warnings
    assert len(page.figures) == 1


def test_a_run_is_deleted_after_a_question(show: Show) -> None:
    first, second = trained(OTHER, SHORT)
    page = show("lab", lab_runs=f"{first},{second}")
    page.at.selectbox(key="lab_doomed").set_value(first).run()
    page.at.button(key="lab_delete").click().run()
    assert [head.id for head in Lab().list()] == [second]
    assert page.address["lab_runs"] == second


def test_a_banks_categories_stay_texts(show: Show, make_named: Callable[..., MemoryBank]) -> None:
    rows = [Memory(f"<b>{i}</b>", text, category=text[:40], position=i) for i, text in enumerate(HOSTILE)]
    bank = make_named("hostile", *rows)
    plan = replace(SHORT, episodes="bank", phase=6, projection=True, revive=2)
    (run,) = trained(plan, bank=bank)
    for view in ("sparsity", "traces", "overlap", "latents"):
        page = show("lab", bank="hostile", lab_runs=run, lab_view=view)
        html = "".join(e.proto.body for e in page.at.get("html"))
        assert "<script" not in html
        for element in page.at.get("plotly_chart"):
            assert "<script" not in element.proto.spec
            assert "<b>0" not in element.proto.spec


def test_a_bank_without_categories_says_so(show: Show, make_named: Callable[..., MemoryBank]) -> None:
    make_named("plain", "fox sees fox")
    page = show("lab", bank="plain", lab_phase="text")
    page.at.button(key="lab_train").click().run()
    waited(page)
    assert any("has a category" in error for error in page.errors)
