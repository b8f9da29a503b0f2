"""The reference engines in miniature: models of the real classes, SAEs in the real files, read from a hub's cache.

Each is compared with an independent route: plain transformers for the states, the SAE's published formula for the
latents. No network, and the production path from the preset's name on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import Engine, MemoryBank, Query
from core.encoding.engines import EngineSpec
from core.encoding.files.weights import locate
from core.progress import finish
from core.types import Memory, Reading
from tests import tiny
from tests.tiny import Weights

TEXTS = [
    "The lake house froze in March.",
    "My sister’s dog is called Miso; naïve café ☕ 湖",
    "the lake",
    "x " * 40 + "the end",
]
NAMES = [*tiny.MODELS, "nomic-sae"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(autouse=True)
def _offline(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("socket.socket.connect", _no_network)


def _no_network(*_: Any) -> None:
    raise AssertionError("somebody asked the network")


@pytest.fixture(scope="module")
def made(cache: Path) -> Callable[[str], tuple[Engine, Weights]]:
    """made("gemma-2b"): the engine of that preset over tiny weights, in fp32, loaded once."""
    import torch

    engines: dict[str, tuple[Engine, Weights]] = {}

    def make(name: str) -> tuple[Engine, Weights]:
        if name not in engines:
            spec, weights = tiny.fill(cache, name)
            engines[name] = Engine(spec, torch.float32, "cpu"), weights
        return engines[name]

    return make


def grid(engine: Engine, text: str) -> np.ndarray:
    """float32 [t, m] of the trace."""
    trace = engine.trace(text)
    dense = np.zeros((len(trace.token_start), tiny.M), np.float32)
    dense[np.repeat(np.arange(len(dense)), np.diff(trace.indptr)), trace.latents] = trace.values
    return dense


# --- the independent route --------------------------------------------------------------------------------------------


def hidden(spec: EngineSpec, text: str, layer: int) -> np.ndarray:
    """hidden_states[layer] of plain transformers for one text behind the first special token, which is left out."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = locate(spec.model)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    words = tokenizer(text, add_special_tokens=False)["input_ids"]
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        states = model(input_ids=torch.tensor([[tokenizer.bos_token_id, *words]]), output_hidden_states=True)
    found: np.ndarray = states.hidden_states[layer][0, 1:].numpy()
    return found


def relu(x: np.ndarray, w: Weights) -> np.ndarray:
    """Bricken et al. 2023: max(0, (x − b_dec) W_enc + b_enc)."""
    return np.maximum(0, (x - w.b_dec) @ w.W_enc + w.b_enc)


def jumprelu(x: np.ndarray, w: Weights) -> np.ndarray:
    """Lieberum et al. 2024: z·H(z − θ), z = max(0, x W_enc + b_enc)."""
    before = x @ w.W_enc + w.b_enc
    return np.where(before > w.threshold, np.maximum(before, 0), 0)


def topk(x: np.ndarray, w: Weights, k: int = 5) -> np.ndarray:
    """Gao et al. 2024: the k largest of max(0, (x − b_dec) W_enc + b_enc)."""
    acts = relu(x, w)
    return np.where(acts >= np.sort(acts)[:, -k][:, None], acts, 0)


ROUTES: dict[str, Callable[[EngineSpec, str, Weights], np.ndarray]] = {
    "gemma-2b": lambda spec, text, w: relu(hidden(spec, text, 1), w),  # after block 0
    "gemma-2-2b": lambda spec, text, w: jumprelu(hidden(spec, text, 3), w),
    "gemma-3-270m": lambda spec, text, w: jumprelu(hidden(spec, text, 3), w),
    "gpt2-small": lambda spec, text, w: relu(centred(hidden(spec, text, 2)), w),  # resid_pre 2 = resid_post 1
}


def centred(x: np.ndarray) -> np.ndarray:
    return x - x.mean(1, keepdims=True)


@pytest.mark.parametrize("name", ROUTES)
def test_the_latents_are_those_of_plain_transformers_and_the_published_formula(
    made: Callable[[str], tuple[Engine, Weights]], name: str
) -> None:
    engine, weights = made(name)
    assert engine.missing() == []
    for text in TEXTS:
        expected, found = ROUTES[name](engine.spec, text, weights), grid(engine, text)
        assert 0.02 < (expected > 0).mean() < 0.9
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)


