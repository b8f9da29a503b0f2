"""What a cluster of a map is called: by labels that its memories bear out, else by the words themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.types import Label
from core.words import empty, stems

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


@dataclass(frozen=True, slots=True)
class ClusterName:
    """One part of a cluster's name: a label or one of its terms, or a word that the latent peaks on."""

    words: str
    """Empty where nothing names the latent but its number."""
    label: Label
    """The latent's."""
    quoted: bool = False
    """Whether the words are the memories' own."""


def called(latents: Sequence[Fired]) -> tuple[ClusterName, ...]:
    """Labels that the memories bear out, trusted ones first; then words that latents peak on; where there is neither,
    other labels, or numbers. Nothing is said twice; empty where no latent sets the cluster apart.
    """
    ranked = sorted((_name(label, fired) for label, fired in latents), key=lambda found: found[0])
    ranked = [found for found in ranked if found[0] < LAST] or ranked
    said: list[ClusterName] = []
    known: set[str] = set()
    for _, words, name in ranked:
        own = set(stems(words))
        if not own & known:
            said.append(name)
            known |= own
    return tuple(said[:NAMES])


def _name(label: Label, fired: Sequence[tuple[str, str]]) -> tuple[int, str, ClusterName]:
    """(rank, words that must not be said twice, the name)"""
    term = _borne_out(label, [_said(text) for text, _ in fired])
    if term:
        return 0 if label.believed >= TRUSTED else 1, term, ClusterName(term, label)
    word = _peak([word for _, word in fired])
    if word:
        return 2, word, ClusterName(word, label, quoted=True)
    if label.text:
        return LAST, label.text, ClusterName(label.text, label)
    return LAST + 1, str(label.latent), ClusterName("", label)


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
