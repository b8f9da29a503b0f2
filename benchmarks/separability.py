"""Every way we tried to compare a lone context with a question: what a latent counts, its weight, whole texts or parts.

python benchmarks/separability.py [FILE ...]      default: the demo's cases
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from common import certificate
from scipy import sparse

from core import MemoryBank, open_demo
from core.analysis.separability import auc, combined, rarity
from core.bank.separability import DEMO_CASES
from core.readers.cases import read_cases
from core.types import Codes

VALUES = {
    "max": lambda c: c.max,
    "√max": lambda c: np.sqrt(c.max),
    "ln(1 + max)": lambda c: np.log1p(c.max),
    "sum": lambda c: c.sum,
    "ln(1 + sum)": lambda c: np.log1p(c.sum),
    "saturated sum": lambda c: c.sum / (c.sum + 1.25),
    "fires or not": lambda c: np.ones_like(c.max),
}


def weights(density: np.ndarray) -> dict[str, np.ndarray]:
    """w words: BM25's IDF with windows of w tokens as documents, tokens firing independently."""
    p = np.maximum(density, density[density > 0].min())
    windows = {f"IDF, {t} tokens": np.log1p((1 - p) ** t / (1 - (1 - p) ** t)) for t in (8, 16, 32, 96)}
    return {"1": np.ones_like(p), "−ln p": rarity(density), "(ln p)²": np.log(p) ** 2, **windows}


def rows(codes: Codes, values: np.ndarray, weight: np.ndarray) -> sparse.csr_array:
    """Unit rows of weighted values, one per part."""
    shape = (codes.n_parts, codes.n_latents)
    found = sparse.csr_array((values * weight[codes.latents], codes.latents, codes.indptr), shape=shape)
    norm = np.sqrt(np.maximum(np.asarray(found.multiply(found).sum(axis=1)).ravel(), 1e-12))
    return sparse.csr_array(sparse.diags_array(1 / norm) @ found)


def best_part(contexts: Codes, questions: Codes, of_contexts: sparse.csr_array, of_questions: sparse.csr_array):
    text = np.repeat(np.arange(len(contexts)), np.diff(contexts.part_indptr))
    found = np.asarray(of_contexts.multiply(of_questions[text]).sum(axis=1)).ravel()
    return np.maximum.reduceat(found, contexts.part_indptr[:-1]).astype(np.float32)


def figures(near: np.ndarray, far: np.ndarray) -> str:
    sep = near - far
    return f"{(sep > 0).mean():.2f} {sep.mean() / sep.std(ddof=1):5.2f} {auc(near[None], far[None])[0]:.3f}"


def main() -> None:
    certificate()
    bank: MemoryBank = open_demo()
    density = np.asarray(bank.engine.catalogue.column("density", bank.latents.n), np.float32)
    for file in map(Path, sys.argv[1:] or [str(DEMO_CASES)]):
        cases, _ = read_cases(file)
        whole = bank.engine.encode([c.context for c in cases])
        asked = ([c.related for c in cases], [c.unrelated for c in cases])
        near, far = (bank.engine.encode(questions, query=True).merged() for questions in asked)
        dense = [np.vecdot(whole.dense, side.dense) for side in (near, far)]
        print(f"{file.name}: {len(cases)} cases; share > 0, effect, AUC. dense {figures(*dense)}")
        print(f"{'':32} {'sparse, whole':>17}   {'combined, whole':>17}   {'combined, parts':>17}")
        for value, count in VALUES.items():
            for name, weight in weights(density).items():
                shown = []
                for contexts in (whole.merged(), whole):
                    of = rows(contexts, count(contexts), weight)
                    sides = [best_part(contexts, s, of, rows(s, count(s), weight)) for s in (near, far)]
                    both = [combined(d, s) for d, s in zip(dense, sides, strict=True)]
                    shown += [figures(*sides), figures(*both)]
                print(f"{value:>15} × {name:14} {shown[0]:>17}   {shown[1]:>17}   {shown[3]:>17}")


if __name__ == "__main__":
    main()
