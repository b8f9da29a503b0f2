"""Labels of latents from the command line: by a language model, from Neuronpedia, as CSV."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import Any

import pyarrow.csv as pa_csv

from core.bank.bank import MemoryBank
from core.cli.shared import Commands, Result, drawn, positive
from core.errors import CoreError
from core.formulas import defused

LIMIT = 200


def register(commands: Commands) -> None:
    sub = commands.add("labels", _labels, "Label latents by a language model or from Neuronpedia; labels as CSV.")
    sub.add_argument(
        "--from",
        dest="source",
        choices=["llm", "neuronpedia"],
        help="llm: the model that MNEMOSCOPE_LLM_URL and MNEMOSCOPE_LLM_MODEL name; "
        "neuronpedia: an export FILE, or without one its API",
    )
    sub.add_argument("file", nargs="?", metavar="FILE", help="a file or folder of Neuronpedia's explanations")
    sub.add_argument(
        "--limit",
        type=positive,
        default=LIMIT,
        metavar="N",
        help=f"latents without such a label, those first that most memories fire (default {LIMIT})",
    )
    sub.add_argument("--estimate", action="store_true", help="say what --from llm would take, and ask nothing")
    sub.add_argument("--again", action="store_true", help="also latents that have such a label")
    sub.add_argument("--no-memories", action="store_true", help="show the model only texts that came with the SAE")
    sub.add_argument("--export", metavar="FILE", help="write every latent with its label as CSV")
    sub.add_argument("--import", dest="read", metavar="FILE", help="your own labels, a CSV with latent and label")


def _labels(a: argparse.Namespace) -> Result:
    if not (a.export or a.read or a.source):
        raise CoreError("Say what to do with the labels: --from llm, --from neuronpedia, --export FILE, --import FILE.")
    if a.file and a.source != "neuronpedia":
        raise CoreError(f"{a.file} is read only by --from neuronpedia; CSV is read by --import FILE.")
    if a.estimate and a.source != "llm":
        raise CoreError("--estimate belongs to --from llm: nothing else costs anything.")
    bank = MemoryBank.open(a.bank, a.engine, create=False)
    result: dict[str, Any] = {}
    lines: list[str] = []
    if a.source:
        found, said = {"llm": _by_model, "neuronpedia": _by_neuronpedia}[a.source](bank, a)
        result, lines = result | found, lines + said
    if a.read:
        result["imported"] = bank.latents.import_labels(a.read)
        lines.append(f"{result['imported']:,} labels of yours stored from {a.read}")
    if (a.source or a.read) and not a.estimate and not bank.engine.missing():
        drawn(bank.trust.refresh(anew=True))
    if a.export:
        table = bank.latents.export_labels()
        pa_csv.write_csv(defused(table), a.export)
        result["exported"] = len(table)
        lines.append(f"{len(table):,} latents written to {a.export}")
    return result, lines


def _by_model(bank: MemoryBank, a: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from core.labelling.by_model import estimate_cost, label_with_llm
    from core.llm.endpoint import Endpoint

    endpoint, latents = Endpoint.from_environment(), _chosen(bank, "llm", a)
    estimate = estimate_cost(bank, latents, endpoint, again=a.again, own_memories=not a.no_memories)
    what = "texts of the SAE" if a.no_memories else "texts of the SAE and of your memories"
    sentence = f"{endpoint.model} at {endpoint.place} is shown {what}: {estimate}"
    told = {"model": endpoint.model, "endpoint": endpoint.place, "estimate": asdict(estimate)}
    if a.estimate:
        return told, [sentence]
    print(sentence, file=sys.stderr)
    report = drawn(label_with_llm(bank, latents, endpoint, again=a.again, own_memories=not a.no_memories))
    return told | {"report": asdict(report)}, [str(report)]


def _by_neuronpedia(bank: MemoryBank, a: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from core.labelling.neuronpedia import label_from_neuronpedia, read_neuronpedia

    if not a.file:
        report = drawn(label_from_neuronpedia(bank, _chosen(bank, "neuronpedia", a), again=a.again))
        return {"report": asdict(report)}, [str(report)]
    rows = read_neuronpedia(a.file, bank.latents.n, str(bank.engine.about.get("neuronpedia") or ""))
    bank.latents.store(rows)
    return {"stored": len(rows)}, [f"{len(rows):,} labels of Neuronpedia stored from {a.file}"]


def _chosen(bank: MemoryBank, source: str, a: argparse.Namespace) -> list[int]:
    """The first latents of the bank, those that most memories fire, that want a label of a source."""
    from core.labelling.by_model import unlabelled

    live = bank.latents.table(live=True, sort="memories", limit=bank.latents.n)["latent"].to_pylist()
    todo, _ = unlabelled(bank, live, source, a.again)
    return todo[: a.limit]
