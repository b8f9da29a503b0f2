"""GGUF files become folders that transformers reads: safetensors, configuration, tokenizer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import CoreError

NOMIC_BLOCK = {
    "attn_output.weight": "self_attn.o_proj.weight",
    "ffn_up.weight": "mlp.up_proj.weight",
    "ffn_gate.weight": "mlp.gate_proj.weight",
    "ffn_down.weight": "mlp.down_proj.weight",
    "attn_output_norm.weight": "post_attention_layernorm.weight",
    "attn_output_norm.bias": "post_attention_layernorm.bias",
    "layer_output_norm.weight": "post_mlp_layernorm.weight",
    "layer_output_norm.bias": "post_mlp_layernorm.bias",
}
"""Names inside a block, in llama.cpp and in transformers' ``NomicBertModel``."""
NOMIC = {
    "token_embd.weight": "embeddings.word_embeddings.weight",
    "token_types.weight": "embeddings.token_type_embeddings.weight",
    "token_embd_norm.weight": "embeddings.LayerNorm.weight",
    "token_embd_norm.bias": "embeddings.LayerNorm.bias",
}
WORD_START = "▁"
"""llama.cpp marks the first piece of a word; BERT's vocabulary marks the others, with ``##``."""


def convert(gguf: Path, out: Path) -> None:
    """Write the folder of a GGUF file. Raises CoreError where it is none that can be read."""
    from gguf import GGUFReader

    try:
        reader: Any = GGUFReader(gguf)
        field = reader.fields.get("general.architecture")
        architecture = str(field.contents()) if field is not None else ""
    except (OSError, ValueError) as problem:
        raise CoreError(f"{gguf.name} is no GGUF file that can be read: {problem}") from problem
    writers: dict[str, Callable[[Any, Path], None]] = {"nomic-bert": _nomic}
    if architecture in writers:
        writers[architecture](reader, out)
    else:
        _language_model(gguf, out)


def _language_model(gguf: Path, out: Path) -> None:
    """A decoder that transformers itself reads, in bf16."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with redirect_stderr(StringIO()):  # the reading of GGUF draws bars of its own
        packed = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    config = packed.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # else the plain weights would be read as packed ones
    plain: Any = type(packed)(config)
    plain.load_state_dict(packed.state_dict())
    plain.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)


def _nomic(reader: Any, out: Path) -> None:
    """Nomic's BERT (rotary, gated), which transformers knows and its GGUF reader does not; nothing is rounded."""
    from safetensors.numpy import save_file
    from transformers import BertTokenizer, NomicBertConfig

    def told(name: str) -> Any:
        return reader.fields[name].contents()

    config = NomicBertConfig(
        vocab_size=len(told("tokenizer.ggml.tokens")),
        hidden_size=told("nomic-bert.embedding_length"),
        num_hidden_layers=told("nomic-bert.block_count"),
        num_attention_heads=told("nomic-bert.attention.head_count"),
        intermediate_size=told("nomic-bert.feed_forward_length"),
        max_position_embeddings=told("nomic-bert.context_length"),
        type_vocab_size=told("tokenizer.ggml.token_type_count"),
        layer_norm_eps=round(told("nomic-bert.attention.layer_norm_epsilon"), 15),
        rope_parameters={"rope_type": "default", "rope_theta": told("nomic-bert.rope.freq_base")},
        architectures=["NomicBertModel"],
    )
    out.mkdir(parents=True)
    tensors = {
        name: tensor for one in reader.tensors for name, tensor in _nomic_tensors(one.name, np.asarray(one.data))
    }
    save_file(tensors, out / "model.safetensors", {"format": "pt"})
    vocabulary = {_bert_piece(piece): i for i, piece in enumerate(told("tokenizer.ggml.tokens"))}
    BertTokenizer(
        vocab=vocabulary, do_lower_case=True, model_max_length=config.max_position_embeddings
    ).save_pretrained(out)
    config.save_pretrained(out)


def _nomic_tensors(name: str, data: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors of transformers' model that one of llama.cpp's holds. Raises CoreError for an unknown name."""
    if name in NOMIC:
        yield NOMIC[name], np.ascontiguousarray(data)
        return
    block = re.fullmatch(r"blk\.(\d+)\.(.+)", name)
    if block and block[2] == "attn_qkv.weight":
        for side, part in zip("qkv", np.split(data, 3), strict=True):
            yield f"layers.{block[1]}.self_attn.{side}_proj.weight", np.ascontiguousarray(part)
    elif block and block[2] in NOMIC_BLOCK:
        yield f"layers.{block[1]}.{NOMIC_BLOCK[block[2]]}", np.ascontiguousarray(data)
    else:
        raise CoreError(f"The GGUF file holds a tensor “{name}” that Nomic's BERT does not have.")


def _bert_piece(piece: str) -> str:
    if piece.startswith("[") and piece.endswith("]") and len(piece) > 2:
        return piece
    return piece.removeprefix(WORD_START) if piece.startswith(WORD_START) else f"##{piece}"
