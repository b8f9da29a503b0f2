"""Maps of a bank's memories: laid out, kept, and new memories placed on them. ``bank.maps`` is the way here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from core.analysis import projection
from core.analysis.cluster_names import LOOKED_AT, ClusterName, called
from core.analysis.contrast import distinguishing
from core.analysis.peaks import spoken
from core.analysis.projection import KINDS, Components, Kind, Rows
from core.bank.labels import Labels
from core.bank.state import BankState
from core.errors import CoreError
from core.store import maps as stored
from core.types import Codes, Floats, Progress

METHODS = ("pca", "umap")
LARGE = 20_000
"""Above this many memories a map is fitted to a sample of them, and the others are placed."""


@dataclass(frozen=True, slots=True)
class MapPlan:
    """What a map is asked for. Two equal plans on the same codes give the same coordinates."""

    method: Literal["pca", "umap"] = "pca"
    codes: Kind = "dense"
    dims: int = 2
    neighbours: int = 15
    """UMAP's n_neighbors, the memory itself counted: small shows threads, large shows the whole."""
    min_dist: float = 0.1
    """How close UMAP may put two memories: small packs clusters."""
    seed: int = 0

    def checked(self) -> MapPlan:
        """The same plan, without what PCA does not look at. Raises CoreError for a plan nobody can draw."""
        if self.method not in METHODS or self.codes not in KINDS or self.dims not in (2, 3):
            raise CoreError(f"A map is {' or '.join(METHODS)} of {', '.join(KINDS)} codes in 2 or 3 dimensions.")
        if not 2 <= self.neighbours <= 200 or not 0 <= self.min_dist <= 1:
            raise CoreError("UMAP takes 2 to 200 neighbours and a smallest distance from 0 to 1.")
        return self if self.method == "umap" else MapPlan("pca", self.codes, self.dims)


@dataclass(frozen=True, slots=True)
class MemoryMap:
    """Where the n encoded memories of a bank lie, in the order of the index."""

    plan: MapPlan
    ids: tuple[str, ...]
    places: Floats
    """float32 [n, dims]"""
    fitted: np.ndarray
    """bool [n]: the map was laid out for these; the others were placed by their neighbours (PCA: projected)."""
    since: int
    """Memories that came after it was laid out."""
    explained: tuple[float, ...] = ()
    """PCA: share of the variance along each axis."""
    bank_version: int = 0
    """The bank's version that it was laid out for."""

    def inside(self, polygon: Sequence[Sequence[float]]) -> tuple[str, ...]:
        """The memories within a polygon on the first two axes, as a lasso draws one."""
        found = projection.inside(self.places[:, :2], np.asarray(polygon, dtype=np.float32).reshape(-1, 2))
        return tuple(self.ids[i] for i in np.flatnonzero(found))

    def clusters(self, smallest: int = 10) -> np.ndarray:
        """int32 [n], the cluster of each memory by HDBSCAN on the places shown, largest first; −1 is none.

        On a map of a sample the other memories take the cluster of the nearest sampled place.
        """
        found = projection.clusters(self.places[self.fitted], smallest)
        if self.fitted.all():
            return found
        from scipy.spatial import KDTree

        _, near = KDTree(self.places[self.fitted]).query(self.places)
        return np.asarray(found[near], dtype=np.int32)


