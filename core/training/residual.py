"""Train an SAE on the token states of an engine's model, with sae-lens' trainer.

Texts are streamed from a folder, cut into memory-sized pieces, read by the model, and their token states shuffled into
batches. Checkpoints go to the user's cache; a second call with the same settings goes on where the first stopped.
"""

from __future__ import annotations

import ctypes
import json
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from core.encoding.engines import EngineSpec, token_model
from core.encoding.files.weights import prepare, write_atomically
from core.errors import CoreError
from core.settings import cache_folder
from core.training.corpus import pieces
from core.types import Ints, Progress

PIECES_PER_CHUNK = 1024
BUFFER_TOKENS = 131_072
HELD_OUT_TOKENS = 60_000
LOSS_TEXTS = 400
"""Held-out texts on which a language model's loss is taken with the SAE spliced in."""
CHECKPOINT_SECONDS = 120
ARCHITECTURES = ("topk", "batchtopk", "matryoshka", "jumprelu")
ENCODER_START = 0.3
"""Length of an encoder column at the start: latents of near directions overlap, so that 1 would overshoot."""
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of <malloc.h>


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Everything that decides the result."""

    tokens: int
    d_sae: int = 16384
    architecture: str = "topk"
    """One of ARCHITECTURES."""
    k: int = 40
    lr: float = 1e-3
    batch: int = 1024
    seed: int = 0
    l0_coefficient: float = 0.3
    """JumpReLU's price of an active latent; the others ask for ``k``."""
    start: str = ""
    """Folder of a trained SAE to go on from; empty: from data."""
    seldom: int = 0
    """Latents of ``start`` that fire on fewer of 300,000 tokens get a new direction."""
    spellings: int = 0
    """And those whose 20 strongest activations there peak on no more different words than this."""
    rounds: int = 0
    """Rounds of correction that the finished TopK SAE encodes with (``PlainDictionary``)."""


