"""The reason for a hit: its sentence, and the two texts with the threads between their words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core import Alignment, Explanation, Label, Word
from ui.kit import components, labels, prose

DRAWN, LISTED, LATENTS = 24, 12, 6
"""Threads in the figure, threads that are listed, and latents told of one."""
LEAST = 0.005
"""Share of the score below which a thread is not drawn."""
NONE: labels.Names = {}
HELP = "Choose a pair for the latents that make it, or a word for its threads."


def drawn(aligned: Alignment) -> list[tuple[int, int, int, float]]:
    """The threads of the figure: (query word, place, word, share of the score), between words that say something."""
    score = aligned.score
    if score <= 0:
        return []
    return [
        (q, p, w, share / score)
        for q, p, w, share in aligned.threads()
        if q >= 0 and share / score >= LEAST and aligned.words[q].content and aligned.places[p].words[w].content
    ][:DRAWN]


def asked(aligned: Alignment) -> list[int]:
    """The latents whose labels the figure may show."""
    return list(dict.fromkeys(x for q, p, w, _ in drawn(aligned) for x, _ in aligned.latents_of(q, p, w)[:LATENTS]))


def data(explanation: Explanation, names: labels.Names = NONE) -> dict[str, Any]:
    """What the component draws."""
    aligned, sentence = explanation.alignment, explanation.sentence
    threads = drawn(aligned)
    strength: dict[str, float] = {}
    for q, p, w, share in threads:
        for name in (f"q:{q}", f"{p}:{w}"):
            strength[name] = strength.get(name, 0.0) + share
    top = max(strength.values(), default=1.0)
    return {
        "sentence": [list(piece) for piece in sentence.pieces],
        "plain": str(sentence),
        "query": pieces(explanation.query.text, aligned.words),
        "places": places(aligned),
        "threads": [thread(aligned, *one, names) for one in threads],
        "strength": {name: round(value / top, 4) for name, value in strength.items()},
        "listed": LISTED,
        "help": HELP,
        "foot": foot(aligned),
    }


def thread(aligned: Alignment, q: int, p: int, w: int, share: float, names: labels.Names) -> dict[str, Any]:
    asked_word, theirs = aligned.words[q], aligned.places[p].words[w]
    whole = aligned.score * share
    return {
        "query": q,
        "place": p,
        "word": w,
        "share": round(share, 5),
        "percent": prose.percent(share),
        "from": asked_word.text,
        "to": theirs.text,
        "same": asked_word.stem == theirs.stem,
        "latents": [
            latent(x, part / whole, names.get(x), theirs.text) for x, part in aligned.latents_of(q, p, w)[:LATENTS]
        ],
    }


def latent(number: int, share: float, label: Label | None, word: str) -> dict[str, Any]:
    """A latent by its label where that is trusted, else by the word it peaks on here, in quotes."""
    shown = label is not None and label.shown
    return {
        "latent": number,
        "label": label.text if label is not None and shown else f"“{word}” {number}",
        "percent": prose.percent(share),
        "trust": labels.trust_short(label) if shown else "",
        "title": f"Latent {number}: {labels.trust_words(label)}"
        if label is not None and label.text
        else f"Latent {number}",
    }


def places(aligned: Alignment) -> list[dict[str, Any]]:
    """The memory, then what stands around it and gave a part worth telling."""
    score, parts = aligned.score or 1.0, aligned.by_place()
    out = []
    for place, part in zip(aligned.places, parts, strict=True):
        where = "memory" if not place.memory else "before" if place.distance < 0 else "after"
        out.append({"pieces": pieces(place.text, place.words), "said": f"{where} {prose.percent(part / score)}"})
    return out


def pieces(text: str, words: tuple[Word, ...]) -> list[list[Any]]:
    """The whole text in order: words with their number, what lies between them with None."""
    found: list[list[Any]] = []
    cursor = 0
    for i, word in enumerate(words):
        if word.start > cursor:
            found.append([text[cursor : word.start], None])
        found.append([text[max(word.start, cursor) : word.end], i])
        cursor = max(cursor, word.end)
    return [*found, [text[cursor:], None]] if cursor < len(text) else found


def foot(aligned: Alignment) -> str:
    """Words or meaning, and where the rest comes from."""
    if aligned.score <= 0:
        return ""
    same = aligned.same_word_share()
    around = 1 - float(aligned.by_place()[0]) / aligned.score
    said = [
        f"{prose.percent(same)} of the score links a word to itself, {prose.percent(1 - same)} links different words"
    ]
    if around >= LEAST:
        said.append(f"{prose.percent(around)} comes from what stands around this memory")
    if not any(p.same and p.content and not p.prefix for p in aligned.pairs()):
        said.append("words alone would have missed it")
    basis = "each latent stands at the word " + (
        "that causes it" if aligned.basis == "causes" else "where it fires most"
    )
    return f"{'; '.join(said)}. Orange: the same word; mixed with grey: different words; {basis}."


def draw(explanation: Explanation, names: labels.Names, open_latent: Callable[[int], None]) -> None:
    components.draw("threads", "recall_threads", data(explanation, names), latent=open_latent)


def export_rows(explanation: Explanation) -> list[dict[str, Any]]:
    """One row per pair of words."""
    score = explanation.alignment.score or 1.0
    return [
        {
            "query": explanation.query.text,
            "memory": explanation.memory.id,
            "why": str(explanation.sentence),
            "query_word": pair.query,
            "memory_word": pair.memory,
            "share": pair.share,
            "part": pair.share / score,
            "same_word": pair.same,
            "latents": " ".join(map(str, pair.latents)),
        }
        for pair in explanation.alignment.pairs()
    ]
