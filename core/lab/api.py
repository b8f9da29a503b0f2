"""The SAE of the engine narrative-30: trained on the demo's narratives, and the API of the work it follows."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csc_array, csr_array

from core import demo
from core.bank.bank import MemoryBank
from core.encoding.files.weights import write_atomically
from core.errors import CoreError
from core.lab.plan import TEXT, TrainingProgress
from core.lab.runs import SeedRun, bank_episodes, figures
from core.lab.seeds import train_seeds
from core.lab.traces import CategoryLatents, by_category
from core.progress import finish
from core.settings import ASSETS
from core.types import Floats, Offsets

ENGINE = "narrative-30"
SHIPPED = ASSETS / "sae" / ENGINE


def train_narratives(out: Path = SHIPPED) -> Generator[TrainingProgress, None, dict[str, Any]]:
    """Remake the SAE from the narratives of the demo and write it with its report; returns the report.

    Their dense vectors are those that ship with the demo; only narratives without any are encoded. The same
    narratives give the same weights.
    """
    with tempfile.TemporaryDirectory() as folder:
        bank = MemoryBank.open(Path(folder) / "demo.duckdb")
        demo.fill(bank)
        finish(bank.encode())
        episodes = bank_episodes(bank, TEXT.n)
    (trained,) = yield from train_seeds(TEXT, [episodes])
    run = SeedRun(TEXT.seed, episodes, trained.sae, trained.curves)
    found = figures(run)
    left_out = np.square(run.target - run.decoded).sum() / np.square(run.target - run.sae.mean).sum()
    report = {
        "fvu": round(float(left_out), 4),
        "l0": round(float(np.count_nonzero(run.traces) / len(episodes)), 2),
        "dead_share": round(1 - found["alive"] / TEXT.size, 4),
        "narratives": len(episodes),
        "alive": found["alive"],
        "categories": found["categories"],
        "plan": asdict(TEXT),
        "command": "python -m core lab --train-narratives",
    }
    out.mkdir(parents=True, exist_ok=True)
    replace(run.sae, about={"narratives": len(episodes), "plan": asdict(TEXT)}).save(out)
    write_atomically(out / "report.json", json.dumps(report, ensure_ascii=False, indent=1).encode())
    return report


class NarrativeMemoryAPI:
    """Retrieval by single latents, with the names of the work it follows, which calls a latent a *neuron*.

    >>> api = NarrativeMemoryAPI()
    >>> indices, activations = api.retrieve_top_k_memories(neuron_index=10, k=5)
    >>> indices, scores = api.retrieve_memories_composite(positive_neurons=[15], negative_neurons=[5], k=3)
    >>> api.get_narrative_text(indices[0])

    Without a bank: the demo's narratives under the shipped SAE. With one: its memories under its engine, in the order
    of their ids. No model is needed where codes are stored. Elements of what is returned have ``.item()``.
    """

    def __init__(self, bank: MemoryBank | str | Path | None = None) -> None:
        if isinstance(bank, str | Path):
            bank = MemoryBank.open(bank, ENGINE, create=False)
        self.bank = bank or demo.open_demo(ENGINE)
        index = self.bank.index()
        if not len(index):
            raise CoreError(f"{self.bank.name} has no codes of engine {self.bank.engine.name} yet: encode it first.")
        rows = np.arange(len(index)) if bank else np.flatnonzero([bool(name) for name in index.categories])
        codes = index.codes.take(rows).merged()
        shape = (len(rows), codes.n_latents)
        self._rows = csr_array((codes.max, codes.latents, codes.indptr), shape)
        self._columns: csc_array = self._rows.tocsc()
        self.ids = tuple(index.ids[i] for i in rows)
        self.texts = tuple(index.texts[i] for i in rows)
        self.categories = tuple(index.categories[i] for i in rows)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_neurons(self) -> int:
        """m, latents of the dictionary."""
        return int(self._rows.shape[1])

    @property
    def activations(self) -> csr_array:
        """float32 [n, m], every memory's strongest activations."""
        return self._rows

    def retrieve_top_k_memories(self, neuron_index: int, k: int = 5) -> tuple[Offsets, Floats]:
        """(indices, activations) of the k memories that fire a latent most, strongest first; fewer where fewer do."""
        values = self._sum([neuron_index])
        order = self._best(values, k)
        order = order[values[order] > 0]
        return order, values[order]

    def retrieve_memories_composite(
        self, positive_neurons: Sequence[int] = (), negative_neurons: Sequence[int] = (), k: int = 5
    ) -> tuple[Offsets, Floats]:
        """(indices, scores) of the k memories with the largest Σ positive activations − Σ negative ones."""
        if not len(positive_neurons) and not len(negative_neurons):
            raise CoreError("There is no neuron to compose: give at least one.")
        scores = self._sum(positive_neurons) - self._sum(negative_neurons)
        order = self._best(scores, k)
        return order, scores[order]

    def get_narrative_text(self, idx: int) -> str:
        """The words of a memory by its index."""
        return self.texts[self._index(idx)]

    def memory_trace(self, idx: int) -> Floats:
        """float32 [m], the activations of one memory."""
        return np.asarray(self._rows[[self._index(idx)]].toarray()[0], np.float32)

    def compare_categories(self) -> tuple[CategoryLatents, ...]:
        """Mean activation and firing rate of every latent in every category, with 95 % intervals."""
        if not any(self.categories):
            raise CoreError(f"The memories of {self.bank.name} have no categories to compare.")
        return by_category(self._rows.toarray(), self.categories)

    def _sum(self, neurons: Sequence[int]) -> Floats:
        for neuron in neurons:
            if not 0 <= neuron < self.n_neurons:
                raise CoreError(
                    f"Neuron {neuron} does not exist: there are {self.n_neurons:,} (0–{self.n_neurons - 1})."
                )
        return np.asarray(self._columns[:, list(map(int, neurons))].sum(axis=1), np.float32)

    def _best(self, values: Floats, k: int) -> Offsets:
        if k < 1:
            raise CoreError(f"k is {k}: at least one memory must be asked for.")
        return np.argsort(-values, kind="stable")[:k].astype(np.int64)

    def _index(self, idx: int) -> int:
        i = int(idx)
        if not 0 <= i < len(self):
            raise CoreError(f"There is no memory {i}: there are {len(self):,} (0–{len(self) - 1}).")
        return i
