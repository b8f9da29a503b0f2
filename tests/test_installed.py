"""The wheel, installed where no checkout is: the command, the library and the app, from another folder.

The environment is empty but for the wheel; what it depends on is found in the environment of the tests, which is asked
whether it satisfies the wheel's metadata. So nothing is downloaded, and only our own files are put to the test.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from packaging.requirements import Requirement

from core import DEMO_QUERY
from core.settings import cache_folder

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of an environment that holds the wheel."""
    home = tmp_path_factory.mktemp("installed") / "env"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, "install", "-q", "--no-deps", str(wheel)], check=True, capture_output=True)
    (site,) = home.glob("lib/python*/site-packages")
    (site / "theirs.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return python.parent


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder to call from, with a ``core`` of its own that must not be taken for ours."""
    folder = tmp_path / "elsewhere"
    (folder / "core").mkdir(parents=True)
    (folder / "core" / "__init__.py").write_text("raise SystemExit('not this one')")
    return folder


def environment(tmp_path: Path) -> dict[str, str]:
    told = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return told | {"MNEMOSCOPE_DATA": str(tmp_path / "data"), "MNEMOSCOPE_CACHE": str(cache_folder())}


def test_the_wheel_holds_every_file_of_the_product(wheel: Path) -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    names = tracked.stdout.split("\0")
    libraries = {n for n in names if n.startswith(("core/", "ui/"))}
    door = {f"mnemoscope/{n}" for n in names if n.startswith(("pages/", "assets/", ".streamlit/")) or n == "app.py"}
    with zipfile.ZipFile(wheel) as archive:
        held = {n for n in archive.namelist() if ".dist-info/" not in n}
        told = next(n for n in archive.namelist() if n.endswith("dist-info/METADATA"))
        metadata = archive.read(told).decode()
    assert held == libraries | door
    assert "License-Expression: Apache-2.0" in metadata
    assert set(re.findall(r"^Provides-Extra: (\S+)$", metadata, re.MULTILINE)) >= {"umap"}
    wanted = [Requirement(line) for line in re.findall(r"^Requires-Dist: (.+)$", metadata, re.MULTILINE)]
    unmet = [r for r in wanted if r.name != "mnemoscope" and version(r.name) not in r.specifier]
    assert wanted
    assert not unmet


def test_the_command_asks_the_demo_from_elsewhere(installed: Path, elsewhere: Path, tmp_path: Path) -> None:
    command = [installed / "mnemoscope", "search", DEMO_QUERY, "--bank", "demo", "--json"]
    done = subprocess.run(
        command, cwd=elsewhere, env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["hits"]) == 10
    said = subprocess.run([command[0], "--help"], cwd=elsewhere, capture_output=True, text=True, check=True)
    assert said.stdout.startswith("usage: mnemoscope")


def test_the_library_is_imported_from_the_installed_package(installed: Path, tmp_path: Path) -> None:
    """As *Copy as Python* says it."""
    code = (
        "import core, core.settings\n"
        "from core import Query, open_demo\n"
        f"hits = open_demo().search(Query({DEMO_QUERY!r}))\n"
        "print(core.__file__, core.settings.HOME, len(hits.top('combined')))"
    )
    command = [installed / "python", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    library, home, n = done.stdout.split()
    assert (Path(library).parent.parent, n) == (Path(home).parent, "10")
    assert installed.parent in Path(library).parents


@pytest.fixture
def app(installed: Path, elsewhere: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command alone but for its port: the process, and its address."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    log = (tmp_path / "log").open("w+")
    command = [installed / "mnemoscope", "run", "--port", str(port), "--server.headless", "true"]
    told = environment(tmp_path)
    process = subprocess.Popen(command, cwd=elsewhere, env=told, stdout=log, stderr=log, text=True)
    yield process, f"http://localhost:{port}"
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    log.close()


def test_the_app_starts_from_another_folder(app: tuple[subprocess.Popen[str], str], tmp_path: Path) -> None:
    process, address = app
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, (tmp_path / "log").read_text()
        try:
            with urlopen(f"{address}/_stcore/health", timeout=2) as answer:
                assert answer.read() == b"ok"
                return
        except (URLError, OSError):
            time.sleep(0.3)
    pytest.fail((tmp_path / "log").read_text())
