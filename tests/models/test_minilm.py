"""The default engine with its real weights, in fp32: codes are what the model and the SAE's own library say."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from core import Engine
from core.demo import DEMO_QUERY, case_questions, demo_readings, shipped
from core.encoding.engines import PART_TOKENS
from core.encoding.files.weights import locate
from core.errors import CoreError
from core.store import tables
from core.types import Codes

pytestmark = pytest.mark.models

TEXTS = [
    "The lake house was cold.",
    "the lake house was cold",
    "Joanna: I went to Woodhaven, a small town in the Midwest!",
    "👩‍👩‍👧‍👦🏳️‍🌈 we laughed 😂😂😂",
    "line one\r\nline two\r\n\r\n\tline three",
    "…",
    "?!",
    " . ",
    "\u200b",  # a zero-width space: no token at all
    "Ünïcödé, naïve façade, Straße",
    "日本語のテキストと العربية",
    "https://example.org/a?b=c&d=e#f",
    "def f(x):\n    return x ** 2  # squared",
    "1,234.56 € on 2024-02-29 at 09:05",
    "a",
    "Bye!",
    "supercalifragilisticexpialidocious " * 3,
    "It rained. " * 60,
    "She said: “I never left,” and I believed her — then.",
    "   leading and trailing   ",
]
LONG = " ".join(
    f"On day {i} we walked to the harbour, counted {i * 7 % 90} boats and wrote it down." for i in range(214)
)
"""About 3,000 words: a dozen windows."""


@pytest.fixture(scope="module")
def together(minilm: Engine) -> Codes:
    return minilm.encode([*TEXTS, LONG])


def spread(codes: Codes, i: int) -> np.ndarray:
    """max of every latent of one text, dense [m]."""
    one = codes.take([i]).merged()
    out = np.zeros(codes.n_latents, np.float32)
    out[one.latents] = one.max
    return out


# --- codes are well formed --------------------------------------------------------------------------------------------


def test_shapes_and_signs(together: Codes) -> None:
    n = len(TEXTS) + 1
    assert together.dense.shape == (n, 384)
    np.testing.assert_allclose(np.linalg.norm(together.dense, axis=1), 1, atol=1e-6)
    assert together.max.min() > 0
    assert (together.sum >= together.max - 1e-6).all()
    assert together.latents.max() < together.n_latents
    for i in range(n):
        tokens = together.token_row(i).stop - together.token_row(i).start
        latents = together.latents[together.row(i)]
        assert together.n_active[i] >= len(latents)
        assert (tokens == 0) == (len(latents) == 0)
    ends = together.part_start + together.part_tokens
    for part, (a, b) in enumerate(itertools.pairwise(together.indptr)):
        assert (np.diff(together.latents[a:b]) > 0).all()
        assert (together.part_start[part] <= together.peak[a:b]).all()
        assert (together.peak[a:b] < ends[part]).all()


def test_short_texts_are_one_part_and_long_ones_several(together: Codes) -> None:
    tokens, parts = np.diff(together.token_indptr), np.diff(together.part_indptr)
    assert parts.tolist() == np.maximum(1, -(-tokens // PART_TOKENS)).tolist()
    assert parts[-1] > 30
    assert (parts == 1).sum() >= 18
    assert together.part_tokens.max() <= PART_TOKENS
    assert 0 < together.residual.sum() / together.variance.sum() < 1


def test_a_text_without_tokens_has_a_dense_vector_and_no_latent(together: Codes) -> None:
    i = TEXTS.index("\u200b")
    assert together.row(i).start == together.row(i).stop
    assert together.token_row(i).start == together.token_row(i).stop


def test_token_offsets_cover_the_text(together: Codes) -> None:
    for i, text in enumerate([*TEXTS, LONG]):
        row = together.token_row(i)
        start, end = together.token_start[row], together.token_end[row]
        assert ((start >= 0) & (start < end) & (end <= len(text))).all()
        covered = set(itertools.chain.from_iterable(range(a, b) for a, b in zip(start, end, strict=True)))
        left_out = {text[k] for k in range(len(text)) if k not in covered}
        assert {c for c in left_out if not c.isspace()} <= {"\u200b", "\u200d", "\ufe0f"}, text


# --- the dense side ---------------------------------------------------------------------------------------------------


def test_dense_equals_sentence_transformers(minilm: Engine, together: Codes) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(locate(minilm.spec.model)), device="cpu", local_files_only=True)
    theirs = model.encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(together.dense[: len(TEXTS)], theirs, atol=1e-5)


# --- the sparse side --------------------------------------------------------------------------------------------------


def test_the_dense_vector_alone_is_that_of_the_codes(minilm: Engine, together: Codes) -> None:
    alone = minilm.embed([*TEXTS, LONG])
    assert np.abs((alone * together.dense).sum(1) - 1).max() < 1e-5
    assert minilm.embed([]).shape == (0, together.d)


def test_the_first_code_is_that_of_sae_lens_and_its_rounds_leave_less_out(minilm: Engine) -> None:
    import torch
    from sae_lens import SAE

    from core.encoding.model import TokenModel
    from core.encoding.sae import dictionary as dictionaries

    folder, spec = locate(minilm.spec.sae), minilm.spec
    model = TokenModel(locate(spec.model), spec.hook, spec.window, True, torch.float32)
    states = torch.cat([batch.states for batch in model.states(model.tokenize([*TEXTS, LONG]))])
    assert len(states) > 3000
    theirs = SAE.load_from_disk(folder, device="cpu", dtype="float32").eval()
    ours = dictionaries.load(folder, torch.float32)
    assert isinstance(ours, dictionaries.PlainDictionary)
    corrected, rounds = ours.encode(states), ours.rounds
    ours.rounds = 0

    with torch.inference_mode():
        expected = theirs.encode(states)
        found = ours.encode(states)
        dense = torch.zeros_like(expected)
        dense[found.row, found.latent] = found.value
        torch.testing.assert_close(dense, expected, atol=1e-4, rtol=1e-4)
        assert ((dense > 0) == (expected > 0)).all()
        torch.testing.assert_close(ours.decode(found, len(states)), theirs.decode(expected), atol=1e-4, rtol=1e-4)
    left_out = [float((states - ours.decode(code, len(states))).square().sum()) for code in (found, corrected)]
    assert rounds == 6
    assert left_out[1] < 0.8 * left_out[0]
    assert len(corrected.row) == pytest.approx(len(found.row), rel=0.01)


def test_matching_pursuit_finds_what_sae_lens_finds(minilm: Engine) -> None:
    """Cosines in 16 bits turn a near tie of two latents here and there, and explain as much."""
    import torch

    from core.encoding.model import TokenModel
    from core.encoding.sae import dictionary

    spec = minilm.spec
    model, plain = (
        TokenModel(locate(spec.model), spec.hook, spec.window, True, torch.float32),
        dictionary.load(locate(spec.sae)),
    )
    assert isinstance(plain, dictionary.PlainDictionary)
    states = torch.cat([batch.states for batch in model.states(model.tokenize(TEXTS[:12]))])
    mine, theirs = dictionary.matching_pursuit(plain, 40), dictionary._lens_pursuit(plain, 40)
    found, expected = mine.encode(states), theirs.encode(states)
    pairs = set(zip(found.row.tolist(), found.latent.tolist(), strict=True))
    wanted = set(zip(expected.row.tolist(), expected.latent.tolist(), strict=True))
    assert len(pairs & wanted) > 0.95 * len(wanted)
    left = [(states - d.decode(code, len(states))).square().sum() for d, code in ((mine, found), (theirs, expected))]
    assert float(left[0]) == pytest.approx(float(left[1]), rel=0.01)


def test_special_tokens_never_become_latents(minilm: Engine, together: Codes) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(locate(minilm.spec.model), local_files_only=True)
    for i, text in enumerate(TEXTS):
        plain = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        row = together.token_row(i)
        found = list(zip(together.token_start[row].tolist(), together.token_end[row].tolist(), strict=True))
        assert found == plain, text


@pytest.mark.parametrize("text", [TEXTS[2], TEXTS[3], TEXTS[4], TEXTS[16], LONG], ids=range(5))
def test_the_trace_of_a_text_pools_to_its_codes(minilm: Engine, text: str) -> None:
    codes, trace = minilm.encode([text]).merged(), minilm.trace(text)
    assert (trace.token_start.tolist(), trace.token_end.tolist()) == (
        codes.token_start.tolist(),
        codes.token_end.tolist(),
    )
    t = len(trace.token_start)
    grid = np.zeros((t, codes.n_latents), np.float32)
    grid[np.repeat(np.arange(t), np.diff(trace.indptr)), trace.latents] = trace.values
    assert np.flatnonzero(grid.any(0)).tolist() == codes.latents.tolist()
    np.testing.assert_allclose(grid.max(0)[codes.latents], codes.max, atol=1e-4)
    np.testing.assert_allclose(grid.sum(0)[codes.latents], codes.sum, rtol=1e-4)
    np.testing.assert_allclose(grid[codes.peak, codes.latents], codes.max, atol=1e-4)
    assert int(codes.n_active[0]) == np.count_nonzero(grid)
    assert trace.error.shape == (t,)
    assert (trace.error >= 0).all()


# --- long texts, batches ----------------------------------------------------------------------------------------------


def test_nothing_of_a_long_text_is_lost(minilm: Engine, together: Codes) -> None:
    from transformers import AutoTokenizer

    assert 2900 < len(LONG.split()) < 3700
    tokenizer = AutoTokenizer.from_pretrained(locate(minilm.spec.model), local_files_only=True)
    whole = tokenizer(LONG, add_special_tokens=False, truncation=False, return_offsets_mapping=True, verbose=False)
    row = together.token_row(len(TEXTS))
    assert row.stop - row.start == len(whole["input_ids"]) > 10 * minilm.spec.window
    found = zip(together.token_start[row].tolist(), together.token_end[row].tolist(), strict=True)
    assert list(found) == whole["offset_mapping"]
    assert np.diff(minilm.trace(LONG).indptr).min() > 0  # every token fires something


def test_the_dense_vector_of_a_long_text_sees_its_end(minilm: Engine) -> None:
    text = "It rained. " * 400
    plain, with_end = minilm.encode([text, text + "The submarine surfaced among penguins. " * 200]).dense
    assert float(plain @ with_end) < 0.9


def test_codes_do_not_depend_on_the_batch(minilm: Engine, together: Codes) -> None:
    for i in (0, 2, 3, 8, 11, 17, 19):
        alone = minilm.encode([TEXTS[i]])
        np.testing.assert_allclose(alone.dense[0], together.dense[i], atol=1e-3)
        np.testing.assert_allclose(spread(alone, 0), spread(together, i), atol=1e-3)
        assert alone.peak.tolist() == together.peak[together.row(i)].tolist()


def test_the_order_of_texts_is_kept(minilm: Engine, together: Codes) -> None:
    backwards = minilm.encode(TEXTS[::-1])
    np.testing.assert_allclose(backwards.dense[::-1], together.dense[: len(TEXTS)], atol=1e-3)


def test_half_precision_tells_the_same(minilm: Engine, together: Codes) -> None:
    import torch

    fast = Engine(minilm.spec, dtype=torch.bfloat16).encode(TEXTS)
    assert np.vecdot(fast.dense, together.dense[: len(TEXTS)]).min() > 0.999
    assert common_share(fast, together.take(list(range(len(TEXTS))))) > 0.9


# --- the demo ---------------------------------------------------------------------------------------------------------


def common_share(a: Codes, b: Codes) -> float:
    """Share of the latents of two encodings of the same texts that both have."""
    rows = [(set(a.latents[a.row(i)].tolist()), set(b.latents[b.row(i)].tolist())) for i in range(len(a))]
    return sum(len(x & y) for x, y in rows) / sum(max(len(x), len(y)) for x, y in rows)


@pytest.fixture(scope="module")
def demo(minilm: Engine) -> tuple[dict[str, int], Codes]:
    """The demo's memories encoded anew: id to row, and their codes."""
    memories = [m for reading in demo_readings() for m in reading.memories]
    return {m.id: i for i, m in enumerate(memories)}, minilm.encode([m.text for m in memories])


