"""Engines side by side."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from core import CoreError, MemoryBank, Query
from core.evaluation.engines import agreement, spearman
from core.progress import finish
from core.types import Memory, Question, Reading
from tests import handmade
from tests.core.bank.test_engines import Long
from tests.fakes import FakeEncoder

Make = Callable[..., MemoryBank]
TEXTS = ("the lake house", "my sister paints boats", "a violin lesson costs much", "the roof was mended by a cousin")
ASKED = [
    Question("q1", "who mended the roof?", "A", ("m3",), "", "1"),
    Question("q2", "what does the violin lesson cost?", "A", ("m2",), "", "2"),
]


@pytest.fixture
def bank(make_bank: Make) -> MemoryBank:
    made = make_bank(*[Memory(f"m{i}", text, conversation="A", position=i) for i, text in enumerate(TEXTS)])
    finish(made.add(Reading([], ASKED, [])))
    return made


def test_spearman_by_hand() -> None:
    """Ranks 1 2 3 4 against 2 1 4 3: 1 − 6·4 / (4·15) = 0.6; with a tie its two share 2.5."""
    up = np.asarray([1, 2, 3, 4], np.float32)
    assert spearman(up, np.asarray([2, 1, 4, 3], np.float32)) == pytest.approx(0.6)
    assert spearman(up, -up) == pytest.approx(-1)
    tied = spearman(np.asarray([1, 2, 2, 4], np.float32), up)
    assert tied == pytest.approx(4.5 / np.sqrt(4.5 * 5))
    assert np.isnan(spearman(up, np.zeros(4, np.float32)))


def test_agreement_over_questions() -> None:
    """Twelve memories: of the first ten, m000 to m009 and m002 to m011, eight are in both."""
    rows = [{0: (float(12 - i), float(12 - i)), 1: (float(i + 1), float(i + 1))} for i in range(12)]
    index = handmade.index_of(handmade.codes(rows, 2))
    questions = [Question("q", "words", "", ("m000",))]
    first, second = ({"words": handmade.codes([{latent: (1.0, 1.0)}], 2)} for latent in (0, 1))
    settings = Query("", weighting="activation", context=0)
    found = finish(agreement(index, index, questions, (first, second), settings))
    assert found["sparse"]["overlap@10"]["mean"] == 0.8
    assert found["sparse"]["spearman"]["mean"] == -1
    assert found["dense"] == {"overlap@10": {"mean": 1.0, "interval": [1.0, 1.0]}, "spearman": None, "n_spearman": 0}
    fewer = handmade.index_of(handmade.codes(rows[:5], 2))
    with pytest.raises(CoreError, match="did not encode the same memories"):
        finish(agreement(index, fewer, questions, (first, second), settings))


def test_two_engines_are_compared_and_kept(bank: MemoryBank) -> None:
    other = Long()
    finish(bank.with_engine(other).encode())
    found = finish(bank.versus.run([bank.engine, other], Query("", context=0)))
    assert bank.versus.list() == (found,)
    assert (found.engines, found.source, found.categories) == (("fake", "long"), "questions", None)
    report = found.report
    assert (report["n_questions"], report["n_memories"], report["n_cases"]) == (2, 4, 2)
    for engine, seen in zip(report["engines"], (bank, bank.with_engine(other)), strict=True):
        alone = finish(seen.runs.evaluate(Query("", context=0))).report["modes"]
        for mode in ("dense", "sparse", "combined"):
            assert engine["modes"][mode]["recall@10"]["mean"] == alone[mode]["recall@10"]
            assert engine["modes"][mode]["ndcg@10"]["mean"] == pytest.approx(alone[mode]["ndcg@10"], abs=1e-4)
        assert engine["fingerprint"] == seen.engine.fingerprint
        assert engine["latents"]["latents_per_memory"] == round(seen.health().latents_per_memory, 1)
    (pair,) = report["pairs"]
    a, b = (one["modes"]["sparse"]["ndcg@10"]["mean"] for one in report["engines"])
    assert pair["gains"]["sparse"]["ndcg@10"]["mean"] == pytest.approx(b - a, abs=2e-4)
    assert pair["agreement"]["dense"]["n_spearman"] == 2
    bank.versus.delete(found.id)
    with pytest.raises(CoreError, match="has no comparison"):
        bank.versus.get(found.id)


def test_categories_choose_questions_and_cases(bank: MemoryBank) -> None:
    other = Long()
    finish(bank.with_engine(other).encode())
    report = finish(bank.versus.run([bank.engine, other], None, ["2"])).report
    assert (report["n_questions"], report["n_cases"]) == (1, 0)  # one case has no spread
    assert report["pairs"][0]["separability"] == {}


def test_what_cannot_be_compared_is_a_sentence(bank: MemoryBank, make_bank: Make) -> None:
    with pytest.raises(CoreError, match=r"Engine long has encoded 0 of the 4 memories of test: encode the rest first"):
        finish(bank.versus.run([bank.engine, Long()]))
    with pytest.raises(CoreError, match="two to 4 different engines"):
        finish(bank.versus.run([bank.engine, FakeEncoder("same")]))
    silent = make_bank("one text", name="silent")
    finish(silent.with_engine(Long()).encode())
    with pytest.raises(CoreError, match="no question with evidence"):
        finish(silent.versus.run([silent.engine, Long()]))


def test_engines_are_released_after_they_were_needed(bank: MemoryBank) -> None:
    other = Long()
    finish(bank.with_engine(other).encode())
    other.release()
    finish(bank.versus.run([bank.engine, other]))
    assert (bank.engine.warm, other.warm) == (True, False)


def test_the_command(
    bank: MemoryBank, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import core.__main__ as cli

    known = {"fake": encoder, "long": Long()}
    monkeypatch.setattr("core.encoding.engines.Engine.named", known.__getitem__)
    assert cli.main(["encode", "--bank", str(bank.path), "--engine", "long", "--json"]) == 0
    encoded = json.loads(capsys.readouterr().out)
    assert (encoded["encoded"], [one["name"] for one in encoded["engines"]]) == (4, ["fake", "long"])
    assert cli.main(["compare-engines", "--bank", str(bank.path), "--engines", "fake,long", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["comparison"]["id"] == bank.versus.list()[0].id
    assert [one["name"] for one in found["engines"]] == ["fake", "long"]
    assert cli.main(["compare-engines", "--bank", str(bank.path), "--engines", "fake,long"]) == 0
    assert "long − fake: combined recall@10" in capsys.readouterr().out
