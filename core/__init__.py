"""Mnemoscope's engine: encode memories as the latents that fire for them, store, recall, explain.

>>> from core import MemoryBank, Query
>>> bank = MemoryBank.open("memories.duckdb")
"""

from core.analysis.contrast import Contrast
from core.analysis.overlap import MEASURES
from core.bank import MemoryBank
from core.demo import DEMO_QUERY, open_demo
from core.encoding import registry
from core.encoding.engines import Engine, EngineSpec, presets
from core.errors import CoreError
from core.groups import FIELDS
from core.held import HeldCodes
from core.lab import Lab, LabRun
from core.lab_plan import LabPlan
from core.maps import MapPlan, MemoryMap
from core.narratives import NarrativeMemoryAPI
from core.overlap import GROUPINGS, Overlap, OverlapPair
from core.readers import FORMATS
from core.retrieval.counterfactual import Agreement, Flip
from core.retrieval.criteria import CRITERIA
from core.retrieval.fusion import FUSIONS
from core.retrieval.similarity import WEIGHTINGS
from core.separability import SIMILARITIES, Separation
from core.settings import data_folder
from core.timelines import Timeline
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
from core.versus import EngineComparison

__all__ = [
    "CRITERIA",
    "DEMO_QUERY",
    "FIELDS",
    "FORMATS",
    "FUSIONS",
    "GROUPINGS",
    "MEASURES",
    "MODES",
    "SIMILARITIES",
    "WEIGHTINGS",
    "Agreement",
    "Case",
    "Codes",
    "Context",
    "Contrast",
    "CoreError",
    "Engine",
    "EngineComparison",
    "EngineSpec",
    "Explanation",
    "Flip",
    "Health",
    "HeldCodes",
    "Hits",
    "ImportReport",
    "Lab",
    "LabPlan",
    "LabRun",
    "Label",
    "LatentInfo",
    "MapPlan",
    "Mark",
    "Memory",
    "MemoryBank",
    "MemoryMap",
    "Mode",
    "NarrativeMemoryAPI",
    "Overlap",
    "OverlapPair",
    "Pair",
    "PairLatent",
    "Progress",
    "Query",
    "Question",
    "Refusal",
    "Separation",
    "Spread",
    "Term",
    "Timeline",
    "TokenTrace",
    "data_folder",
    "open_demo",
    "presets",
    "registry",
]
