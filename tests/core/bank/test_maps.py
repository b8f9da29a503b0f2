from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from core import CoreError, MapPlan, MemoryBank
from core.analysis import projection
from core.bank import maps as mapping
from core.progress import finish
from core.types import Memory, Reading
from tests.handmade import python

Make = Callable[..., MemoryBank]
WORDS = "fox snow hill river stone bread candle winter harbour engine violin garden".split()
UMAP = MapPlan("umap", "sparse", neighbours=5)


@pytest.fixture(autouse=True)
def _quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """UMAP is compiled for many seconds: where its own arithmetic does not matter, its start is its end."""
    if "real_umap" not in request.keywords:
        monkeypatch.setattr(projection, "lay_out", lambda near, cosines, start, min_dist, seed: 10 * start + seed)


def texts(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, 5)) for _ in range(n)]


def test_pca_at_once_and_nothing_is_stored(make_bank: Make) -> None:
    bank = make_bank(*texts(30))
    version = bank.version
    for codes in projection.KINDS:
        found = bank.maps.pca(codes, 3)
        assert found.places.shape == (30, 3)
        assert found.ids == bank.index().ids
        assert found.fitted.all()
        assert found.since == 0
        assert 0 < sum(found.explained) <= 1
        np.testing.assert_array_equal(bank.maps.pca(codes).places, found.places[:, :2])
        np.testing.assert_allclose(
            bank.maps.place(found, bank.codes("m3")), found.places[[list(found.ids).index("m3")]], atol=1e-5
        )
    assert (bank.version, bank.maps.listing()) == (version, [])


def test_the_axes_are_defined_by_latents(make_bank: Make) -> None:
    bank = make_bank(*["fox snow"] * 4, *["bread candle"] * 4)
    found = bank.maps.pca("sparse")
    up, down = bank.maps.axes(found, 2)[0]
    sides = [set(bank.codes(i).latents.tolist()) for i in ("m0", "m7")]
    assert {frozenset(up), frozenset(down)} == {frozenset(side) for side in sides}


def test_a_fitted_map_is_kept_and_found_again(make_bank: Make) -> None:
    bank = make_bank(*texts(30))
    assert bank.maps.get(UMAP) is None
    steps = []
    task = bank.maps.fit(UMAP)
    while True:
        try:
            steps.append(next(task))
        except StopIteration as end:
            fitted = end.value
            break
    assert steps[-1].done == steps[-1].total
    assert all(a.done <= b.done for a, b in pairwise(steps))
    again = MemoryBank.open(bank.path, bank.engine).maps.get(UMAP)
    assert again is not None
    np.testing.assert_array_equal(again.places, fitted.places)
    np.testing.assert_allclose(again.places, 10 * bank.maps.pca("sparse").places, rtol=1e-5)
    assert again.ids == bank.index().ids
    assert again.bank_version == bank.version
    (plan, about, version, n), *rest = bank.maps.listing()
    assert (plan, version, n, rest) == (UMAP, bank.version, 30, [])
    assert about["fitted"] == 30
    assert about["umap-learn"]
    assert bank.maps.get(MapPlan("umap", "sparse", neighbours=6)) is None
    finish(bank.maps.fit(UMAP))
    assert len(bank.maps.listing()) == 1, "the same plan replaces its map"
    bank.maps.delete(UMAP)
    assert bank.maps.listing() == []


def test_new_memories_are_placed_and_the_map_stays(make_bank: Make) -> None:
    bank = make_bank(*texts(30))
    before = finish(bank.maps.fit(UMAP))
    new = [Memory("a-copy", bank.memory("m5").text, position=99), Memory("z-new", "fox river", position=100)]
    finish(bank.add(Reading(new, [], [])))
    found = bank.maps.get(UMAP)
    assert found is not None
    assert found.since == 2
    rows = [found.ids.index(i) for i in before.ids]
    np.testing.assert_array_equal(found.places[rows], before.places)
    assert found.fitted.sum() == 30
    at = found.ids.index("a-copy")
    assert not found.fitted[at]
    same = [found.places[found.ids.index(i)] for i in before.ids if bank.memory(i).text == bank.memory("m5").text]
    np.testing.assert_allclose(found.places[at], np.mean(same, axis=0), rtol=1e-4)
    assert found.places[found.ids.index("z-new")].any()
    assert finish(bank.maps.fit(UMAP)).since == 0