class Maps:
    """The maps of a bank's memories under its engine."""

    def __init__(self, state: BankState) -> None:
        self._state = state

    def pca(self, codes: Kind = "dense", dims: int = 2) -> MemoryMap:
        """Principal components, at once; nothing is stored, since the same codes give the same map."""
        plan = MapPlan("pca", codes, dims).checked()
        index, found = self._state.index(), self._components(codes)
        places = index.derived(f"pca places {codes}", lambda: found.coordinates(projection.rows(index, codes)))
        fitted = np.zeros(len(index), bool)
        fitted[self._sample()] = True
        return MemoryMap(plan, index.ids, places[:, :dims], fitted, 0, found.explained[:dims], index.version)

    def fit(self, plan: MapPlan) -> Generator[Progress, None, MemoryMap]:
        """Lay a UMAP out and keep it in the bank, in the place of an earlier one of the same plan.

        May be stopped between any two steps: then nothing is changed.
        """
        plan = plan.checked()
        if plan.method == "pca":
            return self.pca(plan.codes, plan.dims)
        index, sample = self._state.index(), self._sample()
        n, rest = len(index), np.setdiff1d(np.arange(len(index)), self._sample())
        steps = 2 * n  # finding neighbours takes about as long as the rest
        yield Progress(0, steps, "finding the main axes")
        start = self.pca(plan.codes, plan.dims).places[sample]
        rows = projection.heaviest(projection.rows(index, plan.codes))
        mapped = rows.take(sample)
        near, cosines = [], []
        for block in projection.nearest(mapped, mapped, plan.neighbours):
            near.append(block[0])
            cosines.append(block[1])
            done = sum(map(len, near))
            yield Progress(done, steps, f"nearest memories of {done:,} of {len(sample):,}")
        yield Progress(len(sample), steps, "laying out with UMAP; the first time it is compiled, which takes seconds")
        places = np.zeros((n, plan.dims), np.float32)
        places[sample] = projection.lay_out(
            np.concatenate(near), np.concatenate(cosines), start, plan.min_dist, plan.seed
        )
        done = 0
        for block in projection.nearest(rows.take(rest), mapped, projection.PLACED_BY):
            places[rest[done : done + len(block[0])]] = projection.between(*block, places[sample])
            done += len(block[0])
            yield Progress(2 * len(sample) + done, steps, f"{done:,} of {len(rest):,} memories placed")
        fitted = np.zeros(n, bool)
        fitted[sample] = True
        with self._state.write() as cursor:
            stored.add_map(
                cursor, self._id(plan), self._state.engine.fingerprint, asdict(plan), _about(len(sample)),
                index.ids, places, fitted,
            )  # fmt: skip
        yield Progress(steps, steps, "stored in the bank")
        return self._kept(plan)

    def get(self, plan: MapPlan) -> MemoryMap | None:
        """A map as it is kept, memories added since placed by their neighbours; None where it is not laid out yet."""
        plan = plan.checked()
        if plan.method == "pca":
            return self.pca(plan.codes, plan.dims)
        return self._kept(plan) if any(known == plan for known, *_ in self.listing()) else None

    def _kept(self, plan: MapPlan) -> MemoryMap:
        index = self._state.index()
        with self._state.work() as cursor:
            version, ids, places, fitted = stored.points(cursor, self._id(plan))
        known = np.asarray(ids, dtype=object)
        at = np.searchsorted(known, np.asarray(index.ids, dtype=object)) if len(ids) else np.zeros(len(index), int)
        there = known[np.minimum(at, len(ids) - 1)] == np.asarray(index.ids, dtype=object) if len(ids) else at > 0
        out, was_fitted = np.zeros((len(index), plan.dims), np.float32), np.zeros(len(index), bool)
        out[there], was_fitted[there] = places[at[there], : plan.dims], fitted[at[there]]
        if not was_fitted.any():
            raise CoreError("None of the memories that this map was laid out for is left: lay it out anew.")
        if not there.all():
            rows = projection.rows(index, plan.codes).take(np.flatnonzero(~there))
            out[~there] = self._placed(plan, rows, out, was_fitted)
        since = int((~there).sum())
        return MemoryMap(plan, index.ids, out, was_fitted, since, bank_version=version)

    def place(self, on: MemoryMap, what: str | Codes) -> Floats:
        """float32 [q, dims], where a text or new codes belong on a map, which stays as it is.

        Principal components project them; on a UMAP they lie between their nearest neighbours.
        """
        index = self._state.index()
        codes = self._state.encode_query(what) if isinstance(what, str) else what
        rows = projection.rows_of(index, codes, on.plan.codes)
        if on.plan.method == "pca":
            return self._components(on.plan.codes).coordinates(rows)[:, : on.plan.dims]
        return self._placed(on.plan, rows, on.places, on.fitted)

    def similarity(self, codes: Kind, text: str) -> Floats:
        """float32 [n], the cosine of every memory and a text in the rows that a map of these codes is made of."""
        index = self._state.index()
        asked = projection.rows_of(index, self._state.encode_query(text), codes)
        return projection.rows(index, codes).cosines(asked)[:, 0]

    def axes(self, on: MemoryMap, k: int = 5) -> list[tuple[list[int], list[int]]]:
        """For each axis of a PCA the latents that define its positive and its negative end, strongest first."""
        return projection.strongest_loadings(self.loadings(on), k)

    def loadings(self, on: MemoryMap) -> Floats:
        """float32 [m, dims], how much each latent defines each axis."""
        return projection.loadings(projection.latent_rows(self._state.index()), on.places)

    def cluster_names(self, clusters: np.ndarray) -> tuple[tuple[ClusterName, ...], ...]:
        """What each cluster of ``MemoryMap.clusters`` is called, by the latents that most set it apart from all other
        memories and the memories of the cluster that fire them most.
        """
        if clusters.max(initial=-1) < 0:
            return ()
        index = self._state.index()
        inside = [clusters == i for i in range(int(clusters.max()) + 1)]
        found = distinguishing(index, clusters, LOOKED_AT)
        known = Labels(self._state).of(latent for some in found for latent in some)
        return tuple(
            called([(known[j], spoken(index, j, mine)) for j in some]) for some, mine in zip(found, inside, strict=True)
        )

    def listing(self) -> list[tuple[MapPlan, dict[str, Any], int, int]]:
        """(plan, what it was made with, bank version, memories on it) of the maps kept, latest first."""
        with self._state.work() as cursor:
            rows = stored.maps(cursor, self._state.engine.fingerprint)
        return [(MapPlan(**plan), about, version, n) for _, plan, about, version, n in rows]

    def delete(self, plan: MapPlan) -> None:
        """Forget a map; the memories stay."""
        with self._state.write() as cursor:
            stored.remove_map(cursor, self._id(plan.checked()))

    def _id(self, plan: MapPlan) -> str:
        said = json.dumps([self._state.engine.fingerprint, asdict(plan)], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def _placed(self, plan: MapPlan, rows: Rows, places: Floats, fitted: np.ndarray) -> Floats:
        index, mapped = self._state.index(), np.flatnonzero(fitted)
        cut = index.derived(
            f"heaviest rows {plan.codes}", lambda: projection.heaviest(projection.rows(index, plan.codes))
        )
        blocks = projection.nearest(projection.heaviest(rows), cut.take(mapped), projection.PLACED_BY)
        return np.concatenate([projection.between(*block, places[mapped]) for block in blocks])

    def _components(self, codes: Kind) -> Components:
        index, sample = self._state.index(), self._sample()
        return index.derived(f"pca {codes}", lambda: projection.pca(projection.rows(index, codes).take(sample)))

    def _sample(self) -> np.ndarray:
        """int64, ascending: rows that maps are fitted to; the same draw for the same number of memories."""
        n = len(self._state.index())
        if n < projection.FEWEST:
            raise CoreError(f"A map needs at least {projection.FEWEST} encoded memories; {self._state.name} has {n}.")
        if n <= LARGE:
            return np.arange(n)
        return np.sort(np.random.default_rng(0).choice(n, LARGE, replace=False))


def _about(n_fitted: int) -> dict[str, Any]:
    """What else the coordinates depend on."""
    from importlib.metadata import version

    return {"fitted": n_fitted, **{name: version(name) for name in ("umap-learn", "numba", "numpy")}}


__all__ = ["METHODS", "MapPlan", "Maps", "MemoryMap"]
