"""An SAE on a sentence embedding: hand-made weights, and an embedder that needs no model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.encoding.engines import Engine, EngineSpec, encode_with
from core.encoding.sae.small_sae import SmallSAE
from core.errors import CoreError
from core.types import Codes

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


class Embedder:
    d, device = 2, "cpu"

    def with_prefix(self, texts: list[str], prefix: str) -> np.ndarray:
        return np.asarray([VECTORS[text] for text in texts], np.float32)


def encoded(folder: Path, texts: list[str]) -> Codes:
    from core.encoding.dense import EmbeddingModel
    from core.encoding.sae import dictionary

    SAE.save(folder)
    embedder = Embedder()
    model = EmbeddingModel(embedder, "")  # type: ignore[arg-type]
    return encode_with(model, dictionary.load(folder), texts, embedder.with_prefix(texts, ""))


def test_one_code_a_text_and_the_text_is_its_token(tmp_path: Path) -> None:
    codes = encoded(tmp_path, ["left", "nothing", "up"])
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


def test_its_settings_are_part_of_the_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"weights")
    SAE.save(tmp_path / "sae")
    place = f"folder:{tmp_path}/model"
    spec = EngineSpec("small", "Small", place, "hand", "embedding", 256, f"folder:{tmp_path}/sae", place)
    assert Engine(spec).missing() == []
    before = Engine(spec).fingerprint
    cfg = tmp_path / "sae" / "cfg.json"
    cfg.write_text(json.dumps(json.loads(cfg.read_text()) | {"output": "sigmoid"}))
    assert Engine(spec).fingerprint != before


def test_weights_come_back_as_they_were(tmp_path: Path) -> None:
    SAE.save(tmp_path)
    back = SmallSAE.load(tmp_path)
    assert back.output == "linear"
    np.testing.assert_array_equal(back.W_proj, PROJECTION)
    assert (back.d_in, back.n_latents) == (2, 2)
    np.testing.assert_allclose(SmallSAE.decode(back, np.zeros((1, 2), np.float32)), 0)


def test_another_width(tmp_path: Path) -> None:
    SAE.save(tmp_path / "sae")
    spec = Engine.named("narrative-30").spec
    with pytest.raises(CoreError, match=r"reads states of 2 numbers, but .*MiniLM-L6-v2 gives 384"):
        Engine(replace(spec, sae=f"folder:{tmp_path}/sae")).load()
