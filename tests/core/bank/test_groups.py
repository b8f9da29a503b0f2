from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import fisher_exact

from core import CoreError, Memory, MemoryBank
from core.__main__ import main
from core.analysis.contrast import Contrast, contrast, log_odds, two_sided_p
from core.analysis.latents import by_memory
from core.retrieval.index import Index
from tests.fakes import latent_of
from tests.handmade import codes, index_of, random_codes

Make = Callable[..., MemoryBank]


def test_log_odds_by_hand() -> None:
    """3 of 4 against 1 of 5. Both together fire at (4 + ½) / 10 = .45; ten memories at that rate join each side."""
    odds, error = log_odds(np.array([3.0]), 4, np.array([1.0]), 5)
    fired_a, silent_a, fired_b, silent_b = 3 + 4.5, 1 + 5.5, 1 + 4.5, 4 + 5.5
    assert odds[0] == pytest.approx(math.log(fired_a / silent_a) - math.log(fired_b / silent_b))
    assert error[0] == pytest.approx(math.sqrt(1 / fired_a + 1 / silent_a + 1 / fired_b + 1 / silent_b))


def test_p_is_fisher_s_with_the_smaller_tail_doubled() -> None:
    ya, yb = np.array([3.0, 0.0, 4.0]), np.array([1.0, 5.0, 0.0])
    found = two_sided_p(ya, 4, yb, 5)
    for i in range(3):
        table = [[ya[i], 4 - ya[i]], [yb[i], 5 - yb[i]]]
        tails = [fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")]
        assert found[i] == pytest.approx(min(1, 2 * min(tails)))


def told_apart(index: Index, a: np.ndarray, b: np.ndarray) -> Contrast:
    return contrast(by_memory(index), np.diff(index.codes.token_indptr), a, b)


def test_a_latent_that_hardly_anybody_fires_is_not_looked_at() -> None:
    index = index_of(codes([{0: (1, 1), 1: (1, 1)}, {0: (1, 1)}, {0: (1, 1), 2: (1, 1)}, {}]))
    a, b = np.arange(2, dtype=np.int32), np.arange(2, 4, dtype=np.int32)
    found = contrast(by_memory(index), np.ones(4, np.int32), a, b, least=2)
    assert found.latents.tolist() == [0]


def test_p_of_large_counts_is_the_normal_limit_of_the_exact_one() -> None:
    ya, yb = np.array([300.0, 330, 360, 420, 300]), np.full(5, 600.0)
    found = two_sided_p(ya, 1000, yb, 2000)
    for i in range(5):
        table = [[ya[i], 1000 - ya[i]], [yb[i], 2000 - yb[i]]]
        exact = min(1, 2 * min(fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")))
        assert math.log10(found[i]) == pytest.approx(math.log10(exact), abs=0.15), ya[i]


def test_a_latent_of_one_group_stands_first_and_swapping_turns_the_signs() -> None:
    rows = [{0: (1, 1), 1: (1, 1)}] * 20 + [{1: (1, 1), 2: (1, 1)}] * 20 + [{3: (1, 1)}]
    index = index_of(codes(rows))
    a, b = np.arange(20, dtype=np.int32), np.arange(20, 40, dtype=np.int32)
    found, turned = told_apart(index, a, b), told_apart(index, b, a)
    assert found.latents.tolist() == [0, 2, 1], "latent 3 fires in neither group, latent 1 in both alike"
    assert (found.fires_a.tolist(), found.fires_b.tolist()) == ([20, 0, 20], [0, 20, 20])
    assert found.top(5, +1) == [0]
    assert found.top(5, -1) == [1]
    assert found.sure == 2
    assert found.log_odds[2] == pytest.approx(0)
    np.testing.assert_allclose(np.sort(turned.log_odds), np.sort(-found.log_odds))
    assert (found.low < found.log_odds).all()
    assert (found.high > found.log_odds).all()


@pytest.mark.parametrize("size", [5, 60])
def test_groups_drawn_by_chance_are_not_told_apart(size: int) -> None:
    """Of 40 draws at a false discovery rate of 5 %, hardly any finds a latent; without correction nearly all would."""
    index, rng, found, uncorrected = index_of(random_codes(150, 300, 0)), np.random.default_rng(1), 0, 0
    for _ in range(40):
        order = rng.permutation(150).astype(np.int32)
        one = told_apart(index, order[:size], order[size:])
        found += one.sure > 0
        uncorrected += bool((one.p < 0.05).any())
    assert found <= 5
    assert uncorrected >= 30


def test_the_length_ratio_is_of_tokens() -> None:
    index = index_of(codes([{0: (1, 1)}] * 3, tokens=[4, 8, 3]))
    assert told_apart(index, np.array([0, 1], np.int32), np.array([2], np.int32)).length_ratio == pytest.approx(2.0)


def kinds(make_bank: Make) -> MemoryBank:
    routine = [
        Memory(f"r{i}", "coffee and laundry again", category="Routine", role="me", position=i) for i in range(12)
    ]
    strong = [
        Memory(f"s{i}", "grief and tears again", category="Strong Emotional", role="me", position=20 + i)
        for i in range(12)
    ]
    return make_bank(*routine, *strong, Memory("x", "neither", position=40))


def test_groups_of_a_bank(make_bank: Make) -> None:
    bank = kinds(make_bank)
    assert bank.groups.ids(category="Routine") == tuple(sorted(f"r{i}" for i in range(12)))
    assert bank.groups.ids(category="Routine", role="me") == bank.groups.ids(category="Routine")
    found = bank.groups.contrast(bank.groups.ids(category="Routine"))
    assert (found.n_a, found.n_b) == (12, 13)
    best = {int(found.latents[i]) for i in found.top(2, +1)}
    assert best == {latent_of("coffee"), latent_of("laundry")}


def test_groups_say_what_is_wrong(make_bank: Make) -> None:
    bank = kinds(make_bank)
    with pytest.raises(CoreError, match=r"has category “Fun”. Known: Routine, Strong Emotional"):
        bank.groups.ids(category="Fun")
    with pytest.raises(CoreError, match="not by “mood”"):
        bank.groups.ids(mood="good")
    with pytest.raises(CoreError, match=r"No encoded memory of test has session “1”. None has one"):
        bank.groups.ids(session="1")
    with pytest.raises(CoreError, match="share one memory"):
        bank.groups.contrast(["r0", "r1"], ["r1", "s0"])
    with pytest.raises(CoreError, match="at least one encoded memory"):
        bank.groups.contrast(["r0"], ["unknown"])


def test_the_command(make_bank: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    bank = kinds(make_bank)
    monkeypatch.setattr("core.encoding.engines.Engine.named", lambda _name: bank.engine)
    given = ["contrast", "--bank", str(bank.path), "--a", "category=Routine", "--b", "category=Strong Emotional"]
    assert main([*given, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["a"] == {"group": "category=Routine", "memories": 12}
    assert result["tested"] == 6
    assert result["sure"] == 4
    first = result["latents"][0]
    assert {k: first[k] for k in ("group", "fires_a", "fires_b", "label")} == {
        "group": "a", "fires_a": 12, "fires_b": 0, "label": ""
    }  # fmt: skip
    assert first["low"] < first["log_odds"] < first["high"]
    assert main(given) == 0
    said = capsys.readouterr().out
    assert "4 of 6 latents set category=Routine (12 memories) and category=Strong Emotional (12) apart" in said
    assert "100%     0%" in said
    assert main(["contrast", "--bank", str(bank.path), "--a", "Routine"]) == 1
    assert "“Routine” names no group" in capsys.readouterr().err
