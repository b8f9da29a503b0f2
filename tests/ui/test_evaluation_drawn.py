"""Figures of runs as data."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from core import Query
from core.analysis.contrast import Contrast
from core.bank.runs import Confusion, Run
from core.evaluation.comparison import compare
from tests.core.evaluation.cases import case
from ui.evaluate import charts as charts_evaluation
from ui.evaluate import misses, proofs, results
from ui.evaluate import runs as evaluation
from ui.kit.colours import MINUS, MODE_COLOURS, PLUS

CRITERION = {
    "context_precision": 0.455,
    "interval": [0.4, 0.51],
    "context_chars": {"mean": 1164.6, "sd": 932.2},
    "latency_s": {"mean": 0.0218, "sd": 0.005},
}
FIGURES = {
    "criteria": {"study": CRITERION},
    "by_category": {
        "1": {"n": 4, "recall@10": 0.25, "interval": {"recall@10": [0.1, 0.6]}},
        "<b>": {"n": 2, "recall@10": 0.5, "interval": {"recall@10": [0.0, 1.0]}},
    },
}
MODES: dict[Any, Any] = dict.fromkeys(("dense", "sparse", "combined", "lexical"), FIGURES)


def cells(row: str) -> list[str]:
    return [re.sub(r"<[^>]+>", "|", cell).strip("|") for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]


def test_the_studys_table_stands_beside_ours() -> None:
    table = results.study_table(MODES, "study")
    rows = table.split("<tbody>")[1].split("</tr>")
    ours = "46\u202f%||40–51"
    assert cells(rows[0]) == ["32\u202f%", ours, "68\u202f%", ours, "73\u202f%", ours, ours]
    assert cells(rows[1])[::2] == ["24\u202f%", "41\u202f%", "45\u202f%", results.UNMEASURED]
    assert cells(rows[2])[:2] == ["47|± 18", "0.022|± 0.005"]
    assert cells(rows[3]) == [
        "2,194|± 1,056", "1,165|± 932", "10,548|± 3,598", "1,165|± 932", "5,346|± 2,652", "1,165|± 932", "1,165|± 932",
    ]  # fmt: skip


def test_curves_keep_their_colours() -> None:
    figure = charts_evaluation.recall_curves({"dense": np.asarray([0.5, 1], np.float32)})
    (line,) = figure.data
    assert (list(line.x), list(line.y), line.line.color) == ([1, 2], [0.5, 1], MODE_COLOURS["dense"])


def test_a_row_of_dots_per_category() -> None:
    figure = charts_evaluation.categories(MODES)
    assert [trace.name for trace in figure.data] == ["dense", "sparse", "combined", "lexical"]
    assert list(figure.layout.yaxis.ticktext) == ["1 (4)  ", "&lt;b&gt; (2)  "]
    dense = figure.data[0]
    assert list(dense.x) == [0.25, 0.5]
    assert list(dense.error_x.array) == pytest.approx([0.35, 0.5])
    assert list(dense.error_x.arrayminus) == pytest.approx([0.15, 0.5])
    heights = np.stack([trace.y for trace in figure.data])
    assert np.all(np.diff(heights, axis=0) > 0)
    assert np.allclose(heights.mean(axis=0), [0, 1])


def test_gains_are_in_percentage_points() -> None:
    found = compare([case("a", (11,), top=False), case("b", (1,), top=True)], [case("a", (1,)), case("b", (1,))])
    (dots,) = charts_evaluation.differences(found, {"recall@10": "found"}).data
    assert list(dots.x) == [50, 25, 0]
    assert list(dots.customdata[0]) == [0.5, 1, 0, 100]


def test_the_latents_that_put_it_first() -> None:
    found = Confusion(
        np.asarray([5, 7, 2, 9]), np.asarray([3, 1, 1, 0], np.float32), np.asarray([1, 0.5, 1, 4], np.float32)
    )
    shown = misses.sides(found)
    assert shown == [0, 1, 3]
    (bars,) = charts_evaluation.confusion(found, shown, {5: 'say "a" <b>'}, 9).data
    assert list(bars.x) == [2, 0.5, -4]
    assert list(bars.marker.color) == [MINUS, MINUS, PLUS]
    assert list(bars.marker.line.width) == [0, 0, 2.5]
    assert bars.y[0].startswith('say "a" &lt;b&gt; ')
    assert bars.customdata[:, 0].tolist() == [5, 7, 9]
    assert misses.summary(found) == (
        "2 latents speak for what came first (+2.50), 1 for the evidence (−4.00); together −1.50 in the sparse score."
    )


def test_a_run_is_called_by_what_is_unusual() -> None:
    report = {"n_questions": 1200}
    run = Run("a", "", datetime(2026, 5, 4, 12), "f", "questions", None, Query(""), report)
    assert evaluation.title(run).startswith("scored as usual · 1,200 questions, all categories · 04 May ")
    settings = Query("", weighting="cosine", fusion="study", balance=0.1, context=0)
    assert evaluation.scored(settings) == "Cosine of maxima (the study’s), study combination, neighbours × 0"
    assert evaluation.scored(Query("", balance=0.5)) == "dense × 0.5"


def faithful(low: float, high: float) -> dict[str, Any]:
    def side(mean: float) -> dict[str, Any]:
        figure = {"mean": mean, "interval": [mean - 1, mean + 1]}
        return {
            "rank_lost": figure | {"median": 0.0},
            "log2_rank_ratio": figure,
            "score_removed": figure,
            "density": 0.1,
        }

    apart = {"mean": 4.0, "interval": [low, high]}
    return {
        "explaining": side(4.2), "matched": side(0.1), "wins": {"mean": 0.46}, "ties": 0.5,
        "difference": {"rank_lost": apart, "log2_rank_ratio": apart},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "end"),
    [(0.1, 1, "The shares tell true."), (-1, 1, "may be chance."), (-2, -1, "latents that are not named matter more.")],
)
def test_the_verdict_on_explanations(low: float, high: float, end: str) -> None:
    said = proofs.verdict(faithful(low, high))
    assert said.startswith(
        "Without the three latents that explain it most, a hit falls by 4.2 ranks on average; without"
    )
    assert "by 0.1. The first cost more in 46% of the hits, as much in 50%." in said
    assert said.endswith(end)


def test_muting_as_a_table() -> None:
    explaining, matched, apart = proofs.muting_rows(faithful(-0.5, 1))
    assert explaining["ranks lost"] == "4.20 (3.20 to 5.20)"
    assert matched["ranks lost"] == "0.10 (−0.90 to 1.10)"
    assert apart["doublings of the rank"] == "4.00 (−0.50 to 1.00)"
    assert explaining["fired by"] == "10\u202f%"


def test_both_sides_of_an_audit() -> None:
    """Twelve of each side, the surest outermost; the order given is that of sureness, signs mixed."""
    n = 40
    odds = np.asarray([2 - i / 20 if i % 2 == 0 else i / 20 - 2 for i in range(n)])
    found = Contrast(
        10, 5, np.arange(n, dtype=np.int32), np.full(n, 5, np.int32), np.full(n, 1, np.int32), odds, odds - 1, odds + 1,
        np.full(n, 0.5), np.full(n, 0.5), 1.0,
    )  # fmt: skip
    at = proofs._both_ends(found)
    assert at == [*range(0, 24, 2), *range(23, 0, -2)]
    (row,) = proofs.audit_rows(found, at[:1], {})
    assert (row["answered"], row["missed"], row["label"], row["trust"]) == (0.5, 0.2, "", None)
