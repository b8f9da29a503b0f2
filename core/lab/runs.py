"""The lab: small SAEs trained on known episodes, kept as runs, and what their traces share.

A run lies in a folder of its own below the user's data: what was asked for as JSON, weights and arrays as safetensors.
Equal plans on equal episodes give equal runs, under the same id.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.encoding.files.weights import write_atomically
from core.encoding.sae.small_sae import SmallSAE
from core.errors import CoreError
from core.lab import episodes as making
from core.lab import traces as measures
from core.lab.episodes import Episodes
from core.lab.plan import NAMES, PHASES, Curves, LabPlan, TrainingProgress, plan_of
from core.lab.seeds import train_seeds
from core.settings import data_folder
from core.types import Floats

if TYPE_CHECKING:
    from core.bank.bank import MemoryBank

LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class RunHead:
    """What a list of runs shows."""

    id: str
    name: str
    created: datetime
    plan: LabPlan
    bank: str
    """The bank whose memories were the episodes; empty where they were made."""


@dataclass(frozen=True, slots=True)
class SeedRun:
    """What one seed gave."""

    seed: int
    episodes: Episodes
    sae: SmallSAE
    curves: Curves

    @property
    def traces(self) -> Floats:
        """float32 [n, m]"""
        return self.sae.encode(self.episodes.values)

    @property
    def decoded(self) -> Floats:
        """float32 [n, t]"""
        return self.sae.decode(self.traces)

    @property
    def target(self) -> Floats:
        """float32 [n, t], what the decoder was to give back."""
        return self.sae.target(self.episodes.values)


@dataclass(frozen=True, slots=True)
class LabRun:
    """One plan, trained with every one of its seeds."""

    head: RunHead
    seeds: tuple[SeedRun, ...]

    @property
    def categories(self) -> tuple[str, ...]:
        """In the order in which the episodes have them."""
        return tuple(dict.fromkeys(self.seeds[0].episodes.categories))

    def figures(self) -> dict[str, Any]:
        """Medians over the seeds, as ``python -m core lab --json`` prints them.

        A category's sparsity and active count are means over its episodes, then medians over the seeds.
        """
        rows = [figures(seed) for seed in self.seeds]
        found: dict[str, Any] = _rounded(_median(rows))
        return found | {"seeds": [_rounded(row) for row in rows] if len(rows) > 1 else []}


class Lab:
    """Every run on this machine."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or data_folder() / "lab"

    def train(
        self, plan: LabPlan, bank: MemoryBank | None = None, name: str = ""
    ) -> Generator[TrainingProgress, None, LabRun]:
        """Train every seed of a plan and keep the run; one of the same plan and episodes is not trained again.

        A stop in between keeps nothing.
        """
        made = [_episodes(plan, bank, seed) for seed in range(plan.seed, plan.seed + plan.seeds)]
        run = _id(plan, made)
        if (self.folder / run / "run.json").is_file():
            return self.get(run)
        trained = yield from train_seeds(plan, made)
        seeds = tuple(
            SeedRun(plan.seed + i, known, one.sae, one.curves)
            for i, (known, one) in enumerate(zip(made, trained, strict=True))
        )
        head = RunHead(
            run, _named(name) or said(plan), datetime.now(UTC).replace(microsecond=0), plan,
            bank.name if bank is not None and plan.episodes == "bank" else "",
        )  # fmt: skip
        self._keep(LabRun(head, seeds))
        yield TrainingProgress(1, 1, "done", trained[-1].curves)
        return LabRun(head, seeds)

    def list(self) -> tuple[RunHead, ...]:
        """Every run, newest first."""
        found = [_head(file) for file in self.folder.glob("*/run.json")]
        return tuple(sorted(found, key=lambda head: (head.created, head.id), reverse=True))

    def get(self, run: str) -> LabRun:
        file = self.folder / run / "run.json"
        if not run.isalnum() or not file.is_file():
            raise CoreError(
                f"The lab has no run “{run[:40]}” on this machine: it may have been deleted. Train it anew."
            )
        return _read(file)

    def delete(self, run: str) -> None:
        self.get(run)
        shutil.rmtree(self.folder / run)

    def _keep(self, run: LabRun) -> None:
        from safetensors.numpy import save

        folder = self.folder / run.head.id
        for seed in run.seeds:
            arrays = {"values": seed.episodes.values, **asdict(seed.curves)}
            if seed.episodes.clean is not None:
                arrays["clean"] = seed.episodes.clean
            write_atomically(folder / f"seed-{seed.seed}.safetensors", save(arrays))
            seed.sae.save(folder / f"sae-{seed.seed}")
        first, head = run.seeds[0].episodes, run.head
        about = {
            **asdict(head), "created": head.created.isoformat(),
            "categories": first.categories, "names": first.names,
        }  # fmt: skip
        write_atomically(folder / "run.json", json.dumps(about, ensure_ascii=False, indent=1).encode())


def said(plan: LabPlan) -> str:
    """A run's name where nobody gave one: “Phase 5, β 0.0005”."""
    phase = f"Phase {plan.phase}" if plan.phase in PHASES else NAMES[plan.phase]
    return f"{phase}, β {plan.beta:g}"


