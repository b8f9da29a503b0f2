from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core import DEMO_QUERY, MapPlan, Memory, MemoryBank
from core.analysis import projection
from core.progress import finish
from tests.fakes import FakeEncoder, latent_of
from tests.pages.conftest import HOSTILE, Shown
from ui.atlas import laying
from ui.atlas import map as atlas
from ui.atlas.fields import FIELDS, MOST_CORNERS
from ui.session import jobs

Show = Callable[..., Shown]
Make = Callable[..., MemoryBank]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """UMAP is compiled for many seconds: here its start is its end."""
    monkeypatch.setattr(projection, "lay_out", lambda near, cosines, start, min_dist, seed: 10 * start + seed)


def memories(*groups: tuple[str, str, int]) -> list[Memory]:
    """(category, text, how many) each."""
    return [
        Memory(f"{category or 'x'}{i}", f"{text} number{i}", category=category, position=100 * g + i)
        for g, (category, text, n) in enumerate(groups)
        for i in range(n)
    ]


@pytest.fixture
def mine(make_named: Make) -> MemoryBank:
    return make_named(
        "mine", *memories(("Routine", "coffee laundry", 12), ("Strong", "grief tears", 12), ("", "neither of them", 3))
    )


def rows_of(trace: dict[str, Any]) -> list[int]:
    """The rows that a trace carries, however they are written."""
    import base64

    data = trace["customdata"]
    if isinstance(data, dict):
        data = np.frombuffer(base64.b64decode(data["bdata"]), dtype=np.dtype(data["dtype"])).tolist()
    return [int(row) for row in data]


def test_the_demo_opens_with_its_principal_components(show: Show) -> None:
    page = show("atlas")
    assert page.errors == []
    assert page.address == {}
    (figure,) = page.figures
    assert figure["layout"]["title"]["text"] == "Do categories lie apart by meaning and latents?"
    names = [re.sub(r" \(.*", "", trace["name"]) for trace in figure["data"]]
    assert names == ["no category", "Complex/Chaotic", "Routine", "Strong Emotional"]
    assert sorted(row for trace in figure["data"] for row in rows_of(trace)) == list(range(525))
    assert "of variance" in figure["layout"]["xaxis"]["title"]["text"]
    stamp = figure["layout"]["annotations"][0]["text"]
    assert "demo · 525 memories · PCA of combined codes · minilm" in stamp
    assert page.component("chips")["before"] == "component 1"


def test_a_group_of_the_link_is_set_apart(show: Show, mine: MemoryBank) -> None:
    given = {"bank": "mine", "atlas_field": "category", "atlas_value": "Routine", "atlas_against": "Strong"}
    page = show("atlas", **given)
    assert page.address == given
    assert "12 memories selected" in page.words
    points, forest = page.figures
    selected = [trace for trace in points["data"] if trace.get("selectedpoints")]
    assert [trace["name"] for trace in selected] == ["Routine (12)"]
    assert all("selectedpoints" in trace for trace in points["data"]), "the others are greyed, not gone"
    assert forest["layout"]["title"]["text"] == "What sets Routine apart from Strong?"
    said = " ".join(forest["data"][0]["y"])
    assert all(str(latent_of(word)) in said for word in ("coffee", "laundry", "grief", "tears"))
    assert "4 of " in page.words
    page.at.button(key="atlas_clear").click()
    page.run()
    assert page.address == {"bank": "mine"}
    assert len(page.figures) == 1


def test_choosing_a_group_by_the_select_boxes(show: Show, mine: MemoryBank) -> None:
    page = show("atlas", bank="mine")
    page.at.selectbox(key="atlas_field").set_value("category")
    page.run()
    assert page.address["atlas_value"] == "Routine"
    assert "12 memories selected" in page.words
    page.at.selectbox(key="atlas_value").set_value("Strong")
    page.run()
    assert page.figures[1]["layout"]["title"]["text"] == "What sets Strong apart from all others?"


def test_a_polygon_of_the_link_selects(show: Show, mine: MemoryBank) -> None:
    found = mine.maps.pca("dense")
    everything = "dense:-9,-9;9,-9;9,9;-9,9"
    page = show("atlas", bank="mine", atlas_codes="dense", atlas_shape=everything)
    assert "27 memories selected" in page.words
    assert "Every memory is selected" in page.words
    middle = float(np.median(found.places[:, 0]))
    page = show(
        "atlas", bank="mine", atlas_codes="sparse", atlas_shape=f"dense:{middle:.4g},-9;9,-9;9,9;{middle:.4g},9"
    )
    wanted = {i for i, (x, _) in enumerate(found.places.tolist()) if x > float(f"{middle:.4g}")}
    shown = {
        rows_of(trace)[at]
        for trace in page.figures[0]["data"]
        if "selectedpoints" in trace
        for at in rows_of({"customdata": trace["selectedpoints"]})
    }
    assert shown == wanted, "what was drawn on the dense map is shown on the sparse one"


def test_dense_beside_sparse(show: Show, mine: MemoryBank) -> None:
    page = show("atlas", bank="mine", atlas_view="beside", atlas_field="category", atlas_value="Strong")
    dense, sparse, _ = page.figures
    assert "meaning (dense)" in dense["layout"]["title"]["text"]
    assert "latents (sparse)" in sparse["layout"]["title"]["text"]
    for figure in (dense, sparse):
        assert [t["name"] for t in figure["data"] if t.get("selectedpoints")] == ["Strong (12)"]


