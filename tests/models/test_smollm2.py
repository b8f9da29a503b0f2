"""A real language model with its real SAE: states are those of transformers, latents those of the published formula.

Its weights come from the package index; without one these tests say so, and fail with CI=true.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from core import Engine
from core.demo import DEMO_QUERY, case_questions, demo_readings, open_demo, shipped
from core.encoding.files.weights import locate
from core.errors import CoreError
from core.progress import finish
from core.store import tables
from core.types import Codes, Memory, Query, Reading
from tests.conftest import IN_CI

pytestmark = pytest.mark.models

TEXTS = [
    "Ana: The lake house was cold, so we lit the stove.",
    "Ünïcödé, naïve façade, Straße 日本語のテキスト",
    "line one\r\nline two\n\n\tline three",
    "👩‍👩‍👧‍👦 we laughed 😂",
    "a",
    "The the the end of the road, the river and the bridge. " * 12,
]


@pytest.fixture(scope="module")
def smollm2() -> Engine:
    """In fp32, so that figures do not depend on the processor."""
    import torch

    spec = Engine.named("smollm2-135m").spec
    engine = Engine(spec, dtype=torch.float32)
    try:
        finish(engine.prepare())
    except CoreError as problem:
        if IN_CI:
            raise
        pytest.skip(str(problem))
    return engine


@pytest.fixture(scope="module")
def together(smollm2: Engine) -> Codes:
    return smollm2.encode(TEXTS)


def by_hand(smollm2: Engine, text: str) -> tuple[np.ndarray, np.ndarray]:
    """(latents [t, m], squared norm [t] of states) of all tokens after the first, straight from the files."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = locate(smollm2.spec.model)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    layer = int(smollm2.spec.hook.split(".")[1])
    ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(text)["input_ids"]]])
    with torch.no_grad():
        states = model(input_ids=ids, output_hidden_states=True).hidden_states[layer + 1][0, 1:]
    w = {
        name: tensor.float() for name, tensor in load_file(locate(smollm2.spec.sae) / "sae_weights.safetensors").items()
    }
    before = (states - w["b_dec"]) @ w["W_enc"] + w["b_enc"]
    value, latent = before.topk(40, dim=1)
    acts = torch.zeros_like(before).scatter(1, latent, value.clamp_min(0))
    return acts.numpy(), states.norm(dim=1).numpy()


@pytest.mark.parametrize("i", [0, 1, 2, 3, 5])
def test_latents_are_those_of_transformers_and_the_published_formula(smollm2: Engine, together: Codes, i: int) -> None:
    acts, norm = by_hand(smollm2, TEXTS[i])
    acts[norm > smollm2.spec.sink_norm] = 0
    expected = acts.max(0)
    found = np.zeros_like(expected)
    one = together.take([i]).merged()
    found[one.latents] = one.max
    np.testing.assert_allclose(found, expected, atol=2e-3, rtol=1e-4)


def test_sinks_alone_are_left_out(smollm2: Engine) -> None:
    texts = [m.text for m in next(iter(demo_readings())).memories[:12]]
    silent = [np.diff(smollm2.trace(text).indptr) == 0 for text in texts]
    for text, none in zip(texts, silent, strict=True):
        _, norm = by_hand(smollm2, text)
        assert none.tolist() == (norm > smollm2.spec.sink_norm).tolist()
    share = np.concatenate(silent).mean()
    assert 0 < share < 0.1


def test_token_offsets_cover_the_text(together: Codes) -> None:
    for i, text in enumerate(TEXTS):
        row = together.token_row(i)
        start, end = together.token_start[row], together.token_end[row]
        assert ((start >= 0) & (start < end) & (end <= len(text))).all()
        covered = {k for a, b in zip(start, end, strict=True) for k in range(a, b)}
        assert covered == set(range(len(text)))


def test_the_dense_side_is_minilm(together: Codes, minilm: Engine) -> None:
    np.testing.assert_allclose(together.dense, minilm.encode(TEXTS).dense, atol=1e-5)


def test_the_demo_ships_its_codes(smollm2: Engine) -> None:
    memories, queries, _ = shipped("smollm2-135m")
    texts = {m.id: m.text for reading in demo_readings() for m in reading.memories}
    table = pq.read_table(memories)
    assert table.schema.metadata[b"fingerprint"].decode() == smollm2.fingerprint
    assert set(table["id"].to_pylist()) == set(texts)
    assert pq.read_table(queries)["text"].to_pylist() == [DEMO_QUERY, *case_questions()]
    stored = tables.codes_of(table, int(table.schema.metadata[b"n_latents"]))
    some = range(0, len(table), 40)
    fresh = smollm2.encode([texts[table["id"][i].as_py()] for i in some])
    for row, i in enumerate(some):
        a, b = fresh.take([row]).merged(), stored.take([i]).merged()
        wide = np.zeros((2, a.n_latents))
        wide[0, a.latents], wide[1, b.latents] = a.sum, b.sum
        cosine = wide[0] @ wide[1] / np.linalg.norm(wide[0]) / np.linalg.norm(wide[1])
        assert cosine > 0.98  # shipped codes are made in bf16


def test_the_demo_answers_without_the_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path))
    bank = open_demo("smollm2-135m")
    assert bank.engine.missing()
    hits = bank.search(Query(DEMO_QUERY))
    assert len(hits.top("combined")) == 10
    assert hits.query.balance == bank.engine.balance


def test_a_bank_of_three(smollm2: Engine, tmp_path: Path) -> None:
    from core.bank.bank import MemoryBank

    path = tmp_path / "three.duckdb"
    texts = ["My phone's battery dies by noon.", "The tram was late again.", "We planted tomatoes."]
    finish(MemoryBank.open(path, smollm2).add(Reading([Memory(f"m{i}", t) for i, t in enumerate(texts)], [], [])))
    again = MemoryBank.open(path, smollm2)
    hits = again.search(Query("How do I charge my mobile?"))
    assert hits.ids[hits.top("combined")[0]] == "m0"
