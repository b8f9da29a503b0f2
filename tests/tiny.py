"""Tiny models of the real classes and tiny SAEs in the real files, in the hub's own cache layout. Random weights."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import string
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.encoding.engines import EngineSpec, named

D, M, LAYERS = 32, 64, 4
LETTERS = sorted({*string.ascii_letters, *string.digits, *string.punctuation})
SIZES: dict[str, dict[str, Any]] = {
    "gemma": {"num_key_value_heads": 1, "head_dim": 16},
    "gemma2": {"num_key_value_heads": 2, "head_dim": 16, "sliding_window": 8, "attn_logit_softcapping": 1.0},
    "gemma3_text": {"num_key_value_heads": 1, "head_dim": 16, "sliding_window": 8},
    "gpt2": {"n_embd": D, "n_layer": LAYERS, "n_head": 2, "n_positions": 256},
    "nomic_bert": {"max_position_embeddings": 512},
}


def publish(cache: Path, repo: str, fill: Callable[[Path], object], inside: str = "") -> Path:
    """What fill writes into a folder, as the hub's library keeps it: blobs named by their hash, links to them."""
    home = cache / f"models--{repo.replace('/', '--')}"
    commit = hashlib.sha1(repo.encode()).hexdigest()
    snapshot, draft = home / "snapshots" / commit, home / "draft"
    target = draft / inside
    target.mkdir(parents=True)
    fill(target)
    (home / "blobs").mkdir(exist_ok=True)
    (home / "refs").mkdir(exist_ok=True)
    (home / "refs" / "main").write_text(commit)
    for file in sorted(p for p in draft.rglob("*") if p.is_file()):
        blob = home / "blobs" / hashlib.sha256(file.read_bytes()).hexdigest()
        link = snapshot / file.relative_to(draft)
        link.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, blob)
        link.symlink_to(os.path.relpath(blob, link.parent))
    shutil.rmtree(draft)
    return snapshot / inside


# --- models -----------------------------------------------------------------------------------------------------------


def tokenizer(kind: str) -> Any:
    """The class that the real model has, over single letters and a few words."""
    import transformers
    from tokenizers.pre_tokenizers import ByteLevel

    if kind == "gpt2":
        signs = {
            sign: i for i, sign in enumerate([*sorted(ByteLevel.alphabet()), "th", "the", "Ġthe", "<|endoftext|>"])
        }
        return transformers.GPT2Tokenizer(vocab=signs, merges=[("t", "h"), ("th", "e"), ("Ġ", "the")])
    if kind == "nomic_bert":
        pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{c}" for c in LETTERS), "lake", "house"]
        return transformers.BertTokenizer(vocab={piece: i for i, piece in enumerate(pieces)})
    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{b:02X}>" for b in range(256)), "▁", *LETTERS]
    pieces += ["la", "lak", "lake", "he", "the", "▁the"]
    merges = [("l", "a"), ("la", "k"), ("lak", "e"), ("h", "e"), ("t", "he"), ("▁", "the")]
    return transformers.GemmaTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}, merges=merges)


def model(kind: str, folder: Path, seed: int = 0, layers: int = LAYERS, d: int = D) -> None:
    import torch
    import transformers

    words = tokenizer(kind)
    torch.manual_seed(seed)
    sizes: dict[str, Any] = {"vocab_size": len(words)} | SIZES[kind]
    if kind != "gpt2":
        sizes |= {"hidden_size": d, "num_hidden_layers": layers, "num_attention_heads": 2, "intermediate_size": 64}
    if kind != "nomic_bert":
        sizes |= {"bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id}
    config = transformers.AutoConfig.for_model(kind, **sizes)
    made: Any = transformers.AutoModel.from_config(config)
    if kind != "nomic_bert":
        made = transformers.AutoModelForCausalLM.from_config(config)  # as published: with the head
    with torch.no_grad():
        for name, tensor in made.named_parameters():  # norms and biases that do something
            if tensor.ndim == 1:
                tensor.add_(torch.randn_like(tensor) * 0.2)
            elif "embed" in name or "wte" in name or "wpe" in name:
                tensor.copy_(torch.randn_like(tensor))
            else:
                tensor.copy_(torch.randn_like(tensor) * 0.3)
    made.save_pretrained(folder)
    words.save_pretrained(folder)


def embedder(folder: Path, seed: int = 5) -> None:
    """A sentence-transformers folder around the model: mean pooling, as nomic-embed-text has it."""
    model("nomic_bert", folder, seed)
    config = json.loads((folder / "config.json").read_text())
    away = "nomic-ai/nomic-bert-2048--modeling_hf_nomic_bert.NomicBertModel"
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": away}}))  # never to be run
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    (folder / "modules.json").write_text(
        json.dumps(
            [
                {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
                for i, (path, kind) in enumerate(modules)
            ]
        )
    )
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 8192, "do_lower_case": False}))
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": D, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


# --- SAEs -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Weights:
    """An SAE as its paper writes it."""

    W_enc: np.ndarray
    b_enc: np.ndarray
    W_dec: np.ndarray
    b_dec: np.ndarray
    threshold: np.ndarray

    @classmethod
    def drawn(cls, d: int = D, m: int = M, seed: int = 1) -> Weights:
        rng = np.random.default_rng(seed)

        def normal(*shape: int) -> np.ndarray:
            return rng.normal(size=shape).astype(np.float32)

        return cls(normal(d, m) / d**0.5, normal(m) * 0.1, normal(m, d), normal(d) * 0.3, np.abs(normal(m)))