def train(spec: EngineSpec, corpus: Path, plan: TrainingPlan, out: Path) -> Generator[Progress, None, None]:
    """Train, report and save: ``cfg.json``, ``sae_weights.safetensors`` (fp16), ``report.json``, ``stats.safetensors``.

    Stopping the generator keeps the last checkpoint. Raises CoreError for an empty corpus.
    """
    import torch
    from sae_lens import SAETrainer, TrainingSAE
    from sae_lens.config import SAETrainerConfig

    keep_freed_memory()
    yield from prepare(spec.model)
    yield Progress(0, plan.tokens, "loading the model")
    torch.manual_seed(plan.seed)
    model = token_model(spec)
    folder = cache_folder() / "training" / f"{spec.name}-{_plan_name(plan)}"
    checkpoints = sorted(folder.glob("step_*/position.json"), key=lambda p: int(p.parent.name[5:]))
    position: dict[str, Any] = json.loads(checkpoints[-1].read_text()) if checkpoints else {"chunks": 0, "seconds": 0.0}
    stream = _StateStream(model, corpus, plan, position["chunks"])
    config = SAETrainerConfig(
        total_training_samples=plan.tokens,
        train_batch_size_samples=plan.batch,
        lr=plan.lr,
        lr_end=plan.lr / 100,
        lr_warm_up_steps=min(200, plan.tokens // plan.batch // 10),
        lr_decay_steps=plan.tokens // plan.batch // 2,
        autocast=model.dtype == torch.bfloat16,
        dead_feature_window=max(100, (150_000 if plan.start else 400_000) // plan.batch),
        feature_sampling_window=max(100, 400_000 // plan.batch),
        n_batches_for_norm_estimate=10,
    )
    sae = new_sae(plan, model.d_in)
    trainer: Any = SAETrainer(config, sae, stream.batches())
    trainer.optimizer.param_groups[0]["fused"] = True
    with redirect_stderr(StringIO()), redirect_stdout(StringIO()):  # sae-lens draws its own bar
        if checkpoints:
            sae.load_state_dict(TrainingSAE.load_from_disk(checkpoints[-1].parent).state_dict())
            trainer.load_trainer_state(checkpoints[-1].parent)
        else:
            _begin(trainer, plan, model, corpus)
    started, before = time.monotonic(), trainer.n_training_samples
    last_saved = started
    while trainer.n_training_samples < plan.tokens:
        trainer.maybe_reset_sparsity()
        step = trainer.step(next(trainer.data_provider))
        normalise(sae)
        trainer.n_training_steps += 1
        if trainer.n_training_steps % 20 == 0:
            loss = float(step.losses["mse_loss"].detach())
            dead = int(trainer.dead_neurons.sum())
            done = min(trainer.n_training_samples, plan.tokens)
            yield Progress(done, plan.tokens, f"loss {loss:.4f}, {dead} latents dead")
        if time.monotonic() - last_saved > CHECKPOINT_SECONDS:
            last_saved = time.monotonic()
            spent = position["seconds"] + last_saved - started
            _checkpoint(trainer, folder, {"chunks": stream.chunks, "seconds": spent})
    seconds = position["seconds"] + time.monotonic() - started
    sae.fold_activation_norm_scaling_factor(trainer.activation_scaler.scaling_factor)
    trainer.activation_scaler.scaling_factor = None
    trainer.set_final_sae_metadata()
    sae.cfg.metadata.model_name = spec.model_name
    sae.cfg.metadata.hook_name = spec.hook
    yield Progress(plan.tokens, plan.tokens, "measuring on held-out text")
    _save(sae, out, model, corpus, plan, spec, seconds, trainer.n_training_samples - before)
    shutil.rmtree(folder, ignore_errors=True)


def keep_freed_memory() -> None:
    """Let glibc reuse large blocks instead of returning them: fresh pages cost a CPU training half of its speed."""
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return  # another C library: nothing to tune
    libc.mallopt(_M_MMAP_MAX, 0)
    libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def new_sae(plan: TrainingPlan, d_in: int) -> Any:
    """A fresh SAE of sae-lens, to be trained. Raises CoreError for an architecture that is not known, or that knows no
    rounds of correction."""
    import sae_lens

    from core.training.sparse_step import SparseTopKTrainingSAE

    if plan.architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise CoreError(f"The architecture “{plan.architecture}” cannot be trained here: choose one of {known}.")
    _allow(plan.rounds, plan.architecture)
    if (plan.seldom or plan.spellings) and not plan.start:
        raise CoreError("Only the latents of a trained SAE can be replaced: say which with --from FOLDER.")
    common: dict[str, Any] = {
        "d_in": d_in,
        "d_sae": plan.d_sae,
        "apply_b_dec_to_input": True,
        "normalize_activations": "expected_average_only_in",
    }
    sparse = common | {"k": plan.k, "aux_loss_coefficient": 1 / 32}
    if plan.architecture == "topk":
        config = sae_lens.TopKTrainingSAEConfig(**sparse, rescale_acts_by_decoder_norm=False)
        config.metadata.correction_rounds = plan.rounds
        return SparseTopKTrainingSAE(config)
    if plan.architecture == "batchtopk":
        return sae_lens.BatchTopKTrainingSAE(sae_lens.BatchTopKTrainingSAEConfig(**sparse))
    if plan.architecture == "matryoshka":
        widths = [plan.d_sae // 16, plan.d_sae // 4, plan.d_sae]
        return sae_lens.MatryoshkaBatchTopKTrainingSAE(
            sae_lens.MatryoshkaBatchTopKTrainingSAEConfig(**sparse, matryoshka_widths=widths)
        )
    return sae_lens.JumpReLUTrainingSAE(
        sae_lens.JumpReLUTrainingSAEConfig(
            **common, jumprelu_init_threshold=1.0, jumprelu_bandwidth=0.5, l0_coefficient=plan.l0_coefficient
        )
    )


def _allow(rounds: int, architecture: str) -> None:
    from core.encoding.sae.dictionary import MOST_ROUNDS

    if rounds and architecture != "topk":
        raise CoreError(f"Rounds of correction are for TopK SAEs, and this one is {architecture}: leave --rounds out.")
    if not 0 <= rounds <= MOST_ROUNDS:
        raise CoreError(f"{rounds} rounds of correction: a number from 0 to {MOST_ROUNDS} is expected.")


def normalise(sae: Any) -> None:
    """After a step: what an SAE of ours keeps true; sae-lens' own scale their activations instead."""
    if hasattr(sae, "normalise"):
        sae.normalise()


def _begin(trainer: Any, plan: TrainingPlan, model: Any, corpus: Path) -> None:
    """From data, or from a trained SAE."""

    def batches(tokens: int) -> list[Any]:
        return [next(trainer.data_provider) for _ in range(-(-tokens // plan.batch))]

    if not plan.start:
        initialise(trainer, batches(plan.d_sae + plan.batch))
        return
    import torch

    from core.encoding.sae.dictionary import load
    from core.training import assess, resume

    spelled = None
    if plan.spellings:
        words = assess.different_words(load(Path(plan.start)), *_states_and_words(model, corpus, plan))
        spelled = torch.from_numpy(words <= plan.spellings)
    states = torch.cat(batches(resume.COUNTED_TOKENS + resume.DRAWN_TOKENS))
    resume.go_on(trainer, Path(plan.start), plan.seldom, states, spelled)


def _states_and_words(model: Any, corpus: Path, plan: TrainingPlan) -> tuple[Any, Ints]:
    """(float16 [t, d], the number of the word of each) of as many tokens as are counted."""
    import torch

    from core.training.describe import token_words
    from core.training.resume import COUNTED_TOKENS

    source, parts, words, count = pieces(corpus, plan.seed, held_out=False), [], [], 0
    known: dict[str, int] = {}
    while count < COUNTED_TOKENS:
        texts = list(islice(source, PIECES_PER_CHUNK))
        tokens = model.tokenize(texts)
        read = torch.full((int(tokens.text_indptr[-1]), model.d_in), torch.nan, dtype=torch.float16)
        for batch in model.states(tokens):
            read[batch.token] = batch.states.half().cpu()
        kept = ~read[:, 0].isnan()  # attention sinks never come
        parts.append(read[kept])
        words.append(token_words(texts, tokens.text_indptr, tokens.end[~tokens.special], known)[kept.numpy()])
        count += int(kept.sum())
    return torch.cat(parts), np.concatenate(words)


def initialise(trainer: Any, batches: list[Any]) -> None:
    """Start from data: the decoder's bias is the mean state, and each latent points at one token state.

    From random directions, two thirds of the latents die in the first 300,000 tokens; from data, none
    (FVU 0.285 against 0.603 after 310,000 tokens of the default engine, k = 16).
    """
    import torch

    sae = trainer.sae
    trainer.activation_scaler.estimate_scaling_factor(sae.cfg.d_in, iter(batches), len(batches))
    states = torch.cat(batches) * trainer.activation_scaler.scaling_factor
    mean = states.mean(0)
    directions = torch.nn.functional.normalize(states[torch.randperm(len(states))[: sae.cfg.d_sae]] - mean, dim=1)
    with torch.no_grad():
        sae.b_dec.copy_(mean)
        sae.W_dec.copy_(directions)
        sae.W_enc.copy_(directions.T * ENCODER_START)


def _checkpoint(trainer: Any, folder: Path, position: dict[str, Any]) -> None:
    name = f"step_{trainer.n_training_steps}"
    trainer.save_checkpoint(name, folder)
    write_atomically(folder / name / "position.json", json.dumps(position).encode())
    for old in folder.glob("step_*"):
        if old.name != name:
            shutil.rmtree(old)


class _StateStream:
    """Shuffled batches of token states, float32 [batch, d_in], from text."""

    def __init__(self, model: Any, corpus: Path, plan: TrainingPlan, skip_chunks: int) -> None:
        self.model, self.plan, self.chunks = model, plan, 0
        self._pieces = pieces(corpus, plan.seed, held_out=False)
        for _ in range(skip_chunks):
            self._next_chunk()

    def _next_chunk(self) -> list[str]:
        self.chunks += 1
        return [next(self._pieces) for _ in range(PIECES_PER_CHUNK)]

    def batches(self) -> Iterator[Any]:
        """Half of a full buffer is handed out, in random order, before it is filled again."""
        import torch

        buffer = torch.zeros(0, self.model.d_in)
        while True:
            parts = [buffer]
            while sum(map(len, parts)) < BUFFER_TOKENS:
                parts.extend(states_of(self.model, self._next_chunk()))
            buffer = torch.cat(parts)[torch.randperm(sum(map(len, parts)))]
            served = len(buffer) // 2 // self.plan.batch * self.plan.batch
            yield from torch.split(buffer[:served], self.plan.batch)
            buffer = buffer[served:]


def states_of(model: Any, texts: list[str]) -> Iterator[Any]:
    """Token states of texts, float32, special tokens left out."""
    for batch in model.states(model.tokenize(texts)):
        yield batch.states.float().cpu().clone()


def _plan_name(plan: TrainingPlan) -> str:
    started = f"-from-{Path(plan.start).name}-{plan.seldom}-{plan.spellings}" if plan.start else ""
    shape = f"{plan.architecture}-{plan.d_sae}-k{plan.k}"
    return f"{shape}-{plan.tokens}-lr{plan.lr}-b{plan.batch}-s{plan.seed}{started}"


def measure(
    spec: EngineSpec, folder: Path, corpus: Path, rounds: int | None = None
) -> Generator[Progress, None, dict[str, Any]]:
    """Write anew what an SAE's ``report.json`` and ``stats.safetensors`` say of held-out text; returns the report.

    rounds: rounds of correction that it shall encode with from now on (its ``cfg.json``); None leaves them. Raises
    CoreError where it is no TopK SAE of sae-lens' layout and shall have rounds.
    """
    yield Progress(0, 1, "measuring on held-out text")
    with _encoding_with(rounds, folder):
        path = folder / "report.json"
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        report |= _measured(folder, token_model(spec), corpus, report.get("plan", {}).get("seed", 0), spec)
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    yield Progress(1, 1, "done")
    return report


@contextmanager
def _encoding_with(rounds: int | None, folder: Path) -> Iterator[None]:
    """An SAE's file with so many rounds of correction in it; as it was before where what follows fails."""
    if rounds is None:
        yield
        return
    path = folder / "cfg.json"
    before = path.read_text(encoding="utf-8") if path.is_file() else "{}"
    try:
        config = json.loads(before)
    except ValueError as problem:
        raise CoreError(f"{path} is no JSON: {problem}. Put the SAE's own cfg.json back.") from problem
    if not isinstance(config, dict) or not isinstance(config.get("metadata", {}), dict):
        raise CoreError(f"{path} does not hold an SAE's fields. Put the SAE's own cfg.json back.")
    _allow(rounds, config.get("architecture", "none of sae-lens"))
    config["metadata"] = config.get("metadata", {}) | {"correction_rounds": rounds}
    path.write_text(json.dumps(config) + "\n", encoding="utf-8")
    try:
        yield
    except BaseException:
        path.write_text(before, encoding="utf-8")
        raise


def _save(
    sae: Any, out: Path, model: Any, corpus: Path, plan: TrainingPlan, spec: EngineSpec, seconds: float, trained: int
) -> None:
    """Weights in fp16, as ``SAE.load_from_disk`` reads them, and what was measured on text that was held out."""
    import torch
    from safetensors.torch import load_file, save_file

    out.mkdir(parents=True, exist_ok=True)
    with redirect_stderr(StringIO()), redirect_stdout(StringIO()):
        sae.save_inference_model(out)
    weights = out / "sae_weights.safetensors"
    save_file({name: t.to(torch.float16).contiguous() for name, t in load_file(weights).items()}, weights)
    report = _measured(out, model, corpus, plan.seed, spec) | {
        "engine": spec.name,
        "model": spec.model_name,
        "hook": spec.hook,
        "plan": asdict(plan),
        "corpus": sorted(p.name for p in corpus.glob("*.jsonl*")),
        "minutes": round(seconds / 60, 1),
        "tokens_per_second": round(plan.tokens / max(seconds, 1e-9)),
    }
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _measured(folder: Path, model: Any, corpus: Path, seed: int, spec: EngineSpec) -> dict[str, Any]:
    """The figures of a saved SAE; ``stats.safetensors`` beside it keeps the mean state and the densities."""
    from safetensors.torch import save_file

    from core.encoding.sae.dictionary import load
    from core.training import assess

    states = _held_out_states(model, corpus, seed)
    save_file({"mean": states.mean(0)}, folder / "stats.safetensors")
    dictionary = load(folder)
    figures = assess.reconstruction(dictionary, states)
    if spec.dense != "pooled":
        figures |= assess.loss_recovered(spec, dictionary, islice(pieces(corpus, seed, held_out=True), LOSS_TEXTS))
    save_file({"mean": states.mean(0), "density": figures.pop("density")}, folder / "stats.safetensors")
    return figures


def _held_out_states(model: Any, corpus: Path, seed: int) -> Any:
    import torch

    source, parts, count = pieces(corpus, seed, held_out=True), [], 0
    while count < HELD_OUT_TOKENS:
        for states in states_of(model, [next(source) for _ in range(256)]):
            parts.append(states)
            count += len(states)
    return torch.cat(parts)[:HELD_OUT_TOKENS]