def bank_episodes(bank: MemoryBank, most: int) -> Episodes:
    """The dense vectors of a bank's memories that have a category, [n, d], category by category.

    The source's three come first and in its order, then all others by name. Of more than ``most`` memories, an even
    choice.
    """
    index = bank.index()
    place = {name: i for i, name in enumerate(making.CATEGORIES)}
    known = [i for i, category in enumerate(index.categories) if category]
    if not known:
        raise CoreError(f"No encoded memory of {bank.name} has a category: the lab compares categories. Use the demo.")
    rows = np.asarray(sorted(known, key=lambda i: (place.get(index.categories[i], len(place)), index.categories[i], i)))
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
    return Episodes(
        index.codes.dense[rows], tuple(index.categories[i] for i in rows), tuple(index.ids[i] for i in rows)
    )


def _episodes(plan: LabPlan, bank: MemoryBank | None, seed: int) -> Episodes:
    if plan.episodes == "random":
        return making.random(plan.n, plan.width, plan.boost, seed)
    if plan.episodes == "waves":
        return making.waves(plan.n, plan.width, plan.boost, plan.noise, seed)
    if bank is None:
        raise CoreError("These episodes are a bank's memories: name the bank.")
    return bank_episodes(bank, plan.n)


def _named(name: str) -> str:
    name = " ".join(name.split())
    if len(name) > LONGEST_NAME:
        raise CoreError(f"A run's name has at most {LONGEST_NAME} characters; this one has {len(name)}.")
    return name


def _id(plan: LabPlan, made: list[Episodes]) -> str:
    content = hashlib.sha256(json.dumps(asdict(plan), sort_keys=True).encode())
    for known in made:
        content.update(known.values.tobytes())
        content.update("\x00".join(known.categories).encode())
    return content.hexdigest()[:8]


def _head(file: Path) -> RunHead:
    return _head_of(json.loads(file.read_text(encoding="utf-8")))


def _head_of(about: Mapping[str, Any]) -> RunHead:
    return RunHead(
        about["id"], about["name"], datetime.fromisoformat(about["created"]), plan_of(about["plan"]), about["bank"]
    )


def _read(file: Path) -> LabRun:
    from safetensors.numpy import load_file

    about = json.loads(file.read_text(encoding="utf-8"))
    head, seeds = _head_of(about), []
    for seed in range(head.plan.seed, head.plan.seed + head.plan.seeds):
        arrays = load_file(file.parent / f"seed-{seed}.safetensors")
        known = Episodes(arrays["values"], tuple(about["categories"]), tuple(about["names"]), arrays.get("clean"))
        curves = Curves(arrays["total"], arrays["reconstruction"], arrays["sparsity"])
        seeds.append(SeedRun(seed, known, SmallSAE.load(file.parent / f"sae-{seed}"), curves))
    return LabRun(head, tuple(seeds))


# --- figures ----------------------------------------------------------------------------------------------------------


def figures(seed: SeedRun) -> dict[str, Any]:
    """What is measured on one seed's traces; see docs/semantics.md."""
    traces, categories, clean = seed.traces, seed.episodes.categories, seed.episodes.clean
    rows = measures.rows_of(categories)
    sparsity, active = measures.sparsity(traces), measures.active(traces)
    pairs = measures.distinctiveness(traces, categories)
    decoded, target = seed.decoded, seed.target
    found: dict[str, Any] = {
        "categories": {
            name: {
                "episodes": len(mine),
                "sparsity": float(sparsity[mine].mean()),
                "active": float(active[mine].mean()),
            }
            for name, mine in rows.items()
        },
        "overlap": {
            f"{shared.threshold:g}": {
                "core": len(shared.core),
                "shared": {pair_name(*pair): len(latents) for pair, latents in shared.pairs.items()},
                "unique": {name: len(latents) for name, latents in shared.unique.items()},
            }
            for shared in measures.overlap(traces, categories)
        },
    }
    for measure in ("cosine", "cosine_normalised", "euclidean", "euclidean_normalised"):
        found[measure] = {pair_name(pair.a, pair.b): getattr(pair, measure) for pair in pairs}
    found |= {
        "alive": int((traces > 0).any(axis=0).sum()),
        "epochs": len(seed.curves.total),
        "loss": {name: float(getattr(seed.curves, name)[-1]) for name in ("total", "reconstruction", "sparsity")},
        "mse": float(np.square(decoded - target).mean()),
    }
    if clean is not None and (noise := float(np.square(seed.episodes.values - clean).mean())):
        found["clean_error"] = float(np.square(decoded - clean).mean()) / noise
    return found


def pair_name(a: str, b: str) -> str:
    return f"{a} / {b}"


def _median(rows: Sequence[Any]) -> Any:
    """Of every number in equal trees of dictionaries."""
    first = rows[0]
    if isinstance(first, dict):
        return {name: _median([row[name] for row in rows]) for name in first}
    return float(np.median(rows))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return round(value, 6) if isinstance(value, float) else value
