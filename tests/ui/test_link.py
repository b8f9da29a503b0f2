from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ui.address import link
from ui.address.fields import Scope, Unknown, field
from ui.kit.fields import MUTED, TERMS
from ui.query.fields import DISLIKED, LIKED
from ui.shell import addresses


def test_a_click_before_the_address_is_written_is_not_undone_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first run of a link may be ended by a click; the next one must not read the same address over it."""
    state: dict[str, Any] = {}
    given = {"recall_k": "5"}
    address = SimpleNamespace(to_dict=lambda: dict(given))
    monkeypatch.setattr(link, "st", SimpleNamespace(session_state=state, query_params=address))
    link.adopt("recall", addresses.of("recall"))
    assert (state["recall_k"], state["memory"]) == (5, None)
    state["memory"] = "m1"
    link.adopt("recall", addresses.of("recall"))
    assert state["memory"] == "m1"
    given["recall_k"] = "7"
    link.adopt("recall", addresses.of("recall"))
    assert (state["recall_k"], state["memory"]) == (7, None)


def test_terms_are_written_as_they_are_read() -> None:
    terms = [(15, 1.0), (5, -0.5)]
    assert TERMS.write(terms) == "15:1,5:-0.5"
    assert TERMS.read("15:1,5:-0.5") == terms
    assert MUTED.read(MUTED.write([3, 1])) == [3, 1]
    assert TERMS.read("15:0") == [(15, 0.0)]


def test_ids_of_any_character_survive_the_address() -> None:
    ids = ["conv-42/D17:4", 'a "quoted", one', "🦊 \n ]"]
    assert LIKED.read(LIKED.write(ids)) == ids
    assert DISLIKED.key == "disliked"
    for wrong in ("a,b", "[1]", '{"a": 1}', "[" * 9000):
        with pytest.raises(Unknown, match="a JSON list of ids is expected"):
            LIKED.read(wrong)
    with pytest.raises(Unknown, match="51 memories: at most 50 are possible"):
        LIKED.read(LIKED.write([str(i) for i in range(51)]))
    with pytest.raises(Unknown, match="51 latents"):
        MUTED.read(",".join(map(str, range(51))))


def test_what_belongs_to_a_bank_an_engine_or_a_run_is_let_go_of_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, Any] = {
        "recall_text": "the lake house", "memory": "m1", "latent": 3, "terms": [(3, 1.0)], "liked": ["m1"],
        "run": "1", "run_question": "q1", "run_view": "compare", "recall_k": 5,
    }  # fmt: skip
    monkeypatch.setattr(link, "st", SimpleNamespace(session_state=state))
    link.forget(Scope.RUN)
    assert (state["run"], state["run_question"], state["run_view"]) == ("1", "", "compare")
    link.forget(Scope.ENGINE, but=["latent"])
    assert (state["run"], state["latent"], state["terms"], state["memory"], state["liked"]) == ("", 3, [], "m1", ["m1"])
    state["terms"] = [(3, 1.0)]
    link.forget(Scope.BANK)
    assert (state["latent"], state["memory"], state["liked"], state["terms"]) == (None, None, [], [(3, 1.0)])
    assert (state["recall_text"], state["recall_k"]) == ("the lake house", 5)


def test_a_field_is_declared_once() -> None:
    with pytest.raises(ValueError, match="“terms” is declared already"):
        field("terms", str, "")
