"""What each step of retrieval is worth: recall of the evidence with intervals, step by step, on benchmark files.

python benchmarks/retrieval.py --file locomo.json --categories 1,2,3,4 [--file longmemeval.json.gz]

With --absent, how well a query's fit tells questions with an answer from those of other dialogues, asked with the names
of this one's speakers: things that were never said here.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from common import certificate
from sklearn.metrics import roc_auc_score

from core.bank.bank import MemoryBank
from core.progress import finish
from core.settings import cache_folder
from core.types import Fit, Query

STUDY = Query("", weighting="cosine", fusion="study", balance=1.0, context=0)
DEFAULT = Query("")
STEPS = {
    "the study’s: cosine of maxima, √(d² + s²) on raw cosines": STUDY,
    "the same, each side scaled by its best": replace(STUDY, fusion="scaled"),
    "sum of z-scores": replace(STUDY, fusion="z"),
    "cosine of maxima × IDF": replace(STUDY, fusion="scaled", weighting="cosine_idf"),
    "saturated sums × IDF": replace(STUDY, fusion="scaled", weighting="saturated"),
    "dense side weighs a quarter": replace(DEFAULT, weighting="saturated", context=0),
    "+ neighbouring turns": replace(DEFAULT, weighting="saturated"),
    "+ learnt weights (the default)": DEFAULT,
    "the default without neighbouring turns": replace(DEFAULT, context=0),
    "the default, rank by z-scores": replace(DEFAULT, fusion="z"),
}


def absent(bank: MemoryBank, wanted: list[str] | None) -> dict[str, object]:
    """Each dialogue is asked its own questions and as many of the others'."""
    rng = np.random.default_rng(0)
    asked = [q for q in bank.memories.questions() if q.evidence and (wanted is None or q.category in wanted)]
    speakers = {
        c: list(dict.fromkeys(m.role for m in bank.memories.find("", c, 100))) for c, _ in bank.memories.conversations()
    }
    fits: tuple[list[float], list[float]] = [], []
    cosines: tuple[list[float], list[float]] = [], []
    verdicts: tuple[list[Fit], list[Fit]] = [], []
    kept, refused = [], []
    for name, people in speakers.items():
        own = [q.text for q in asked if q.conversation == name]
        others = [q for q in asked if q.conversation != name and any(p in q.text for p in speakers[q.conversation])]
        if not own or not others:
            continue
        renamed = []
        for i in rng.choice(len(others), min(len(own), len(others), 150), replace=False):
            text = others[i].text
            for theirs, ours in zip(speakers[others[i].conversation], people, strict=False):
                text = text.replace(theirs, ours)
            renamed.append(text)
        bank.state.store_queries([*own, *renamed])
        least = bank.recall.floor(Query("x", name)) or 0
        for side, texts in enumerate((own[:150], renamed)):
            hits = [bank.search(Query(t, name, k=1)) for t in texts]
            verdicts[side].extend(h.verdict for h in hits if h.verdict)
            fits[side].extend(h.fit for h in hits)
            cosines[side].extend(h.spread["dense"].high for h in hits)
            (kept, refused)[side].extend([(h.fit >= least) == (side == 0) for h in hits])
    likely = [verdict.probability for side in verdicts for verdict in side]
    truth = [1] * len(fits[0]) + [0] * len(fits[1])
    return {
        "answerable": len(fits[0]), "never said": len(fits[1]),
        "AUROC of fit": round(float(roc_auc_score(truth, [*fits[0], *fits[1]])), 3),
        "AUROC of the best cosine": round(float(roc_auc_score(truth, [*cosines[0], *cosines[1]])), 3),
        "AUROC of the verdict": round(float(roc_auc_score(truth, likely)), 3),
        "kept by the verdict": round(float(np.mean([v.level != "nothing" for v in verdicts[0]])), 3),
        "refused by the verdict": round(float(np.mean([v.level == "nothing" for v in verdicts[1]])), 3),
        "answerable kept": round(float(np.mean(kept)), 3), "never said refused": round(float(np.mean(refused)), 3),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", action="append", type=Path, required=True)
    parser.add_argument("--categories", default="1,2,3,4", help="of files that have them")
    parser.add_argument("--engine", default="minilm")
    parser.add_argument("--absent", action="store_true")
    arguments = parser.parse_args()
    certificate()
    for file in arguments.file:
        path = cache_folder() / "retrieval" / f"{file.name.split('.')[0]}-{arguments.engine}.duckdb"
        bank = MemoryBank.open(path, arguments.engine)
        finish(bank.import_files([file]))
        known = {q.category for q in bank.memories.questions()}
        wanted = [c for c in arguments.categories.split(",") if c in known] or None
        if arguments.absent:
            print(json.dumps({"file": file.name, **absent(bank, wanted)}), flush=True)
            continue
        for step, settings in STEPS.items():
            report = finish(bank.runs.evaluate(settings, wanted)).report
            row = {"file": file.name, "step": step, "questions": report["n_questions"]}
            for mode in ("dense", "sparse", "combined", "lexical"):
                found = report["modes"][mode]
                row[mode] = {
                    "recall@10": found["recall@10"], "interval": found["interval"]["recall@10"],
                    "within 5300": found["all_within_chars"]["5300"],
                    "interval within 5300": found["interval"]["within_5300_chars"],
                    "study precision": found["criteria"]["study"],
                }  # fmt: skip
            row["combined - dense"] = report["differences"]["combined - dense"]["recall@10"]
            print(json.dumps(row, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
