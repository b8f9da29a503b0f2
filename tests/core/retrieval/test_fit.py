"""How well an answer fits: what is looked at, by hand, and the levels."""

from __future__ import annotations

import numpy as np
import pytest

from core.bank.fit import model_of
from core.retrieval.fit import FEATURES, FitModel, features, judged
from core.retrieval.rank import score
from core.types import Codes, Query
from tests.handmade import codes, index_of

INDEX = index_of(
    codes([{0: (2, 2)}, {1: (1, 1)}, {2: (1, 1)}]),
    texts=["lake house", "telescope", "lake boat"],
    conversations=["c"] * 3,
    positions=[0, 1, 2],
)
MODEL = FitModel((0,) * 9, (1,) * 9, (0, 0, 0, 0, 1, 0, 0, 0, 0), 0.0, 0.6, 0.7)


def found(text: str, fired: dict[int, tuple[float, float]]) -> dict[str, float]:
    query, asked = Query(text, "c", context=0), codes([fired])
    values = features(INDEX, query, asked, score(INDEX, query, asked))
    assert values is not None
    return dict(zip(FEATURES, values.tolist(), strict=True))


def test_words_of_the_best_memory_and_beside_it() -> None:
    values = found("which lake and telescope?", {0: (1, 1)})
    lake, telescope = np.log1p(1.5 / 2.5), np.log1p(2.5 / 1.5)
    assert values["around"] == 1  # the best memory has the lake, the next the telescope
    assert values["covered"] == pytest.approx(telescope / (lake + telescope))
    assert (values["known"], values["words"]) == (1, pytest.approx(np.log(3)))
    assert values["pieces"] == pytest.approx(1 / 4)


def test_a_word_that_nobody_said() -> None:
    values = found("zeppelin lake", {1: (1, 1)})
    assert values["known"] < 0.5
    assert values["around"] == values["covered"] == values["known"]


def test_without_a_word_nothing_fits() -> None:
    asked = codes([{0: (1, 1)}])
    for text in ("🙂🙂", "?!", "…"):
        query = Query(text, "c")
        assert judged(MODEL, features(INDEX, query, asked, score(INDEX, query, asked))).level == "nothing"
    empty = index_of(Codes.empty())
    assert features(empty, Query("lake"), asked, score(empty, Query("lake"), asked)) is None


@pytest.mark.parametrize(("covered", "level"), [(0.0, "nothing"), (0.5, "partial"), (2.0, "strong")])
def test_levels(covered: float, level: str) -> None:
    values = np.zeros(9, np.float32)
    values[4] = covered
    fit = judged(MODEL, values)
    assert (fit.level, fit.probability) == (level, pytest.approx(1 / (1 + np.exp(-covered))))


def test_every_engine_has_a_model() -> None:
    assert model_of("minilm+minilm") is not None
    assert model_of("minilm") != model_of("nobody's")
    fit = judged(model_of("nobody's"), np.ones(len(FEATURES), np.float32))
    assert 0 < fit.probability < 1
    assert model_of("nobody's").weight[FEATURES.index("dense")] == 0
