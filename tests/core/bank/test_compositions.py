"""What is kept in a bank of asking in latents: compositions, marks, and what likes become."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import CoreError, Memory, MemoryBank, Query, Question, Term
from core.__main__ import main
from core.progress import finish
from core.types import Reading
from tests.fakes import FakeEncoder, latent_of

Make = Callable[..., MemoryBank]
LAKE = ("a frozen lake", "the lake in summer", "a frozen pizza", "summer")
FROZEN, PIZZA = latent_of("frozen"), latent_of("pizza")
MIX = Query("lake", "", 3, "cosine", terms=(Term(FROZEN, 0.1), Term(PIZZA, -3)), muted=(7,), masked=(0,))


# --- compositions -----------------------------------------------------------------------------------------------------


def test_what_is_saved_is_loaded_as_it_was(make_bank: Make) -> None:
    bank = make_bank(*LAKE)
    version = bank.version
    assert bank.compositions.save("  cold \n food ", MIX) == "cold food"
    bank.compositions.save("Another", Query("", terms=(Term(1, 1),)))
    assert list(MemoryBank.open(bank.path, bank.engine).compositions.saved()) == ["Another", "cold food"]
    assert bank.compositions.load("cold food") == MIX
    bank.compositions.save("cold food", Query("ice"))
    assert bank.compositions.load("cold food") == Query("ice")
    assert bank.version == version


def test_deleted_and_put_back(make_bank: Make) -> None:
    bank = make_bank(*LAKE)
    bank.compositions.save("mine", MIX)
    deleted = bank.compositions.delete("mine")
    assert (bank.compositions.saved(), deleted) == ({}, MIX)
    bank.compositions.save("mine", deleted)
    assert bank.compositions.load("mine") == MIX


def test_they_belong_to_the_engine_whose_latents_they_are(make_bank: Make) -> None:
    bank = make_bank(*LAKE)
    bank.compositions.save("mine", MIX)
    other = FakeEncoder("other", "0" * 16)
    assert MemoryBank.open(bank.path, other).compositions.saved() == {}


def test_what_another_version_knew_is_left_out(make_bank: Make) -> None:
    bank = make_bank(*LAKE)
    bank.compositions.save("mine", MIX)
    with bank.state.write() as cursor:
        cursor.execute('update compositions set query = replace(query, \'{"text"\', \'{"unheard": 1, "text"\')')
    assert bank.compositions.load("mine") == MIX


@pytest.mark.parametrize(
    ("name", "query", "sentence"),
    [
        (" ", MIX, "needs a name"),
        ("x" * 81, MIX, "at most 80 characters; this one has 81"),
        ("mine", Query("  "), "nothing to save"),
    ],
)
def test_what_cannot_be_saved(make_bank: Make, name: str, query: Query, sentence: str) -> None:
    bank = make_bank(*LAKE)
    with pytest.raises(CoreError, match=sentence):
        bank.compositions.save(name, query)
    assert bank.compositions.saved() == {}


def test_an_unknown_name_says_which_there_are(make_bank: Make) -> None:
    bank = make_bank(*LAKE)
    with pytest.raises(CoreError, match=r"no composition “cold”\. Nothing is saved yet"):
        bank.compositions.load("cold")
    bank.compositions.save("warm", MIX)
    with pytest.raises(CoreError, match="Saved: warm"):
        bank.compositions.delete("cold")


# --- contributions and likes ------------------------------------------------------------------------------------------


def test_contributions_in_the_order_asked_for(make_bank: Make) -> None:
    bank = make_bank(*LAKE)
    query = bank.compose([Term(FROZEN, 1), Term(PIZZA, -0.5)]).query
    assert bank.recall.contributions(query, ["m2", "m0"]).tolist() == [[0, 6, -2.5], [0, 6, 0]]
    assert bank.recall.contributions(query, []).shape == (0, 3)


def test_more_like(make_bank: Make) -> None:
    """“pizza” is in m2 alone, “frozen” in both: what sets m2 apart from m0 is the pizza."""
    bank = make_bank(*LAKE)
    assert bank.more_like(["m2"], ["m0"], n=1) == (Term(PIZZA, 1.0),)
    assert bank.more_like([], ["m3"]) == (Term(latent_of("summer"), -1.0),)
    best = bank.compose(bank.more_like(["m2"]))
    assert best.ids[best.top("sparse")[0]] == "m2"
    with pytest.raises(CoreError, match="no memory to be more or less like"):
        bank.more_like([])
    with pytest.raises(CoreError, match="No memory has the id “m9”"):
        bank.more_like(["m9"])


def test_a_memory_without_codes_can_be_liked_by_nobody(make_bank: Make) -> None:
    bank = make_bank(*LAKE)
    finish(bank.add(Reading([Memory("new", "not encoded")], [], []), encode=False))
    with pytest.raises(CoreError, match="“new” has no codes"):
        bank.more_like(["m0"], ["new"])


# --- examples ---------------------------------------------------------------------------------------------------------


def test_examples_are_made_of_the_banks_own_labels(make_bank: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each word names its latent: one alone, two that share memories, one without another that it shares some with."""
    together = ("snowfall glacier", "harbour lantern", "bridge valley")
    texts = (*together[:2] * 3, *together[2:] * 2, "bridge")
    bank = make_bank(*texts)
    assert bank.compositions.examples() == []
    named = {latent_of(word): word for text in together for word in text.split()}
    for latent, word in named.items():
        bank.latents.rename(latent, word)
    monkeypatch.setattr("core.bank.compositions.TRUSTED", 0.4)
    found = [[(named[term.latent], term.weight) for term in terms] for terms in bank.compositions.examples()]
    assert found == [[("snowfall", 1)], [("harbour", 1), ("lantern", 1)], [("bridge", 1), ("valley", -1)]]
    assert all(bank.compose(terms).top("sparse") for terms in bank.compositions.examples())


