"""Pages run whole, without a browser: through ``app.py``, as Streamlit does."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from core import MemoryBank, open_demo
from core.progress import finish
from core.types import Memory, Reading
from tests.fakes import FakeEncoder
from ui.session import banks, models

ROOT = Path(__file__).resolve().parent.parent.parent
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)> **bold** $x^2$ :material/home: [link](javascript:alert(3))",
    "# heading\n```\ncode\n``` {curly} \\backslash `tick` | table |",
    "emoji 🦊 and \u202eright to left\u202c and a zero\u200bwidth",
    "   leading and      many spaces, “quotes” & ampersands &lt;b&gt;",
)


@pytest.fixture(scope="session")
def demo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo made once; every test gets a copy."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNEMOSCOPE_DATA", str(folder))
        return open_demo().path


@pytest.fixture(scope="session", autouse=True)
def _installed_packages_are_searched_once() -> Iterator[None]:
    """An AppTest looks for components in all of them before every run, for a third of a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, demo_file: Path, hold: Callable[[Path], None]) -> Iterator[None]:
    """Caches are shared by all pages of a process: none survives a test."""
    st.cache_data.clear()
    st.cache_resource.clear()
    folder = tmp_path / "data" / "banks"
    folder.mkdir(parents=True)
    shutil.copy(demo_file, folder / "demo.duckdb")
    hold(folder / "demo.duckdb")
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def fake(encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch) -> FakeEncoder:
    """The pages use an engine without weights."""
    monkeypatch.setattr(models, "make_engine", lambda _: encoder)
    return encoder


@pytest.fixture
def make_named(fake: FakeEncoder, hold: Callable[[Path], None]) -> Callable[..., MemoryBank]:
    """make_named("hostile", Memory(...), "text", ...): a bank of the banks folder, encoded by the fake engine."""

    def make(name: str, *memories: str | Memory, encode: bool = True) -> MemoryBank:
        hold(banks.folder() / f"{name}.duckdb")
        bank = MemoryBank.open(banks.folder() / f"{name}.duckdb", fake)
        rows = [m if isinstance(m, Memory) else Memory(f"m{i}", m, position=i) for i, m in enumerate(memories)]
        finish(bank.add(Reading(rows, [], []), encode))
        return bank

    return make


class Shown:
    """One page of one visitor."""

    def __init__(self, page: str, **address: str) -> None:
        self.at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
        if page != "recall":
            self.at.switch_page(f"pages/{page}.py")
        for name, value in address.items():
            self.at.query_params[name] = value
        self.run()

    def run(self) -> Shown:
        self.at.run()
        assert not self.at.exception, [e.message for e in self.at.exception]
        assert self.unserialisable() == []
        return self

    def unserialisable(self) -> list[str]:
        """Keys of our own whose values a saved session could not hold."""
        bad = []
        for key, value in self.at.session_state._state._state.filtered_state.items():
            try:
                pickle.dumps(value)
            except (pickle.PicklingError, AttributeError, TypeError):
                bad.append(key)
        return [key for key in bad if "Components" not in key and key not in COMPONENT_KEYS]

    @property
    def address(self) -> dict[str, str]:
        return {
            name: values[-1] if isinstance(values, list) else values for name, values in self.at.query_params.items()
        }

    @property
    def errors(self) -> list[str]:
        return [unescaped(e.value) for e in self.at.error]

    @property
    def warnings(self) -> list[str]:
        return [unescaped(e.value) for e in self.at.warning]

    @property
    def words(self) -> str:
        """Everything a reader sees as text or HTML, the components' data left out."""
        found = []
        for kind in ("title", "subheader", "markdown", "caption", "text", "html", "error", "warning", "success"):
            for element in self.at.get(kind):
                found.append(str(getattr(element, "value", None) or element.proto.body))
        return "\n".join(found)

    def component(self, name: str) -> dict[str, Any]:
        """The data of one inline component, as its script gets it."""
        for element in self.at.get("bidi_component"):
            if element.proto.component_name == f"mnemoscope_{name}":
                data: dict[str, Any] = json.loads(element.proto.json)
                return data
        raise AssertionError(f"no component {name} on the page")

    @property
    def figures(self) -> list[dict[str, Any]]:
        """Every Plotly figure on the page, as the browser gets it."""
        return [json.loads(element.proto.spec) for element in self.at.get("plotly_chart")]

    def has_component(self, name: str) -> bool:
        return any(e.proto.component_name == f"mnemoscope_{name}" for e in self.at.get("bidi_component"))

    def button(self, label: str) -> Any:
        return next(b for b in self.at.button if b.label == label)


COMPONENT_KEYS = {
    "recall_hits", "recall_why", "recall_threads", "recall_chips", "recall_tray", "memory_strip",
    "memory_chips", "memory_neighbours",
    "latents_table", "latents_tray", "latent_top", "latent_contexts", "latent_nearest", "latent_coactive", "pair_why",
    "pair_only_a", "pair_only_b", "miss_right", "miss_wrong",
    "atlas_tray", "atlas_memory_chips", "timeline_tray",
    *(f"atlas_axis_{codes}_{axis}" for codes in ("dense", "sparse", "combined") for axis in range(3)),
    "sep_helped", "sep_confused", "overlap_shared",
    "overlap_only_a", "overlap_only_b", "overlap_core", "overlap_unique",
    "compose_mixer", "compose_hits", "compose_muted", "compose_words", "compose_liked",
    "compose_disliked", "compose_add",
}  # fmt: skip


def unescaped(markdown: str) -> str:
    return markdown.replace("\\", "")


@pytest.fixture
def show() -> Callable[..., Shown]:
    """show("memory", memory="demo/D2:2"): open a page by its link."""
    return Shown
