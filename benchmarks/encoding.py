"""Tokens per second of a whole encode, beside the bare forward pass of the same truncated model, in one run.

python benchmarks/encoding.py [ENGINE]

For an engine that pursues (minilm-mp) also its encoder alone, beside sae-lens' over the same directions.
"""

from __future__ import annotations

import sys

import torch
from common import best_of, certificate

from core.demo import demo_readings
from core.encoding.engines import Engine
from core.encoding.files.weights import locate
from core.encoding.sae import dictionary as dictionaries
from core.encoding.sae.pursuit import Pursuit

PURSUED_TOKENS = 1024


def main() -> None:
    certificate()
    engine = Engine.named(sys.argv[1] if len(sys.argv) > 1 else "minilm")
    engine.load()
    model = engine._parts()[0]
    texts = [m.text for reading in demo_readings() for m in reading.memories]
    tokens = model.tokenize(texts)
    n = int(tokens.text_indptr[-1])

    def bare() -> None:
        for _ in model.states(tokens):
            pass

    bare_seconds = best_of(3, bare)
    whole_seconds = best_of(3, lambda: engine.encode(texts))
    print(f"{len(texts)} memories, {n:,} tokens, {model.dtype}".replace("torch.", ""))
    print(f"bare forward pass          {n / bare_seconds:8,.0f} tokens/s")
    ratio = bare_seconds / whole_seconds
    print(f"encode (SAE, pooling, all) {n / whole_seconds:8,.0f} tokens/s   {ratio:.2f} of the bare pass")
    sae = engine._parts()[1]
    if isinstance(sae, Pursuit):
        states = torch.cat([batch.states.float() for batch in model.states(tokens)])[:PURSUED_TOKENS]
        plain = dictionaries.load(locate(engine.spec.sae))
        assert isinstance(plain, dictionaries.PlainDictionary)
        lens = dictionaries._lens_pursuit(plain, sae.k)
        theirs = best_of(1, lambda: lens.encode(states))
        ours = best_of(3, lambda: sae.encode(states))
        print(f"matching pursuit alone     {len(states) / ours:8,.0f} tokens/s   {theirs / ours:.0f} times sae-lens'")


if __name__ == "__main__":
    main()
