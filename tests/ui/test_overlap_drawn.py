"""The overlap figure as data."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest

from tests.handmade import ROOT
from ui.kit.colours import ACCENTS, SEQUENTIAL
from ui.overlap import charts as charts_overlap

VALUES = np.asarray([[np.nan, 0.2, 0.4], [0.2, np.nan, 0.3], [0.4, 0.3, np.nan]], np.float32)
TREE = (np.asarray([[0, 0, 1, 1], [0.5, 0.5, 2, 2]], float), np.asarray([[0, 0.6, 0.6, 0], [0.6, 0.7, 0.7, 0]], float))


def test_every_cell_can_be_pointed_at() -> None:
    figure = charts_overlap.heatmap(VALUES, ["a", "<b>", "c"], ["<i>x</i>", "y", "z"], TREE, "Jaccard", chosen=(0, 2))
    heat, squares, tree = figure.data
    assert (heat.zmin, heat.zmax) == (pytest.approx(0.2), pytest.approx(0.4))
    assert list(zip(squares.y, squares.x, strict=True))[:4] == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert squares.customdata[5] == pytest.approx(0.3)
    assert squares.marker.opacity == 0
    assert figure.layout.yaxis3.ticktext[:2] == ("<b>a</b> &lt;i&gt;x&lt;/i&gt;", "<b>&lt;b&gt;</b> y")
    assert figure.layout.xaxis2.ticktext == ("a", "&lt;b&gt;", "c")
    outlined = [(s.x0, s.y0, s.line.color) for s in figure.layout.shapes]
    assert sorted(outlined) == [(-0.5, 1.5, ACCENTS["light"]), (1.5, -0.5, ACCENTS["light"])]
    assert np.isnan(tree.x[4])
    assert list(tree.y[:4]) == [0, 0, 1, 1]


def test_many_rows_keep_their_names_for_the_pointer_alone() -> None:
    n = charts_overlap.NAMED + 1
    values = np.ones((n, n), np.float32)
    none = (np.zeros((0, 4)), np.zeros((0, 4)))
    figure = charts_overlap.heatmap(values, ["r"] * n, ["w"] * n, none, "cosine", theme="dark")
    assert figure.data[1].type == "scattergl"
    assert figure.layout.xaxis2.tickvals == ()
    assert len(figure.layout.xaxis3.ticktext) == n
    assert figure.data[0].zmax > figure.data[0].zmin


def test_a_small_distance_has_the_strong_colour() -> None:
    near, far = (
        charts_overlap.heatmap(VALUES, ["a"] * 3, [""] * 3, TREE, "u", small).data[0].colorscale
        for small in (True, False)
    )
    assert near[0][1] == far[-1][1] == SEQUENTIAL["light"][-1]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_ramp_is_that_of_the_theme(theme: str) -> None:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert SEQUENTIAL[theme] == config["theme"][theme]["chartSequentialColors"]
    assert ACCENTS[theme] == config["theme"][theme]["primaryColor"]
