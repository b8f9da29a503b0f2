"""Commands of the lab: train small SAEs phase by phase, and the one that ships."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.bank.bank import MemoryBank
from core.cli.shared import Commands, Result, drawn, positive
from core.errors import CoreError
from core.lab.api import SHIPPED, train_narratives
from core.lab.plan import MOST_EPISODES, PRESETS, TEXT, LabPlan
from core.lab.runs import Lab, LabRun


def register(commands: Commands) -> None:
    sub = commands.add("lab", _lab, "Train the small narrative SAEs, phase by phase.", bank=False)
    what = sub.add_mutually_exclusive_group(required=True)
    what.add_argument("--phase", choices=list(PRESETS), help="a preset; each option changes it")
    what.add_argument("--train-narratives", action="store_true", help="remake the SAE of the engine narrative-30")
    sub.add_argument("--bank", help="phase text: the bank whose memories, by category, are the episodes")
    sub.add_argument("--engine", default="minilm", help="phase text: engine whose dense vectors are used")
    sub.add_argument("--out", help="--train-narratives: the folder (default the one that ships)")
    for name, kind, help in (
        ("beta", float, "weight of the sparsity penalty"), ("target", float, "mean activation the KL penalty asks for"),
        ("size", positive, "latents"), ("epochs", positive, "passes over all episodes"),
        ("lr", float, "learning rate"), ("patience", int, "epochs without gain before an early stop; 0: never"),
        ("seeds", positive, "how many seeds; figures are medians over them"), ("seed", int, "the first seed"),
        ("noise", float, "standard deviation of the waves' noise"), ("boost", float, "how much is boosted"),
        ("n", positive, f"episodes (at most {MOST_EPISODES:,})"), ("width", positive, "numbers in an episode"),
    ):  # fmt: skip
        sub.add_argument(f"--{name}", type=kind, help=help)
    sub.add_argument("--penalty", choices=["kl", "l1"])
    sub.add_argument("--output", choices=["sigmoid", "linear"], help="the decoder's nonlinearity")
    sub.add_argument("--weights", type=_weights, metavar="W,W,…", help="of the penalty, by category in their order")
    sub.add_argument("--kept", type=_weights, metavar="W,W,…", help="of the reconstruction, likewise")


def _weights(text: str) -> tuple[float, ...]:
    return tuple(float(one) for one in text.split(","))


def _plan(a: argparse.Namespace) -> LabPlan:
    names = ("beta", "target", "size", "epochs", "lr", "patience", "seeds", "seed", "noise", "boost", "n", "width",
             "penalty", "output", "weights", "kept")  # fmt: skip
    return replace(PRESETS[a.phase], **{name: value for name in names if (value := getattr(a, name)) is not None})


def _lab(a: argparse.Namespace) -> Result:
    if a.train_narratives:
        report = drawn(train_narratives(Path(a.out) if a.out else SHIPPED))
        return report, [f"{report['narratives']:,} narratives, {report['alive']} of {TEXT.size} latents alive, "
                        f"FVU {report['fvu']:.3f}, {report['l0']:.1f} latents a narrative"]  # fmt: skip
    plan = _plan(a)
    if plan.episodes == "bank" and a.bank is None:
        raise CoreError("The text phase trains on a bank's memories: give a --bank whose memories have categories.")
    bank = MemoryBank.open(a.bank, a.engine, create=False) if a.bank else None
    run = drawn(Lab().train(plan, bank))
    return _result(run), _lines(run)


def _result(run: LabRun) -> dict[str, Any]:
    return run.figures() | {"run": run.head.id, "plan": asdict(run.head.plan)}


def _lines(run: LabRun) -> list[str]:
    found, n = run.figures(), len(run.seeds)
    lines = [f"{run.head.name}: medians over {n} seed{'' if n == 1 else 's'} (run {run.head.id})",
             "sparsity  active  category"]  # fmt: skip
    for name, row in found["categories"].items():
        lines.append(f"{row['sparsity']:8.3f}  {row['active']:6.1f}  {name}")
    lines += [f"cosine {value:5.2f}  {pair}" for pair, value in found["cosine"].items()]
    for threshold, row in found["overlap"].items():
        pairs = ", ".join(f"{pair} {value:g}" for pair, value in row["shared"].items())
        own = ", ".join(f"{name} {value:g}" for name, value in row["unique"].items())
        lines.append(f"above {threshold}: core {row['core']:g}; shared: {pairs or 'none'}; unique: {own}")
    noise = f", {found['clean_error']:.2f} of the noise left" if "clean_error" in found else ""
    return [*lines, f"{found['alive']:g} of {run.head.plan.size} latents alive, mse {found['mse']:.4f}{noise}"]
