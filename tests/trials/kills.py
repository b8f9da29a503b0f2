"""kill −9 at a random moment of all that writes: nothing lost or doubled, the bank opens, the rest can be done.

python -m tests.trials.kills [--times 100] [--seed 1]
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.trials import steps


def confirmed_until_killed(step: steps.Step, path: Path, after: float | None) -> tuple[list[str], bool, float]:
    """(what was confirmed, whether it was killed before its end, seconds)"""
    read, write = os.pipe()
    started = time.monotonic()
    pid = os.fork()
    if not pid:
        os.close(read)
        try:
            os.write(write, b"begun\n")
            for word in step(path):
                os.write(write, f"{word}\n".encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(write)
    if after is not None:
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
    with os.fdopen(read) as stream:
        words = stream.read().splitlines()[1:]
    _, status = os.waitpid(pid, 0)
    assert after is not None or status == 0, "the step itself fails"
    return words, os.WIFSIGNALED(status), time.monotonic() - started


def trial(name: str, start: Path | None, folder: Path, after: float, whole: dict[str, object]) -> tuple[str, bool]:
    """(what is wrong, empty where nothing is; whether the kill came before the end)"""
    step, _ = steps.STEPS[name]
    path = folder / "bank.duckdb"
    for file in folder.glob("*"):
        file.unlink()
    if start is not None:
        shutil.copy(start, path)
    confirmed, cut, _ = confirmed_until_killed(step, path, after)
    status, held = steps.in_child(lambda: steps.state_of(path))
    if status:
        return f"the bank does not open: {held}", cut
    assert isinstance(held, dict)
    if missing := steps.lost(confirmed, held):
        return f"lost: {missing}", cut
    if twice := steps.doubled(held):
        return f"doubled: {twice}", cut
    status, again = steps.in_child(lambda: (list(step(path)), steps.state_of(path))[1])
    if status or again != whole:
        return f"the same step again does not end as it should: {again if status else 'other rows'}", cut
    return "", cut


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    draw, wrong, cuts = random.Random(a.seed), [], dict.fromkeys(steps.STEPS, 0)
    each = max(1, a.times // len(steps.STEPS))
    with tempfile.TemporaryDirectory() as scratch:
        for name, (step, prepare) in steps.STEPS.items():
            folder = Path(scratch) / name
            folder.mkdir()
            start = Path(scratch) / f"{name}.duckdb" if prepare else None
            if prepare and start:
                status, problem = steps.in_child(lambda p=prepare, s=start: p(s))  # type: ignore[misc]
                assert not status, problem
            reference = folder / "whole.duckdb"
            if start:
                shutil.copy(start, reference)
            _, _, seconds = confirmed_until_killed(step, reference, None)
            _, whole = steps.in_child(lambda r=reference: steps.state_of(r))  # type: ignore[misc]
            for i in range(each):
                problem, cut = trial(name, start, folder, draw.uniform(0, seconds), whole)  # type: ignore[arg-type]
                cuts[name] += cut
                if problem:
                    wrong.append(f"{name}, trial {i}: {problem}")
                    print(wrong[-1], flush=True)
            print(f"{name}: {each} kills, {cuts[name]} before the end of {seconds:.2f} s", flush=True)
    print(f"{each * len(cuts)} kills, {sum(cuts.values())} in mid-work; {len(wrong)} wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