def test_an_empty_bank_has_no_example(tmp_path: Path, encoder: FakeEncoder) -> None:
    assert MemoryBank.open(tmp_path / "empty.duckdb", encoder).compositions.examples() == []


# --- marks ------------------------------------------------------------------------------------------------------------


def test_a_mark_is_replaced_and_taken_away(make_bank: Make) -> None:
    bank = make_bank(*LAKE)
    version, index = bank.version, bank.index()
    bank.marks.mark(" what froze? ", "m0", True)
    assert bank.index() is index, "nothing is computed anew for a mark"
    bank.marks.mark("what froze?", "m3", True)
    bank.marks.mark("what froze?", "m3", False)
    bank.marks.mark("something else", "m3", True)
    assert [(m.memory, m.right) for m in bank.marks.all("what froze?")] == [("m0", True), ("m3", False)]
    bank.marks.unmark("what froze?", "m3")
    assert [(m.text, m.memory) for m in bank.marks.all()] == [("what froze?", "m0"), ("something else", "m3")]
    assert bank.version == version


def test_what_cannot_be_marked(make_bank: Make) -> None:
    bank = make_bank(*LAKE)
    with pytest.raises(CoreError, match="needs a question in words"):
        bank.marks.mark("  ", "m0", True)
    with pytest.raises(CoreError, match="No memory has the id “m9”"):
        bank.marks.mark("what froze?", "m9", True)
    assert bank.marks.all() == []


def test_right_marks_are_evidence_of_each_conversation(make_bank: Make) -> None:
    texts = {"a1": "a", "a2": "a", "b1": "b"}
    bank = make_bank(*(Memory(i, LAKE[0], conversation=c, position=n) for n, (i, c) in enumerate(texts.items())))
    for memory in ("b1", "a2", "a1"):
        bank.marks.mark("what froze?", memory, True)
    bank.marks.mark("who froze?", "a1", False)
    first, second = bank.marks.as_questions()
    assert first == Question(first.id, "what froze?", "a", ("a1", "a2"), "", "marks", "marks")
    assert (second.conversation, second.evidence) == ("b", ("b1",))
    assert first.id != second.id


