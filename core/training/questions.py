"""Questions made from dialogue, to learn from which latents tell that a memory answers a question.

A turn's own words are put into a question form at random: “What did Ann say about trumpet lessons?”. Nobody labels
anything, and no evaluation set is touched. Only the weights are kept, no text.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from core.encoding.engines import Encoder
from core.errors import CoreError
from core.retrieval import learning
from core.retrieval.index import Index
from core.training.corpus import SHORTEST_DIALOGUE, dialogues
from core.types import Codes, Floats, Progress, Question

FORMS = (
    "What did {name} say about {words}?", "When did {name} {words}?", "What does {name} think of {words}?",
    "Where did {name} {words}?", "Why did {name} {words}?", "How does {name} feel about {words}?",
    "What kind of {words} does {name} like?", "Who told about {words}?", "Did {name} mention {words}?",
    "What happened with {words}?", "Which {words} did {name} talk about?", "What is {name}'s {words}?",
)  # fmt: skip
DIALOGUES_TOGETHER = 12
ASKED = 0.3
"""Share of the turns that a question is made of."""
TEXTS_AT_ONCE = 512


def learn_weights(
    engine: Encoder, corpus: Path, a_file: int, seed: int = 0
) -> Generator[Progress, None, tuple[Floats, str]]:
    """(float32 [m] logarithms of the weights, what they were learnt on), from dialogues of a corpus.

    a_file: dialogues read of each file at most.
    """
    rng = np.random.default_rng(seed)
    held = list(dialogues(corpus, a_file, seed))
    if not held:
        raise CoreError(f"{corpus} holds no dialogue: records of at least {SHORTEST_DIALOGUE} “Speaker: words” lines.")
    turns = [turn for _, dialogue in held for turn in dialogue]
    common = _document_frequency(turns)
    asked = [(i, q) for i, turn in enumerate(turns) if rng.random() < ASKED and (q := _question(turn, common, rng))]
    if not asked:
        raise CoreError(f"The dialogue in {corpus} says too little to make questions of.")
    stored = yield from _encoded(engine, turns, False)
    codes = yield from _encoded(engine, [q for _, q in asked], True)
    ids = [f"{i:08}" for i in range(len(turns))]
    none = [""] * len(turns)
    whole = Index.build(ids, turns, none, none, stored, "", 0)
    rows = {q: codes.take([j]) for j, (_, q) in enumerate(asked)}
    ends = np.cumsum([len(dialogue) for _, dialogue in held])
    starts = [0, *ends[DIALOGUES_TOGETHER - 1 : -1 : DIALOGUES_TOGETHER].tolist()]
    lessons = []
    for start, stop in zip(starts, [*starts[1:], len(turns)], strict=True):
        group = [Question(ids[i], q, "", (ids[i],)) for i, q in asked if start <= i < stop]
        lessons.append(learning.lesson(whole, group, rows, np.arange(start, stop)))
    found = [one for one in lessons if one]
    theta = yield from learning.learn(found, np.zeros(stored.n_latents, np.float32), seed=seed)
    sources = ", ".join(dict.fromkeys(name for name, _ in held))
    return theta, f"{sum(map(len, found)):,} questions made of dialogue ({sources})"


def _document_frequency(turns: list[str]) -> dict[str, int]:
    count: dict[str, int] = {}
    for turn in turns:
        for word in set(_words(turn)):
            count[word] = count.get(word, 0) + 1
    return count


def _words(text: str) -> list[str]:
    said = re.findall(r"[a-z]{4,}", text.split(":", 1)[-1].lower())
    return [word for word in dict.fromkeys(said) if word not in ENGLISH_STOP_WORDS]


def _question(turn: str, common: dict[str, int], rng: np.random.Generator) -> str:
    """One to three of a turn's words in a question form, rare words more often; empty for a turn that says little."""
    words = _words(turn)
    if len(words) < 2:
        return ""
    chance = 1 / np.sqrt([common[word] for word in words])
    picked = rng.choice(len(words), min(int(rng.integers(1, 4)), len(words)), replace=False, p=chance / chance.sum())
    name, form = turn.split(":", 1)[0].strip(), FORMS[rng.integers(len(FORMS))]
    return form.format(name=name, words=" ".join(words[i] for i in sorted(picked)))


def _encoded(engine: Encoder, texts: list[str], query: bool) -> Generator[Progress, None, Codes]:
    parts, what = [], "questions" if query else "turns"
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        parts.append(engine.encode(texts[start : start + TEXTS_AT_ONCE], query=query).merged())
        yield Progress(min(start + TEXTS_AT_ONCE, len(texts)), len(texts), f"{what} encoded")
    return Codes.concat(parts)
