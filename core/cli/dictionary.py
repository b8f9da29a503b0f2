"""Commands on the dictionary: train it, describe it, look at its latents, name them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

from core.bank.bank import MemoryBank
from core.bank.latents import SORTS
from core.cli.shared import Commands, Result, called, drawn, positive
from core.demo import demo_readings, open_demo
from core.encoding.engines import EngineSpec, presets
from core.encoding.files.weights import locate, trained_folder
from core.errors import CoreError
from core.types import Context, Label, Progress


def register(commands: Commands) -> None:
    sub = commands.add("latents", _latents, "The latents of a bank's dictionary: search, sort, filter.")
    sub.add_argument("--search", default="", help="words of the label or of what it fires on, or a number")
    sub.add_argument("--text", default="", help="only latents that this text fires")
    sub.add_argument("--sort", choices=SORTS, default="memories")
    sub.add_argument("--live", action="store_true", help="only those that a memory of the bank fires")
    sub.add_argument("--min-trust", type=float, default=0.0, metavar="AUROC")
    sub.add_argument("--limit", type=positive, default=20, help="how many rows (default 20)")

    sub = commands.add("latent", _latent, "Everything known of one latent.")
    sub.add_argument("latent", type=int)

    sub = commands.add("pair", _pair, "Two texts under the microscope: the latents they share and do not.", bank=False)
    sub.add_argument("a")
    sub.add_argument("b")
    sub.add_argument("--bank", help="a bank whose own labels are shown (default: the demo)")
    sub.add_argument("--engine", default="minilm")
    sub.add_argument("--k", type=positive, default=12, help="how many latents of each kind (default 12)")

    sub = commands.add(
        "label-trust",
        _label_trust,
        "How far the labels may be believed: AUROC against matched silent texts.",
        bank=False,
    )
    sub.add_argument("--bank", help="measure among the memories of this bank (default: the SAE's held-out texts)")
    sub.add_argument("--engine", default="minilm")

    sub = commands.add("describe-sae", _describe, "Statistics, labels and trust of an SAE, from texts.", bank=False)
    sub.add_argument("--engine", default="minilm")
    sub.add_argument("--corpus", required=True, metavar="FOLDER", help="the texts it was trained on")
    sub.add_argument("--sae", metavar="FOLDER", help="the SAE's folder (default: the engine's own)")
    sub.add_argument("--tokens", type=_count, default=1_000_000, metavar="N", help="tokens the labels are made from")
    sub.add_argument(
        "--trust-tokens", type=_count, default=0, metavar="N", help="held-out tokens they are judged on (default: half)"
    )

    sub = commands.add("measure-sae", _measure, "Measure an SAE again on text that was held out.", bank=False)
    sub.add_argument("--engine", default="minilm")
    sub.add_argument("--corpus", required=True, metavar="FOLDER", help="the texts it was trained on")
    sub.add_argument("--sae", metavar="FOLDER", help="the SAE's folder (default: the engine's own)")
    sub.add_argument("--rounds", type=int, metavar="N", help="rounds of correction to encode with from now on")

    sub = commands.add("train-sae", _train, "Train an SAE on the token states of an engine's model.", bank=False)
    sub.add_argument("--engine", default="minilm")
    sub.add_argument(
        "--corpus", required=True, metavar="FOLDER", help="a folder of .jsonl or .jsonl.gz files with “text”"
    )
    sub.add_argument("--tokens", type=_count, default=10_000_000, metavar="N")
    sub.add_argument(
        "--out", metavar="FOLDER", help="where the SAE is saved (default: where the engine waits for one, else ./sae)"
    )
    sub.add_argument("--architecture", choices=["topk", "batchtopk", "matryoshka", "jumprelu"], default="topk")
    sub.add_argument("--width", type=positive, default=16384, help="latents in the dictionary")
    sub.add_argument("--k", type=positive, default=40, help="active latents per token")
    sub.add_argument("--lr", type=float, default=1e-3)
    sub.add_argument("--batch", type=positive, default=1024)
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--from", dest="start", default="", metavar="FOLDER", help="go on from a trained TopK SAE")
    sub.add_argument(
        "--seldom",
        type=int,
        default=0,
        metavar="N",
        help="with --from: latents that fire on fewer of 300,000 tokens get a new direction",
    )
    sub.add_argument(
        "--spellings",
        type=int,
        default=0,
        metavar="N",
        help="with --from: and latents whose 20 strongest activations peak on no more than N different words",
    )
    sub.add_argument(
        "--rounds", type=int, default=0, metavar="N", help="rounds of correction of a TopK SAE's code (default 0)"
    )


def _train(a: argparse.Namespace) -> Result:
    from core.training.residual import TrainingPlan, train

    plan = TrainingPlan(
        a.tokens,
        a.width,
        a.architecture,
        a.k,
        a.lr,
        a.batch,
        a.seed,
        start=a.start,
        seldom=a.seldom,
        spellings=a.spellings,
        rounds=a.rounds,
    )
    spec = _spec(a.engine)
    out = Path(a.out) if a.out else trained_folder(spec.sae) or Path("sae")
    drawn(train(spec, Path(a.corpus), plan, out))
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return report, [f"{name}: {value}" for name, value in report.items()]


def _measure(a: argparse.Namespace) -> Result:
    from core.training.residual import measure

    spec = _spec(a.engine)
    report = drawn(measure(spec, Path(a.sae) if a.sae else locate(spec.sae), Path(a.corpus), a.rounds))
    return report, [f"{name}: {value}" for name, value in report.items()]


def _describe(a: argparse.Namespace) -> Result:
    from core.training.describe import describe

    spec = _spec(a.engine)
    demo = [m.text for reading in demo_readings() for m in reading.memories]
    sae = Path(a.sae) if a.sae else locate(spec.sae)
    report = drawn(describe(spec, sae, Path(a.corpus), demo, a.tokens, judging=a.trust_tokens))
    return report, [f"{name}: {value}" for name, value in report.items()]


def _latents(a: argparse.Namespace) -> Result:
    bank = MemoryBank.open(a.bank, a.engine, create=False)
    table = bank.latents.table(a.search, a.text, a.sort, live=a.live, min_trust=a.min_trust, limit=a.limit)
    rows = [_plain(row) for row in table.to_pylist()]
    found, n = (int(table.schema.metadata[key]) for key in (b"found", b"latents"))
    lines = [f"{len(rows):,} of {found:,} found among {n:,} latents", "latent  trust  here  memories  label"]
    lines += [
        f"{r['latent']:6}  {_two(r['trust'])}   {_two(r['trust_here'])}  {r['memories']:8,}  {r['label']}" for r in rows
    ]
    return {"found": found, "n_latents": n, "latents": rows}, lines


def _latent(a: argparse.Namespace) -> Result:
    bank = MemoryBank.open(a.bank, a.engine, create=False)
    info = bank.latents.info(a.latent)
    texts = bank.memories.of(name for name, _, _ in info.top)
    near = bank.latents.labels([i for i, _ in info.nearest] + [i for i, *_ in info.coactive])

    def name(latent: int) -> str:
        return f"{latent} {called(near[latent])}".rstrip()

    result = {
        **_label(info.label),
        "labels": [_label(label) for label in info.labels],
        "density": info.density,
        "max": info.max,
        "mean": info.mean,
        "histogram": info.histogram,
        "words": [{"word": word, "share": share} for word, share in info.words],
        "words_here": [{"word": word, "share": share} for word, share in info.words_here],
        "memories": info.memories,
        "memory_density": info.memory_density,
        "top": [
            {"id": i, "activation": value, "token": span.text, "start": span.start, "text": texts[i].text}
            for i, value, span in info.top
        ],
        "contexts": [_context(c) for c in info.contexts],
        "nearest": [{"latent": i, **near[i].columns(), "cosine": cosine} for i, cosine in info.nearest],
        "coactive": [
            {"latent": i, **near[i].columns(), "jaccard": jaccard, "pmi_bits": pmi, "memories": n}
            for i, jaccard, pmi, n in info.coactive
        ],
        "neuronpedia": info.neuronpedia,
        "note": info.note,
    }
    label = info.label
    rare = "" if info.density != info.density else f"on {info.density:.3%} of tokens and "
    lines = [
        f"latent {label.latent}: {label.text or 'no label'} ({label.source or 'nobody named it'}; "
        f"trust {_two(label.trust).strip()}, here {_two(label.trust_here).strip()})",
        f"fires {rare}in {info.memories:,} memories ({info.memory_density:.1%})",
    ]
    lists = {
        "words": [f"{word} {share:.0%}" for word, share in info.words[:8]],
        "here": [f"{word} {share:.0%}" for word, share in info.words_here[:8]],
        "nearest": [name(i) for i, _ in info.nearest[:5]],
        "fires with": [name(i) for i, *_ in info.coactive[:5]],
    }
    lines += [f"{title}: {', '.join(found)}" for title, found in lists.items() if found]
    lines += [f"{value:8.2f}  {i}  “{span.text}” in {texts[i].text[:90]}" for i, value, span in info.top[:10]]
    return _plain(result), lines


def _pair(a: argparse.Namespace) -> Result:
    bank = MemoryBank.open(a.bank, a.engine, create=False) if a.bank else open_demo(a.engine)
    pair = bank.latents.pair(a.a, a.b)
    kinds = {"shared": pair.shared, "only_a": pair.only_a, "only_b": pair.only_b}
    labels = bank.latents.labels([line.latent for lines in kinds.values() for line in lines])
    result: dict[str, Any] = {
        "dense": pair.dense,
        "sparse": pair.sparse,
        "jaccard": pair.jaccard,
        "shared_words": pair.words,
        **{
            kind: [
                {
                    "latent": line.latent, **labels[line.latent].columns(), "a": line.a, "b": line.b,
                    "token_a": line.token_a.text, "token_b": line.token_b.text,
                }
                for line in lines
            ]
            for kind, lines in kinds.items()
        },
    }  # fmt: skip
    lines = [
        f"dense {pair.dense:.2f}   sparse {pair.sparse:.2f}   Jaccard {pair.jaccard:.2f}   "
        f"shared words: {', '.join(pair.words) or 'none'}"
    ]
    for kind, found in kinds.items():
        lines.append(f"{kind.replace('_', ' ')}: {len(found):,} latents")
        for row in result[kind][: a.k]:
            sides = f"{row['a']:5.2f} {row['token_a']:>14} · {row['b']:5.2f} {row['token_b']:<14}"
            lines.append(f"  {row['latent']:6}  {sides} {called(labels[row['latent']])}")
    return result, lines


def _label_trust(a: argparse.Namespace) -> Result:
    bank = MemoryBank.open(a.bank, a.engine, create=False) if a.bank else open_demo(a.engine)
    task: Generator[Progress, None, dict[str, Any]] = bank.trust.measure() if a.bank else bank.trust.measure_shipped()
    report = drawn(task) | {"engine": bank.engine.name, "fingerprint": bank.engine.fingerprint}
    return report, [f"{name}: {value}" for name, value in report.items()]


def _spec(engine: str) -> EngineSpec:
    known = presets()
    if engine not in known:
        raise CoreError(f"No engine is called “{engine}”. Known: {', '.join(known)}.")
    return known[engine]


def _label(label: Label) -> dict[str, Any]:
    return {
        "latent": label.latent, "label": label.text, "source": label.source, "score": label.score,
        "trust": label.trust, "trust_here": label.trust_here, "n_here": label.n_here,
    }  # fmt: skip


def _context(context: Context) -> dict[str, Any]:
    return {
        "interval": context.interval, "activation": context.activation, "text": context.text,
        "start": context.start, "end": context.end, "memory": context.memory,
    }  # fmt: skip


def _plain(value: Any) -> Any:
    """nan is no JSON: what is unknown is null."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return None if value != value else round(value, 6)  # noqa: PLR0124
    return value


def _two(value: float | None) -> str:
    return " –  " if value is None or value != value else f"{value:4.2f}"  # noqa: PLR0124


def _count(text: str) -> int:
    """“2e6” is a number of tokens too."""
    return positive(str(int(float(text))))