def test_a_umap_is_offered_laid_out_and_kept(show: Show, mine: MemoryBank) -> None:
    page = show("atlas", bank="mine", atlas_method="umap", atlas_codes="sparse", atlas_neighbours="5")
    assert page.figures == []
    assert "The sparse UMAP of these 27 memories with these settings is not laid out yet" in page.words
    page.at.button(key="atlas_lay_out").click()
    page.run()
    job = jobs.get(laying.key(mine))
    if job is not None:
        job.wait(20)
    page.run()
    (figure,) = page.figures
    assert "UMAP 1 (no unit)" in figure["layout"]["xaxis"]["title"]["text"]
    assert "UMAP, 5 neighbours, min_dist 0.1, seed 0" in figure["layout"]["annotations"][0]["text"].replace("<br>", " ")
    assert [plan for plan, *_ in mine.maps.listing()] == [MapPlan("umap", "sparse", neighbours=5)]
    from core.types import Reading

    finish(mine.add(Reading([Memory("new", "coffee again", position=999)], [], [])))
    page.run()
    assert "One memory was placed since this map was laid out" in page.words
    assert page.button("Lay it out anew")


@pytest.mark.parametrize("colour", ["time", "cluster", "similarity", "latent"])
def test_every_colour_draws(show: Show, colour: str) -> None:
    page = show("atlas", atlas_colour=colour, atlas_text=DEMO_QUERY, latent="14760")
    assert page.errors == []
    (figure,) = page.figures
    assert {"recalled (10)", "the query"} <= {trace["name"] for trace in figure["data"]}
    page = show("atlas", atlas_colour=colour, atlas_dims="3", latent="14760")
    assert page.errors == []
    assert page.figures[0]["data"][0]["type"] == "scatter3d"


def test_a_text_waits_for_the_model(show: Show, mine: MemoryBank, fake: FakeEncoder) -> None:
    fake._warm = False
    page = show("atlas", bank="mine", atlas_text="coffee at dawn")
    assert "The model is warming up" in page.at.status[0].label
    assert len(page.figures) == 1


def test_a_chosen_memory_is_read_below(show: Show, mine: MemoryBank) -> None:
    page = show("atlas", bank="mine", memory="Routine3")
    assert "coffee laundry number3" in page.words
    assert "chosen memory" in [trace["name"] for trace in page.figures[0]["data"]]
    page.button("Open in Memory").click()
    page.at.run()
    assert page.address["memory"] == "Routine3"


def test_what_the_link_has_wrong_is_said(show: Show, mine: MemoryBank) -> None:
    page = show(
        "atlas", bank="mine", memory="nobody", latent="99999", atlas_field="category", atlas_value="Fun",
        atlas_shape="dense:1,2", atlas_dims="7", atlas_colour="mood",
    )  # fmt: skip
    said = " ".join(page.warnings)
    for part in ("no encoded memory “nobody”", "Latent 99999 does not exist", "There is no category “Fun” here",
                 "at least three corners", "number of dimensions “7”", "the colour “mood”"):  # fmt: skip
        assert part in said
    assert page.errors == []
    page = show("atlas", bank="mine", atlas_field="role", atlas_value="me")
    assert "mine has no groups by role here" in page.warnings[0]


def test_hostile_memories_stay_words(show: Show, make_named: Make) -> None:
    make_named("hostile", *(Memory(f"h{i}", text, category=text, position=i) for i, text in enumerate(HOSTILE)))
    page = show(
        "atlas", bank="hostile", atlas_field="category", atlas_value=HOSTILE[0], atlas_text="<script>x</script>"
    )
    assert page.errors == []
    spec = str(page.figures)
    assert "<script>" not in spec
    assert "<img" not in spec
    assert "&lt;script&gt;" in spec


def test_too_few_memories_and_none(show: Show, make_named: Make) -> None:
    make_named("few", "one", "two")
    assert show("atlas", bank="few").errors == ["A map needs at least 4 encoded memories; few has 2."]
    make_named("empty")
    page = show("atlas", bank="empty")
    assert "The bank “empty” is empty" in page.words
    assert page.button("Open the Library")


def test_a_lasso_is_thinned_to_what_an_address_holds() -> None:
    class Event:
        lasso = [{"x": list(range(1000)), "y": [1 / 3] * 1000}]
        box: list[dict[str, list[float]]] = []

    corners = atlas._drawn(Event())
    assert 30 <= len(corners) <= MOST_CORNERS
    assert corners[1][1] == 0.3333
    field = next(f for f in FIELDS if f.key == "atlas_shape")
    assert field.read(field.write(("dense", corners))) == ("dense", corners)
    Event.lasso, Event.box = [], [{"x": [0.0, 1.0], "y": [2.0, 3.0]}]
    assert atlas._drawn(Event()) == ((0, 2), (1, 2), (1, 3), (0, 3))


def test_map_rows_for_export(mine: MemoryBank, show: Show) -> None:
    show("atlas", bank="mine")
    found = mine.maps.pca("sparse", 3)
    from ui.atlas.form import Asked

    asked = Asked((found.plan,), "category", "", None, 15)
    rows = atlas.map_rows(mine, found, asked, None)
    assert len(rows) == 27
    assert rows[0] | {"x": 0, "y": 0, "z": 0, "text": ""} == {
        "id": "Routine0", "x": 0, "y": 0, "z": 0, "fitted": True, "category": "Routine", "selected": False, "text": "",
        "method": "pca", "codes": "sparse", "neighbours": 15, "min_dist": 0.1, "seed": 0,
    }  # fmt: skip
    axes = atlas.axis_rows(mine, found)
    assert {row["axis"] for row in axes} == {1, 2, 3}
    first = [row for row in axes if row["axis"] == 1]
    assert {latent_of("coffee"), latent_of("grief")} <= {row["latent"] for row in first}
    sizes = [abs(row["loading"]) for row in first]
    assert sizes == sorted(sizes, reverse=True)
