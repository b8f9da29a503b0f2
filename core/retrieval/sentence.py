"""The reason for a hit as one plain sentence, from its alignment. Rules and thresholds: docs/semantics.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.alignment import Alignment, Sentence, WordPair

NAMED = 0.04
"""Least part of the score for which a word of the query is named."""
MOST = 5
"""Words of the query in one sentence."""
KIN = 3
"""Words of the memory that one word of the query goes with."""
KIN_BESIDE = 0.25
"""Least share of such a word, against the largest of them."""
AROUND = 0.1
"""Least part of the score for which the texts around the memory are told of."""
ONE_PLACE = 0.8
"""Share of what comes from around it that one text must give to be told of alone."""
CLOSE = 0.025
FRACTIONS = {
    0.1: "a tenth", 0.2: "a fifth", 0.25: "a quarter", 1 / 3: "a third", 0.5: "half",
    2 / 3: "two thirds", 0.75: "three quarters", 0.9: "nine tenths",
}  # fmt: skip
LONGEST = 40


@dataclass(frozen=True, slots=True)
class _Reason:
    """One word of the query and what of the memory it came for."""

    query: str
    share: float
    kin: tuple[str, ...] = ()
    """Other words of the memory; none where the very word stands there."""
    prefix: bool = False


def sentence(alignment: Alignment) -> Sentence:
    """Why a memory was recalled, in words: which of the query's words it has, which others they go with, what else."""
    score = alignment.score
    if score <= 0:
        return Sentence((("Nothing that was asked for speaks for it.", False),), ())
    reasons = _reasons(alignment.pairs(), score)
    around = _around(alignment, score)
    if not reasons:
        pieces, said = _unnamed(alignment, score)
        return Sentence((*pieces, *around, (".", False)), said)
    pieces = [("Recalled for ", False)]
    groups = _groups(reasons)
    for i, group in enumerate(groups):
        pieces += [("" if not i else ", and " if i == len(groups) - 1 else ", ", False), *group]
    words = [w for r in reasons for w in (r.kin or (r.query,))]
    return Sentence(tuple(p for p in (*pieces, *around, (".", False)) if p[0]), tuple(dict.fromkeys(words)))


def line(alignment: Alignment, most: int = 3) -> str:
    """The strongest pairs of words that say something, in one line: frosting 37 % · cake ↔ filling 7 %."""
    score = alignment.score
    found = [p for p in alignment.pairs() if p.content and p.share > 0][:most] if score > 0 else []
    return " · ".join(
        f"{p.memory[:LONGEST] if p.same else f'{p.query[:LONGEST]} ↔ {p.memory[:LONGEST]}'} {_percent(p.share / score)}"
        for p in found
    )


def _reasons(pairs: Sequence[WordPair], score: float) -> list[_Reason]:
    said: list[_Reason] = []
    kin: dict[str, list[WordPair]] = {}
    for pair in pairs:
        if not pair.content or pair.here <= 0:
            continue
        if pair.same:
            said.append(_Reason(pair.memory[:LONGEST], pair.here / score, prefix=pair.prefix))
        else:
            kin.setdefault(pair.query, []).append(pair)
    others = []
    for query, theirs in kin.items():
        ordered = sorted(theirs, key=lambda p: -p.here)
        named = [p for p in ordered if p.here >= KIN_BESIDE * ordered[0].here][:KIN]
        words = tuple(dict.fromkeys(p.memory[:LONGEST] for p in named))
        others.append(_Reason(query[:LONGEST], sum(p.here for p in named) / score, words))
    large = [r for r in (*said, *others) if r.share >= NAMED]
    return sorted(large, key=lambda r: -r.share)[:MOST]


def _groups(reasons: Sequence[_Reason]) -> list[list[tuple[str, bool]]]:
    """Reasons of one kind in one phrase, the phrase with the largest reason first."""
    said = [r for r in reasons if not r.kin and not r.prefix]
    names = [r for r in reasons if r.prefix]
    phrases: list[tuple[float, list[tuple[str, bool]]]] = []
    if said:
        both = {1: "", 2: "both "}.get(len(said), "all ")
        phrases.append((said[0].share, [*_listed([_counted(r) for r in said]), (f", {both}said there", False)]))
    if names:
        phrases.append((names[0].share, [*_listed([_counted(r) for r in names]), (", who says it", False)]))
    for r in reasons:
        if r.kin:
            theirs = _listed([[(word, True)] for word in r.kin])
            phrases.append(
                (r.share, [(r.query, True), (", which goes with ", False), *theirs, (f" ({_percent(r.share)})", False)])
            )
    return [phrase for _, phrase in sorted(phrases, key=lambda p: -p[0])]


def _counted(reason: _Reason) -> list[tuple[str, bool]]:
    return [(reason.query, True), (f" ({_percent(reason.share)})", False)]


def _listed(items: Sequence[list[tuple[str, bool]]]) -> list[tuple[str, bool]]:
    """a, b and c"""
    out: list[tuple[str, bool]] = []
    for i, item in enumerate(items):
        between = "" if not i else " and " if i == len(items) - 1 else ", "
        out += [(between, False), *item] if between else item
    return out


def _around(alignment: Alignment, score: float) -> list[tuple[str, bool]]:
    parts = alignment.by_place()[1:] / score
    total = float(parts.sum())
    if total < AROUND:
        return []
    first = int(parts.argmax())
    if parts[first] >= ONE_PLACE * total:
        distance = alignment.places[first + 1].distance
        steps = {-1: "the turn before", 1: "the turn after", -2: "two turns before", 2: "two turns after"}
        where = steps.get(distance, "a turn near it")
    else:
        where = "the turns around it"
    said = f"; {_fraction(total)} comes from {where}"
    best = next((p for p in alignment.pairs() if p.content and p.share - p.here > NAMED * score), None)
    if best is None:
        return [(said, False)]
    what = [(best.memory[:LONGEST], True)]
    return [(f"{said}, where ", False), *what, (" stands", False)]


def _unnamed(alignment: Alignment, score: float) -> tuple[list[tuple[str, bool]], tuple[str, ...]]:
    """No word stands out: the nearest to a reason that there is."""
    own = alignment.places[0]
    if len(own.words) == 1 and any(c.isspace() for c in own.words[0].text):
        return [
            ("Recalled as a whole: this engine reads a text in one piece, so no word of it can be named", False)
        ], ()
    best = next((p for p in alignment.pairs() if p.content and p.here > 0), None)
    if best is None:
        return [("Recalled for many small likenesses, none of them between words that say something alone", False)], ()
    two = [(best.query[:LONGEST], True), (" and ", False), (best.memory[:LONGEST], True)]
    if best.same:
        two = [(best.memory[:LONGEST], True), (" in both", False)]
    return [
        ("Recalled for many small likenesses, the largest between " if not best.same else
         "Recalled for many small likenesses, the largest being ", False),
        *two, (f" ({_percent(best.here / score)})", False),
    ], (best.memory[:LONGEST],)  # fmt: skip


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _fraction(share: float) -> str:
    near = min(FRACTIONS, key=lambda f: abs(f - share))
    return FRACTIONS[near] if abs(near - share) <= CLOSE else _percent(share)
