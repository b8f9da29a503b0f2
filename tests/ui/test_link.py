from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ui.address import link


def test_a_click_before_the_address_is_written_is_not_undone_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first run of a link may be ended by a click; the next one must not read the same address over it."""
    state: dict[str, Any] = {}
    given = {"recall_k": "5"}
    address = SimpleNamespace(to_dict=lambda: dict(given))
    monkeypatch.setattr(link, "st", SimpleNamespace(session_state=state, query_params=address))
    link.adopt("recall")
    assert (state["recall_k"], state["memory"]) == (5, None)
    state["memory"] = "m1"
    link.adopt("recall")
    assert state["memory"] == "m1"
    given["recall_k"] = "7"
    link.adopt("recall")
    assert (state["recall_k"], state["memory"]) == (7, None)


def test_terms_are_written_as_they_are_read() -> None:
    terms = [(15, 1.0), (5, -0.5)]
    assert link.TERMS.write(terms) == "15:1,5:-0.5"
    assert link.TERMS.read("15:1,5:-0.5") == terms
    assert link.MUTED.read(link.MUTED.write([3, 1])) == [3, 1]
    assert link.TERMS.read("15:0") == [(15, 0.0)]


def test_ids_of_any_character_survive_the_address() -> None:
    ids = ["conv-42/D17:4", 'a "quoted", one', "🦊 \n ]"]
    assert link.LIKED.read(link.LIKED.write(ids)) == ids
    assert link.DISLIKED.key == "disliked"
    for wrong in ("a,b", "[1]", '{"a": 1}', "[" * 9000):
        with pytest.raises(link.Unknown, match="a JSON list of ids is expected"):
            link.LIKED.read(wrong)
    with pytest.raises(link.Unknown, match="51 memories: at most 50 are possible"):
        link.LIKED.read(link.LIKED.write([str(i) for i in range(51)]))
    with pytest.raises(link.Unknown, match="51 latents"):
        link.MUTED.read(",".join(map(str, range(51))))