def test_no_two_narratives_are_near_duplicates(demo: tuple[dict[str, int], Codes]) -> None:
    rows, codes = demo
    names = [m.id for m in next(iter(demo_readings())).memories]
    dense = codes.dense[[rows[name] for name in names]]
    near = np.argwhere(np.triu(dense @ dense.T, 1) >= 0.9)
    assert [(names[i], names[j]) for i, j in near] == []


def test_shipped_codes_are_those_of_the_engine(minilm: Engine, demo: tuple[dict[str, int], Codes]) -> None:
    rows, fresh = demo
    table = pq.read_table(shipped("minilm")[0])
    stamp = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert stamp == {"fingerprint": minilm.fingerprint, "n_latents": str(fresh.n_latents)}
    assert sorted(table["id"].to_pylist()) == sorted(rows)
    kept = tables.codes_of(table, fresh.n_latents)
    fresh = fresh.take([rows[name] for name in table["id"].to_pylist()])
    cosine = np.vecdot(kept.dense, fresh.dense)
    assert [f"{name}: {c:.4f}" for name, c in zip(table["id"].to_pylist(), cosine, strict=True) if c < 0.999] == []
    assert common_share(kept, fresh) > 0.95
    assert kept.token_start.tolist() == fresh.token_start.tolist()
    assert kept.token_end.tolist() == fresh.token_end.tolist()


