"""Fields of Latents: the view, the search of the dictionary, the two texts under the microscope."""

from __future__ import annotations

from ui.address.fields import any_text, field, one_of, share, switch
from ui.kit.fields import LATENT, MUTED, TERMS

VIEWS = {"dictionary": "Dictionary", "pair": "Pair microscope", "weights": "Learnt weights", "health": "Health"}
SORTS = {
    "fires": "activation on the text",
    "max": "strongest activation",
    "memories": "memories that fire it",
    "trust": "trust",
    "trust_here": "trust in this bank",
    "density": "density",
    "latent": "number",
}
FIRST_SORT = "trust_here"
"""A newcomer meets latents whose names hold in this bank."""
PAIR = (
    "I've been having trouble with the battery life on my phone lately. Any tips?",
    "I'm looking for some advice on the best way to organize my tech accessories, like my new portable power bank "
    "and wireless charging pad, when I'm traveling.",
)
"""What the microscope opens with: nearly no word in common."""
SEARCH = (
    field("latents_find", any_text, ""),
    field("latents_text", any_text, ""),
    field("latents_sort", one_of("order", lambda: SORTS), FIRST_SORT),
    field("latents_up", switch("ascending"), False),
    field("latents_live", switch("live"), False),
    field("latents_trust", share("trust"), 0.0),
    field("latents_marked", switch("bookmarked"), False),
)
FIELDS = (
    field("latents_view", one_of("view", lambda: VIEWS), "dictionary"),
    LATENT,
    *SEARCH,
    field("pair_a", any_text, PAIR[0]),
    field("pair_b", any_text, PAIR[1]),
    TERMS,
    MUTED,
)
