"""The birth certificate every benchmark prints before its figures."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def certificate() -> None:
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    print(f"{time.strftime('%Y-%m-%d')} · {model}, {os.cpu_count()} cores · python {' '.join(sys.argv)}")


def best_of(runs: int, task: Callable[[], object]) -> float:
    """Seconds of the fastest run: the one that the rest of the machine disturbed least."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        task()
        times.append(time.perf_counter() - started)
    return min(times)
