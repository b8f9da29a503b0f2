"""Charts and component data as data."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

from core import MemoryBank, Query
from tests.fakes import N_LATENTS, FakeEncoder, latent_of
from ui.kit import cards as hits
from ui.kit import charts, components, export, prose
from ui.kit import shares as why
from ui.kit.colours import ACTIVATION, MODE_COLOURS
from ui.kit.tokens import TokenValues, spectrum

Make = Callable[..., MemoryBank]


def test_latent_bars_carry_their_latents_and_escape_words() -> None:
    figure = charts.latent_bars([7, 3], [2.0, 1.0], ["<b>bold</b>", "two\nlines"], chosen=3)
    bar = figure.data[0]
    assert [row[0] for row in bar.customdata] == [7, 3]
    assert list(bar.x) == [2.0, 1.0]
    assert list(bar.y) == ["7  &lt;b&gt;bold&lt;/b&gt;", "3  two lines"]
    assert list(bar.marker.line.width) == [0, 2.5]
    assert bar.marker.color == ACTIVATION
    assert figure.layout.uirevision == "latents"


def test_pieces_hold_the_whole_text() -> None:
    text = " fox,  sees 🦊 fox"
    tokens = TokenValues.of_trace(FakeEncoder().trace(text))
    assert "".join(piece for piece, _ in tokens.pieces()) == text
    assert [t for _, t in tokens.pieces() if t is not None] == [0, 1, 2]


def test_pieces_survive_tokens_that_share_a_character() -> None:
    values = np.zeros(0, np.float32)
    tokens = TokenValues(
        "añb", np.array([0, 1, 1, 2], np.int32), np.array([1, 2, 2, 3], np.int32), np.zeros(0, np.int64),
        np.zeros(0, np.int32), values, True,
    )  # fmt: skip
    assert tokens.pieces() == [("a", 0), ("ñ", 1), ("b", 3)]


def test_spread_lays_every_share_on_its_tokens() -> None:
    tokens = TokenValues.of_trace(FakeEncoder().trace("fox sees fox"))
    spread = tokens.spread({latent_of("fox"): 6.0, latent_of("sees"): 1.0, 511: 0.0})
    assert spread.tolist() == [3.0, 1.0, 3.0]
    assert tokens.spread({}).tolist() == [0, 0, 0]


def test_stored_peaks_put_a_latent_on_one_token() -> None:
    text = "fox sees fox"
    tokens = TokenValues.of_codes(text, FakeEncoder().encode([text]))
    assert tokens.of(latent_of("fox")) == {0: 3.0}
    assert not tokens.complete
    assert tokens.at(1) == [(latent_of("sees"), 4.0)]


def test_a_fingerprint_is_stable_and_relative() -> None:
    codes = FakeEncoder().encode(["fox elephant"])
    heights = spectrum(codes, bins=N_LATENTS)
    assert heights[latent_of("elephant")] == "9"
    assert heights[latent_of("fox")] == str(int(np.ceil(9 * np.sqrt(3 / 8))))
    assert len(heights) - heights.count("0") == 2
    only = spectrum(codes, np.array([latent_of("fox")], np.int32), bins=N_LATENTS)
    assert only[latent_of("elephant")] == "0"
    assert spectrum(FakeEncoder().encode(["..."])) == "0" * 160


def test_columns_rank_move_and_note(make_bank: Make) -> None:
    bank = make_bank("red fox in the snow", "a fox a fox a fox", "snow on the hill", "nothing alike whatsoever")
    found = bank.search(Query("fox snow", k=2), also=("m3",))
    memories = bank.memories.of(found.ids)
    codes = {i: bank.codes(i) for i in found.ids}
    dense, sparse, combined = hits.columns(found, memories, codes, "m3")  # type: ignore[arg-type]
    assert [c["colour"] for c in (dense, sparse, combined)] == [
        MODE_COLOURS[m] for m in ("dense", "sparse", "combined")
    ]
    assert [row["rank"] for row in sparse["rows"]] == ["1", "2"]
    assert dense["rows"][0]["move"] == ""
    for row in sparse["rows"]:
        left = int(found.ranks["dense"][found.ids.index(row["id"])])
        moved = left - int(row["rank"])
        assert row["move"] == (f"{'↑' if moved > 0 else '↓'}{abs(moved)}" if moved else "")
    assert "The chosen memory: rank" in sparse["note"] or sparse["note"] == ""
    assert all(sum(row["split"]) == pytest.approx(1) for row in combined["rows"])


def test_split_follows_the_combination(make_bank: Make) -> None:
    bank = make_bank("red fox in the snow", "a fox", "snow on the hill")
    for fusion in ("scaled", "study"):
        found = bank.search(Query("fox snow", fusion=fusion))
        explained = {i: bank.explain(found.query, i).parts for i in found.ids}
        for name, (dense, sparse) in found.brought().items():
            d, s = (max(explained[name][side], 0) ** 2 for side in ("dense", "sparse"))
            assert (dense, sparse) == pytest.approx((d / (d + s), s / (d + s)), abs=1e-5)
    assert bank.search(Query("fox", fusion="z")).brought() == {}


def test_why_adds_up(make_bank: Make) -> None:
    bank = make_bank("the lighthouse keeper reads", "a keeper of bees", "nothing")
    explanation = bank.explain(Query("keeper lighthouse"), "m0")
    sides = [TokenValues.of_trace(bank.engine.trace(text)) for text in ("keeper lighthouse", explanation.memory.text)]
    data = why.data(explanation, *sides, latent=None)
    assert sum(data["memory"]["total"].values()) == pytest.approx(explanation.scores["sparse"], rel=1e-3)
    assert why.data(explanation, *sides, latent=None, shown=1)["rows"] == data["rows"][:1]
    second = data["rows"][1]["latent"]
    assert [r["latent"] for r in why.data(explanation, *sides, latent=second, shown=1)["rows"]] == [
        r["latent"] for r in data["rows"]
    ]
    assert why.summary(explanation, 1).startswith("The 1 strongest latent")
    assert why.summary(explanation, 12).startswith("These 2 latents make up the whole")
    nothing = replace(explanation, shares=())
    assert "dense similarity alone" in why.summary(nothing, 12)


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.5246, ".525"), (-0.25, "-.250"), (9.814, "9.81"), (81.75, "81.8"), (1203.6, "1,204"), (0.9999, "1.000")],
)
def test_numbers_have_the_digits_they_deserve(value: float, words: str) -> None:
    assert prose.number(value) == words


def test_plain_defuses_markdown() -> None:
    assert prose.plain("**b** $x$ <i> [a](b) :material/x: #h") == (
        "\\*\\*b\\*\\* \\$x\\$ \\<i\\> \\[a\\]\\(b\\) \\:material/x\\: \\#h"
    )


def test_every_file_states_its_provenance() -> None:
    rows = [{"id": "a", "score": 0.5}, {"id": "=1+1", "score": 1.5}]
    stamp = {"bank": "demo", "fingerprint": "af65"}
    whole = json.loads(export.file_of(rows, stamp, "json"))
    assert whole == {"provenance": stamp, "rows": rows}
    for kind, read in (("csv", pyarrow.csv.read_csv), ("parquet", pyarrow.parquet.read_table)):
        table = read(io.BytesIO(export.file_of(rows, stamp, kind)))
        assert table["from_fingerprint"].to_pylist() == ["af65", "af65"]
        assert table["id"].to_pylist() == ["a", "'=1+1" if kind == "csv" else "=1+1"]


def test_scripts_never_write_html() -> None:
    for script in components.WEB.glob("*.js"):
        code = script.read_text(encoding="utf-8")
        assert not any(
            word in code for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(")
        ), script