def test_the_nomic_sae_reads_the_embedding_behind_its_own_prefix(made: Callable[[str], tuple[Engine, Weights]]) -> None:
    from sentence_transformers import SentenceTransformer

    engine, weights = made("nomic-sae")
    plain = SentenceTransformer(str(locate(engine.spec.model)), device="cpu", local_files_only=True)

    def vectors(prefix: str) -> np.ndarray:
        return plain.encode([prefix + text for text in TEXTS], normalize_embeddings=True)

    codes = engine.encode(TEXTS)
    np.testing.assert_allclose(codes.dense, vectors("search_document: "), atol=1e-5)
    np.testing.assert_allclose(engine.encode(TEXTS, query=True).dense, vectors("search_query: "), atol=1e-5)
    expected = topk(vectors("clustering: "), weights)
    np.testing.assert_allclose(np.concatenate([grid(engine, text) for text in TEXTS]), expected, atol=1e-4)
    assert codes.token_start.tolist() == [0, 0, 0, 0]
    assert codes.token_end.tolist() == [len(text) for text in TEXTS]
    assert np.diff(engine.encode(["", "  ", " a "]).token_indptr).tolist() == [0, 0, 1]


@pytest.mark.parametrize("name", NAMES)
def test_offsets_cover_the_text_and_no_special_token_fires(
    made: Callable[[str], tuple[Engine, Weights]], name: str
) -> None:
    engine, _ = made(name)
    codes = engine.encode(TEXTS)
    for i, text in enumerate(TEXTS):
        row = codes.token_row(i)
        covered = np.zeros(len(text), bool)
        for a, b in zip(codes.token_start[row], codes.token_end[row], strict=True):
            assert 0 <= a < b <= len(text)
            covered[a:b] = True
        assert {c for c, seen in zip(text, covered, strict=True) if not seen} <= {" "}
        trace = engine.trace(text)
        assert trace.token_start.tolist() == codes.token_start[row].tolist()


@pytest.mark.parametrize("name", NAMES)
def test_codes_do_not_depend_on_the_batch(made: Callable[[str], tuple[Engine, Weights]], name: str) -> None:
    engine, _ = made(name)
    together = engine.encode(TEXTS)
    for i, text in enumerate(TEXTS):
        alone = engine.encode([text])
        assert alone.latents.tolist() == together.latents[together.row(i)].tolist()
        np.testing.assert_allclose(alone.max, together.max[together.row(i)], atol=1e-4)
        np.testing.assert_allclose(alone.dense[0], together.dense[i], atol=1e-5)
    assert together.residual.sum() / together.variance.sum() > 0


@pytest.mark.parametrize("name", ["gemma-2b", "nomic-sae"])
def test_a_bank_of_three_memories_comes_back(
    made: Callable[[str], tuple[Engine, Weights]], tmp_path: Path, name: str
) -> None:
    engine, _ = made(name)
    path = tmp_path / "three.duckdb"
    bank = MemoryBank.open(path, engine)
    finish(bank.add(Reading([Memory(f"m{i}", text, position=i) for i, text in enumerate(TEXTS[:3])], [], [])))
    fresh = Engine(engine.spec, engine._dtype, "cpu")
    again = MemoryBank.open(path, fresh)
    assert len(again.index()) == 3
    assert not fresh.warm
    stored, encoded = again.codes("m1"), engine.encode([TEXTS[1]])
    assert stored is not None
    assert stored.latents.tolist() == encoded.latents.tolist()
    np.testing.assert_allclose(stored.max, encoded.max, rtol=1e-3)
    hits = again.search(Query(TEXTS[1], k=3))
    assert hits.ids[hits.top("sparse")[0]] == "m1"
    assert hits.ids[hits.top("dense")[0]] == "m1"


def test_only_the_layers_below_the_hook_are_loaded(made: Callable[[str], tuple[Engine, Weights]]) -> None:
    for name, depth in (("gemma-2b", 1), ("gemma-2-2b", 3), ("gemma-3-270m", 3), ("gpt2-small", 2)):
        engine, _ = made(name)
        engine.load()
        assert engine._loaded is not None
        model: Any = engine._loaded[0]
        stack = model.model.h if name == "gpt2-small" else model.model.layers
        assert len(stack) == depth


def test_the_state_before_layer_0_is_the_embedding(made: Callable[[str], tuple[Engine, Weights]]) -> None:
    import torch

    from core.encoding.model import TokenModel

    engine, _ = made("gpt2-small")
    model = TokenModel(locate(engine.spec.model), "blocks.0.hook_resid_pre", 64, False, torch.float32, centred=True)
    (batch,) = model.states(model.tokenize([TEXTS[0]]))
    np.testing.assert_allclose(batch.states, centred(hidden(engine.spec, TEXTS[0], 0)), atol=1e-5)


