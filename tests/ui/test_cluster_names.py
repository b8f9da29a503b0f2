"""Clusters are called by labels that their memories bear out, else by the words themselves."""

from __future__ import annotations

import pytest

from core.types import Label
from ui.cluster_names import Fired, called


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
        ([THE], "“the”"),
        ([PHONE, fired("telephone call", 0.99, "call", "a call", "the call")], "phone calls .84"),
        ([fired("", float("nan"), "canoe", "a canoe")], "“canoe”"),
        ([fired("", float("nan"), ",", "one, two")], "latent 7"),
        ([fired("ours", float("nan"), "we", "ours it is")], "ours"),
        ([fired("museum", 0.9, "Louvre", *["the Louvre"] * 4, "a museum")], "“Louvre”"),
        ([fired("museum", 0.9, "Louvre", *["the Louvre"] * 3, "two museums")], "museum .90"),
    ],
)
def test_a_cluster_is_called(latents: list[Fired], name: str) -> None:
    assert called(latents) == name
