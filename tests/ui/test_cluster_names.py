"""Clusters are called by labels that their memories bear out, else by the words themselves."""

from __future__ import annotations

import pytest

from core.analysis.cluster_names import Fired, called
from core.types import Label
from ui.atlas.cluster_names import number, said


def fired(text: str, trust: float, peak: str, *texts: str) -> Fired:
    return Label(7, text, "words", trust=trust), [(words, peak) for words in texts]


PHONE = fired(
    "phone calls / museum", 0.84, "phone", "Her phone calls me", "the phone", "they called by phone", "a phone"
)
JFK = fired("jfk", 0.94, "Radek", "Radek: you looked?", "Radek: the cinema")
THE = fired("“the”", 0.76, "the", "the cat", "the dog")
DOG = fired("dogs", 0.5, "dog", "my dog", "a dog barks")


@pytest.mark.parametrize(
    ("latents", "name"),
    [
        ([], "nothing sets it apart"),
        ([PHONE], "phone calls .84"),
        ([JFK, PHONE], "phone calls .84, “Radek”"),
        ([DOG, PHONE], "phone calls .84, dogs .50"),
        ([THE, JFK], "“Radek”"),
        ([THE], "“the” .76"),
        ([PHONE, fired("telephone call", 0.99, "call", "a call", "the call")], "phone calls .84"),
        ([fired("", float("nan"), "canoe", "a canoe")], "“canoe”"),
        ([fired("", float("nan"), ",", "one, two")], "latent 7"),
        ([fired("ours", float("nan"), "we", "ours it is")], "ours"),
        ([fired("museum", 0.9, "Louvre", *["the Louvre"] * 4, "a museum")], "“Louvre”"),
        ([fired("museum", 0.9, "Louvre", *["the Louvre"] * 3, "two museums")], "museum .90"),
        ([fired("“the” / phone calls", 0.9, "the", "the phone call", "the phone called")], "phone calls .90"),
        ([fired("“the” / phone calls", 0.9, "x", "nothing of it")], "“the” / phone calls .90"),
        ([fired("", float("nan"), "zebra", "a zebra"), fired("", 0, "", "a tale", "another")], "“zebra”"),
        ([fired("x" * 90, 0.9, "x" * 90, "x" * 90)], "x" * 23 + "… .90"),
    ],
)
def test_a_cluster_is_called(latents: list[Fired], name: str) -> None:
    assert said(called(latents)) == name


def test_a_word_must_be_common_to_call_a_cluster() -> None:
    words = ["lake", "Dog", "Dog", "apple", "dog"]
    assert said(called([(Label(7), [(word, word) for word in words])])) == "“Dog”"
    assert said(called([(Label(7), [(word, word) for word in ["lake", "zebra", "apple"]])])) == "latent 7"


@pytest.mark.parametrize(
    ("source", "trust_here", "name"),
    [("yours", 0.1, "gratitude .10"), ("llm", 0.9, "gratitude .90"), ("llm", 0.6, "“thanks”")],
)
def test_what_somebody_wrote_need_not_be_said(source: str, trust_here: float, name: str) -> None:
    label = Label(7, "gratitude", source, trust_here=trust_here)
    assert said(called([(label, [("many thanks", "thanks"), ("thanks!", "thanks")])])) == name


def test_the_number_of_a_name_stays() -> None:
    assert number("12: phone .84, “Radek”") == number("12: phones .91") == "12"
