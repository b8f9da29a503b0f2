"""Separability by hand: three latents, two contexts, and every figure computed on paper."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from core import Case, CoreError, MemoryBank
from core.analysis.separability import auc, combined, differences, rarity, separate, similarities, unit_rows
from core.bank.state import BankState
from core.readers.cases import of_questions, read_cases
from core.retrieval.lexical import content_words, unit_words
from core.types import Question
from tests.fakes import FakeEncoder, latent_of
from tests.handmade import codes, random_codes

Make = Callable[..., MemoryBank]
INTS = np.int32


# --- similarities -----------------------------------------------------------------------------------------------------


def test_rarity_is_minus_the_logarithm_of_density() -> None:
    found = rarity(np.asarray([0.5, 0.01, 0.0], np.float32))
    np.testing.assert_allclose(found, [0.6931, 4.6052, 4.6052], atol=1e-4)  # never seen counts as the rarest seen


def test_every_latent_weighs_one_where_nothing_is_known() -> None:
    assert rarity(np.full(3, np.nan, np.float32)).tolist() == [1, 1, 1]
    assert rarity(np.zeros(3, np.float32)).tolist() == [1, 1, 1]


def test_unit_rows_by_hand() -> None:
    rows = unit_rows(codes([{0: (3, 3), 1: (4, 9)}, {}, {2: (7, 7)}], 3), np.ones(3, np.float32)).toarray()
    np.testing.assert_allclose(rows, [[0.6, 0.8, 0], [0, 0, 0], [0, 0, 1]], atol=1e-6)
    weighted = unit_rows(codes([{0: (3, 3), 1: (4, 9)}], 3), np.asarray([4, 1, 1], np.float32)).toarray()
    np.testing.assert_allclose(weighted, [[12 / np.sqrt(160), 4 / np.sqrt(160), 0]], atol=1e-6)


def test_similarities_by_hand() -> None:
    contexts = codes([{0: (3, 3), 1: (4, 4)}], 3, dense=[[1, 0]])
    questions = codes([{0: (1, 1)}, {2: (1, 1)}, {}], 3, dense=[[0.6, 0.8], [-1, 0], [0, 1]])
    words = unit_words(["the cats sat", "a cat sat down", "dogs", "the"])
    sims = similarities(contexts, questions, np.ones(3, np.float32), (words[:1], words[1:]))
    np.testing.assert_allclose(sims["dense"], [[0.6, -1, 0]], atol=1e-6)
    np.testing.assert_allclose(sims["sparse"], [[0.6, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(sims["combined"], [[np.sqrt(0.72), 0, 0]], atol=1e-6)  # a dense one below 0 counts as 0
    np.testing.assert_allclose(sims["lexical"], [[2 / np.sqrt(6), 0, 0]], atol=1e-6)  # cat, sat of cat, sat, down


def test_combined_is_the_root_of_squares() -> None:
    np.testing.assert_allclose(combined(np.float32([3, -3]), np.float32([4, 4])), [5, 4])


def test_words_are_stems_without_stop_words() -> None:
    found = content_words(["The cats are running", "cat run", ""]).toarray()
    assert found.sum(axis=1).tolist() == [2, 2, 0]
    assert (found[0] == found[1]).all()


# --- figures ----------------------------------------------------------------------------------------------------------

SIM = np.asarray([[0.9, 0.2, 0.5], [0.1, 0.7, 0.8]], np.float32)
"""Two contexts, three questions. Cases: context 0 with R 0 and NR 1, context 1 with R 1 and NR 2."""


def test_figures_by_hand() -> None:
    found = separate(SIM, INTS([0, 1]), INTS([0, 1]), INTS([1, 2]))
    np.testing.assert_allclose(found.sep, [0.7, -0.1], atol=1e-6)
    assert found.share_positive == 0.5
    assert found.mean == pytest.approx(0.3)
    assert found.sd == pytest.approx(np.sqrt(2 * 0.4**2))  # n − 1
    assert found.effect == pytest.approx(0.3 / np.sqrt(0.32))
    assert found.auc == 0.75  # .9 > .2, .9 > .8, .7 > .2, .7 < .8: three of four
    # Two permutations are possible: the identity (.3), and the swap: (.2 − .5) and (.1 − .7), mean −.45.
    assert {round(found.null_interval[0], 5), round(found.null_interval[1], 5)} == {-0.45, 0.3}
    assert found.null_mean == pytest.approx((0.3 - 0.45) / 2, abs=0.03)
    assert found.p == pytest.approx(0.5, abs=0.05)


def test_a_tie_is_not_positive_and_counts_half() -> None:
    found = separate(np.asarray([[0.5, 0.5]], np.float32), INTS([0]), INTS([0]), INTS([1]))
    assert (found.share_positive, found.auc, found.mean, found.p) == (0.0, 0.5, 0.0, 1.0)
    assert np.isnan(found.sd)
    assert np.isnan(found.effect)


def test_auc_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    near, far = rng.integers(0, 6, (2, 3, 40)).astype(np.float32)
    truth = [roc_auc_score([1] * 40 + [0] * 40, [*a, *b]) for a, b in zip(near, far, strict=True)]
    np.testing.assert_allclose(auc(near, far), truth)


def test_the_null_lies_around_zero_and_related_questions_beyond_it() -> None:
    rng = np.random.default_rng(2)
    n = 60
    sim = rng.normal(0, 0.1, (n, 2 * n)).astype(np.float32)
    place = np.arange(n)
    sim[place, place] += 0.3
    found = separate(sim, INTS(place), INTS(place), INTS(place + n))
    assert abs(found.null_mean) < 0.02
    assert found.null_interval[1] < found.mean
    assert found.p == pytest.approx(1 / 1001)
    chance = separate(sim, INTS(place), INTS((place + 1) % n), INTS(place + n))
    assert 0.02 < chance.p <= 1


def test_differences_are_paired_and_hold_the_real_one() -> None:
    rng = np.random.default_rng(3)
    n = 80
    sim = rng.normal(0.2, 0.2, (n, 2 * n)).astype(np.float32)
    where, near, far = INTS(np.arange(n)), INTS(np.arange(n)), INTS(np.arange(n) + n)
    worse, better = (
        separate(sim, where, near, far),
        separate(sim + 0.25 * np.eye(n, 2 * n, dtype=np.float32), where, near, far),
    )
    (share, effect, area) = differences({"combined": better, "dense": worse})
    assert (share.first, share.second, share.figure) == ("combined", "dense", "share_positive")
    assert share.value == pytest.approx(better.share_positive - worse.share_positive)
    assert effect.value == pytest.approx(better.effect - worse.effect)
    assert area.value == pytest.approx(better.auc - worse.auc)
    for one in (share, effect, area):
        assert one.low < one.value < one.high
    truth = stats.bootstrap(
        (better.sep > 0, worse.sep > 0), lambda a, b, axis: a.mean(axis) - b.mean(axis), paired=True,
        method="percentile", n_resamples=4000, rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    assert (share.low, share.high) == pytest.approx((truth.low, truth.high), abs=0.03)


def test_the_same_mode_twice_differs_by_nothing() -> None:
    found = separate(SIM, INTS([0, 1]), INTS([0, 1]), INTS([1, 2]))
    assert {(d.value, d.low, d.high) for d in differences({"sparse": found, "dense": found})} == {(0.0, 0.0, 0.0)}


def test_one_case_has_no_interval() -> None:
    assert differences({"dense": separate(SIM, INTS([0]), INTS([0]), INTS([1]))}) == []


# --- cases ------------------------------------------------------------------------------------------------------------


def lines(file: Path, *rows: Any) -> Path:
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return file


GOOD = {"case": "a", "context": "The cat sat.", "related": "Who sat?", "unrelated": "Who ran?"}


def test_cases_are_read_and_bad_lines_said(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "cases.jsonl",
        GOOD,
        "{no json",
        [1],
        {**GOOD, "case": "b", "related": "  "},
        {**GOOD, "case": "c", "unrelated": 3},
        {"case": "d", "context": "x", "unrelated": "y"},
        GOOD,
        "",
        {**GOOD, "case": "e", "unrelated_other_dialogue": "Where?", "context_id": "m1"},
        {name: GOOD[name] for name in ("context", "related", "unrelated")},
    )
    cases, refused = read_cases(file)
    assert [case.id for case in cases] == ["a", "e", "line 10"]
    assert cases[0] == Case("a", "The cat sat.", "Who sat?", "Who ran?")
    assert (cases[1].elsewhere, cases[1].context_id) == ("Where?", "m1")
    assert [(r.line, r.field) for r in refused] == [
        (2, ""),
        (3, ""),
        (4, "related"),
        (5, "unrelated"),
        (6, "related"),
        (7, "case"),
    ]
    assert str(refused[2]) == "cases.jsonl, line 4, field “related”: is empty"


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [([{"text": "a memory"}], "holds no case: .* line 1, field “context”: is missing"), ([], "is empty")],
)
def test_a_file_without_cases_is_a_sentence(tmp_path: Path, rows: list[Any], sentence: str) -> None:
    with pytest.raises(CoreError, match=sentence):
        read_cases(lines(tmp_path / "other.jsonl", *rows))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CoreError, match=r"nowhere\.jsonl does not exist"):
        read_cases(tmp_path / "nowhere.jsonl")


def test_cases_from_questions() -> None:
    texts = {"m0": "zero", "m1": "one", "n0": "other"}
    questions = [
        Question("q0", "about zero?", "a", ("m0",)),
        Question("q1", "also about zero?", "a", ("m0",)),
        Question("q2", "about one?", "a", ("m1",)),
        Question("q3", "about both?", "a", ("m0", "m1")),
        Question("q4", "of nothing?", "a", ()),
        Question("q5", "elsewhere?", "b", ("n0",)),
    ]
    found = {case.id: case for case in of_questions(questions, texts)}
    assert set(found) == {"q0", "q1", "q2"}  # q3 has two, q4 none, q5 no other question in its dialogue
    assert (found["q0"].context, found["q0"].related, found["q0"].context_id) == ("zero", "about zero?", "m0")
    assert found["q0"].unrelated == found["q1"].unrelated == "about one?"
    assert found["q2"].unrelated in ("about zero?", "also about zero?")
    assert {case.elsewhere for case in found.values()} == {"elsewhere?"}
    assert of_questions(questions, texts) == list(found.values())


# --- a bank's cases ---------------------------------------------------------------------------------------------------


def test_stored_cases_and_their_codes(make_bank: Make, encoder: FakeEncoder, tmp_path: Path) -> None:
    bank = make_bank("The cat sat.")
    file = lines(tmp_path / "mine.jsonl", GOOD, {**GOOD, "case": "b", "context": "Dogs bark at night."})
    assert bank.separability.add(file) == (2, [])
    assert bank.separability.sources() == {"mine.jsonl": 2, "demo": 100}
    cases = bank.separability.cases("mine.jsonl")
    assert [case.id for case in cases] == ["a", "b"]
    assert bank.separability.missing(cases) == 3  # the first context is a memory
    encoder.encoded.clear()
    steps = list(bank.separability.encode(cases))
    assert encoder.encoded == ["Dogs bark at night.", "Who sat?", "Who ran?"]
    assert (steps[-1].done, steps[-1].total) == (3, 3)
    assert bank.separability.missing(cases) == 0
    again = MemoryBank(BankState.open(bank.path, encoder))
    encoder.encoded.clear()
    again.separability.measure(cases)
    assert encoder.encoded == []
    lines(file, GOOD)
    bank.separability.add(file)
    assert bank.separability.sources()["mine.jsonl"] == 1
    bank.separability.remove("mine.jsonl")
    assert bank.separability.sources() == {"demo": 100}
    with pytest.raises(CoreError, match=r"has no cases “mine\.jsonl”\. Known: demo"):
        bank.separability.cases("mine.jsonl")


def test_measured_on_words_that_fire_latents(make_bank: Make) -> None:
    bank = make_bank("anything")
    case = Case("a", "fox sees fox", "fox", "owl", "sees")
    found = bank.separability.measure([case])
    sparse = found.modes["sparse"]
    assert sparse.related[0] == pytest.approx(3 / 5)  # fox 3, sees 4: the vector is (3, 4) / 5
    assert sparse.unrelated[0] == 0
    assert found.modes_easy["sparse"].unrelated[0] == pytest.approx(4 / 5)
    assert found.modes_easy["sparse"].share_positive == 0
    assert not found.weighted  # this engine has no training statistics
    helped, confused = bank.separability.latents(case, easy=True)
    assert (helped.latent, confused.latent) == (latent_of("fox"), latent_of("sees"))
    assert helped.related == pytest.approx(3 / 5)
    assert (helped.helped, confused.helped) == (pytest.approx(3 / 5), pytest.approx(-4 / 5))
    assert (helped.context_token.text, helped.related_token.text, helped.unrelated_token.text) == ("fox", "fox", "")


def test_the_parts_of_all_latents_sum_to_the_similarities(make_bank: Make) -> None:
    bank = make_bank("anything")
    case = Case("a", "the old fox sees a fox and an owl", "who sees the fox", "an owl at night")
    found, latents = bank.separability.measure([case]).modes["sparse"], bank.separability.latents(case)
    assert sum(one.related for one in latents) == pytest.approx(float(found.related[0]), abs=1e-6)
    assert sum(one.unrelated for one in latents) == pytest.approx(float(found.unrelated[0]), abs=1e-6)
    assert [one.helped for one in latents] == sorted((one.helped for one in latents), reverse=True)


def test_cases_without_another_dialogue(make_bank: Make) -> None:
    found = make_bank("x").separability.measure(
        [Case("a", "one fox", "fox", "owl"), Case("b", "one owl", "owl", "fox")]
    )
    assert (found.cases_easy, found.modes_easy, found.differences_easy) == ((), {}, ())
    assert found.modes["sparse"].share_positive == 1


def test_nothing_to_measure_and_unknown_similarities_are_sentences(make_bank: Make) -> None:
    bank = make_bank("x")
    with pytest.raises(CoreError, match="There is no case to measure"):
        bank.separability.measure([])
    with pytest.raises(CoreError, match=r"No similarity is called “best”\. Known: cosine_idf, cosine"):
        bank.separability.measure([Case("a", "b", "c", "d")], "best")


def test_long_texts_count_as_a_whole() -> None:
    one = random_codes(4, 30, seed=5)
    from tests.handmade import parted

    joined = parted(one, [2, 2])
    words = unit_words(["a"] * 2)
    found = similarities(joined, joined, np.ones(30, np.float32), (words, words))["sparse"]
    np.testing.assert_allclose(np.diag(found), 1, atol=1e-5)


def test_the_command_needs_something_to_measure(capsys: pytest.CaptureFixture[str]) -> None:
    import core.__main__ as cli

    assert cli.main(["separability"]) == 1
    assert "give a FILE of cases, or a --bank" in capsys.readouterr().err


def test_the_command_on_a_bank_and_a_file(
    make_bank: Make, encoder: FakeEncoder, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    import core.__main__ as cli

    monkeypatch.setattr("core.encoding.engines.Engine.named", lambda _: encoder)
    bank = make_bank("The cat sat.", "A dog ran.")
    file = lines(tmp_path / "mine.jsonl", GOOD, {**GOOD, "case": "b", "related": "?"}, "nonsense")
    assert cli.main(["separability", str(file), "--bank", str(bank.path), "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert "line 3: is not valid JSON" in captured.err
    assert found["n_cases"] == 2
    assert set(found) == {
        "n_cases", "n_cases_easy", "similarity", "modes", "modes_easy", "differences", "differences_easy", "provenance",
    }  # fmt: skip
    assert list(found["modes"]) == ["dense", "sparse", "combined", "lexical"]
    assert set(found["modes"]["combined"]) == {
        "share_positive", "mean", "sd", "effect", "auc", "null_mean", "null_interval", "null_cases", "p",
    }  # fmt: skip
    assert found["modes"]["lexical"]["share_positive"] == 0.5
    assert found["modes_easy"] == {}
    assert found["provenance"]["cases"] == "mine.jsonl"
    assert cli.main(["separability", "--bank", str(bank.path)]) == 1
    assert "has no cases “questions”" in capsys.readouterr().err
    lines(file, GOOD)
    assert cli.main(["separability", str(file), "--bank", str(bank.path)]) == 0
    assert "combined" in capsys.readouterr().out
