"""The hub's cache, read without network; downloads of the right files alone; every refusal in one sentence."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import errors
from safetensors.numpy import save_file

from core.encoding.engines import Engine, EngineSpec
from core.encoding.files import hub
from core.encoding.files.weights import locate, prepare
from core.errors import CoreError, EngineMissing
from core.progress import finish
from core.settings import command
from tests.tiny import Weights, publish, res_jb


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub, "POLL", 0.01)
    return tmp_path / "hub"


def weights(folder: Path) -> None:
    save_file({"w": np.zeros((4, 4), np.float32)}, folder / "model.safetensors")
    (folder / "config.json").write_text("{}")


# --- the cache --------------------------------------------------------------------------------------------------------


def test_the_cache_lies_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub.cache().name == "hub"
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("HF_HOME", "/data/hf")
    assert hub.cache() == Path("/data/hf/hub")
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", "/data/xdg")
    assert hub.cache() == Path("/data/xdg/huggingface/hub")


def test_a_repository_and_a_folder_in_it(cache: Path) -> None:
    snapshot = publish(cache, "google/tiny", weights)
    inside = publish(cache, "google/scope", lambda folder: res_jb(Weights.drawn(), folder), "layer_2/width_16k")
    assert locate("hub:google/tiny") == snapshot
    assert locate("hub:google/scope/layer_2/width_16k") == inside
    with pytest.raises(EngineMissing, match=r"google/scope \(layer_3\) is not in the hub's cache, .*--prepare NAME"):
        locate("hub:google/scope/layer_3")


def test_the_revision_that_main_is_known_to_be(cache: Path) -> None:
    publish(cache, "google/tiny", weights)
    home = cache / "models--google--tiny"
    (home / "snapshots" / "newer").mkdir()
    (home / "refs" / "main").write_text("newer")
    assert locate("hub:google/tiny").name == "newer"
    (home / "refs" / "main").write_text("never downloaded")
    assert locate("hub:google/tiny").is_dir()


@pytest.mark.parametrize("place", ["hub:gemma", "hub:", "hub:google/../../etc"])
def test_what_names_no_repository(place: str) -> None:
    with pytest.raises(EngineMissing, match="it reads like hub:google/gemma-2b"):
        locate(place)


def test_a_missing_engine_names_itself_in_the_next_step() -> None:
    spec = EngineSpec(
        "mine", "Mine", "hub:google/tiny", "google/tiny", "blocks.0.hook_resid_post", 8, "hub:a/b", "pooled"
    )
    first, second = Engine(spec).missing()
    assert first.startswith("google/tiny is not in the hub's cache")
    assert f"{command()} engines --prepare mine" in first
    assert second.startswith("a/b is not")


# --- damaged files ----------------------------------------------------------------------------------------------------


def cut(file: Path, by: int) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:-by])


def test_a_whole_file_and_one_that_is_cut_off(tmp_path: Path) -> None:
    weights(tmp_path)
    file = tmp_path / "model.safetensors"
    assert hub.damage(file) is None
    whole = file.stat().st_size
    cut(file, 10)
    assert hub.damage(file) == f"it has {whole - 10:,} of {whole:,} bytes"
    cut(file, file.stat().st_size - 20)
    assert hub.damage(file) == "it is cut off or damaged"
    np.savez(tmp_path / "params.npz", W_enc=np.zeros(4))
    assert hub.damage(tmp_path / "params.npz") is None
    cut(tmp_path / "params.npz", 30)
    assert hub.damage(tmp_path / "params.npz") == "it is cut off"
    (tmp_path / "dangling.safetensors").symlink_to("nowhere")
    assert hub.damage(tmp_path / "dangling.safetensors") == "its content is missing"


def test_a_cut_download_is_said_before_anything_is_loaded(cache: Path) -> None:
    publish(cache, "google/tiny", weights)
    publish(cache, "a/b", lambda folder: res_jb(Weights.drawn(), folder))
    spec = EngineSpec(
        "mine", "Mine", "hub:google/tiny", "google/tiny", "blocks.0.hook_resid_post", 8, "hub:a/b", "pooled"
    )
    assert Engine(spec).missing() == []
    cut(locate("hub:a/b") / "sae_weights.safetensors", 100)
    (sentence,) = Engine(spec).missing()
    assert "sae_weights.safetensors cannot be used: it has " in sentence
    assert f"{command()} engines --prepare mine" in sentence


# --- downloads --------------------------------------------------------------------------------------------------------


class Shelf:
    """A hub with one repository, which writes into the cache what is asked for."""

    def __init__(self, cache: Path, repo: str, names: list[str]) -> None:
        self.cache, self.repo, self.names, self.asked = cache, repo, names, list[str]()
        self.refuse: BaseException | None = None

    def model_info(self, repo: str, files_metadata: bool = False) -> Any:
        assert (repo, files_metadata) == (self.repo, True)
        return SimpleNamespace(siblings=[SimpleNamespace(rfilename=name, size=100) for name in self.names])

    def download(self, repo: str, name: str, cache_dir: Path, tqdm_class: Any) -> None:
        self.asked.append(name)
        if self.refuse:
            raise self.refuse
        bar = tqdm_class(total=100, initial=0, name="x")
        bar.update(60)
        snapshot = self.cache / "models--google--tiny" / "snapshots" / "c1"
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".safetensors"):
            save_file({"w": np.zeros((4, 4), np.float32)}, snapshot / name)
        else:
            (snapshot / name).write_text("{}")
        bar.update(40)


REPOSITORY = [
    ".gitattributes", "README.md", "config.json", "tokenizer.json", "model-1.safetensors", "pytorch_model.bin",
    "consolidated.safetensors", "onnx/model.json", "1_Pooling/config.json", "gemma.gguf", "modeling.py", "merges.txt",
]  # fmt: skip


@pytest.fixture
def shelf(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    made = Shelf(cache, "google/tiny", REPOSITORY)
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: made)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", made.download)
    return made


def test_weights_configuration_and_tokenizer_are_downloaded_and_no_pickle(shelf: Shelf) -> None:
    steps = list(prepare("hub:google/tiny"))
    assert shelf.asked == [
        "config.json",
        "tokenizer.json",
        "model-1.safetensors",
        "1_Pooling/config.json",
        "merges.txt",
    ]
    assert (steps[-1].done, steps[-1].total) == (500, 500)
    assert steps[-1].note == "google/tiny: merges.txt"
    assert [a.done for a in steps] == sorted(a.done for a in steps)
    assert locate("hub:google/tiny").is_dir()


def test_what_is_here_stays_and_what_is_cut_off_comes_again(shelf: Shelf) -> None:
    finish(prepare("hub:google/tiny"))
    shelf.asked.clear()
    finish(prepare("hub:google/tiny"))
    assert shelf.asked == []
    cut(locate("hub:google/tiny") / "model-1.safetensors", 8)
    finish(prepare("hub:google/tiny"))
    assert shelf.asked == ["model-1.safetensors"]
    assert hub.damage(locate("hub:google/tiny") / "model-1.safetensors") is None


def test_of_a_repository_of_saes_one_folder_is_downloaded(shelf: Shelf) -> None:
    shelf.names = ["layer_2/cfg.json", "layer_2/sae_weights.safetensors", "layer_20/cfg.json", "config.json"]
    finish(prepare("hub:google/tiny/layer_2"))
    assert shelf.asked == ["layer_2/cfg.json", "layer_2/sae_weights.safetensors"]


def test_a_repository_of_pickles_is_refused(shelf: Shelf) -> None:
    shelf.names = ["config.json", "pytorch_model.bin"]
    with pytest.raises(EngineMissing, match=r"holds no safetensors or npz there: pickled weights \(.bin, .pt\)"):
        finish(prepare("hub:google/tiny"))


def test_no_room_is_said_before_the_download(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=99))
    with pytest.raises(CoreError, match=r"google/tiny needs 0.0 GB in .*, and 0.0 GB are free. Make room."):
        finish(prepare("hub:google/tiny"))
    assert shelf.asked == []


def answered(kind: Callable[..., BaseException], status: int) -> BaseException:
    return kind("refused", response=httpx.Response(status, request=httpx.Request("GET", "https://huggingface.co")))


@pytest.mark.parametrize(
    ("problem", "token", "sentence"),
    [
        (answered(errors.GatedRepoError, 401), None, "is gated: accept its licence on https://huggingface.co/google/"
                                                     "tiny, log in with `hf auth login` (or set HF_TOKEN), then try"),
        (answered(errors.GatedRepoError, 403), "hf_x", "is gated, and the account of your token has no access: ask"),
        (answered(errors.RepositoryNotFoundError, 401), None, "The hub shows no google/tiny: it has another name"),
        (answered(errors.RepositoryNotFoundError, 404), "hf_x", "to the account of your token: check the name"),
        (answered(errors.HfHubHTTPError, 401), "hf_x", "The hub refuses your token for google/tiny: log in with"),
        (answered(errors.HfHubHTTPError, 503), None, "The hub answered 503 for google/tiny: try again later."),
        (errors.OfflineModeIsEnabled("no"), None, "HF_HUB_OFFLINE forbids downloading google/tiny: unset it"),
        (httpx.ConnectError("no route"), None, "so google/tiny cannot be downloaded (ConnectError): check"),
        (OSError(errno.ENOSPC, "full"), None, "is full: make room, then try again; what has arrived is kept."),
    ],
)  # fmt: skip
def test_every_refusal_is_one_sentence_with_the_next_step(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, problem: BaseException, token: str | None, sentence: str
) -> None:
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: token)
    shelf.refuse = problem
    with pytest.raises(CoreError) as said:
        finish(prepare("hub:google/tiny"))
    assert sentence in str(said.value)
    assert str(said.value).endswith(".")
