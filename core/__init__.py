"""Mnemoscope's engine: encode memories as the latents that fire for them, store, recall, explain.

>>> from core import MemoryBank, Query
>>> bank = MemoryBank.open("memories.duckdb")
"""

from core.alignment import Alignment, Word
from core.analysis.cluster_names import ClusterName
from core.analysis.contrast import Contrast
from core.analysis.overlap import MEASURES, Tiles
from core.analysis.projection import Kind
from core.analysis.separability import ModeDifference, ModeSeparation
from core.bank.bank import MemoryBank
from core.bank.comparisons import EngineComparison
from core.bank.engines import HeldCodes
from core.bank.groups import FIELDS
from core.bank.maps import MapPlan, MemoryMap
from core.bank.overlap import GROUPINGS, Overlap, OverlapPair
from core.bank.runs import ENOUGH_QUESTIONS, MARKS, QUESTIONS, Confusion, Run
from core.bank.separability import SIMILARITIES, Separation
from core.bank.timeline import Timeline
from core.demo import DEMO_QUERY, open_demo
from core.encoding import registry
from core.encoding.engines import EMBEDDING, Encoder, Engine, EngineSpec, presets
from core.encoding.stored import StoredEngine
from core.errors import CoreError, EngineMissing
from core.formulas import defused
from core.lab.api import NarrativeMemoryAPI
from core.lab.plan import LabPlan
from core.lab.runs import Lab, LabRun
from core.paths import given_path
from core.readers import FORMATS
from core.retrieval.counterfactual import Agreement, Flip
from core.retrieval.criteria import CRITERIA
from core.retrieval.fusion import FUSIONS
from core.retrieval.similarity import WEIGHTINGS
from core.settings import HOME, data_folder
from core.types import (
    MODES,
    Case,
    Codes,
    Context,
    Explanation,
    Fit,
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

__version__ = "0.2.0.dev0"

__all__ = [
    "CRITERIA",
    "DEMO_QUERY",
    "EMBEDDING",
    "ENOUGH_QUESTIONS",
    "FIELDS",
    "FORMATS",
    "FUSIONS",
    "GROUPINGS",
    "HOME",
    "MARKS",
    "MEASURES",
    "MODES",
    "QUESTIONS",
    "SIMILARITIES",
    "WEIGHTINGS",
    "Agreement",
    "Alignment",
    "Case",
    "ClusterName",
    "Codes",
    "Confusion",
    "Context",
    "Contrast",
    "CoreError",
    "Encoder",
    "Engine",
    "EngineComparison",
    "EngineMissing",
    "EngineSpec",
    "Explanation",
    "Fit",
    "Flip",
    "Health",
    "HeldCodes",
    "Hits",
    "ImportReport",
    "Kind",
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
    "ModeDifference",
    "ModeSeparation",
    "NarrativeMemoryAPI",
    "Overlap",
    "OverlapPair",
    "Pair",
    "PairLatent",
    "Progress",
    "Query",
    "Question",
    "Refusal",
    "Run",
    "Separation",
    "Spread",
    "StoredEngine",
    "Term",
    "Tiles",
    "Timeline",
    "TokenTrace",
    "Word",
    "data_folder",
    "defused",
    "given_path",
    "open_demo",
    "presets",
    "registry",
]
