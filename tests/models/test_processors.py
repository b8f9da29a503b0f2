"""What a bank's owner may rely on where another processor reads the questions: see docs/semantics.md, “Processors”."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from core import DEMO_QUERY, Engine, MemoryBank, Query, open_demo
from core.demo import case_questions, shipped
from core.retrieval.rank import score
from core.store import tables
from core.types import Codes, Floats
from tests.handmade import ROOT

pytestmark = pytest.mark.models

ASKED = [DEMO_QUERY, *case_questions()][::5]
K = 10
OTHER_INSTRUCTIONS = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "OMP_NUM_THREADS": "1"}
ELSEWHERE = """
import sys
import pyarrow.parquet as pq
import torch
from core import Engine
from core.store import tables
from tests.models.test_processors import ASKED

codes = Engine(Engine.named("minilm").spec, dtype=torch.float32).encode(ASKED, query=True)
pq.write_table(tables.code_table(codes), sys.argv[1])
"""


def near_tie(ours: Floats, theirs: Floats) -> float:
    """How near the scores ours [n] are where theirs [n] have another first K, as a share of the best: the widest gap
    between two memories of which theirs put the wrong one first, or outside. 0 where the first K are the same.
    """
    mine, other = (np.lexsort((np.arange(len(scores)), -scores))[:K] for scores in (ours, theirs))
    seen = ours[other]
    behind = max(float(seen[i + 1 :].max() - seen[i]) for i in range(K - 1))
    left_out = np.setdiff1d(mine, other)
    outside = float(ours[left_out].max() - seen.min()) if len(left_out) else 0.0
    return max(0.0, behind, outside) / float(ours.max())


def test_a_near_tie_is_measured_by_hand() -> None:
    ours = np.linspace(1, 0.8, 21, dtype=np.float32)  # steps of 0.01
    assert near_tie(ours, ours) == 0
    theirs = ours.copy()
    theirs[[2, 5]] = ours[[5, 2]]
    assert near_tie(ours, theirs) == pytest.approx(0.03, abs=1e-5)
    theirs = ours.copy()
    theirs[12] = 2
    assert near_tie(ours, theirs) == pytest.approx(0.12, abs=1e-5)


@pytest.fixture(scope="module")
def exact(minilm: Engine) -> Codes:
    return minilm.encode(ASKED, query=True)


@pytest.fixture
def bank() -> MemoryBank:
    """The demo, whose memories were encoded on a processor with bf16 instructions, and stored in half precision."""
    return open_demo()


def assert_same_first_ten(bank: MemoryBank, ours: Codes, theirs: Codes, within: dict[str, float]) -> None:
    """In each mode but for memories whose scores lie within a share of the best one."""
    for mode, share in within.items():
        pairs = [
            [score(bank.index(), Query(text), codes.take([i]), (mode,)).scores[mode] for codes in (ours, theirs)]  # type: ignore[arg-type]
            for i, text in enumerate(ASKED)
        ]
        gaps = {text: near_tie(*pair) for text, pair in zip(ASKED, pairs, strict=True)}
        assert {text: gap for text, gap in gaps.items() if gap > share} == {}, mode


def test_other_instructions_find_the_same_first_ten(bank: MemoryBank, exact: Codes, tmp_path: Path) -> None:
    """A process without the vector instructions of this one: other kernels, sums in another order."""
    file = tmp_path / "elsewhere.parquet"
    subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(file)], cwd=ROOT, env=os.environ | OTHER_INSTRUCTIONS, check=True
    )
    elsewhere = tables.codes_of(pq.read_table(file), exact.n_latents)
    assert_same_first_ten(bank, exact, elsewhere, dict.fromkeys(("dense", "sparse", "combined"), 1e-4))


BF16 = {"dense": 0.01, "sparse": 0.1, "combined": 0.1}
"""The widest over all 101 questions: 0.0052, 0.0592 and 0.0741."""


def test_half_precision_finds_the_same_first_ten(bank: MemoryBank, minilm: Engine, exact: Codes) -> None:
    import torch

    fast = Engine(minilm.spec, dtype=torch.bfloat16).encode(ASKED, query=True)
    assert (fast.max[: len(exact.max)] != exact.max[: len(fast.max)]).any()
    assert_same_first_ten(bank, exact, fast, BF16)


def test_questions_that_ship_find_the_same_first_ten(bank: MemoryBank, exact: Codes) -> None:
    """They were encoded elsewhere, in bf16."""
    table = pq.read_table(shipped("minilm")[1])
    known = tables.codes_of(table, exact.n_latents)
    rows = [table["text"].to_pylist().index(text) for text in ASKED]
    assert_same_first_ten(bank, exact, known.take(rows), BF16)
