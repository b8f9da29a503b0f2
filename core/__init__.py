"""Mnemoscope's engine: encode memories as the latents that fire for them, store, recall, explain.

>>> from core import MemoryBank, Query
>>> bank = MemoryBank.open("memories.duckdb")
"""

from core.bank import MemoryBank
from core.demo import DEMO_QUERY, open_demo
from core.encoding.engines import Engine, presets
from core.errors import CoreError
from core.readers import FORMATS
from core.retrieval.counterfactual import Agreement, Flip
from core.retrieval.criteria import CRITERIA
from core.retrieval.fusion import FUSIONS
from core.retrieval.similarity import WEIGHTINGS
from core.settings import data_folder
from core.types import (
    MODES,
    Codes,
    Context,
    Explanation,
    Health,
    Hits,
    ImportReport,
    Label,
    LatentInfo,
    Mark,
    Memory,
    Mode,
    Pair,
    PairLatent,
    Progress,
    Query,
    Question,
    Refusal,
    Spread,
    Term,
    TokenTrace,
)

__all__ = [
    "CRITERIA",
    "DEMO_QUERY",
    "FORMATS",
    "FUSIONS",
    "MODES",
    "WEIGHTINGS",
    "Agreement",
    "Codes",
    "Context",
    "CoreError",
    "Engine",
    "Explanation",
    "Flip",
    "Health",
    "Hits",
    "ImportReport",
    "Label",
    "LatentInfo",
    "Mark",
    "Memory",
    "MemoryBank",
    "Mode",
    "Pair",
    "PairLatent",
    "Progress",
    "Query",
    "Question",
    "Refusal",
    "Spread",
    "Term",
    "TokenTrace",
    "data_folder",
    "open_demo",
    "presets",
]
