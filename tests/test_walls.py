"""Who may import whom. A broken wall is named with its file and line."""

from __future__ import annotations

import ast
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"torch", "sae_lens", "transformers", "sentence_transformers"}
SHOWN = {"streamlit", "plotly"}
STORED = {"duckdb"}
PURE = {"core.types", "core.codes", "core.alignment", "core.words", "core.errors"}


def _imports(file: Path) -> list[tuple[int, str, bool]]:
    """(line, module, whether it is imported on import of the file) of every import outside TYPE_CHECKING."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            skipped |= {id(child) for child in ast.walk(node)}
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
    found = []
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name, id(node) not in inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{a.name}" for a in node.names] if node.module == "core" else [node.module]
            found += [(node.lineno, name, id(node) not in inside) for name in names]
    return found


def _files(pattern: str) -> list[Path]:
    return sorted(p for p in ROOT.glob(pattern) if ".venv" not in p.parts)


def _top(module: str) -> str:
    return module.split(".")[0]


def _broken(files: list[Path], forbidden: object) -> list[str]:
    """Lines whose import the rule forbids; the rule gets (module, at import time)."""
    assert callable(forbidden)
    return [
        f"{file.relative_to(ROOT)}:{line} imports {module}"
        for file in files
        for line, module, at_import in _imports(file)
        if forbidden(module, at_import)
    ]


def test_only_ui_and_pages_know_streamlit_and_plotly() -> None:
    assert not _broken(_files("core/**/*.py"), lambda m, _: _top(m) in SHOWN or _top(m) in ("ui", "pages"))


def _charts() -> list[Path]:
    """Every builder of figures: data in, a figure out."""
    return _files("ui/**/charts.py") + [ROOT / "ui" / "kit" / f"{name}.py" for name in ("contrast_chart", "figures")]


def test_charts_are_pure() -> None:
    allowed = {"plotly", "numpy", "core", "__future__", "collections", "typing", "dataclasses", "math", "html", "ui"}
    allowed |= {"re", "textwrap"}
    assert not _broken(_charts(), lambda m, _: _top(m) not in allowed or _top(m) == "streamlit")


def test_pages_and_ui_know_no_sql_and_no_models() -> None:
    assert not _broken(_files("pages/*.py") + _files("ui/**/*.py"), lambda m, _: _top(m) in HEAVY | STORED)


OPEN = ("core", "core.types", "core.evaluation", "core.lab")
"""The rooms of core that declare their public names in ``__all__``; ui and pages know nothing else of core."""


def _taken(file: Path) -> list[tuple[int, str, str]]:
    """(line, room, name) of everything of core that a file imports, types included."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [(node.lineno, node.module, alias.name) for alias in node.names]
    return [(line, room, name) for line, room, name in found if _top(room) == "core"]


def test_ui_and_pages_use_only_public_names_of_core() -> None:
    public = {room: set(import_module(room).__all__) for room in OPEN}
    broken = [
        f"{file.relative_to(ROOT)}:{line} takes {name or room} from {room}, which does not declare it public"
        for file in _files("pages/*.py") + _files("ui/**/*.py") + _files("app.py")
        for line, room, name in _taken(file)
        if name not in public.get(room, ())
    ]
    assert not broken


def test_public_names_exist_once() -> None:
    """Each declared name is there, and a name that two rooms declare is one thing."""
    declared: dict[str, object] = {}
    for room in map(import_module, OPEN):
        assert len(room.__all__) == len(set(room.__all__)), room.__name__
        for name in room.__all__:
            assert declared.setdefault(name, getattr(room, name)) is getattr(room, name), f"{room.__name__}.{name}"


def test_the_door_imports_only_ui() -> None:
    allowed = {"ui", "streamlit", "__future__"}
    assert not _broken(_files("app.py"), lambda m, _: _top(m) not in allowed)


def test_duckdb_lives_in_the_store() -> None:
    files = [f for f in _files("core/**/*.py") if "store" not in f.parts]
    assert not _broken(files, lambda m, _: _top(m) in STORED)


def test_torch_is_imported_lazily_and_only_for_encoding_and_training() -> None:
    encoders = {f"core.encoding.{name}" for name in ("model", "sae.dictionary", "sae.pursuit", "dense")}
    trainers = {f"core.training.{name}" for name in ("assess", "resume", "sparse_step")}
    heavy_modules = encoders | trainers | {"core.lab.train"}
    files = [
        f for f in _files("core/**/*.py") if ".".join(f.relative_to(ROOT).with_suffix("").parts) not in heavy_modules
    ]
    allowed_rooms = {"encoding", "training", "lab"}
    elsewhere = [f for f in files if not allowed_rooms & set(f.parts)]
    assert not _broken(elsewhere, lambda m, _: _top(m) in HEAVY or m in encoders)
    assert not _broken(files, lambda m, at_import: at_import and (_top(m) in HEAVY or m in heavy_modules))


