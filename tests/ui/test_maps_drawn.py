"""Maps, contrasts and timelines as data."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core import Memory, MemoryBank
from core.analysis.contrast import contrast
from core.analysis.latents import by_memory
from tests.fakes import latent_of
from tests.handmade import codes, index_of
from ui.atlas import charts as charts_map
from ui.atlas.charts import Frame, Groups, Marks, Values
from ui.kit import contrast_chart as charts_contrast
from ui.kit import pictures
from ui.kit.colours import CATEGORIES, MINUS, PLUS, QUIET, TIME
from ui.timeline import charts as charts_timeline

Make = Callable[..., MemoryBank]
ROOT = Path(__file__).resolve().parent.parent.parent
PLACES = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)
WORDS = ("one", "<b>two</b>", "three " * 100, "")
FRAME = Frame("Do they lie apart?", ("x", "y", "z"), "demo · here")


def test_figures_have_the_theme_s_palette() -> None:
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    for name, colours in CATEGORIES.items():
        assert list(colours) == theme[name]["chartCategoricalColors"]


def test_groups_are_traces_and_the_rest_stays_quiet() -> None:
    figure = charts_map.scatter(PLACES, Groups(np.array([1, 0, -1, 0]), ("a <i>", "b"), "none"), WORDS, Marks(), FRAME)
    assert [t.name for t in figure.data] == ["none (1)", "a &lt;i&gt; (2)", "b (1)"]
    assert [t.customdata.tolist() for t in figure.data] == [[2], [1, 3], [0]]
    assert figure.data[0].marker.color == QUIET["light"]
    assert figure.data[1].marker.color == CATEGORIES["light"][0]
    assert figure.data[1].text == ("&lt;b&gt;two&lt;/b&gt;", "")
    assert figure.data[0].text[0].endswith("…")
    assert figure.data[0].text[0].count("<br>") == 4
    assert figure.layout.yaxis.scaleanchor == "x"
    assert figure.layout.annotations[0].text == "demo · here"


def test_many_groups_differ_by_shape_and_then_are_counted() -> None:
    n = charts_map.MOST_GROUPS + 5
    places = np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32)
    colour = Groups(np.arange(n), tuple(f"g{i}" for i in range(n)))
    figure = charts_map.scatter(places, colour, (), Marks(), FRAME)
    assert figure.data[0].name == "5 more (5)"
    looks = {(t.marker.color, t.marker.symbol) for t in figure.data[1:]}
    assert len(looks) == charts_map.MOST_GROUPS
    assert "click for its words" in figure.data[1].hovertemplate


def test_names_on_the_map_do_not_cover_each_other() -> None:
    places = np.asarray([[0, 0], [0.1, 0], [5, 0], [5, 5]], np.float32)
    names = ("1: the largest", "2: beside it", "3: apart", "4: <b>far</b>")
    figure = charts_map.scatter(places, Groups(np.arange(4), names, "", named=True), (), Marks(), FRAME)
    said = [note.text for note in figure.layout.annotations[1:]]
    assert said == ["1: the largest", "3: apart", "4: &lt;b&gt;far&lt;/b&gt;"]
    one = charts_map.scatter(places[:1], Groups(np.zeros(1, int), names[:1], "", named=True), (), Marks(), FRAME)
    assert len(one.layout.annotations) == 2


def test_a_selection_keeps_colours_and_greys_the_others() -> None:
    figure = charts_map.scatter(
        PLACES, Groups(np.array([0, 0, 1, 1]), ("a", "b")), WORDS, Marks(selected=np.array([1])), FRAME
    )
    assert [t.selectedpoints.tolist() for t in figure.data] == [[1], []]
    assert figure.data[0].unselected.marker.color == QUIET["light"]


def test_values_are_a_ramp_with_the_strongest_on_top() -> None:
    colour = Values(np.array([3, np.nan, 1, 2.0]), "activation", "#E69F00", without="does not fire")
    figure = charts_map.scatter(PLACES, colour, WORDS, Marks(), FRAME)
    rest, ramp = figure.data
    assert rest.name == "does not fire (1)"
    assert ramp.customdata.tolist() == [2, 3, 0]
    assert ramp.marker.color.tolist() == [1, 2, 3]
    assert ramp.marker.colorscale[-1][1] == "#E69F00"
    plain = charts_map.scatter(PLACES, Values(np.arange(4.0), "turn", ""), WORDS, Marks(), FRAME)
    assert [stop for _, stop in plain.data[0].marker.colorscale] == list(TIME["light"])


def test_marks_stand_out() -> None:
    marks = Marks(hits=[3, 1], query=[0.5, 0.5], chosen=2, outline=((0, 0), (1, 0), (0, 1)))
    figure = charts_map.scatter(PLACES, Groups(np.zeros(4, int), ("a",)), WORDS, marks, FRAME)
    _, rings, star, chosen, outline = figure.data
    assert list(rings.text) == ["1", "2"]
    assert rings.x.tolist() == [1, 1]
    assert star.marker.symbol == "star"
    assert (chosen.x[0], chosen.y[0]) == (0, 1)
    assert list(outline.x) == [0, 1, 0, 0]
    assert all(t.customdata is None for t in (rings, star, chosen, outline)), "none of them can be selected"


@pytest.mark.parametrize(("n", "kind"), [(4, "scatter"), (charts_map.VECTOR + 1, "scattergl")])
def test_many_points_are_drawn_by_the_graphics_card(n: int, kind: str) -> None:
    places = np.zeros((n, 2), np.float32)
    figure = charts_map.scatter(places, Groups(np.zeros(n, int), ("a",)), (), Marks(), FRAME)
    assert figure.data[0].type == kind


def test_three_dimensions() -> None:
    places = np.column_stack([PLACES, np.arange(4)]).astype(np.float32)
    figure = charts_map.scatter(places, Groups(np.zeros(4, int), ("a",)), WORDS, Marks(query=[0, 0, 0]), FRAME)
    assert figure.data[0].type == "scatter3d"
    assert figure.data[0].z.tolist() == [0, 1, 2, 3]
    assert figure.layout.scene.zaxis.title.text == "z"


def test_a_forest_of_log_odds() -> None:
    index = index_of(codes([{0: (1, 1)}] * 20 + [{1: (1, 1)}] * 20))
    found = contrast(
        by_memory(index), np.ones(40, np.int32), np.arange(20, dtype=np.int32), np.arange(20, 40, dtype=np.int32)
    )
    figure = charts_contrast.forest(found, [0, 1], {0: "<i>milk</i>"}, ("a & b", "rest"), 1, False, "demo")
    bars = figure.data[0]
    assert [row[0] for row in bars.customdata] == [0, 1]
    assert bars.y[0].startswith("&lt;i&gt;milk&lt;/i&gt;")
    assert bars.y[1].startswith("latent")
    assert list(bars.marker.color) == [PLUS, MINUS]
    assert list(bars.marker.line.width) == [0, 2.5]
    np.testing.assert_allclose(bars.x + bars.error_x.array, found.high)
    np.testing.assert_allclose(bars.x - bars.error_x.arrayminus, found.low)
    assert figure.layout.title.text == "What sets a &amp; b apart from rest?"


def test_cells_keep_the_strongest_of_a_bin(make_bank: Make) -> None:
    said = ["fox", "quiet", "fox fox", "quiet", "quiet"]
    turns = [
        Memory(f"t{i}", f"{t} w{i}", conversation="c", session=f"s{i // 2}", position=i) for i, t in enumerate(said)
    ]
    line = make_bank(*turns).timeline("c", latents=[latent_of("fox")])
    whole, halves = charts_timeline.cells(line, 400), charts_timeline.cells(line, 3)
    assert np.nan_to_num(whole.values).tolist() == [[1, 0, 1, 0, 0]]
    assert np.nan_to_num(halves.values).tolist() == [[1, 1, 0]]
    assert halves.first.tolist() == [0, 2, 4]
    assert halves.strongest[0, :2].tolist() == [0, 2]
    figure = charts_timeline.heatmap(line, whole, {}, [t.text for t in turns], None, 2, FRAME)
    squares = next(t for t in figure.data if t.type == "scattergl")
    assert [row[:2] for row in squares.customdata] == [[0, latent_of("fox")], [2, latent_of("fox")]]
    assert squares.marker.opacity == 0
    drift = [t for t in figure.data if t.type == "scatter"]
    assert [t.name for t in drift] == ["dense codes", "sparse codes"]
    assert list(drift[0].x) == [3, 5], "where the second and the third session begin"
    assert {"0", "1", "2"} <= {a.text for a in figure.layout.annotations}, "s0, s1, s2 are only counted"


def test_a_figure_becomes_a_page_of_its_own() -> None:
    figure = charts_map.scatter(PLACES, Groups(np.zeros(4, int), ("a",)), WORDS, Marks(), FRAME)
    page = pictures.page(figure, dark=False).decode()
    assert page.startswith("<!doctype html>")
    assert "demo \\u00b7 here" in page
    assert "<b>two</b>" not in page
    assert "<script src" not in page, "no network"
    assert figure.layout.dragmode == "lasso", "the page's own figure is left alone"