def test_the_shipped_queries_are_those_of_the_engine(minilm: Engine) -> None:
    table = pq.read_table(shipped("minilm")[1])
    asked = [DEMO_QUERY, *case_questions()]
    assert table["text"].to_pylist() == asked
    assert table.schema.metadata[b"fingerprint"].decode() == minilm.fingerprint
    kept, fresh = tables.codes_of(table, 0), minilm.encode(asked, query=True)
    assert np.vecdot(kept.dense, fresh.dense).min() > 0.999
    assert common_share(kept, fresh) > 0.9


# --- problems ---------------------------------------------------------------------------------------------------------


def test_an_sae_of_another_width_is_said_in_words(minilm: Engine, tmp_path: Path) -> None:
    import torch
    from sae_lens import StandardSAE, StandardSAEConfig

    StandardSAE(StandardSAEConfig(d_in=8, d_sae=16)).save_model(tmp_path)
    engine = Engine(replace(minilm.spec, sae=f"folder:{tmp_path}"), dtype=torch.float32)
    with pytest.raises(
        CoreError, match=r"reads states of 8 numbers, but .*MiniLM.* gives 384: it was trained on another"
    ):
        engine.load()


def test_control_tokens_typed_by_a_person_are_text(minilm: Engine) -> None:
    """“[SEP]” in a message is five characters, not the end of it."""
    trace = minilm.trace("a [SEP] b [MASK]")
    assert "[SEP]" not in trace.tokens
    assert "".join(trace.tokens) == "a[SEP]b[MASK]"