@pytest.mark.parametrize("room", ["retrieval", "evaluation"])
def test_pure_rooms_stay_pure(room: str) -> None:
    allowed = {"numpy", "scipy", "numba", "bm25s", "Stemmer"}
    allowed |= {"__future__", "collections", "dataclasses", "typing", "itertools", "math", "re", "time"}

    def forbidden(module: str, _: bool) -> bool:
        if _top(module) == "core":
            return module not in PURE and not module.startswith(("core.retrieval", "core.evaluation"))
        return _top(module) not in allowed

    assert not _broken(_files(f"core/{room}/*.py"), forbidden)


def test_importing_core_loads_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys, core; sys.exit(bool({'torch', 'sae_lens', 'transformers', 'streamlit'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


# --- the rooms of ui --------------------------------------------------------------------------------------------------

FLOORS = ("session", "address", "kit", "query", "subjects", "shell")
"""Each may import those before it, and itself."""


def _floor(file: Path) -> int:
    room = file.relative_to(ROOT / "ui").parts[0]
    return FLOORS.index(room if room in FLOORS else "subjects")


def _rooms(module: str) -> tuple[str, int] | None:
    """(room, floor) of a module of ui."""
    _, _, rest = module.partition("ui.")
    room = rest.split(".")[0]
    if _top(module) != "ui" or not room:
        return None
    return room, FLOORS.index(room if room in FLOORS else "subjects")


def _ui_imports(file: Path) -> list[tuple[int, str]]:
    """(line, module or room) of everything of ui that a file imports, types included."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"ui.{a.name}" for a in node.names] if node.module == "ui" else [node.module]
            found += [(node.lineno, name) for name in names]
    return [(line, name) for line, name in found if _top(name) == "ui"]


def test_rooms_of_ui_import_only_those_below() -> None:
    """session < address < kit < query < subjects < shell < pages"""
    broken = [
        f"{file.relative_to(ROOT)}:{line} imports {module}, which lies above it"
        for file in _files("ui/**/*.py")
        if file.parent != ROOT / "ui"
        for line, module in _ui_imports(file)
        if (there := _rooms(module)) and there[1] > _floor(file)
    ]
    assert not broken


def test_no_subject_imports_another() -> None:
    broken = [
        f"{file.relative_to(ROOT)}:{line} imports {module}, another subject"
        for file in _files("ui/**/*.py")
        if file.parent != ROOT / "ui" and FLOORS[_floor(file)] == "subjects"
        for line, module in _ui_imports(file)
        if (there := _rooms(module)) and FLOORS[there[1]] == "subjects"
        and there[0] != file.relative_to(ROOT / "ui").parts[0]
    ]  # fmt: skip
    assert not broken


def test_every_page_has_its_fields() -> None:
    from ui.shell.addresses import PAGES

    assert {file.stem for file in _files("pages/*.py")} == set(PAGES)


BANK = ("state", "memories", "labels", "trust", "latents", "compositions", "learning", "recall", "runs", "comparisons")
"""Rooms of a bank, each of which may import those to its left alone."""


def test_only_the_facade_of_a_bank_is_called_memory_bank() -> None:
    broken = [
        f"{file.relative_to(ROOT)}:{line}: {text.strip()}"
        for file in _files("core/bank/*.py")
        if file.name != "bank.py"
        for line, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if "MemoryBank.open``" not in text and "MemoryBank" in text
    ]
    assert not broken, "A room works on a BankState:\n" + "\n".join(broken)


def test_rooms_of_a_bank_import_those_below() -> None:
    rooms = {f"core.bank.{name}": place for place, name in enumerate(BANK)}
    broken = [
        line
        for name, place in rooms.items()
        for line in _broken(
            [ROOT / f"{name.replace('.', '/')}.py"],
            lambda m, _, place=place: rooms.get(m, -1) > place or m == "core.bank.bank",
        )
    ]
    assert not broken, "\n".join(broken)


def test_no_room_of_a_bank_is_in_a_circle() -> None:
    """Imports at any time count, also those inside of functions."""
    files = {f"core.bank.{file.stem}": file for file in _files("core/bank/*.py")}
    imports = {name: {m: line for line, m, _ in _imports(file) if m in files} for name, file in files.items()}
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = (*path[path.index(name) :], name)
            steps = [f"{files[a].relative_to(ROOT)}:{imports[a][b]} imports {b}" for a, b in pairwise(circle)]
            raise AssertionError("\n".join(steps))
        if name not in done:
            for other in imports[name]:
                walk(other, (*path, name))
            done.add(name)

    for name in files:
        walk(name, ())
