"""Nomic's real weights, out of the packages: our pass beside transformers' own. Where they were not fetched, on this
machine or another, one line says so: 284 MB are too many for every run of the tests.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.demo import demo_readings
from core.encoding.engines import DENSE, embed_with, named, token_model
from core.encoding.files.weights import locate
from core.errors import EngineMissing

pytestmark = pytest.mark.models

TEXTS = [
    "Ana: The lake house was cold, so we lit the stove.",
    "Ünïcödé, naïve façade, Straße 日本語のテキスト",
    "a [SEP] typed by a person",
    *[memory.text for reading in demo_readings() for memory in reading.memories][:13],
]


@pytest.fixture(scope="module")
def folder() -> Path:
    try:
        return locate(DENSE["nomic"].place)
    except EngineMissing:
        pytest.skip("Nomic's weights were not fetched: python -m core engines --prepare minilm+nomic")


@pytest.fixture(scope="module")
def by_hand(folder: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """(states after each prefix [t, 768], unit means [n, 768]) by transformers, a text at a time."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    model, words = AutoModel.from_pretrained(folder, dtype=torch.float32).eval(), AutoTokenizer.from_pretrained(folder)
    before = len(words("search_document:")["input_ids"]) - 1
    states, means = [], []
    with torch.inference_mode():
        for text in TEXTS:
            asked = words("search_document: " + text, return_tensors="pt", split_special_tokens=True)
            last = model(**asked, output_hidden_states=True).hidden_states[-1][0].numpy()
            states.append(last[before:-1])
            means.append(last.mean(0) / np.linalg.norm(last.mean(0)))
    return states, np.stack(means)


def test_one_pass_gives_transformers_states_and_its_normalised_mean(
    folder: Path, by_hand: tuple[list[np.ndarray], np.ndarray]
) -> None:
    import torch

    model = token_model(named("nomic"), torch.float32)
    tokens = model.tokenize(TEXTS)
    found = np.zeros((int(tokens.text_indptr[-1]), 768), np.float32)
    for batch in model.states(tokens):
        found[batch.token] = batch.states.numpy()
    np.testing.assert_allclose(found, np.concatenate(by_hand[0]), atol=1e-3)
    kept = ~tokens.special
    start, end = tokens.start[kept], tokens.end[kept]
    assert [TEXTS[0][a:b] for a, b in zip(start[:3], end[:3], strict=True)] == ["Ana", ":", "The"]
    dense = embed_with(model, None, TEXTS)
    np.testing.assert_allclose(dense, by_hand[1], atol=1e-3)
    nearest = (np.argsort(-(v @ v.T), axis=1, kind="stable") for v in (dense, by_hand[1]))
    np.testing.assert_array_equal(*nearest)


def test_beside_another_sae_it_gives_the_same_vectors(
    folder: Path, by_hand: tuple[list[np.ndarray], np.ndarray]
) -> None:
    from core.encoding.dense import DenseEmbedder

    spec = named("minilm+nomic")
    embedder = DenseEmbedder(locate(spec.dense), spec.document_prefix, spec.query_prefix, "cpu")
    plain = [0, 1, *range(3, len(TEXTS))]  # sentence-transformers reads a typed “[SEP]” as the sign
    np.testing.assert_allclose(embedder.encode([TEXTS[i] for i in plain]), by_hand[1][plain], atol=1e-3)


def test_the_vocabulary_is_berts(folder: Path) -> None:
    from transformers import AutoTokenizer

    minilm = AutoTokenizer.from_pretrained(locate(DENSE["minilm"].place))
    assert AutoTokenizer.from_pretrained(folder).get_vocab() == minilm.get_vocab()
