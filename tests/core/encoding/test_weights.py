"""Where model files come from, and the proof of which ones they are."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from core.encoding.files import weights
from core.encoding.files.weights import digest, locate, weight_files, write_atomically
from core.errors import EngineMissing
from core.settings import ASSETS, cache_folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path / "cache"))


# --- places -----------------------------------------------------------------------------------------------------------


def test_a_folder_inside_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site" / "wheel_of_weights" / "inside" / "model"
    folder.mkdir(parents=True)
    (tmp_path / "site" / "wheel_of_weights" / "__init__.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert locate("package:wheel_of_weights/inside/model") == folder


def test_a_folder_that_ships_with_the_product() -> None:
    assert locate("assets:demo") == ASSETS / "demo"


def test_a_folder_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate(f"folder:{tmp_path}/model") == locate("folder:~/model") == tmp_path / "model"


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("package:no_such_wheel/model", "The package “no-such-wheel” is not installed. Run: pip install"),
        ("package:json.decoder/model", "is not installed"),  # a module without a folder
        ("folder:/no/such/folder", "There is no folder /no/such/folder"),
        ("assets:sae/no-such-engine", "no-such-engine (from “assets:sae/no-such-engine”)"),
        (
            "cloud:google/gemma-2b",
            "it begins with package:, wheel:, wheels:, assets:, trained:, folder:, hub: or sae-lens:",
        ),
        ("", "is not a place"),
    ],
)
def test_nothing_there_is_said_with_the_next_step(place: str, sentence: str) -> None:
    with pytest.raises(EngineMissing) as problem:
        locate(place)
    assert sentence in str(problem.value)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineMissing, match="There is no folder"):
        locate(f"folder:{tmp_path}/file")


def test_weights_come_in_a_fixed_order_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.safetensors", "config.json", "a.safetensors", "tokenizer.json"):
        (tmp_path / name).touch()
    assert [p.name for p in weight_files(tmp_path)] == ["a.safetensors", "b.safetensors"]


def test_the_same_weights_in_another_format_do_not_count(tmp_path: Path) -> None:
    for name in ("whole.gguf", "params.npz", "model.safetensors"):
        (tmp_path / name).touch()
    for name in ("model.safetensors", "params.npz", "whole.gguf"):
        assert [p.name for p in weight_files(tmp_path)] == [name]
        (tmp_path / name).unlink()


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").touch()
    with pytest.raises(EngineMissing, match=f"{tmp_path} holds no weights"):
        weight_files(tmp_path)


# --- digests ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files whose contents were hashed, in order."""
    names: list[str] = []
    original = hashlib.file_digest

    def watched(stream: object, method: str) -> object:
        names.append(Path(stream.name).name)  # type: ignore[attr-defined]
        return original(stream, method)  # type: ignore[arg-type]

    monkeypatch.setattr(weights.hashlib, "file_digest", watched)
    return names


def test_a_digest_is_remembered(tmp_path: Path, read: list[str]) -> None:
    file = tmp_path / "w.safetensors"
    file.write_bytes(b"one")
    assert digest([file]) == digest([file])
    assert read == ["w.safetensors"]


@pytest.mark.parametrize(
    ("content", "seconds"),
    [pytest.param(b"two", 10, id="same size, later"), pytest.param(b"longer", 0, id="another size, same time")],
)
def test_a_changed_file_is_read_again(tmp_path: Path, read: list[str], content: bytes, seconds: int) -> None:
    file = tmp_path / "w.safetensors"
    file.write_bytes(b"one")
    os.utime(file, (1_000_000, 1_000_000))
    before = digest([file])
    file.write_bytes(content)
    os.utime(file, (1_000_000 + seconds, 1_000_000 + seconds))
    assert digest([file]) != before
    assert len(read) == 2


def test_only_contents_and_order_count(tmp_path: Path) -> None:
    for name, content in (("a", b"1"), ("b", b"2"), ("copy of a", b"1")):
        (tmp_path / name).write_bytes(content)
    a, b, copy = tmp_path / "a", tmp_path / "b", tmp_path / "copy of a"
    assert digest([a, b]) == digest([copy, b])
    assert digest([a, b]) != digest([b, a])
    assert digest([a]) != digest([a, a])


@pytest.mark.parametrize("rubbish", [b"", b"{", b"\xff\xfe"])
def test_a_damaged_cache_of_digests_is_made_anew(tmp_path: Path, read: list[str], rubbish: bytes) -> None:
    file = tmp_path / "w.safetensors"
    file.write_bytes(b"one")
    before = digest([file])
    (cache_folder() / "digests.json").write_bytes(rubbish)
    assert digest([file]) == digest([file]) == before
    assert len(read) == 2


# --- writing ----------------------------------------------------------------------------------------------------------


def test_written_whole_and_folders_made(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "down" / "file"
    write_atomically(file, b"first")
    write_atomically(file, b"second")
    assert file.read_bytes() == b"second"
    assert [p.name for p in file.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("moment", ["while writing", "while replacing"])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    file = tmp_path / "file"
    write_atomically(file, b"old")
    content: object = b"new"
    if moment == "while writing":
        content = "text instead of bytes"
    else:
        monkeypatch.setattr(weights.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises((TypeError, OSError)):
        write_atomically(file, content)  # type: ignore[arg-type]
    assert file.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_an_sae_that_is_trained_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMOSCOPE_DATA", str(tmp_path))
    with pytest.raises(EngineMissing, match=r"train-sae --engine NAME --corpus FOLDER"):
        weights.locate("trained:nomic")
    folder = tmp_path / "sae" / "nomic"
    folder.mkdir(parents=True)
    assert weights.locate("trained:nomic") == weights.trained_folder("trained:nomic") == folder
    assert weights.trained_folder("assets:sae/minilm") is None
