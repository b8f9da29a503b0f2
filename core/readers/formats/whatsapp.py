"""WhatsApp's text export, as phones of many countries write it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from core.readers.dates import Order
from core.readers.formats.base import Place
from core.readers.rows import Item, Row

_MARKS = "\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"
_HEAD = re.compile(
    rf"^[{_MARKS}]*\[?(\d{{1,4}}[./-]\s?\d{{1,2}}[./-]\s?\d{{1,4}}\.?),?\s(?:à\s|um\s|at\s|a\s?las\s|klo\s)?"
    r"(\d{1,2}[:.]\d{2}(?:[:.]\d{2})?)"
    r"(?:[\s\u202f\u00a0]?([AaPp])[.\s\u202f\u00a0]{0,2}[Mm]\.?)?(?:\]|\s[-–]|:)\s?(.*)$",
    re.DOTALL,
)
_SAID = re.compile(rf"^([^:\n]{{1,80}}?):[ {_MARKS}\u00a0](.*)$", re.DOTALL)
_MEDIA = re.compile(
    r"^<[^<>\n]{3,60}>$|\.(jpe?g|png|gif|webp|mp4|mov|3gp|opus|ogg|m4a|mp3|pdf|docx?|vcf)\b[^\n]{0,40}\([^()\n]+\)$",
    re.IGNORECASE,
)
"""“<Media omitted>” and its translations, “IMG-1.jpg (file attached)”."""
_EDITED = re.compile(
    r"\s*<(This message was edited|[^<>\n]{0,40}(bearbeitet|editado|modifié|modificato)[^<>\n]{0,20})>\s*$"
)


def is_chat(head: str) -> bool:
    """Whether a text begins as a chat does: one of its first lines has a date, a time and a name."""
    found = [match for line in head.split("\n")[:30] if (match := _HEAD.match(line.rstrip("\r")))]
    return any(_SAID.match(match[4]) for match in found)


def read(lines: Iterable[tuple[int, str, bool]], place: Place) -> Iterator[Item]:
    """Turns with all their lines. A message that begins with a direction mark is the app's own word for a medium."""
    order = Order()
    held: list[tuple[int, str, str, str]] = []
    conversation = re.sub(r"^(WhatsApp[ -](Chat|chat)[^-]*?(with|mit|con|avec|com|-)\s+)", "", place.stem)
    if place.stem == "_chat" and place.box:
        conversation = re.sub(r"^WhatsApp Chat\s*-\s*", "", place.box.name.removesuffix(".zip"))
    for number, raw, _ in lines:
        line = raw.rstrip("\r\n")
        if found := _HEAD.match(line):
            order.learn(found[1])
            held.append((number, found[1], _time(found[2], found[3]), found[4]))
        elif held:
            *head, said = held[-1]
            if len(said) < 2_000_000:
                held[-1] = (*head, f"{said}\n{line}")  # type: ignore[assignment]
        if len(held) > 500:
            # So many lines show how this phone writes its dates; only the last may still go on.
            yield from _turns(held[:-1], order, conversation, place)
            held = held[-1:]
    yield from _turns(held, order, conversation, place)


def _time(time: str, half: str | None) -> str:
    time = time.replace(".", ":")
    return f"{time} {half.upper()}M" if half else time


def _turns(held: list[tuple[int, str, str, str]], order: Order, conversation: str, place: Place) -> Iterator[Item]:
    for number, written, time, rest in held:
        if not (found := _SAID.match(rest)):
            place.leave_out("notices of the app")
            continue
        name, text = found[1].strip(), _EDITED.sub("", found[2])
        first, _, more = text.lstrip().partition("\n")
        is_medium = text.lstrip(" ").startswith("\u200e") or found[0][len(found[1]) + 1 : len(found[1]) + 3].strip(
            " "
        ).startswith("\u200e")
        if is_medium or _MEDIA.search(first.strip(f"{_strip()} ")):
            place.leave_out("images and other media")
            text = more
            if not text.strip():
                continue
        day = re.sub(r"\s", "", written).rstrip(".")
        year_first = re.match(r"\d{4}", day)
        yield Row(
            number,
            text.strip(f"{_strip()} "),
            role=re.sub(f"[{_MARKS}]", "", name).lstrip("~ \u202f"),
            conversation=conversation,
            created=f"{day.replace('.', '-').replace('/', '-') if year_first else day} {time}",
            cut=True,
            order=True if order.day_first is None and "." in day else order.day_first,
        )


def _strip() -> str:
    return "\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
