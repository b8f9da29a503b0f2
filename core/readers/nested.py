"""Nested files that no reader knows: where their texts are, and reading them by the field somebody chose."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from core.errors import CoreError
from core.readers import values
from core.readers.ledger import Fault, Ledger
from core.readers.rows import FIELDS, Item, Record, Row, names_of
from core.settings import data_folder
from core.types import Refusal

MOST_PATHS = 200
MAX_DEPTH = 12
_STEP = re.compile(r"([^.\[\]]+)((?:\[\])*)")


class TextPath(NamedTuple):
    """A field of a nested file that holds texts."""

    path: str
    """``threads[].posts[].words``"""
    times: int
    example: str


def preview(records: Iterable[Record]) -> list[TextPath]:
    """The fields of some records that hold texts, those first that hold most of them."""
    found: dict[str, list[str]] = {}
    for _, value in records:
        _collect(value, "", found, 0)
    paths = [TextPath(path, len(texts), values.shown(max(texts, key=len))) for path, texts in found.items()]
    return sorted(paths, key=lambda p: (-sum(map(len, found[p.path])), p.path))


def _collect(value: object, path: str, found: dict[str, list[str]], depth: int) -> None:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, Mapping):
        for name, inner in list(value.items())[:MOST_PATHS]:
            _collect(inner, f"{path}.{name}" if path else str(name), found, depth + 1)
    elif isinstance(value, list):
        for inner in value[:MOST_PATHS]:
            _collect(inner, f"{path}[]", found, depth + 1)
    elif isinstance(value, str) and path and values.has_words(value) and (path in found or len(found) < MOST_PATHS):
        found.setdefault(path, []).append(value[:2000])


def steps_of(path: str) -> list[tuple[str, int]]:
    """(name, how many lists it holds) of each step of ``a.b[].c``. Raises CoreError where it is no path."""
    steps: list[tuple[str, int]] = []
    for part in path.strip().removeprefix("[].").split("."):
        found = _STEP.fullmatch(part)
        if not found:
            raise CoreError(f"“{path[:80]}” is no path to a field: write it as threads[].posts[].words.")
        steps.append((found[1], len(found[2]) // 2))
    return steps


def by_field(records: Iterable[Record], path: str, ledger: Ledger, stem: str) -> Iterator[Item]:
    """A row for each text at a path; the fields beside it are taken by their names, those above it go to ``meta``."""
    steps = steps_of(path)
    for number, (line, value) in enumerate(records, start=1):
        if isinstance(value, Fault):
            yield Refusal(ledger.source, line, value.field, value.reason)
            continue
        count = 0
        for holder, above, where in _holders(value, steps, {}, ""):
            count += 1
            yield _row(line, holder, above, where, steps[-1][0], f"{stem}-{number}" if len(steps) > 1 else "")
        if not count:
            ledger.leave_out(f"records without {path}")


def _holders(
    value: object, steps: list[tuple[str, int]], above: dict[str, object], where: str
) -> Iterator[tuple[Mapping[str, object], dict[str, object], str]]:
    """(object that holds the text, plain fields of those above it, where it stands)."""
    if not isinstance(value, Mapping):
        return
    (name, lists), rest = steps[0], steps[1:]
    if name not in value:
        return
    here = f"{where}.{name}" if where else name
    if not rest:
        for i, text in enumerate(_unpacked(value[name], lists)):
            yield {**value, name: text}, above, f"{here}[{i}]" if lists else here
        return
    plain = {k: v for k, v in value.items() if isinstance(v, str | int | float) and v != ""}
    for i, inner in enumerate(_unpacked(value[name], lists)):
        yield from _holders(inner, rest, above | plain, f"{here}[{i}]" if lists else here)


def _unpacked(value: object, lists: int) -> list[object]:
    found = [value]
    for _ in range(lists):
        found = [inner for part in found if isinstance(part, list) for inner in part]
    return found


def _row(line: int, holder: Mapping[str, object], above: dict[str, object], where: str, name: str, within: str) -> Row:
    names = {ours: n for ours, n in names_of(k for k in holder if k != name).items() if ours != "text"}
    given = {ours: holder[n] for ours, n in names.items()}
    outer = names_of(above)
    conversation = next((above[outer[n]] for n in ("conversation", "id") if n in outer), None) or within or None
    given.setdefault("conversation", conversation)
    if given.get("created") is None and "created" in outer:
        given["created"] = above[outer["created"]]
    rest = {k: v for k, v in holder.items() if k != name and k not in names.values()}
    return Row(line, holder[name], **given, meta=above | rest, names={**names, "text": where})  # type: ignore[arg-type]


# --- recipes ----------------------------------------------------------------------------------------------------------


def _shape(first: Mapping[str, object]) -> str:
    return ",".join(sorted(map(str, first)))[:500]


def remembered(first: Mapping[str, object]) -> str:
    """The field somebody chose before for files whose records have the same fields; empty for none."""
    found = _recipes().get(_shape(first))
    return found if isinstance(found, str) else ""


def remember(first: Mapping[str, object], path: str) -> None:
    """Keep a choice for the next file of this shape."""
    recipes = _recipes() | {_shape(first): path}
    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(recipes, ensure_ascii=False, indent=1), encoding="utf-8", errors="replace")
        fresh.replace(file)
    except OSError:
        return  # a choice that cannot be kept is made again


def _recipes() -> dict[str, object]:
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _file() -> Path:
    return data_folder() / "recipes.json"


def unknown(source: str, first: Mapping[str, object], found: list[TextPath]) -> str:
    """The sentence for a file of no known shape, with the fields to choose from."""
    if not found:
        return f"{source} holds no texts: its records have {', '.join(map(str, list(first)[:12])) or 'no fields'}."
    shown = "; ".join(f"{p.path} ({p.times:,} ×, “{p.example}”)" for p in found[:8])
    known = ", ".join(map(values.shown, list(first)[:12]))
    return (
        f"{source} has no field “text” (or {', '.join(FIELDS['text'][1:])}); it has {known}. "
        f"Texts stand in: {shown}. Choose one as the text field (--text-field {found[0].path})."
    )