def test_marks_feed_evaluation_on_request(make_bank: Make) -> None:
    """The marked memory is the only one with its words, so sparse finds it first."""
    bank = make_bank(*(Memory(f"m{i}", text, conversation="c", position=i) for i, text in enumerate(LAKE)))
    bank.marks.mark("pizza", "m2", True)
    bank.marks.mark("pizza", "m0", False)
    with pytest.raises(CoreError, match="no question"):
        finish(bank.runs.evaluate())
    report = finish(bank.runs.evaluate(questions=[*bank.memories.questions(), *bank.marks.as_questions()])).report
    assert (report["n_questions"], report["modes"]["sparse"]["mrr"]) == (1, 1)
    assert report["modes"]["sparse"]["by_category"]["marks"]["n"] == 1


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.fixture
def call(make_bank: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    bank = make_bank(*LAKE)
    monkeypatch.setattr("core.encoding.engines.Engine.named", lambda _: FakeEncoder())

    def run(*arguments: str) -> Any:
        capsys.readouterr()
        assert main([*arguments, "--bank", str(bank.path), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    run.bank = bank  # type: ignore[attr-defined]
    return run


def test_compose_saves_lists_and_loads(call: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert call("compose", "--list") == []
    made = call("compose", f"+{FROZEN}", f"{PIZZA}:-0.5", "--k", "1", "--save", "cold food")
    assert made["hits"] == [{"id": "m0", "text": LAKE[0], "score": 6, "from_words": 0, "from_terms": [6, 0]}]
    kept = call("compose", "--list")
    assert [(one["name"], one["query"]["k"], one["query"]["weighting"]) for one in kept] == [
        ("cold food", 1, "activation")
    ]
    assert call("compose", "--load", "cold food")["hits"] == made["hits"]
    more = call("compose", f"-{FROZEN}", "--load", "cold food", "--k", "2")
    assert [term["weight"] for term in more["terms"]] == [1, -0.5, -1]
    assert main(["compose", "--list", "--bank", str(call.bank.path)]) == 0  # type: ignore[attr-defined]
    assert f"cold food: +{FROZEN} {PIZZA}:-0.5" in capsys.readouterr().out


def test_compose_with_words_and_likes(call: Callable[..., Any]) -> None:
    found = call("compose", "--text", "summer", "--like", "m2", "--dislike", "m0")
    assert (found["text"], found["provenance"]["weighting"]) == ("summer", Query("").weighting)
    assert found["terms"][0] == {"latent": PIZZA, "weight": 1.0}
    hit = next(hit for hit in found["hits"] if hit["id"] == "m1")
    assert hit["from_words"] + sum(hit["from_terms"]) == pytest.approx(hit["score"], abs=1e-4)
    assert hit["from_words"] > 0


def test_what_compose_says_of_mistakes(call: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    bank = str(call.bank.path)  # type: ignore[attr-defined]
    for arguments, sentence in (
        ((), "give at least one"),
        (("--load", "nothing"), "Nothing is saved yet"),
        (("+1", "--conversation", "nobody"), "has no conversation “nobody”"),
    ):
        assert main(["compose", *arguments, "--bank", bank]) == 1
        assert sentence in capsys.readouterr().err


def test_marks_are_listed(call: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert call("marks") == []
    call.bank.marks.mark("what froze?", "m0", True)  # type: ignore[attr-defined]
    (mark,) = call("marks")
    assert mark | {"text": "what froze?", "memory": "m0", "conversation": "", "right": True} == mark
    assert main(["marks", "--bank", str(call.bank.path)]) == 0  # type: ignore[attr-defined]
    assert "right  m0  what froze?" in capsys.readouterr().out
