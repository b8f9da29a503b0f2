"""Notes: Markdown cut at its headings, with front matter and links; plain text cut at blank lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import yaml

from core.readers import limits
from core.readers.formats.base import Place
from core.readers.rows import Item, Row
from core.readers.values import has_words

MAX_FRONT = 20_000
"""Characters of front matter."""
MAX_NOTE = 200_000
"""Characters of a section that is kept as one memory; a longer one is cut at its blank lines."""
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_LINK = re.compile(r"(!?)\[\[([^\[\]|#\n]{1,200})(?:#[^\[\]|\n]{0,200})?(?:\|([^\[\]\n]{1,200}))?\]\]")
_DAY = re.compile(r"(?<![0-9])((?:19|20)[0-9]{2})[-_.]?(0[1-9]|1[0-2])[-_.]?([0-3][0-9])(?![0-9])")
DATES = ("created", "date", "created_at", "date created", "creation date", "publishdate")


class _NoAliases(yaml.SafeLoader):  # type: ignore[misc]
    """YAML without anchors: a few lines of them unfold to gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):  # type: ignore[no-untyped-call]
            raise yaml.YAMLError("no anchors")
        return super().compose_node(parent, index)  # type: ignore[no-untyped-call]


def read(lines: Iterable[tuple[int, str, bool]], place: Place, markdown: bool) -> Iterator[Item]:
    """The notes of one file: one conversation of sections, dated by front matter or by the file's name."""
    kept = ((number, line.rstrip("\r\n")) for number, line, _ in lines)
    front: dict[str, Any] = {}
    sections: Iterator[tuple[int, str, str]]
    if markdown:
        first = next(kept, (1, ""))
        if first[1].strip("\ufeff") == "---":
            front, rest = _front_matter(kept)
        else:
            rest = [first]
        sections = _sections(rest, kept)
    else:
        sections = ((number, "", text) for number, text in _paragraphs(kept))
    created = next((front[name] for name in front if str(name).lower() in DATES), None)
    created = created if created is not None else _day(place)
    tags, title = front.get("tags"), front.get("title")
    for number, path, text in sections:
        words, links = _unlinked(text)
        if not has_words(words):
            continue
        meta = {k: v for k, v in front.items() if str(k).lower() not in DATES}
        meta |= {"heading": path} if path else {}
        meta |= {"links": links} if links else {}
        yield Row(
            number, words, conversation=str(place.inner.with_name(place.stem)) if place.box else place.stem,
            session=title if isinstance(title, str) else None, created=created,
            category=tags[0] if isinstance(tags, list) and tags else tags if isinstance(tags, str) else None, meta=meta,
        )  # fmt: skip


def _day(place: Place) -> str | None:
    found = _DAY.search(place.stem)
    return f"{found[1]}-{found[2]}-{found[3]}" if found else None


def _front_matter(kept: Iterator[tuple[int, str]]) -> tuple[dict[str, Any], list[tuple[int, str]]]:
    """The YAML between two lines of dashes, and the lines to read as text where it is none."""
    held: list[tuple[int, str]] = []
    size = 0
    for number, line in kept:
        if line.strip() in ("---", "..."):
            try:
                found = yaml.load("\n".join(text for _, text in held), Loader=_NoAliases)  # noqa: S506 - a SafeLoader
            except (yaml.YAMLError, ValueError, RecursionError, AttributeError, TypeError):
                return {}, held
            return ({str(k): v for k, v in found.items()}, []) if isinstance(found, dict) else ({}, held)
        held.append((number, line))
        size += len(line)
        if size > MAX_FRONT:
            break
    return {}, held


def _sections(first: list[tuple[int, str]], kept: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str, str]]:
    """(line, headings above, text with its own heading) of each section."""
    path: list[str] = []
    held: list[str] = []
    begun, size, fenced = 0, 0, False
    above = ""
    for number, line in chain(first, kept):
        fenced ^= bool(_FENCE.match(line))
        found = None if fenced else _HEADING.match(line)
        if found or size > MAX_NOTE:
            yield from _section(begun, above, held)
            begun, held, size = number, [], 0
        if found:
            depth = len(found[1])
            path = [*path[: depth - 1], found[2]]
            above = " › ".join(path[:-1])
        begun = begun or number
        held.append(found[2] if found else line)
        size += len(line) + 1
    yield from _section(begun, above, held)


def _section(begun: int, above: str, held: list[str]) -> Iterator[tuple[int, str, str]]:
    """A section, unless it is only a heading that has sections below it."""
    if any(line.strip() for line in held[1:]) or (held and not above and held[0].strip() and len(held) == 1):
        yield begun, above, "\n".join(held).strip("\n")


def _paragraphs(kept: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    begun, held, size = 0, [], 0
    for number, line in kept:
        if line.strip() and size < min(MAX_NOTE, limits.MAX_TEXT):
            begun = begun or number
            held.append(line)
            size += len(line) + 1
            continue
        if held:
            yield begun, "\n".join(held)
        begun, held, size = (number, [line], len(line)) if line.strip() else (0, [], 0)
    if held:
        yield begun, "\n".join(held)


def _unlinked(text: str) -> tuple[str, list[str]]:
    """The text with ``[[Lake House|the lake]]`` as its words, and the notes it links to."""
    links = list(dict.fromkeys(match[2].strip() for match in _LINK.finditer(text) if not match[1]))
    return _LINK.sub(lambda m: "" if m[1] else (m[3] or m[2]), text).strip("\n"), links
