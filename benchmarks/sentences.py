"""Print the reasons of hits drawn with a fixed seed, unedited: what a reader of the page reads.

python benchmarks/sentences.py --bank demo.duckdb [--engine E] [--n 20] [--seed 0]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from common import certificate

from core import MemoryBank, Query


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=Path, required=True, help="a bank with questions")
    parser.add_argument("--engine", default="minilm")
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    certificate()
    bank = MemoryBank.open(a.bank, a.engine, create=False)
    questions = sorted(bank.memories.questions(), key=lambda q: q.id)
    lots = np.random.default_rng(a.seed)
    for i in lots.permutation(len(questions))[: a.n]:
        query = Query(questions[i].text, questions[i].conversation or None)
        hits = bank.search(query)
        top = hits.top("sparse", 3)
        if not top:
            continue
        why = bank.explain(query, hits.ids[top[int(lots.integers(len(top)))]])
        verdict = hits.verdict.level if hits.verdict else ""
        said = " ".join(why.memory.text.split())[:110]
        print(f"- *{query.text}* ({verdict}) → {why.memory.id}: {said}…  \n  {why.sentence}")


if __name__ == "__main__":
    main()
