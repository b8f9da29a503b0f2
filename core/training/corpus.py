"""Texts to train on: a folder of ``.jsonl`` files with a ``text`` in each line, prose or dialogue.

A dialogue is a record of several “Speaker: words” lines.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from core.errors import CoreError

HELD_OUT_EVERY = 20
"""One record in so many is never trained on: FVU and the trust of labels are measured there."""
SHORTEST_DIALOGUE = 6
"""Turns of a dialogue that is read whole."""
NAMES = (
    "Ada Ahmed Aisha Alice Amara Ana Andre Anna Arjun Astrid Ben Bianca Bruno Carlos Carmen Chen Chloe Clara "
    "Daniel Daria David Diego Elena Emil Emma Erik Fatima Felix Fiona Grace Hana Hannah Hassan Helen Hugo Ida "
    "Ines Ingrid Iris Ivan Jack Jamal Jane Javier Jonas Julia Kate Kenji Kofi Laura Leila Leo Lina Lucas Lucy "
    "Luis Maria Marta Martin Maya Mei Mia Mika Mina Mohammed Nadia Naomi Nina Noah Nora Oliver Olga Omar Oscar "
    "Paula Pedro Peter Priya Rachel Rafael Rosa Ruth Samir Sara Sofia Sonia Stefan Tariq Tess Thomas Tomas Uma "
    "Vera Victor Wei Yara Yusuf Zoe"
).split()
"""Speakers' labels in a corpus (USER, agent_1) become names, since remembered dialogue carries names."""


def pieces(corpus: Path, seed: int, held_out: bool) -> Iterator[str]:
    """Memory-sized pieces of a corpus, for ever: 1-4 turns of dialogue or 1-5 sentences of prose."""
    return (piece for piece, _ in sourced_pieces(corpus, seed, held_out))


def sourced_pieces(corpus: Path, seed: int, held_out: bool) -> Iterator[tuple[str, int]]:
    """The same, each with the number of its file.

    Files are drawn by the square root of their size, so that a small corpus of dialogue is not lost beside novels.
    """
    files = _files(corpus)
    rng = np.random.default_rng([seed, int(held_out)])
    records = [_records(file, np.random.default_rng([seed, i]), held_out) for i, file in enumerate(files)]
    weights = np.sqrt([file.stat().st_size for file in files])
    queues: list[list[str]] = [[] for _ in files]
    while True:
        for i in rng.choice(len(files), size=4096, p=weights / weights.sum()):
            while not queues[i]:
                queues[i] = _cut(next(records[i]), rng)
            yield queues[i].pop(), int(i)


def dialogues(corpus: Path, a_file: int, seed: int) -> Iterator[tuple[str, list[str]]]:
    """(file, lines with a name before each) of whole dialogues that SAEs are trained on, at most so many of a file."""
    for i, file in enumerate(_files(corpus)):
        rng, texts = np.random.default_rng([seed, i]), list(dict.fromkeys(_chosen(file, False)))
        turns = (spoken([line for line in texts[j].splitlines() if line.strip()]) for j in rng.permutation(len(texts)))
        long = (one for one in turns if len(one) >= SHORTEST_DIALOGUE)
        yield from ((file.name.split(".")[0], named(one, rng)) for one in islice(long, a_file))


def _files(corpus: Path) -> list[Path]:
    files = sorted(p for p in corpus.glob("*.jsonl*") if p.suffix in {".jsonl", ".gz"})
    if not files:
        raise CoreError(f"{corpus} holds no .jsonl or .jsonl.gz files with a “text” in each line.")
    return files


def _records(file: Path, rng: np.random.Generator, held_out: bool) -> Iterator[str]:
    chosen = _chosen(file, held_out)
    while True:
        yield from (chosen[i] for i in rng.permutation(len(chosen)))


def _chosen(file: Path, held_out: bool) -> list[str]:
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8") as stream:
        texts = [json.loads(line)["text"] for line in stream if line.strip()]
    chosen = [t for i, t in enumerate(texts) if (i % HELD_OUT_EVERY == 0) == held_out]
    if not chosen:
        raise CoreError(f"{file} has too few records to train on (at least {HELD_OUT_EVERY} are needed).")
    return chosen


def _cut(text: str, rng: np.random.Generator) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1:
        lines = _rename(lines, rng)
        joint, longest = "\n", 4
    else:
        lines, joint, longest = re.split(r"(?<=[.!?])[\s]+(?=[\"'“A-Z])", text), " ", 5
    cuts = np.cumsum(rng.integers(1, longest + 1, size=len(lines)))
    starts = [0, *cuts[cuts < len(lines)].tolist()]
    out = [joint.join(lines[a:b]).strip() for a, b in zip(starts, [*starts[1:], len(lines)], strict=True)]
    return [piece[:4000] for piece in out if len(piece) > 1][::-1]


def _rename(lines: list[str], rng: np.random.Generator) -> list[str]:
    """Half of the dialogues lose their labels; in the others a name stands for each."""
    split = spoken(lines)
    if not split:
        return lines
    return [words for _, words in split] if rng.random() < 0.5 else named(split, rng)


def spoken(lines: list[str]) -> list[tuple[str, str]]:
    """(speaker, words) of each line of a dialogue; empty for anything else."""
    split = [re.match(r"([\w ]{1,20}):\s+(.*)", line) for line in lines]
    return [(m[1], m[2]) for m in split if m] if all(split) else []


def named(turns: list[tuple[str, str]], rng: np.random.Generator) -> list[str]:
    """The lines of a dialogue, with a name drawn for each speaker."""
    names: dict[str, str] = {}
    for speaker, _ in turns:
        names.setdefault(speaker, str(rng.choice(NAMES)))
    return [f"{names[speaker]}: {words}" for speaker, words in turns]
