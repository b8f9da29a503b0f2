"""Commands on groups of memories."""

from __future__ import annotations

import argparse
from typing import Any

from core.bank.bank import MemoryBank
from core.bank.groups import conditions
from core.cli.shared import Commands, Result, called, positive


def register(commands: Commands) -> None:
    sub = commands.add("contrast", _contrast, "What sets one group of memories apart from another: latents.")
    which = "FIELD=VALUE; given several times, all must hold"
    sub.add_argument("--a", action="append", required=True, metavar="GROUP", help=f"the first group: {which}")
    sub.add_argument("--b", action="append", metavar="GROUP", help="the other group (default: all other memories)")
    sub.add_argument("--k", type=positive, default=20, help="how many latents of each group (default 20)")


def _contrast(a: argparse.Namespace) -> Result:
    bank = MemoryBank.open(a.bank, a.engine, create=False)
    mine, other = conditions(a.a), conditions(a.b) if a.b else None
    found = bank.groups.contrast(bank.groups.ids(**mine), None if other is None else bank.groups.ids(**other))
    chosen = [*found.top(a.k, +1), *found.top(a.k, -1)]
    labels = bank.latents.labels(found.latents[chosen])
    rows: list[dict[str, Any]] = [
        {
            "latent": int(found.latents[i]),
            **labels[int(found.latents[i])].columns(),
            "group": "a" if found.log_odds[i] > 0 else "b",
            "log_odds": round(float(found.log_odds[i]), 6),
            "low": round(float(found.low[i]), 6),
            "high": round(float(found.high[i]), 6),
            "fires_a": int(found.fires_a[i]),
            "fires_b": int(found.fires_b[i]),
            "p": float(found.p[i]),
            "q": float(found.q[i]),
        }
        for i in chosen
    ]
    said = {"a": " and ".join(a.a), "b": " and ".join(a.b) if a.b else "the other memories"}
    result = {
        "a": {"group": said["a"], "memories": found.n_a},
        "b": {"group": said["b"], "memories": found.n_b},
        "tested": len(found.latents),
        "sure": found.sure,
        "length_ratio": round(found.length_ratio, 4),
        "latents": rows,
        "provenance": bank.provenance(),
    }
    lines = [
        f"{found.sure:,} of {len(found.latents):,} latents set {said['a']} ({found.n_a:,} memories) and {said['b']} "
        f"({found.n_b:,}) apart at a false discovery rate of 5 %.",
        f"Memories of the first are {found.length_ratio:.2f} times as long; longer ones fire more latents.",
    ]
    for group, size, other_size in (("a", found.n_a, found.n_b), ("b", found.n_b, found.n_a)):
        lines += ["", f"more in {said[group]}", "log-odds        95 %         here  there  latent  label"]
        for row in (r for r in rows if r["group"] == group):
            sign = 1 if group == "a" else -1
            ends = sorted((sign * row["low"], sign * row["high"]))
            here, there = row["fires_a"], row["fires_b"]
            if sign < 0:
                here, there = there, here
            lines.append(
                f"{sign * row['log_odds']:+8.2f}  {ends[0]:+6.2f} {ends[1]:+6.2f}  {here / size:7.0%} "
                f"{there / other_size:6.0%}  {row['latent']:6}  {called(labels[row['latent']])}"
            )
    return result, lines
