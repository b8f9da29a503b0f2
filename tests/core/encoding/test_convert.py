"""A tiny Nomic BERT written as llama.cpp writes it, and read back: the same numbers come out of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.encoding.files.convert import NOMIC, NOMIC_BLOCK, convert
from core.errors import CoreError

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "▁lake", "▁house", "s", "▁:", "▁[", "▁]"]
LAYERS, D = 2, 16


def written(path: Path, tensors: dict[str, np.ndarray], architecture: str = "nomic-bert") -> Path:
    from gguf import GGUFWriter

    writer = GGUFWriter(path, architecture)
    writer.add_block_count(LAYERS)
    writer.add_embedding_length(D)
    writer.add_feed_forward_length(32)
    writer.add_head_count(2)
    writer.add_context_length(64)
    writer.add_layer_norm_eps(1e-12)
    writer.add_rope_freq_base(1000.0)
    writer.add_token_type_count(2)
    writer.add_token_list(PIECES)
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_converted_model_gives_the_states_of_the_one_it_was_written_from(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer, NomicBertConfig, NomicBertModel

    torch.manual_seed(0)
    config = NomicBertConfig(
        vocab_size=len(PIECES), hidden_size=D, num_hidden_layers=LAYERS, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, rope_parameters={"rope_type": "default", "rope_theta": 1000.0},
    )  # fmt: skip
    model = NomicBertModel(config).eval()
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    tensors = {theirs: state[ours] for theirs, ours in NOMIC.items()}
    for i in range(LAYERS):
        tensors |= {f"blk.{i}.{theirs}": state[f"layers.{i}.{ours}"] for theirs, ours in NOMIC_BLOCK.items()}
        qkv = [state[f"layers.{i}.self_attn.{side}_proj.weight"] for side in "qkv"]
        tensors[f"blk.{i}.attn_qkv.weight"] = np.concatenate(qkv)
    convert(written(tmp_path / "tiny.gguf", tensors), tmp_path / "out")
    read, about = AutoModel.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not about["missing_keys"]
    assert not about["unexpected_keys"]
    ids = torch.tensor([[2, 5, 6, 7, 3]])
    with torch.inference_mode():
        np.testing.assert_allclose(read(ids).last_hidden_state, model(ids).last_hidden_state, atol=1e-6)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer("Lake houses: [")["input_ids"] == [2, 5, 6, 7, 8, 9, 3]


def test_a_tensor_that_the_model_does_not_have_is_said(tmp_path: Path) -> None:
    file = written(tmp_path / "odd.gguf", {"blk.0.other.weight": np.zeros((D, D), np.float32)})
    with pytest.raises(CoreError, match=r"a tensor “blk\.0\.other\.weight” that Nomic's BERT does not have"):
        convert(file, tmp_path / "out")


def test_a_file_that_is_no_gguf_is_said(tmp_path: Path) -> None:
    (tmp_path / "no.gguf").write_bytes(b"no weights at all, just some words in a file")
    with pytest.raises(CoreError, match=r"no\.gguf is no GGUF file that can be read"):
        convert(tmp_path / "no.gguf", tmp_path / "out")
