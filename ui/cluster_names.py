"""What a cluster of a map is called: by labels that its memories bear out, else by the words themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from core import MemoryBank
from core.types import Label
from core.words import WORD, stems
from ui import labels

LOOKED_AT = 12
"""Latents that the name of a cluster is chosen from."""
NAMES = 2
"""Labels or words in a name."""
TRUSTED = 0.7
"""Trust from which a label goes before others."""
BORNE_OUT = 0.25
"""Share of memories that must say a label's words: “jfk” does not call a cluster in which it fires on “Radek”."""
LAST = 3
"""Ranks from here on are read only where there is no other."""
Fired = tuple[Label, Sequence[tuple[str, str]]]
"""A latent of the cluster, and (text, word it peaks on) of memories of the cluster that fire it."""


def named(bank: MemoryBank, clusters: np.ndarray) -> tuple[str, ...]:
    """The name of each cluster of ``MemoryMap.clusters``, with its number in front."""
    if clusters.max(initial=-1) < 0:
        return ()
    latents = bank.maps.cluster_latents(clusters, LOOKED_AT)
    known = bank.latents.labels(latent for found in latents for latent in found)
    return tuple(
        f"{i + 1}: {called([(known[latent], bank.latents.peaks(latent, clusters == i)) for latent in found])}"
        for i, found in enumerate(latents)
    )


def called(latents: Sequence[Fired]) -> str:
    """Labels that the memories say, trusted ones first, each with its trust; then words that latents peak on, quoted;
    where there is neither, labels that they do not say, or numbers. Nothing is said twice."""
    ranked = sorted((_name(label, fired) for label, fired in latents), key=lambda found: found[0])
    ranked = [found for found in ranked if found[0] < LAST] or ranked
    said: list[str] = []
    known: set[str] = set()
    for _, words, name in ranked:
        own = set(stems(words))
        if not own & known:
            said.append(name)
            known |= own
    return ", ".join(said[:NAMES]) or "nothing sets it apart"


def _name(label: Label, fired: Sequence[tuple[str, str]]) -> tuple[int, str, str]:
    """(rank, words that must not be said twice, the name)"""
    term = next((term for term in label.text.split(" / ") if label.text and _share(term, fired) >= BORNE_OUT), "")
    if term and not term.startswith("“"):
        return 0 if label.believed >= TRUSTED else 1, term, f"{term} {labels.trust_short(label)}".rstrip()
    word = _peak([word for _, word in fired])
    if word:
        return 2, word, f"“{word}”"
    return (LAST, label.text, label.text) if label.text else (LAST + 1, str(label.latent), f"latent {label.latent}")


def _share(term: str, fired: Sequence[tuple[str, str]]) -> float:
    """Of the memories, those that say every word of the term, in whatever inflection."""
    wanted = set(stems(term))
    return sum(wanted <= set(stems(text)) for text, _ in fired) / max(len(fired), 1) if wanted else 0.0


def _peak(words: Sequence[str]) -> str:
    """The word that most memories peak on, in its commonest spelling; nothing where it means little alone."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    counted = Counter(word.lower() for word in words if WORD.fullmatch(word))
    best = max(counted, key=lambda word: (counted[word], word), default="")
    if len(best) < 2 or best in ENGLISH_STOP_WORDS:
        return ""
    return Counter(word for word in words if word.lower() == best).most_common(1)[0][0]
