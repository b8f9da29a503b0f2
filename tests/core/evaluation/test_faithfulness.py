from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.errors import CoreError
from core.evaluation.faithfulness import Muting, mutings, report
from core.progress import finish
from core.retrieval.index import Index
from core.types import Query, Question
from tests.handmade import codes, index_of

PLAIN = Query("", weighting="activation", context=0)
ASKED = Question("q", "what?", "A", ("m000", "elsewhere"))
ASKS = {"what?": codes([{latent: (value, value) for latent, value in enumerate((4.0, 3, 2, 1, 1, 1))}])}
HIT = dict.fromkeys(range(6), (1.0, 1.0))


def one(index: Index, settings: Query = PLAIN, asked: Question = ASKED) -> Muting:
    (found,) = finish(mutings(index, [asked], ASKS, settings))
    return found


def test_by_hand() -> None:
    """12 against 5 and 2. Without 4 + 3 + 2 it has 3 against 5; without the other three 9 against nothing."""
    index = index_of(codes([HIT, {3: (2.0, 2.0)}, {4: (5.0, 5.0)}]), conversations=["A"] * 3)
    found = one(index)
    assert (found.memory, found.rank, found.after) == ("m000", 1, (2, 1))
    assert found.explaining.tolist() == [0, 1, 2]
    assert sorted(found.matched.tolist()) == [3, 4, 5]
    assert found.removed == pytest.approx((9 / 12, 3 / 12))
    # 1 of 3 memories fires each of the first three; two fire latents 3 and 4
    assert found.density == pytest.approx((1 / 3, (2 / 3 * 2 / 3 * 1 / 3) ** (1 / 3)))


def test_what_surrounds_the_hit_is_muted_with_it() -> None:
    """The neighbour's latent 0 brings the largest share: 0.25 · 4 · 50, cut by nothing as both are short."""
    rows = [dict.fromkeys(range(1, 6), (1.0, 1.0)) | {0: (0.1, 0.1)}, {0: (50.0, 50.0)}]
    ids = ["m000", "m001"]
    index = Index.build(ids, ["", ""], ["A"] * 2, [""] * 2, codes(rows), "f", 1, ["s"] * 2, [0, 1])
    asked = replace(PLAIN, context=0.25)
    found = one(index, asked)
    whole = 0.4 + 3 + 2 + 1 + 1 + 1 + 0.25 * 200
    assert found.explaining.tolist() == [0, 1, 2]
    assert found.removed[0] == pytest.approx((0.4 + 50 + 3 + 2) / whole)
    assert found.rank == 2
    assert found.after[0] == 1


def test_muted_already_stays_muted() -> None:
    wide = {"what?": codes([{latent: (9.0 - latent, 1.0) for latent in range(8)}], 8)}
    index = index_of(codes([dict.fromkeys(range(8), (1.0, 1.0))], 8), conversations=["A"])
    (found,) = finish(mutings(index, [ASKED], wide, replace(PLAIN, muted=(0,))))
    assert found.explaining.tolist() == [1, 2, 3]


def test_the_others_are_as_common() -> None:
    """Three explaining and seven others fire once, four more in all of ten memories: those are never drawn."""
    wide = {"what?": codes([{latent: (20.0 - latent, 1.0) for latent in range(14)}], 14)}
    everywhere = dict.fromkeys((5, 7, 9, 11), (0.1, 0.1))
    rows = [dict.fromkeys(range(14), (1.0, 1.0)) | everywhere, *[everywhere] * 9]
    index = index_of(codes(rows, 14), conversations=["A"] * 10)
    asked = [replace(ASKED, id=f"q{i}") for i in range(20)]
    found = finish(mutings(index, asked, wide, PLAIN))
    drawn = {int(latent) for muting in found for latent in muting.matched}
    assert drawn == {3, 4, 6, 8, 10, 12, 13}
    assert all(len(set(muting.matched.tolist())) == 3 for muting in found)
    assert [m.matched.tolist() for m in finish(mutings(index, asked, wide, PLAIN))] == [
        m.matched.tolist() for m in found
    ]


@pytest.mark.parametrize("evidence", [(), ("nowhere",), ("m011",)])
def test_a_question_without_a_hit_is_left_out(evidence: tuple[str, ...]) -> None:
    """No evidence, none that is stored, none among the first ten."""
    rows = [{0: (20.0 - i, 1.0), 1: (1.0, 1.0)} for i in range(11)] + [HIT]
    index = index_of(codes(rows), conversations=["A"] * 12)
    assert finish(mutings(index, [replace(ASKED, evidence=evidence)], ASKS, PLAIN)) == []


def test_too_few_latents() -> None:
    index = index_of(codes([dict.fromkeys(range(5), (1.0, 1.0))]), conversations=["A"])
    assert finish(mutings(index, [ASKED], ASKS, PLAIN)) == []


def test_the_report_by_hand() -> None:
    def muting(rank: int, *after: int) -> Muting:
        three = np.arange(3, dtype=np.int32)
        return Muting(ASKED, "m", rank, three, three, (after[0], after[1]), (0.5, 0.1), (0.25, 0.5))

    found = report([muting(1, 8, 2), muting(2, 2, 2), muting(4, 4, 8), muting(1, 2, 1)], 9)
    assert (found["n_questions"], found["n"]) == (9, 4)
    assert found["explaining"]["rank_lost"]["mean"] == pytest.approx(2)
    assert found["explaining"]["rank_lost"]["median"] == 0.5
    assert found["matched"]["rank_lost"] == {"mean": 1.25, "median": 0.5, "interval": [0.0, 3.0]}
    assert found["explaining"]["log2_rank_ratio"]["mean"] == 1
    assert found["matched"]["log2_rank_ratio"]["mean"] == 0.5
    assert found["difference"]["rank_lost"]["mean"] == 0.75
    assert found["difference"]["log2_rank_ratio"]["mean"] == 0.5
    assert (found["wins"]["mean"], found["ties"]) == (0.5, 0.25)
    assert found["explaining"]["score_removed"]["mean"] == 0.5
    assert (found["explaining"]["density"], found["matched"]["density"]) == (0.25, 0.5)


def test_nothing_to_report() -> None:
    with pytest.raises(CoreError, match="None of 3 questions has evidence among its first 10 sparse hits"):
        report([], 3)
