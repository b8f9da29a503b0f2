"""One forward pass of any transformers model: three tiny ones with random weights, made here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from core.errors import CoreError

if TYPE_CHECKING:
    from core.encoding.model import TokenModel

WORDS = "one two three four five six seven eight nine ten".split()
WINDOW, LAYERS, D = 8, 4, 16


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny model: ``llama``, ``gpt2`` or ``bert``. Its tokenizer adds no special token by itself."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    made: dict[str, Path] = {}
    sizes: dict[str, dict[str, int]] = {
        "llama": {"hidden_size": D, "num_hidden_layers": LAYERS, "num_attention_heads": 2, "intermediate_size": 32},
        "gpt2": {"n_embd": D, "n_layer": LAYERS, "n_head": 2, "n_positions": 64},
        "bert": {"hidden_size": D, "num_hidden_layers": LAYERS, "num_attention_heads": 2, "intermediate_size": 32},
    }

    def make(kind: str) -> Path:
        if kind not in made:
            vocabulary = {word: i for i, word in enumerate(["<pad>", "<s>", "<unk>", *WORDS])}
            words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
            words.pre_tokenizer = pre_tokenizers.Whitespace()
            folder = tmp_path_factory.mktemp(kind)
            transformers.PreTrainedTokenizerFast(
                tokenizer_object=words, bos_token="<s>", unk_token="<unk>", pad_token="<pad>"
            ).save_pretrained(folder)
            torch.manual_seed(0)
            config = transformers.AutoConfig.for_model(kind, vocab_size=len(vocabulary), pad_token_id=0, **sizes[kind])
            transformers.AutoModel.from_config(config).save_pretrained(folder)
            made[kind] = folder
        return made[kind]

    return make


def model_of(folder: Path, hook: str = "blocks.1.hook_resid_post", pooled: bool = False) -> TokenModel:
    import torch

    from core.encoding.model import TokenModel

    return TokenModel(folder, hook, WINDOW, pooled, torch.float32)


def reference(folder: Path, words: list[str]) -> list[np.ndarray]:
    """Every hidden state of the whole model for <s> and some words, batch of one: [layers + 1] of [t + 1, d]."""
    import torch
    import transformers

    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    ids = torch.tensor([[1, *(3 + WORDS.index(word) for word in words)]])
    with torch.inference_mode():
        hidden = model(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True).hidden_states
    return [h[0].numpy() for h in hidden]


def states_of(model: TokenModel, texts: list[str]) -> np.ndarray:
    """The states of all tokens of the texts, in their order, [t, d]."""
    tokens = model.tokenize(texts)
    out = np.full((int(tokens.text_indptr[-1]), D), np.nan, np.float32)
    for batch in model.states(tokens):
        out[batch.token] = batch.states.numpy()
    return out


KINDS = pytest.mark.parametrize("kind", ["llama", "gpt2", "bert"])


@KINDS
@pytest.mark.parametrize(
    ("hook", "layer"),
    [
        ("blocks.0.hook_resid_post", 1),
        ("blocks.1.hook_resid_post", 2),
        ("blocks.2.hook_resid_pre", 2),
        ("blocks.0.hook_resid_pre", 0),
    ],
)
def test_the_state_at_a_hook(folder_of: Callable[[str], Path], kind: str, hook: str, layer: int) -> None:
    words = ["three", "one", "seven", "seven"]
    found = states_of(model_of(folder_of(kind), hook), [" ".join(words)])
    expected = reference(folder_of(kind), words)[layer][1:]  # the first position is <s>
    np.testing.assert_allclose(found, expected, atol=1e-5)


@KINDS
def test_nothing_above_the_hook_is_kept(folder_of: Callable[[str], Path], kind: str) -> None:
    from torch.nn import ModuleList

    def depth(model: TokenModel) -> list[int]:
        return [len(m) for m in model.model.modules() if isinstance(m, ModuleList)]

    assert depth(model_of(folder_of(kind))) == [2]
    assert depth(model_of(folder_of(kind), pooled=True)) == [LAYERS]


@KINDS
def test_a_batch_gives_what_each_text_gives_alone(folder_of: Callable[[str], Path], kind: str) -> None:
    model = model_of(folder_of(kind))
    texts = ["one", " ".join(WORDS), "four five six", "", "nine ten " * 20, "two"]
    alone = np.concatenate([states_of(model, [text]) for text in texts])
    np.testing.assert_allclose(states_of(model, texts), alone, atol=1e-5)
    assert len(alone) == 1 + 10 + 3 + 0 + 40 + 1


def test_attention_sinks_become_no_latents(folder_of: Callable[[str], Path]) -> None:
    import torch

    from core.encoding.model import TokenModel

    words = WORDS[:6]
    norm = np.linalg.norm(reference(folder_of("llama"), words)[2][1:], axis=1)
    limit = float(np.sort(norm)[3:5].mean())
    model = TokenModel(folder_of("llama"), "blocks.1.hook_resid_post", WINDOW, False, torch.float32, sink_norm=limit)
    assert np.isnan(states_of(model, [" ".join(words)])).all(1).tolist() == (norm > limit).tolist()


def test_windows_lose_nothing_and_begin_with_a_token_that_is_no_word(folder_of: Callable[[str], Path]) -> None:
    text = "  ".join(WORDS * 2)
    tokens = model_of(folder_of("llama")).tokenize(["one", text])
    assert np.diff(tokens.window_indptr).tolist() == [2, 8, 8, 7]  # 7 words and <s> fill a window
    assert tokens.window_text.tolist() == [0, 1, 1, 1]
    assert tokens.text_indptr.tolist() == [0, 1, 21]
    assert np.flatnonzero(tokens.special).tolist() == tokens.window_indptr[:-1].tolist()
    assert set(tokens.ids[tokens.special].tolist()) == {1}
    kept = ~tokens.special
    spans = list(zip(tokens.start[kept], tokens.end[kept], strict=True))
    assert [text[a:b] for a, b in spans[1:]] == WORDS * 2


def test_many_texts_need_several_passes(folder_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from core.encoding import model as models

    model = model_of(folder_of("llama"))
    texts = [" ".join(WORDS[: 1 + i % 7]) for i in range(50)]
    whole = states_of(model, texts)
    monkeypatch.setattr(models, "TOKENS_PER_BATCH", 20)
    sizes = [len(batch.windows) for batch in model.states(model.tokenize(texts))]
    assert len(sizes) > 10
    assert sum(sizes) == 50
    np.testing.assert_allclose(states_of(model, texts), whole, atol=1e-5)


def test_sums_of_windows_are_those_of_the_last_layer(folder_of: Callable[[str], Path]) -> None:
    model = model_of(folder_of("bert"), pooled=True)
    (batch,) = model.states(model.tokenize(["three one seven"]))
    expected = reference(folder_of("bert"), ["three", "one", "seven"])[LAYERS].sum(0)
    np.testing.assert_allclose(batch.window_sums[0].numpy(), expected, atol=1e-4)
    assert batch.window_counts.tolist() == [4]


@pytest.mark.parametrize(
    ("hook", "sentence"),
    [
        ("blocks.4.hook_resid_post", r"asks for layer 4: this model has 4 \(0–3\)"),
        ("blocks.1.hook_mlp_out", "is not known: it reads like blocks.6.hook_resid_post"),
        ("", "is not known"),
    ],
)
def test_a_hook_that_is_none(folder_of: Callable[[str], Path], hook: str, sentence: str) -> None:
    with pytest.raises(CoreError, match=sentence):
        model_of(folder_of("llama"), hook)


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        ("blocks.0.hook_resid_pre", (0, True)),
        ("blocks.5.hook_resid_pre", (4, False)),
        ("blocks.5.hook_resid_post", (5, False)),
    ],
)
def test_before_a_layer_is_after_the_one_below(hook: str, expected: tuple[int, bool]) -> None:
    from core.encoding.model import parse_hook

    assert parse_hook(hook, 6) == expected


@pytest.mark.parametrize("rows", [[[3, 4]], [[0, 0], [0, 2]]])
def test_unit_rows_and_a_zero_row(rows: Any) -> None:
    from core.encoding.model import unit

    norms = np.linalg.norm(unit(np.asarray(rows, np.float32)), axis=1)
    assert norms.tolist() == [float(any(row)) for row in rows]


@pytest.mark.parametrize("own", [False, True], ids=["<s> put in front", "a tokenizer with its own first token"])
def test_a_prefix_is_read_and_never_becomes_a_latent(
    folder_of: Callable[[str], Path], own: bool, tmp_path: Path
) -> None:
    import json
    import shutil

    import torch

    from core.encoding.model import TokenModel

    folder = tmp_path / "bert"
    shutil.copytree(folder_of("bert"), folder)
    if own:
        file = folder / "tokenizer.json"
        written = json.loads(file.read_text())
        first, text = {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
        last = {"SpecialToken": {"id": "<unk>", "type_id": 0}}
        ids = {name: {"id": name, "ids": [i], "tokens": [name]} for name, i in (("<s>", 1), ("<unk>", 2))}
        written["post_processor"] = {
            "type": "TemplateProcessing", "special_tokens": ids,
            "single": [first, text, last], "pair": [first, text, last],
        }  # fmt: skip
        file.write_text(json.dumps(written))
    model = TokenModel(
        folder, "blocks.1.hook_resid_post", WINDOW, True, torch.float32, prefixes=("nine ten ", "eight ")
    )
    tokens = model.tokenize(["one two", "three"])
    end = [2] if own else []
    assert tokens.ids.tolist() == [1, 11, 12, 3, 4, *end, 1, 11, 12, 5, *end]
    assert tokens.text_indptr.tolist() == [0, 2, 3]
    kept = ~tokens.special
    assert list(zip(tokens.start[kept].tolist(), tokens.end[kept].tolist(), strict=True)) == [(0, 3), (4, 7), (0, 5)]
    assert model.tokenize(["one"], query=True).ids.tolist() == [1, 10, 3, *end]
    (long,) = [model.tokenize([" ".join(WORDS)])]
    assert np.diff(long.window_indptr).max() <= WINDOW
    assert long.text_indptr.tolist() == [0, 10]  # every window begins with the prefix, and no word is lost
    if not own:
        expected = reference(folder, ["nine", "ten", "one", "two"])
        np.testing.assert_allclose(states_of(model, ["one two"]), expected[2][3:], atol=1e-5)
        (batch,) = model.states(model.tokenize(["one two"]))
        np.testing.assert_allclose(batch.window_sums[0], expected[-1].sum(0), atol=1e-4)  # the prefix counts there
