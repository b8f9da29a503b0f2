"""The sweep behind the shipped SAE: one row a variant, every figure measured in this run.

python benchmarks/sae.py --corpus FOLDER --questions locomo.json --row "name=k32 k=32" --row "name=layer4 layer=4 k=32"

A row sets any of: name, layer (one of --layers), architecture, k, width, tokens, batch, lr, l0_coefficient, average
(1: train on the mean state of each text), encoder (matching_pursuit, as many latents as k), rounds (of correction) and
candidates (which they choose among, in multiples of k),
from (the folder of a trained SAE), without (the share of each token's mean state that is taken away before the SAE
reads it: 1 leaves what the context adds), sample (reconstruction alone, on so many held-out tokens: for what is slow).
With --label-tokens each row's latents are named, and the labels judged, as describe-sae does.
States of all layers are harvested in one pass and kept in the cache.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import fields, replace
from io import StringIO
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from common import certificate

from core.bank.bank import MemoryBank
from core.encoding.dense import DenseEmbedder
from core.encoding.engines import EngineSpec, encode_with, presets, token_model
from core.encoding.files.weights import locate
from core.encoding.model import States, TokenModel, Tokens, _find_layers, best_dtype
from core.encoding.sae import dictionary as dictionaries
from core.evaluation.runner import evaluate
from core.progress import finish
from core.retrieval.index import Index
from core.settings import cache_folder
from core.training import assess
from core.training.corpus import sourced_pieces
from core.training.describe import describe, token_words
from core.training.residual import TrainingPlan, initialise, keep_freed_memory, new_sae, normalise
from core.types import Query

TRAIN_TOKENS, HELD_OUT_TOKENS, CONCEPT_TOKENS = 700_000, 60_000, 300_000
PIECES_AT_ONCE = 512
EXAMPLE = "A phone battery."
"""Stands for the demo, which examples come from."""
SHRINKAGE = 2
"""Tokens at the mean of all that each token's own mean is taken with."""
PLAN_FIELDS = {f.name for f in fields(TrainingPlan)} | {"width"}


