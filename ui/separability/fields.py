"""Fields of Separability: which cases, measured how, and which one is looked at."""

from __future__ import annotations

from core import SIMILARITIES
from ui.address.fields import Scope, any_text, field, one_of, text_or_none
from ui.kit.fields import LATENT, PICTURE

FIELDS = (
    field("sep_source", any_text, "", Scope.BANK),
    field("sep_similarity", one_of("similarity", lambda: SIMILARITIES), lambda: next(iter(SIMILARITIES))),
    field("sep_against", one_of("unrelated question", lambda: ("same", "other")), "same"),
    field("sep_figure", one_of("figure", lambda: ("share_positive", "effect", "auc")), "share_positive"),
    field("sep_case", text_or_none, None, Scope.BANK),
    PICTURE,
    LATENT,
)