def gemma_scope(weights: Weights, folder: Path) -> None:
    """``params.npz``"""
    np.savez(
        folder / "params.npz",
        W_enc=weights.W_enc, b_enc=weights.b_enc, W_dec=weights.W_dec, b_dec=weights.b_dec, threshold=weights.threshold,
    )  # fmt: skip


def gemma_scope_2(weights: Weights, folder: Path) -> None:
    """``params.safetensors`` with names in small letters, and ``config.json``."""
    from safetensors.numpy import save_file

    save_file(
        {
            "w_enc": weights.W_enc, "b_enc": weights.b_enc, "w_dec": weights.W_dec, "b_dec": weights.b_dec,
            "threshold": weights.threshold,
        },
        folder / "params.safetensors",
    )  # fmt: skip
    config = {
        "architecture": "jump_relu",
        "model_name": "gemma-v3-270m-pt",
        "hf_hook_point_in": "model.layers.2.output",
    }
    (folder / "config.json").write_text(json.dumps(config))


def res_jb(weights: Weights, folder: Path, hook: str = "blocks.2.hook_resid_post", **changes: Any) -> None:
    """``cfg.json`` as before sae-lens 6, ``sae_weights.safetensors`` with a scaling factor of ones, sparsity."""
    from safetensors.numpy import save_file

    d, m = weights.W_enc.shape
    config = {
        "model_name": "gemma-2b", "hook_point": hook, "hook_point_layer": 2, "hook_point_head_index": None,
        "dataset_path": "HuggingFaceFW/fineweb", "context_size": 1024, "d_in": d, "d_sae": m, "dtype": "torch.float32",
        "device": "cuda", "activation_fn_str": "relu", "apply_b_dec_to_input": True, "normalize_activations": "none",
        "prepend_bos": True, "finetuning_scaling_factor": False, "sae_lens_training_version": None,
    }  # fmt: skip
    (folder / "cfg.json").write_text(json.dumps(config | changes))
    save_file(
        {
            "W_enc": weights.W_enc, "b_enc": weights.b_enc, "W_dec": weights.W_dec, "b_dec": weights.b_dec,
            "scaling_factor": np.ones(m, np.float32),
        },
        folder / "sae_weights.safetensors",
    )  # fmt: skip
    save_file({"sparsity": np.full(m, -3.0, np.float32)}, folder / "sparsity.safetensors")


def sparsify(weights: Weights, folder: Path, k: int = 5) -> None:
    """``cfg.json`` and ``sae.safetensors``, as the Nomic SAE comes."""
    from safetensors.numpy import save_file

    d, m = weights.W_enc.shape
    config = {
        "expansion_factor": m // d,
        "normalize_decoder": True,
        "num_latents": 0,
        "k": k,
        "multi_topk": False,
        "d_in": d,
    }
    (folder / "cfg.json").write_text(json.dumps(config))
    tensors = {
        "encoder.weight": np.ascontiguousarray(weights.W_enc.T), "encoder.bias": weights.b_enc,
        "W_dec": weights.W_dec, "b_dec": weights.b_dec,
    }  # fmt: skip
    save_file(tensors, folder / "sae.safetensors")


# --- engines ----------------------------------------------------------------------------------------------------------

MODELS = {"gemma-2b": "gemma", "gemma-2-2b": "gemma2", "gemma-3-270m": "gemma3_text", "gpt2-small": "gpt2"}
SAES: dict[str, Callable[[Weights, Path], None]] = {
    "gemma-2b": res_jb,
    "gemma-2-2b": gemma_scope,
    "gemma-3-270m": gemma_scope_2,
    "gpt2-small": lambda weights, folder: res_jb(weights, folder, "blocks.2.hook_resid_pre", model_name="gpt2-small"),
    "nomic-sae": sparsify,
}
TWINS = {
    "gemma-2b": "blocks.0.hook_resid_post",
    "gemma-2-2b": "layer_2/width_16k/canonical",
    "gemma-3-270m": "",
    "gpt2-small": "blocks.2.hook_resid_pre",
}
"""SAEs of the presets' own releases that read a layer which the tiny models have."""


def spec_of(name: str) -> EngineSpec:
    """The preset, at a layer that a tiny model has."""
    if name == "gemma-3-270m":
        other = "gemma-scope-2-270m-pt-res-all/layer_2_width_16k_l0_big"
        return replace(named(name), sae=f"sae-lens:{other}", hook="blocks.2.hook_resid_post")
    return named(f"{name}:{TWINS[name]}") if name in TWINS else named(name)


def fill(cache: Path, name: str) -> tuple[EngineSpec, Weights]:
    """The preset's repositories in a cache: model, SAE, dense embedder. Returns the SAE's weights as well."""
    spec, weights = spec_of(name), Weights.drawn()
    if name in MODELS:
        publish(cache, spec.model.partition(":")[2], lambda folder: model(MODELS[name], folder))
    release = spec.release
    repo, inside = (
        (release.repo, release.folder) if release else ("enjalot/sae-nomic-text-v1.5-FineWeb-edu-100BT", "64_32")
    )
    publish(cache, repo, lambda folder: SAES[name](weights, folder), inside)
    dense = spec.dense.partition(":")[2]
    if not (cache / f"models--{dense.replace('/', '--')}").exists():
        publish(cache, dense, embedder)
    return spec, weights
