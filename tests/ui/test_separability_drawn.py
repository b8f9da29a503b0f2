"""The separability figures as data."""

from __future__ import annotations

import numpy as np

from core.analysis.separability import separate
from core.types import Case
from ui.kit.colours import ACCENTS, MODE_COLOURS
from ui.kit.figures import for_paper, picture
from ui.separability import charts as charts_separability

SIM = np.asarray([[0.9, 0.2, 0.5], [0.1, 0.7, 0.8]], np.float32)
MODE = separate(SIM, np.int32([0, 1]), np.int32([0, 1]), np.int32([1, 2]))
CASES = [Case("a", "<b>context</b>", "related?", "no"), Case("b", "other", "asked?", "no")]


def test_violins_carry_their_cases_and_escape_words() -> None:
    figure = charts_separability.violins({"dense": MODE, "sparse": MODE}, CASES, ["<i>nr</i>", "x"], 1, ACCENTS["dark"])
    points = [t for t in figure.data if t.type == "scatter" and t.customdata is not None]
    assert [t.name for t in points] == ["dense", "sparse"]
    np.testing.assert_allclose(points[0].y, [0.7, -0.1], atol=1e-6)
    assert [row[0] for row in points[0].customdata] == [0, 1]
    assert points[0].text[0] == "a<br>C: &lt;b&gt;context&lt;/b&gt;<br>R: related?<br>NR: &lt;i&gt;nr&lt;/i&gt;"
    assert points[1].marker.color == MODE_COLOURS["sparse"]
    assert figure.layout.xaxis.ticktext[0] == "<b>dense</b><br>50 % of cases above 0"
    bands = [s for s in figure.layout.shapes if s.type == "rect"]
    assert [(b.y0, b.y1) for b in bands] == [MODE.null_cases] * 2
    ring = figure.data[-1]
    assert (ring.marker.color, list(np.round(ring.y, 6))) == (ACCENTS["dark"], [-0.1, -0.1])


def test_intervals_tell_what_excludes_zero() -> None:
    figure = charts_separability.intervals([("a − b", 0.1, 0.05, 0.2), ("a − c", 0.1, -0.05, 0.2)])
    points = figure.data[0]
    assert list(points.marker.color) == [MODE_COLOURS["dense"], MODE_COLOURS["lexical"]]
    np.testing.assert_allclose(points.error_x.array, [0.1, 0.1])
    np.testing.assert_allclose(points.error_x.arrayminus, [0.05, 0.15])


def test_a_figure_for_a_paper_states_where_it_comes_from() -> None:
    figure = charts_separability.intervals([("a − b", 0.1, 0.05, 0.2)])
    stamp = {"bank": "<demo>", "bank_version": 3, "engine": "minilm", "sae": "s", "hook": "", "fingerprint": "f00"}
    for_paper(figure, "Is <it> so?", stamp, "2 cases")
    assert figure.layout.title.text == "Is &lt;it&gt; so?"
    said = figure.layout.annotations[-1].text
    assert said == "2 cases<br>bank &lt;demo&gt; · bank version 3 · engine minilm<br>sae s · fingerprint f00"


def test_pictures_as_svg_and_png() -> None:
    assert picture("x", "svg")["toImageButtonOptions"] == {"format": "svg", "filename": "x"}
    assert picture("x", "png")["toImageButtonOptions"]["scale"] == 3
