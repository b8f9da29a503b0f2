"""The page of links says what the address can say."""

from __future__ import annotations

from pathlib import Path

from docs.links import written


def test_the_page_of_links_is_what_is_declared() -> None:
    assert (Path(__file__).resolve().parents[2] / "docs" / "links.md").read_text() == written(), "make links"
