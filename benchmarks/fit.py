"""Does anything stored answer a question? Fits the logistic regression behind “strong · partial · nothing stored fits”.

python benchmarks/fit.py --file locomo.json --categories 1,2,3,4 [--engine E] [--write]

Each dialogue is asked its own questions, others' questions under the names of its own speakers, and questions about
things that hardly any bank holds. Figures are of dialogues left out of the fit, one at a time; --write keeps the
coefficients of all of them in assets/fit.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from common import certificate
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from core.bank import fit as models
from core.bank.bank import MemoryBank
from core.bank.recall import NEVER_STORED
from core.progress import finish
from core.retrieval.fit import FEATURES, features
from core.retrieval.rank import score
from core.settings import cache_folder
from core.types import Query

MOST = 150
"""Questions of a kind, of one dialogue."""
KEPT = 0.97
"""Share of answerable questions that are at least a partial fit."""
STRONG = 0.9
"""Share of answerable ones among those of a strong fit, where both kinds are as many."""


def questions(bank: MemoryBank, wanted: list[str] | None) -> dict[str, tuple[list[str], list[str], list[str]]]:
    """By dialogue: its own questions, those of others under its names, and those about things never stored."""
    rng = np.random.default_rng(0)
    asked = [q for q in bank.memories.questions() if q.evidence and (wanted is None or q.category in wanted)]
    speakers = {
        c: list(dict.fromkeys(m.role for m in bank.memories.find("", c, 100))) for c, _ in bank.memories.conversations()
    }
    forms = NEVER_STORED.read_text(encoding="utf-8").splitlines()
    found = {}
    for name, people in speakers.items():
        own = [q.text for q in asked if q.conversation == name][:MOST]
        others = [q for q in asked if q.conversation != name and any(p in q.text for p in speakers[q.conversation])]
        renamed = []
        for i in rng.choice(len(others), min(len(own), len(others), MOST), replace=False) if own and others else []:
            text = others[i].text
            for theirs, ours in zip(speakers[others[i].conversation], people, strict=False):
                text = text.replace(theirs, ours)
            renamed.append(text)
        never = [form.format(name=people[i % len(people)]) for i, form in enumerate(forms)]
        found[name] = own, renamed, never
    return found


def fitted(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """(mean, scale, weight, bias) of a logistic regression with L2 of 1 on standardised features."""
    mean, scale = x.mean(0), np.maximum(x.std(0), 1e-6)
    model = LogisticRegression(C=1.0, max_iter=1000).fit((x - mean) / scale, y, sample_weight=weight)
    return mean, scale, model.coef_[0], float(model.intercept_[0])


def least_strong(answered: np.ndarray, others: np.ndarray) -> float:
    """The least probability at and above which STRONG of as many of both kinds are answered."""
    for least in np.sort(answered):
        right, wrong = (answered >= least).mean(), (others >= least).mean()
        if right >= STRONG * (right + wrong):
            return float(least)
    return float(answered.max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--categories", default="1,2,3,4", help="of files that have them")
    parser.add_argument("--engine", default="minilm")
    parser.add_argument("--write", action="store_true")
    a = parser.parse_args()
    certificate()
    bank = MemoryBank.open(cache_folder() / "retrieval" / f"{a.file.name.split('.')[0]}-{a.engine}.duckdb", a.engine)
    finish(bank.import_files([a.file]))
    known = {q.category for q in bank.memories.questions()}
    sets = questions(bank, [c for c in a.categories.split(",") if c in known] or None)
    codes = bank.state.store_queries([text for kinds in sets.values() for texts in kinds for text in texts])
    index, rows, kinds, dialogues = bank.index(), [], [], []
    for name, texts_of in sets.items():
        for kind, texts in enumerate(texts_of):
            for text in texts:
                query = Query(text, name, k=1)
                found = features(index, query, codes[text], score(index, query, codes[text], ("dense", "sparse")))
                if found is not None:
                    rows.append(found)
                    kinds.append(kind)
                    dialogues.append(name)
    x, kind, dialogue = np.asarray(rows, np.float64), np.asarray(kinds), np.asarray(dialogues)
    y = (kind == 0).astype(int)
    weight = np.where(y == 1, 0.5 / max((y == 1).mean(), 1e-9), 0.5 / max((y == 0).mean(), 1e-9))
    made = {}
    blind = FEATURES.index("dense")
    for which, columns in ((a.engine, None), (models.ANY, blind)):
        data = x.copy()
        if columns is not None:
            data[:, columns] = 0
        left_out = np.zeros(len(y))
        for name in sets:
            out = dialogue == name
            mean, scale, w, bias = fitted(data[~out], y[~out], weight[~out])
            left_out[out] = 1 / (1 + np.exp(-((data[out] - mean) / scale @ w + bias)))
        partial = float(np.quantile(left_out[y == 1], 1 - KEPT))
        strong = least_strong(left_out[y == 1], left_out[y == 0])
        report = {
            "model": which, "answerable": int((y == 1).sum()), "never said": int((kind == 1).sum()),
            "never stored": int((kind == 2).sum()),
            "AUROC, never said": round(float(roc_auc_score(y[kind != 2], left_out[kind != 2])), 3),
            "AUROC, never stored": round(float(roc_auc_score(y[kind != 1], left_out[kind != 1])), 3),
            "AUROC of the sparse fit alone": round(float(roc_auc_score(y[kind != 2], x[kind != 2, 0])), 3),
            "kept": KEPT, "never said refused": round(float((left_out[kind == 1] < partial).mean()), 3),
            "never stored refused": round(float((left_out[kind == 2] < partial).mean()), 3),
            "strong": {"answerable": round(float((left_out[y == 1] >= strong).mean()), 3),
                       "never said": round(float((left_out[kind == 1] >= strong).mean()), 3)},
        }  # fmt: skip
        print(json.dumps(report), flush=True)
        mean, scale, w, bias = fitted(data, y, weight)
        made[which] = {
            **{title: dict(zip(FEATURES, [round(float(v), 5) for v in values], strict=True))
               for title, values in (("mean", mean), ("scale", scale), ("weight", w))},
            "bias": round(bias, 5), "partial": round(partial, 4), "strong": round(strong, 4),
        }  # fmt: skip
    if a.write:
        held = models.read()["engines"] if models.FILE.is_file() else {}
        command = "python benchmarks/fit.py --file QUESTIONS --engine ENGINE --write"
        models.FILE.write_text(json.dumps({"made_by": command, "engines": held | made}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
