"""An SAE on a sentence embedding: hand-made weights, and an embedder that needs no model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.encoding import embedding_engine
from core.encoding.embedding_engine import EmbeddingEngine
from core.encoding.engines import Engine, EngineSpec
from core.encoding.small_sae import SmallSAE
from core.errors import CoreError
from core.types import Floats

PROJECTION = np.asarray([[1, 0, -1], [0, 2, 0]], np.float32)
SAE = SmallSAE(
    W_enc=np.asarray([[1, -1], [0, 1], [0, 0]], np.float32),
    b_enc=np.asarray([0, -0.5], np.float32),
    W_dec=np.asarray([[1, 0, 0], [0, 1, 0]], np.float32),
    b_dec=np.zeros(3, np.float32),
    mean=np.asarray([0.5, 0.5, 0], np.float32),
    W_proj=PROJECTION,
    b_proj=np.zeros(3, np.float32),
    output="linear",
)
VECTORS = {"left": [1.0, 0.0], "up": [0.0, 1.0], "nothing": [-1.0, 0.0]}


def spec(folder: Path) -> EngineSpec:
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "model.safetensors").write_bytes(b"weights")
    SAE.save(folder / "sae")
    places = {"model": f"folder:{folder}/model", "sae": f"folder:{folder}/sae"}
    return EngineSpec("small", "Small", model_name="hand", hook="embedding", window=256, dense="pooled",
                      kind="embedding", **places)  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddingEngine:
    def embed(texts: list[str], query: bool) -> Floats:
        return np.asarray([VECTORS[text] for text in texts], np.float32)

    monkeypatch.setattr(embedding_engine, "embedder", lambda *_: (embed, 2))
    return EmbeddingEngine(spec(tmp_path))


def test_one_code_a_text_and_the_text_is_its_token(engine: EmbeddingEngine) -> None:
    assert not engine.warm
    codes = engine.encode(["left", "nothing", "up"])
    assert engine.warm
    assert codes.indptr.tolist() == [0, 1, 1, 2]
    assert codes.latents.tolist() == [0, 1]
    assert codes.max.tolist() == codes.sum.tolist() == [1.0, 1.5]  # up: 2 · 1 − 0.5
    assert codes.peak.tolist() == [0, 0]
    assert codes.token_indptr.tolist() == [0, 1, 2, 3]
    assert codes.token_end.tolist() == [4, 7, 2]
    assert codes.n_active.tolist() == [1, 0, 1]
    # targets [1, 0, 0], [0, 0, 1], [0, 2, 0]; decoded [1, 0, 0], 0, [0, 1.5, 0]
    np.testing.assert_allclose(codes.residual, [0, 1, 0.25])
    np.testing.assert_allclose(codes.variance, [0.5, 1.5, 2.5])


def test_the_trace_is_the_code(engine: EmbeddingEngine) -> None:
    trace = engine.trace("up")
    assert trace.tokens == ["up"]
    assert trace.latents.tolist() == [1]
    assert trace.values.tolist() == [1.5]
    np.testing.assert_allclose(trace.error, [0.1])


def test_an_sae_of_another_width(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_engine, "embedder", lambda *_: (None, 3))
    with pytest.raises(CoreError, match="embeddings of 2 numbers, but hand gives 3"):
        EmbeddingEngine(spec(tmp_path)).load()


def test_a_preset_says_which_kind_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = spec(tmp_path)
    monkeypatch.setattr("core.encoding.engines.presets", lambda: {"small": made})
    named = Engine.named("small")
    assert isinstance(named, EmbeddingEngine)
    assert named.missing() == []
    assert named.fingerprint != Engine(made).fingerprint
    before = named.fingerprint
    cfg = tmp_path / "sae" / "cfg.json"
    cfg.write_text(json.dumps(json.loads(cfg.read_text()) | {"output": "sigmoid"}))
    assert EmbeddingEngine(made).fingerprint != before


def test_weights_come_back_as_they_were(tmp_path: Path) -> None:
    SAE.save(tmp_path)
    back = SmallSAE.load(tmp_path)
    assert back.output == "linear"
    np.testing.assert_array_equal(back.W_proj, PROJECTION)
    assert (back.d_in, back.n_latents) == (2, 2)
    np.testing.assert_allclose(SmallSAE.decode(back, np.zeros((1, 2), np.float32)), 0)