def test_centred_states_are_those_of_transformer_lens(made: Callable[[str], tuple[Engine, Weights]]) -> None:
    """gpt2-small-res-jb was trained on TransformerLens' stream after ``center_writing_weights``."""
    import torch
    from transformer_lens import HookedTransformer, HookedTransformerConfig
    from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights
    from transformers import AutoModelForCausalLM, AutoTokenizer

    engine, weights = made("gpt2-small")
    folder = locate(engine.spec.model)
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    config = HookedTransformerConfig(
        n_layers=tiny.LAYERS, d_model=tiny.D, n_ctx=256, d_head=tiny.D // 2, n_heads=2,
        d_vocab=theirs.config.vocab_size, act_fn="gelu_new",
        normalization_type="LN", eps=theirs.config.layer_norm_epsilon, device="cpu",
    )  # fmt: skip
    lens = HookedTransformer(config)
    lens.load_and_process_state_dict(
        convert_gpt2_weights(theirs, config), fold_ln=False, center_unembed=False, fold_value_biases=False,
        center_writing_weights=True,
    )  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(TEXTS[1], add_special_tokens=False)["input_ids"]]])
    with torch.inference_mode():
        _, kept = lens.run_with_cache(ids, names_filter="blocks.2.hook_resid_pre")
    expected = relu(kept["blocks.2.hook_resid_pre"][0, 1:].numpy(), weights)
    np.testing.assert_allclose(grid(engine, TEXTS[1]), expected, atol=1e-4, rtol=1e-4)


def test_too_little_memory_makes_batches_smaller(
    made: Callable[[str], tuple[Engine, Weights]], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, _ = made("gemma-2b")
    whole = engine.encode(TEXTS * 8)
    assert engine._loaded is not None
    model: Any = engine._loaded[0]
    original, sizes = model._states, list[int]()

    def scarce(tokens: Any, windows: Any, lengths: Any, before: Any) -> Any:
        if len(windows) * int(lengths.max()) > 200:
            raise RuntimeError("CUDA out of memory. Tried to allocate")
        sizes.append(len(windows))
        return original(tokens, windows, lengths, before)

    monkeypatch.setattr(model, "_states", scarce)
    again = engine.encode(TEXTS * 8)
    assert len(sizes) > 8
    assert sum(sizes) == 32
    assert again.latents.tolist() == whole.latents.tolist()
    monkeypatch.setattr(model, "_tokens_per_batch", 0)


def test_an_sae_trained_without_a_first_token_gets_none(
    cache: Path, made: Callable[[str], tuple[Engine, Weights]], tmp_path: Path
) -> None:
    import torch

    engine, weights = made("gemma-2b")
    tiny.res_jb(weights, tmp_path, prepend_bos=False)
    bare = Engine(replace(engine.spec, sae=f"folder:{tmp_path}", hook="blocks.2.hook_resid_post"), torch.float32, "cpu")
    from transformers import AutoModel, AutoTokenizer

    folder = locate(engine.spec.model)
    ids = AutoTokenizer.from_pretrained(folder)(TEXTS[0], add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        states = AutoModel.from_pretrained(folder, dtype=torch.float32)(
            input_ids=torch.tensor([ids]), output_hidden_states=True
        )
    expected = relu(states.hidden_states[3][0].numpy(), weights)
    np.testing.assert_allclose(grid(bare, TEXTS[0]), expected, atol=1e-4, rtol=1e-4)


def test_the_published_configuration_of_nomic_is_read_without_its_code(tmp_path: Path) -> None:
    """Its config.json names sizes as GPT-2 does, which the native class passes over: its defaults are those sizes."""
    import json

    from transformers import AutoConfig

    published = {
        "model_type": "nomic_bert", "architectures": ["NomicBertModel"], "activation_function": "swiglu",
        "auto_map": {"AutoConfig": "nomic-ai/nomic-bert-2048--configuration_hf_nomic_bert.NomicBertConfig"},
        "n_embd": 768, "n_head": 12, "n_inner": 3072, "n_layer": 12, "n_positions": 8192, "rotary_emb_base": 1000,
        "layer_norm_epsilon": 1e-12, "vocab_size": 30528, "type_vocab_size": 2, "qkv_proj_bias": False,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(published))
    config = AutoConfig.from_pretrained(tmp_path, local_files_only=True)
    assert type(config).__module__ == "transformers.models.nomic_bert.configuration_nomic_bert"
    sizes = (config.hidden_size, config.num_hidden_layers, config.num_attention_heads, config.intermediate_size)
    assert sizes == (768, 12, 12, 3072)
    assert (config.rope_parameters["rope_theta"], config.layer_norm_eps, config.vocab_size) == (1000, 1e-12, 30528)
