"""``generate`` on the command line: what it says before it asks, and who may start it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.__main__ import main
from tests.batching import BatchingEndpoint, Writer
from tests.served import Served, Step, said, serve

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in {"KEY": "sk-secret", "PRICE": "1,2"}.items():
        monkeypatch.setenv(f"MNEMOSCOPE_LLM_{name}", value)
    for name in ("URL", "MODEL"):
        monkeypatch.delenv(f"MNEMOSCOPE_LLM_{name}", raising=False)

    def called(served: Served, *options: str, n: int = 3) -> int:
        where = ["--url", f"{served.url}/v1", "--model", "tiny", "--out", str(tmp_path / "new.jsonl")]
        return main(["generate", "--n", str(n), *where, *options])

    return called


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_import_reads(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(Writer()) as served:
        assert run(served, "--categories", "Routine, Travel,Routine", "--yes", "--json") == 0
        assert {one.headers["authorization"] for one in served.asked} == {"Bearer sk-secret"}
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert found["report"] == {
        "asked": 3, "kept": 3, "duplicates": 0, "unfit": 0, "failed": 0, "missing": 0, "in_a_row": 0,
        "last_problem": "", "batched": False,
    }  # fmt: skip
    assert found["estimate"]["requests"] == 3
    assert "tiny at http://127.0.0.1" in told.err
    assert "3 requests, about" in told.err
    assert "about $0.00" in told.err
    assert "sk-secret" not in told.out + told.err
    kept = [json.loads(line)["category"] for line in (tmp_path / "new.jsonl").read_text().splitlines()]
    assert sorted(kept) == ["Routine", "Routine", "Travel"]


def test_an_estimate_asks_nothing(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(Writer()) as served:
        assert run(served, "--estimate") == 0
        assert not served.asked
    assert "3 requests" in capsys.readouterr().out
    assert not (tmp_path / "new.jsonl").exists()


@pytest.mark.parametrize(("answer", "code", "asked"), [("y\n", 0, 3), ("\n", 1, 0), ("no\n", 1, 0), ("", 1, 0)])
def test_it_starts_when_told(answer: str, code: int, asked: int, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    with serve(Writer()) as served:
        assert run(served) == code
        assert len(served.asked) == asked


def test_nobody_there_to_agree(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with serve(Writer()) as served:
        assert run(served) == 1
        assert not served.asked
    assert "error: Nothing was asked: add --yes" in capsys.readouterr().err


def test_nothing_left_to_ask_asks_nobody(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with serve(Writer()) as served:
        assert run(served, "--yes") == 0
        assert run(served) == 0
    assert "is asked for nothing new." in capsys.readouterr().err


def test_a_refused_key_is_one_sentence(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with serve([Step(401)]) as served:
        assert run(served, "--yes", "--at-once", "1") == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: http://127.0.0.1")
    assert last.endswith("refuses the key (401): check MNEMOSCOPE_LLM_KEY.")


def test_a_run_that_kept_nothing_is_a_problem(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(BatchingEndpoint(Writer({1: said("no")}), ("failed",), errors=("Too long.",))) as served:
        assert run(served, "--yes", "--batch") == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "error: 0 narratives kept of 4 asked for (1 unfit, 3 failed). 3 are still missing: the same command goes on. "
        "The last problem: The batch batch-0 ended without an answer (it is failed: Too long)."
    )


def test_no_category_is_wrong_usage(run: Run) -> None:
    with serve([]) as served, pytest.raises(SystemExit, match="2"):
        run(served, "--categories", " , ")
