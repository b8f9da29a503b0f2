"""The models that tell whether anything stored fits a query: coefficients that ship with the product, by engine."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from core.retrieval.fit import FEATURES, FitModel
from core.settings import ASSETS

FILE = ASSETS / "fit.json"
ANY = "any"
"""The model of engines that have none of their own: it looks away from the cosine, whose scale is each engine's."""


@cache
def model_of(engine: str) -> FitModel:
    """The model of an engine; of NAME:ID and NAME+minilm that of NAME."""
    known = read()["engines"]
    base = engine.partition("+")[0].partition(":")[0]
    found = known.get(engine) or known.get(base) or known[ANY]

    def column(name: str) -> tuple[float, ...]:
        return tuple(float(found[name][feature]) for feature in FEATURES)

    numbers = (found["bias"], found["partial"], found["strong"])
    return FitModel(column("mean"), column("scale"), column("weight"), *numbers)


def read() -> dict[str, Any]:
    """The file: models by engine, with the command that remakes them."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found
