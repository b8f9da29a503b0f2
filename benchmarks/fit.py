"""Does anything stored answer a question? Fits the logistic regression behind “strong · partial · nothing stored fits”.

python benchmarks/fit.py --file locomo.json --categories 1,2,3,4 [--engine E] [--write]

Each dialogue is asked its own questions, others' questions under the names of its own speakers, and questions about
things that hardly any bank holds; so is the demo, whose questions avoid the words of their answers. Figures are of
dialogues left out of the fit, one at a time; --write keeps the
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
from core.demo import open_demo
from core.progress import finish
from core.retrieval.fit import FEATURES, features
from core.retrieval.rank import score
from core.settings import cache_folder
from core.types import Query

Sets = dict[str, tuple[list[str], list[str], list[str]]]
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


def looked_at(bank: MemoryBank, sets: Sets, whole: bool = False) -> tuple[list[np.ndarray], list[int], list[str]]:
    """(features, kind, dialogue) of every question. whole: asked of the whole bank, not of a dialogue."""
    codes = bank.state.store_queries([text for kinds in sets.values() for texts in kinds for text in texts])
    index, rows, kinds, dialogues = bank.index(), [], [], []
    for name, texts_of in sets.items():
        for kind, texts in enumerate(texts_of):
            for text in texts:
                query = Query(text, None if whole else name, k=1)
                found = features(index, query, codes[text], score(index, query, codes[text], ("dense", "sparse")))
                if found is not None:
                    rows.append(found)
                    kinds.append(kind)
                    dialogues.append(name)
    return rows, kinds, dialogues


def fitted(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """(mean, scale, weight, bias) of a logistic regression with L2 of 1 on standardised features."""
    mean, scale = x.mean(0), np.where(x.std(0) > 0, x.std(0), 1.0)
    model = LogisticRegression(C=1.0, max_iter=1000).fit((x - mean) / scale, y, sample_weight=weight)
    return mean, scale, model.coef_[0], float(model.intercept_[0])


def least_strong(answered: np.ndarray, others: np.ndarray) -> float:
    """The least probability at and above which STRONG of as many of both kinds are answered."""
    for least in np.sort(answered):
        right, wrong = (answered >= least).mean(), (others >= least).mean()
        if right >= STRONG * (right + wrong):
            return float(least)
    return float(answered.max())


def auroc(answered: np.ndarray, others: np.ndarray) -> float:
    truth = [1] * len(answered) + [0] * len(others)
    return round(float(roc_auc_score(truth, [*answered, *others])), 3)


def share(of: np.ndarray) -> float:
    return round(float(of.mean()), 3)


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
    rows, kinds, dialogues = looked_at(bank, sets)
    demo = open_demo(a.engine)
    forms = [form.format(name="I") for form in NEVER_STORED.read_text(encoding="utf-8").splitlines()]
    sets["demo"] = [q.text for q in demo.memories.questions()], [], forms
    more = looked_at(demo, {"demo": sets["demo"]}, whole=True)
    rows, kinds, dialogues = rows + more[0], kinds + more[1], dialogues + more[2]
    x, kind, dialogue = np.asarray(rows, np.float64), np.asarray(kinds), np.asarray(dialogues)
    y, theirs = (kind == 0).astype(int), dialogue != "demo"
    # Every dialogue counts alike, and in it the answerable as much as the others.
    group = np.asarray([f"{name} {kind == 0}" for name, kind in zip(dialogues, kinds, strict=True)])
    weight = (
        len(y) / np.asarray([np.sum(group == g) for g in np.unique(group)])[np.unique(group, return_inverse=True)[1]]
    )
    weight /= weight.mean()
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
        partial = float(np.quantile(left_out[(y == 1) & (dialogue != "demo")], 1 - KEPT))
        strong = least_strong(left_out[y == 1], left_out[(y == 0) & (dialogue != "demo")])
        never_said, never_stored = kind == 1, theirs & (kind == 2)
        answered = theirs & (y == 1)
        report = {
            "model": which, "answerable": int(y.sum()), "never said": int(never_said.sum()),
            "never stored": int((kind == 2).sum()),
            "AUROC, never said": auroc(left_out[answered], left_out[never_said]),
            "AUROC, never stored": auroc(left_out[answered], left_out[never_stored]),
            "AUROC of the sparse fit alone": auroc(x[answered, 0], x[never_said, 0]),
            "answerable kept": share(left_out[answered] >= partial),
            "of the demo": share(left_out[~theirs & (y == 1)] >= partial),
            "never said refused": share(left_out[never_said] < partial),
            "never stored refused": share(left_out[never_stored] < partial),
            "strong": {"answerable": share(left_out[answered] >= strong),
                       "never said": share(left_out[never_said] >= strong)},
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
