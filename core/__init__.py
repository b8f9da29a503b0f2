"""Mnemoscope's engine: encode memories as the latents that fire for them, store, recall, explain.

>>> from core import MemoryBank, Query
>>> bank = MemoryBank.open("memories.duckdb")
"""

from core.analysis.overlap import MEASURES
from core.bank import MemoryBank
from core.demo import DEMO_QUERY, open_demo
from core.encoding.engines import Engine, presets
from core.errors import CoreError
from core.overlap import GROUPINGS, Overlap, OverlapPair
from core.readers import FORMATS
from core.retrieval.fusion import FUSIONS
from core.retrieval.similarity import WEIGHTINGS
from core.separability import SIMILARITIES, Separation
from core.settings import data_folder
from core.types import (
    MODES,
    Case,
    Codes,
    Context,
    Explanation,
    Health,
    Hits,
    ImportReport,
    Label,
    LatentInfo,
    Memory,
    Mode,
    Pair,
    PairLatent,
    Progress,
    Query,
    Question,
    Refusal,
    Term,
    TokenTrace,
)

__all__ = [
    "DEMO_QUERY",
    "FORMATS",
    "FUSIONS",
    "GROUPINGS",
    "MEASURES",
    "MODES",
    "SIMILARITIES",
    "WEIGHTINGS",
    "Case",
    "Codes",
    "Context",
    "CoreError",
    "Engine",
    "Explanation",
    "Health",
    "Hits",
    "ImportReport",
    "Label",
    "LatentInfo",
    "Memory",
    "MemoryBank",
    "Mode",
    "Overlap",
    "OverlapPair",
    "Pair",
    "PairLatent",
    "Progress",
    "Query",
    "Question",
    "Refusal",
    "Separation",
    "Term",
    "TokenTrace",
    "data_folder",
    "open_demo",
    "presets",
]