def test_a_stop_between_two_steps_changes_nothing(make_bank: Make) -> None:
    bank = make_bank(*texts(30))
    version = bank.version
    task = bank.maps.fit(UMAP)
    next(task)
    next(task)
    task.close()
    assert (bank.maps.get(UMAP), bank.version) == (None, version)


def test_a_large_bank_is_fitted_to_a_sample(make_bank: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping, "LARGE", 20)
    bank = make_bank(*texts(50))
    found = finish(bank.maps.fit(UMAP))
    assert found.fitted.sum() == 20
    assert found.since == 0
    low, high = found.places[found.fitted].min(0), found.places[found.fitted].max(0)
    assert ((found.places >= low - 1e-4) & (found.places <= high + 1e-4)).all(), "placed between sampled ones"
    again = bank.maps.get(UMAP)
    assert again is not None
    np.testing.assert_array_equal(again.fitted, found.fitted)
    assert bank.maps.pca("sparse").fitted.sum() == 20
    assert len(found.clusters(3)) == 50


def test_a_query_is_placed_and_compared(make_bank: Make) -> None:
    bank = make_bank("fox snow", "fox snow hill", "bread candle", "river stone", "garden violin")
    plan = MapPlan("umap", "dense", 3, neighbours=3)
    found = finish(bank.maps.fit(plan))
    np.testing.assert_allclose(bank.maps.place(found, "fox snow")[0], found.places[0], atol=1e-4)
    near = bank.maps.similarity("sparse", "fox snow")
    assert near[0] == pytest.approx(1, abs=1e-5)
    assert near.argsort()[-2] == 1
    assert near[2] == 0


def test_a_polygon_selects(make_bank: Make) -> None:
    bank = make_bank("fox snow", "fox snow hill", "bread candle", "river stone")
    found = bank.maps.pca("dense")
    x, y = found.places[2]
    around = [[x - 0.01, y - 0.01], [x + 0.01, y - 0.01], [x + 0.01, y + 0.01], [x - 0.01, y + 0.01]]
    assert found.inside(around) == ("m2",)


def test_what_cannot_be_drawn_is_said(make_bank: Make) -> None:
    bank = make_bank("one", "two", "three")
    with pytest.raises(CoreError, match="at least 4 encoded memories; test has 3"):
        bank.maps.pca()
    with pytest.raises(CoreError, match="2 or 3 dimensions"):
        bank.maps.get(MapPlan(dims=4))
    with pytest.raises(CoreError, match="2 to 200 neighbours"):
        bank.maps.get(MapPlan("umap", neighbours=1))


COORDINATES = """
import sys
import numpy as np
from core import MapPlan, MemoryBank
from core.progress import finish
from core.types import Memory, Reading
from tests.core.bank.test_maps import texts
from tests.fakes import FakeEncoder

bank = MemoryBank.open(sys.argv[1], FakeEncoder())
finish(bank.add(Reading([Memory(f"m{i}", t, position=i) for i, t in enumerate(texts(60))], [], [])))
for codes in ("dense", "sparse", "combined"):
    np.save(f"{sys.argv[2]}-pca-{codes}.npy", bank.maps.pca(codes, 3).places)
np.save(f"{sys.argv[2]}-umap.npy", finish(bank.maps.fit(MapPlan("umap", "combined", neighbours=8))).places)
"""


@pytest.mark.real_umap
def test_the_same_seed_gives_the_same_coordinates_after_a_restart(tmp_path: Path) -> None:
    runs = [python(COORDINATES, tmp_path / f"{run}.duckdb", tmp_path / run) for run in ("one", "two")]  # both at once
    assert [other.communicate()[1] for other in runs] == ["", ""]
    for name in ("pca-dense", "pca-sparse", "pca-combined", "umap"):
        one, two = (np.load(tmp_path / f"{run}-{name}.npy") for run in ("one", "two"))
        np.testing.assert_array_equal(one, two)
        assert np.isfinite(one).all()
        assert one.std(0).min() > 0