class Harvest:
    """Token states of several layers from one pass over a corpus, on disk."""

    def __init__(
        self, model: TokenModel, layers: Sequence[int], corpus: Path, held_out: bool, wanted: int, spec: EngineSpec
    ) -> None:
        name = "held-out" if held_out else "train"
        self.layers, self._sink_norm = layers, spec.sink_norm
        engine = "" if spec.name == "minilm" else f"{spec.name}-"
        self.folder = cache_folder() / "sweep" / f"{engine}{name}-{wanted}"
        about = self.folder / "texts.npz"
        if not about.is_file() or "ids" not in np.load(about):
            self._read(model, corpus, held_out, wanted)
        about = np.load(self.folder / "texts.npz")
        self.indptr, self._words, self._ids = about["indptr"], about["words"], about["ids"]
        self.rest = torch.from_numpy(about["rest"])

    def layer(self, layer: int) -> torch.Tensor:
        """float16 [t, d], attention sinks left out."""
        found = self._all(layer)
        return found[self._calm(found)]

    def words(self, layer: int) -> np.ndarray:
        """int [t], the word of each of these states."""
        return self._words[self._calm(self._all(layer)).numpy()]

    def ids(self, layer: int) -> torch.Tensor:
        """int64 [t], the token of each of these states."""
        return torch.from_numpy(self._ids[self._calm(self._all(layer)).numpy()])

    def _all(self, layer: int) -> torch.Tensor:
        found: torch.Tensor = torch.load(self.folder / f"layer{layer}.pt", weights_only=True)
        return found

    def _calm(self, states: torch.Tensor) -> torch.Tensor:
        return states.float().norm(dim=1) <= self._sink_norm

    def _read(self, model: TokenModel, corpus: Path, held_out: bool, wanted: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        seen: dict[int, torch.Tensor] = {}
        layers = self.layers
        blocks = _find_layers(model.model, int(model.model.config.num_hidden_layers))
        hooks = [
            blocks[i].register_forward_hook(
                lambda _m, _i, out, i=i: seen.__setitem__(i, out if isinstance(out, torch.Tensor) else out[0])
            )
            for i in layers
        ]
        states: dict[int, list[torch.Tensor]] = {i: [] for i in layers}
        lengths, words, ids, rest, known, count = [], [], [], [], {}, 0
        source = _dialogue(corpus) if held_out else sourced_pieces(corpus, 0, False)
        while count < wanted:
            texts = [text for text, _ in islice(source, PIECES_AT_ONCE)]
            tokens = model.tokenize(texts)
            indptr, kept = tokens.text_indptr, ~tokens.special
            batch = {i: torch.zeros(int(indptr[-1]), model.d_in, dtype=torch.float16) for i in layers}
            sums = torch.zeros(len(texts), model.d_in)
            for found in model.states(tokens):
                keep = _kept(tokens, found.windows)
                for i in layers:
                    batch[i][found.token] = seen[i][keep].half()
                sums.index_add_(0, torch.from_numpy(tokens.window_text[found.windows]), found.window_sums)
            row = torch.from_numpy(np.repeat(np.arange(len(texts)), np.diff(indptr)))
            rest.append(sums.index_add_(0, row, -batch[max(layers)].float()).numpy())
            for i in layers:
                states[i].append(batch[i])
            lengths.append(np.diff(indptr))
            words.append(token_words(texts, indptr, tokens.end[kept], known))
            ids.append(tokens.ids[kept])
            count += int(indptr[-1])
        for hook in hooks:
            hook.remove()
        for i in layers:
            torch.save(torch.cat(states[i]), self.folder / f"layer{i}.pt")
        indptr = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
        about = {"words": np.concatenate(words), "ids": np.concatenate(ids), "rest": np.concatenate(rest)}
        np.savez(self.folder / "texts.npz", indptr=indptr, **about)


def _dialogue(corpus: Path) -> Iterator[tuple[str, int]]:
    """Held-out pieces of the files that hold dialogue: all but the novels."""
    names = sorted(p.name for p in corpus.glob("*.jsonl*"))
    return ((text, i) for text, i in sourced_pieces(corpus, 0, True) if "novel" not in names[i])


def _kept(tokens: Tokens, windows: np.ndarray) -> torch.Tensor:
    """bool [b, width], the tokens of a batch that are not special."""
    lengths = np.diff(tokens.window_indptr)[windows]
    within = np.arange(lengths.max())
    real = within < lengths[:, None]
    flat = np.where(real, tokens.window_indptr[windows][:, None] + within, 0)
    return torch.from_numpy(real & ~tokens.special[flat])


class WithoutTokens:
    """A token model whose states lack what their token says alone."""

    def __init__(self, model: Any, said: torch.Tensor) -> None:
        """said: float32 [vocabulary, d], taken away."""
        self._model, self._said = model, said

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def states(self, tokens: Tokens) -> Iterator[States]:
        ids = torch.from_numpy(tokens.ids[~tokens.special])
        for found in self._model.states(tokens):
            yield replace(found, states=found.states.float() - self._said[ids[found.token]])


def said_alone(states: torch.Tensor, ids: torch.Tensor, vocabulary: int, share: float) -> torch.Tensor:
    """float32 [vocabulary, d]: so much of each token's mean state, seen from the mean of all; rare ones are shrunk."""
    counts = torch.bincount(ids, minlength=vocabulary).float()
    sums = torch.zeros(vocabulary, states.shape[1]).index_add_(0, ids, states - states.mean(0))
    return share * sums / (counts + SHRINKAGE)[:, None]


class Remembered:
    """A model whose states for the questions' bank are computed once for all rows of a layer."""

    def __init__(self, spec: EngineSpec, layer: int) -> None:
        self._model = token_model(replace(spec, hook=f"blocks.{layer}.hook_resid_post"))
        self.d_in, self.device = self._model.d_in, self._model.device
        self._known: dict[int, tuple[Tokens, list[States]]] = {}

    def tokenize(self, texts: list[str], query: bool = False) -> Tokens:
        key = hash((query, *texts))
        if key not in self._known:
            tokens = self._model.tokenize(texts, query)
            self._known[key] = (
                tokens,
                [
                    States(s.token, s.states.clone(), s.windows, s.window_sums.clone(), s.window_counts.clone())
                    for s in self._model.states(tokens)
                ],
            )
        self._current = self._known[key]
        return self._current[0]

    def states(self, _tokens: Tokens) -> Iterator[States]:
        yield from self._current[1]


class Questions:
    """Recall of the evidence on a benchmark file, for any SAE."""

    def __init__(self, spec: EngineSpec, file: Path, categories: set[str]) -> None:
        self.spec = spec
        self._dense = None if spec.dense == "pooled" else DenseEmbedder(locate(spec.dense))
        bank = MemoryBank.open(cache_folder() / "sweep" / f"{file.stem}.duckdb")
        finish(bank.import_files([file]))
        self.index = bank.index()
        self.asked = [q for q in bank.memories.questions() if q.evidence and q.category in categories]
        self._models: dict[int, Remembered] = {}

    def recall(self, sae: Any, layer: int, said: torch.Tensor | None) -> dict[str, Any]:
        model: Any = self._models.setdefault(layer, Remembered(self.spec, layer))
        model = model if said is None else WithoutTokens(model, said)
        codes = encode_with(model, sae, list(self.index.texts), self._embedded(list(self.index.texts)))
        old = self.index
        index = Index.build(old.ids, old.texts, old.conversations, old.categories, codes, "", 0)
        texts = sorted({q.text for q in self.asked})
        asked = encode_with(model, sae, texts, self._embedded(texts), query=True).merged()
        of = {text: asked.take([i]) for i, text in enumerate(texts)}
        modes = finish(evaluate(index, self.asked, of, of.__getitem__, Query(""))).report["modes"]
        return {
            "sparse_recall@10": modes["sparse"]["recall@10"],
            "combined_recall@10": modes["combined"]["recall@10"],
            "sparse_5300": modes["sparse"]["all_within_chars"]["5300"],
            "active_per_memory": round(float(np.diff(codes.indptr).sum() / len(codes))),
        }

    def _embedded(self, texts: list[str]) -> Any:
        return self._dense and self._dense.encode(texts)


def train(row: dict[str, Any], states: torch.Tensor, folder: Path) -> float:
    """Train one row on harvested states; returns tokens per second."""
    from sae_lens import SAETrainer
    from sae_lens.config import SAETrainerConfig

    named = {("d_sae" if name == "width" else name): row[name] for name in PLAN_FIELDS & set(row)}
    plan = TrainingPlan(**{"tokens": 300_000, "d_sae": 8192, "k": 32} | named)
    torch.manual_seed(plan.seed)
    order = torch.Generator().manual_seed(plan.seed)

    def batches() -> Iterator[torch.Tensor]:
        while True:
            for picked in torch.randperm(len(states), generator=order).split(plan.batch):
                if len(picked) == plan.batch:
                    yield states[picked].float()

    steps, source = plan.tokens // plan.batch, batches()
    config = SAETrainerConfig(
        total_training_samples=steps * plan.batch, train_batch_size_samples=plan.batch,
        lr=plan.lr, lr_end=plan.lr / 100, lr_warm_up_steps=min(200, steps // 10), lr_decay_steps=steps // 2,
        autocast=True, dead_feature_window=max(100, 400_000 // plan.batch), n_batches_for_norm_estimate=10,
    )  # fmt: skip
    sae = new_sae(plan, states.shape[1])
    trainer: Any = SAETrainer(config, sae, source)
    started = time.perf_counter()
    with redirect_stderr(StringIO()), redirect_stdout(StringIO()):
        initialise(trainer, [next(source) for _ in range(-(-plan.d_sae // plan.batch) + 1)])
        for _ in range(steps):
            trainer.step(next(source))
            normalise(sae)
            trainer.n_training_steps += 1
        speed = steps * plan.batch / (time.perf_counter() - started)
        sae.fold_activation_norm_scaling_factor(trainer.activation_scaler.scaling_factor)
        trainer.activation_scaler.scaling_factor = None
        trainer.set_final_sae_metadata()
        folder.mkdir(parents=True, exist_ok=True)
        sae.save_inference_model(folder)
    return speed


def averages(states: torch.Tensor, indptr: np.ndarray) -> torch.Tensor:
    """Mean state of each text, float16 [n, d]."""
    row = torch.from_numpy(np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)))
    sums = torch.zeros(len(indptr) - 1, states.shape[1]).index_add_(0, row, states.float())
    return (sums / torch.from_numpy(np.maximum(np.diff(indptr), 1))[:, None]).half()


def measured(
    sae: Any, layer: int, trained: Harvest, held: Harvest, counted: int, pooled: bool, said: torch.Tensor | None
) -> dict[str, Any]:
    """said: what was taken away from each token's state; x̂ has it again."""
    states, rest = held.layer(layer).float(), held.rest
    variance = (states - states.mean(0)).square().sum()
    if said is not None:
        alone = said[held.ids(layer)]
        row = torch.from_numpy(np.repeat(np.arange(len(rest)), np.diff(held.indptr)))
        states, rest = states - alone, rest.clone().index_add_(0, row, alone)
    figures = assess.reconstruction(sae, states)
    share = float((states - states.mean(0)).square().sum() / variance)
    out = {"fvu": round(figures["fvu"] * share, 4), "l0": figures["l0"]}
    if said is not None:
        out["tokens_explain"] = round(1 - share, 4)
    if pooled:
        out["embedding_kept"] = assess.kept_embedding(sae, states, held.indptr, rest)
    read = trained.layer(layer)[:counted].float()
    read = read if said is None else read - said[trained.ids(layer)[:counted]]
    return out | assess.concepts(sae, read, trained.words(layer)[:counted])


def label_trust(sae: Any, folder: Path, model: Any, spec: EngineSpec, corpus: Path, tokens: int) -> dict[str, Any]:
    """Labels made from so many tokens and judged on half as many; nothing is left in the SAE's own folder."""
    with TemporaryDirectory() as copied:
        copy = Path(shutil.copytree(folder, Path(copied) / "sae"))
        made = finish(describe(spec, copy, corpus, [EXAMPLE], tokens, parts=(model, sae)))
    return {"label_trust": made["mean_auroc"], "shuffled": made["shuffled_auroc"], "judged": made["n_latents"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--questions", type=Path, help="a LoCoMo file: recall of its evidence")
    parser.add_argument("--categories", default="1,2,3,4")
    parser.add_argument("--engine", default="minilm")
    parser.add_argument("--layers", default="3,4,5", help="layers to harvest; the model is cut off above the last")
    parser.add_argument("--tokens", type=int, default=TRAIN_TOKENS, help="tokens to harvest for training")
    parser.add_argument("--concept-tokens", type=int, default=CONCEPT_TOKENS, help="tokens concept share is counted in")
    parser.add_argument("--label-tokens", type=int, default=0, help="tokens that labels are made from; 0: no labels")
    parser.add_argument("--row", action="append", required=True)
    arguments = parser.parse_args()
    certificate()
    keep_freed_memory()
    spec, layers = presets()[arguments.engine], [int(layer) for layer in arguments.layers.split(",")]
    model = token_model(replace(spec, hook=f"blocks.{max(layers)}.hook_resid_post", sink_norm=math.inf))
    held = Harvest(model, layers, arguments.corpus, True, HELD_OUT_TOKENS, spec)
    trained = Harvest(model, layers, arguments.corpus, False, arguments.tokens, spec)
    categories = set(arguments.categories.split(","))
    asked = Questions(spec, arguments.questions, categories) if arguments.questions else None
    for text in arguments.row:
        row: dict[str, Any] = {name: _value(value) for name, value in (part.split("=", 1) for part in text.split())}
        layer, folder = row.pop("layer", layers[-1]), cache_folder() / "sweep" / "saes" / str(row.get("name", "row"))
        out = {"row": text}
        if "from" in row:
            folder = Path(str(row["from"]))
        said = None
        if "without" in row:
            ids = trained.ids(layer)
            said = said_alone(trained.layer(layer).float(), ids, len(model.tokenizer), float(row["without"]))
        if "from" not in row:
            states = trained.layer(layer)
            states = averages(states, trained.indptr) if row.get("average") else states
            states = states if said is None else (states - said[trained.ids(layer)]).half()
            out["tokens_per_second"] = round(train(row, states, folder))
        sae: Any = dictionaries.load(folder, best_dtype("cpu"))
        if row.get("encoder") == "matching_pursuit":
            sae = dictionaries.matching_pursuit(sae, int(row.get("k", sae.k)))
        elif isinstance(sae, dictionaries.PlainDictionary):
            sae.rounds, sae.candidates = row.get("rounds", sae.rounds), row.get("candidates", sae.candidates)
        if "sample" in row:
            figures = assess.reconstruction(sae, held.layer(layer)[: row["sample"]].float())
            print(json.dumps(out | {name: figures[name] for name in ("fvu", "l0")}), flush=True)
            continue
        pooled = spec.dense == "pooled" and layer == max(layers)
        out |= measured(sae, layer, trained, held, arguments.concept_tokens, pooled, said)
        if asked:
            out |= asked.recall(sae, layer, said)
        if arguments.label_tokens:
            reader: Any = token_model(replace(spec, hook=f"blocks.{layer}.hook_resid_post"))
            reader = reader if said is None else WithoutTokens(reader, said)
            out |= label_trust(sae, folder, reader, spec, arguments.corpus, arguments.label_tokens)
        print(json.dumps(out), flush=True)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


if __name__ == "__main__":
    main()
