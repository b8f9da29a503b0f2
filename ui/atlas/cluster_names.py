"""What a cluster of a map is called: by labels that its memories bear out, else by the words themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from core import MemoryBank
from core.types import Label
from core.words import empty, stems
from ui.kit import labels, prose

LOOKED_AT = 12
"""Latents that the name of a cluster is chosen from."""
NAMES = 2
"""Labels or words in a name."""
LONGEST = 24
"""Characters of each."""
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
    found = bank.maps.cluster_words(clusters, LOOKED_AT)
    known = bank.latents.labels(latent for some in found for latent, _ in some)
    return tuple(
        f"{i}: {called([(known[latent], fired) for latent, fired in some])}" for i, some in enumerate(found, 1)
    )


def number(name: str) -> str:
    """What of a name stays when labels or their trust change."""
    return name.split(":", maxsplit=1)[0]


def called(latents: Sequence[Fired]) -> str:
    """Labels that the memories bear out, trusted ones first, each with its trust; then words that latents peak on,
    quoted; where there is neither, other labels, or numbers. Nothing is said twice."""
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
    term = _borne_out(label, [_said(text) for text, _ in fired])
    trust = labels.trust_short(label)
    if term:
        return 0 if label.believed >= TRUSTED else 1, term, f"{prose.short(term, LONGEST)} {trust}".rstrip()
    word = _peak([word for _, word in fired])
    if word:
        return 2, word, f"“{prose.short(word, LONGEST)}”"
    if label.text:
        return LAST, label.text, f"{prose.short(label.text, LONGEST)} {trust}".rstrip()
    return LAST + 1, str(label.latent), f"latent {label.latent}"


@lru_cache(4096)
def _said(text: str) -> frozenset[str]:
    """Most memories of a cluster fire several of its latents."""
    return frozenset(stems(text))


def _borne_out(label: Label, said: Sequence[frozenset[str]]) -> str:
    """The first term of a label that enough memories say, marks and empty words aside. A label that somebody wrote may
    say it in words of its own: yours holds, and another's where it is trusted here."""
    terms = [term for term in label.text.split(" / ") if term and not term.startswith("“")]
    if terms and (label.source == "yours" or (label.source not in ("", "words") and label.trust_here >= TRUSTED)):
        return terms[0]
    wanted = [set(stems(term)) for term in terms]
    shares = [sum(words <= text for text in said) / max(len(said), 1) for words in wanted]
    return next((t for t, words, share in zip(terms, wanted, shares, strict=True) if words and share >= BORNE_OUT), "")


def _peak(words: Sequence[str]) -> str:
    """The word that most memories peak on, in its commonest spelling; nothing where few do or it means little."""
    counted = Counter(word.lower() for word in words if not empty(word))
    best = min(counted, key=lambda word: (-counted[word], word), default="")
    if not best or counted[best] < max(BORNE_OUT * len(words), min(2, len(words))):
        return ""
    return Counter(word for word in words if word.lower() == best).most_common(1)[0][0]
