"""Narratives by a model: what is asked, what is kept and refused, and runs that stop anywhere and go on."""

from __future__ import annotations

import json
import random
import threading
from pathlib import Path
from typing import Any

import pytest

from core import readers
from core.errors import CoreError
from core.llm import batches
from core.llm.endpoint import Endpoint
from core.llm.http import Line
from core.llm.narratives import CATEGORIES, Generation, estimate_cost, generate, prompt, prompts, read_narrative
from core.progress import finish
from core.types import Progress
from tests.batching import BatchingEndpoint, Writer, category_of, story, written
from tests.served import Asked, Plan, Served, Step, said, serve

KEY = "sk-very-secret-key"
THREE = list(CATEGORIES)
ROUTINE = ["Routine"]


class Clock:
    """Waits no time, and remembers how long it would have waited."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def __call__(self, stop: threading.Event, seconds: float) -> bool:
        self.waited.append(seconds)
        return stop.is_set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "narratives.jsonl"


def endpoint(served: Served, clock: Clock, timeout: float = 5.0, model: str = "tiny") -> Endpoint:
    return Endpoint(f"{served.url}/v1", model, KEY, (1.0, 2.0), Line(timeout, wait=clock))


def made(plan: Plan, clock: Clock, out: Path, n: int = 6, categories: list[str] = THREE, **options: Any) -> Generation:
    with serve(plan) as served:
        return finish(generate(out, n, categories, endpoint(served, clock), **options))


def problem(plan: Plan, clock: Clock, out: Path, n: int = 6, timeout: float = 5.0, **options: Any) -> str:
    with serve(plan) as served, pytest.raises(CoreError) as raised:
        finish(generate(out, n, THREE, endpoint(served, clock, timeout), at_once=1, **options))
    assert KEY not in str(raised.value)
    return str(raised.value)


def lines(out: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def test_narratives_in_equal_parts_as_import_reads_them(out: Path, clock: Clock) -> None:
    report = made(Writer(), clock, out, n=8)
    assert report == Generation(asked=8, kept=8)
    reading = readers.read(out)
    assert sorted(memory.category for memory in reading.memories) == sorted(THREE * 2 + THREE[:2])
    assert len({memory.text for memory in reading.memories}) == 8
    assert not reading.refused


def test_what_is_asked() -> None:
    (one,) = prompts({"Routine": 1})
    assert one.messages[1]["content"].startswith(f"Category: Routine\n{CATEGORIES['Routine']}\n")
    assert one.schema is not None
    assert one.schema["properties"]["category"] == {"type": "string", "enum": ["Routine"]}
    assert [request.key for request in prompts({"a": 3, "b": 1, "c": 2})] == ["a", "b", "c", "a", "c", "a"]
    assert "file under “Travel”" in prompt("Travel", random.Random(0)).messages[1]["content"]
    draw = random.Random(0)
    assert len({prompt("Routine", draw).messages[1]["content"] for _ in range(100)}) >= 99


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("Sorry, I cannot.", "no narrative: “Sorry, I cannot.”"),
        ('{"category": "Routine", "text": "cut o', "no narrative"),
        ('["Routine"]', "no narrative"),
        ('{"category": "Routine"}', "no narrative"),
        ('{"category": "Routine", "text": 3}', "no narrative"),
        (json.dumps({"category": "Complex/Chaotic", "text": story(1)}), "“Complex/Chaotic” where “Routine”"),
        (json.dumps({"category": "Routine", "text": "short"}), "has 5 characters; 80 to 1,000"),
        (json.dumps({"category": "Routine", "text": "x" * 1001}), "has 1,001 characters"),
    ],
)
def test_what_is_no_narrative(answer: str, sentence: str) -> None:
    with pytest.raises(CoreError) as raised:
        read_narrative(answer, "Routine")
    assert sentence in str(raised.value)


def test_a_narrative_is_one_clean_line() -> None:
    answer = "<think>{hm}</think>```json\n" + json.dumps(
        {"category": " routine", "text": f"\x1b[31m\ud800{story(1)}\n\nx "}
    )
    assert read_narrative(answer + "\n```", "Routine") == f"[31m {story(1)} x"


def test_refused_answers_are_counted_and_asked_for_again(out: Path, clock: Clock) -> None:
    odd = {
        2: said('{"category": "Routine", "text": "cut o'),
        3: written("Complex/Chaotic", story(3)),
        4: written("Routine", story(1).upper() + " indeed"),
        5: said("half", "length"),
    }
    report = made(Writer(odd), clock, out, n=5, categories=ROUTINE, at_once=1)
    assert (report.kept, report.unfit, report.duplicates, report.failed, report.missing) == (5, 2, 1, 1, 0)
    assert report.asked == 9
    assert [line["text"] for line in lines(out)] == [story(n) for n in (1, 6, 7, 8, 9)]


def test_a_model_that_repeats_itself_is_not_asked_for_ever(out: Path, clock: Clock) -> None:
    with serve(lambda asked: written(category_of(asked), story(1))) as served:
        report = finish(generate(out, 5, ROUTINE, endpoint(served, clock)))
        assert len(served.asked) == report.asked == 10
    assert (report.kept, report.duplicates, report.missing) == (1, 9, 4)
    assert "4 are still missing: the same command goes on. The last problem: The model wrote what" in str(report)


def test_no_more_than_twice_the_requests(out: Path, clock: Clock) -> None:
    class Half(Writer):
        def __call__(self, asked: Asked) -> Step:
            step = super().__call__(asked)
            return step if self.n % 3 == 1 else said("no")

    report = made(Half(), clock, out, n=9, categories=ROUTINE, at_once=1)
    assert (report.asked, report.kept, report.missing) == (18, 6, 3)


def test_what_passes_is_tried_again(out: Path, clock: Clock) -> None:
    odd = {
        1: Step(429, headers={"Retry-After": "7"}),
        2: Step(500),
        3: said("late", after=0.5),
        4: said("half", cut=True),
    }
    with serve(Writer(odd)) as served:
        report = finish(generate(out, 2, ROUTINE, endpoint(served, clock, timeout=0.2), at_once=1))
    assert (report.kept, report.failed) == (2, 0)
    assert clock.waited[0] == 7
    assert len(clock.waited) == 4


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize(
    ("step", "sentence"),
    [(Step(401, {"error": {"message": f"Bad {KEY}"}}), "refuses the key (401)"), (Step(404), "has no model “tiny”")],
)
def test_an_endpoint_that_refuses_is_asked_once(
    step: Step, sentence: str, batch: bool, out: Path, clock: Clock
) -> None:
    with serve([step]) as served, pytest.raises(CoreError) as raised:
        finish(generate(out, 20, THREE, endpoint(served, clock), batch=batch, at_once=1))
    assert sentence in str(raised.value)
    assert KEY not in str(raised.value)
    assert len(served.asked) <= 2
    assert not out.exists()


def test_failures_in_a_row_end_the_run_and_keep_what_came_before(out: Path, clock: Clock) -> None:
    writer = Writer({n: said("no") for n in range(3, 30)})
    found = problem(writer, clock, out, n=30)
    assert found.startswith("Stopped after 10 answers in a row that could not be kept, the last: The model answered")
    assert len(lines(out)) == 2
    with pytest.raises(CoreError, match="Stopped after 10"):
        made(writer, clock, out, n=30, at_once=1)
    report = made(writer, clock, out, n=30, at_once=1)
    assert (report.asked, report.kept, report.unfit) == (35, 28, 7)


def test_a_run_goes_on_where_it_was_stopped(out: Path, clock: Clock) -> None:
    writer = Writer()
    with serve(writer) as served:
        run = generate(out, 12, THREE, endpoint(served, clock), at_once=1)
        while next(run).done < 5:
            pass
        run.close()
    before = lines(out)
    assert len(before) == 5
    report = made(writer, clock, out, n=12)
    assert (report.asked, report.kept) == (7, 7)
    assert lines(out)[:5] == before
    assert made(writer, clock, out, n=12) == Generation()


def test_what_others_wrote_stays_and_counts(out: Path, clock: Clock) -> None:
    mine = {"id": "a", "category": "Routine", "text": story(1), "mood": "calm"}
    out.write_text(json.dumps(mine) + "\n\n" + json.dumps({"text": "no category"}), encoding="utf-8")
    report = made(Writer(), clock, out, n=2, categories=ROUTINE)
    assert (report.kept, report.duplicates) == (1, 1)
    first, _, second, third = out.read_text(encoding="utf-8").splitlines()
    assert (json.loads(first), json.loads(second)) == (mine, {"text": "no category"})
    assert json.loads(third) == {"category": "Routine", "text": story(2)}


def test_a_line_left_half_written_is_written_anew(out: Path, clock: Clock) -> None:
    made(Writer(), clock, out, n=2, categories=ROUTINE)
    whole = out.read_bytes()
    out.write_bytes(whole + whole[:50])
    report = made(Writer(), clock, out, n=3, categories=ROUTINE)
    assert (report.kept, report.duplicates) == (1, 2)
    assert out.read_bytes().startswith(whole)
    assert len(lines(out)) == 3


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("notes.txt", "mine", "let it end in .jsonl or .ndjson"),
        ("notes.jsonl", "not JSON", "line 1: is not valid JSON"),
        ("notes.jsonl", '{"text": "a"}\n{"category": "x"}\n', "line 2, field “text”: is missing"),
        ("none/notes.jsonl", None, "There is no folder"),
    ],
)
def test_other_files_are_left_alone(
    name: str, content: str | None, sentence: str, tmp_path: Path, clock: Clock
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with serve(Writer()) as served, pytest.raises(CoreError) as raised:
        finish(generate(file, 2, ROUTINE, endpoint(served, clock)))
    assert sentence in str(raised.value)
    assert not served.asked
    assert content is None or file.read_text(encoding="utf-8") == content


def test_the_cost_is_known_before(out: Path, clock: Clock) -> None:
    with serve(Writer()) as served:
        one = endpoint(served, clock)
        found = estimate_cost(out, 30, THREE, one)
        assert not served.asked
        assert not out.exists()
        assert (found.requests, found.tokens_out) == (30, 30 * 120)
        assert found.cost == pytest.approx((found.tokens_in + 2 * found.tokens_out) / 1e6)
        finish(generate(out, 10, THREE, one))
        assert estimate_cost(out, 30, THREE, one).requests == 20


# --- batches ----------------------------------------------------------------------------------------------------------


def kept_batch(out: Path) -> Path:
    return out.with_suffix(".batch.json")


def test_a_batch(out: Path, clock: Clock) -> None:
    plan = BatchingEndpoint(Writer())
    with serve(plan) as served:
        steps = list(generate(out, 9, THREE, endpoint(served, clock), batch=True))
        asked = [(one.method, one.path) for one in served.asked]
    assert asked == [
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/files"),
        ("GET", "/v1/batches?limit=100"),
        ("POST", "/v1/batches"),
        ("GET", "/v1/batches/batch-0"),
        ("GET", "/v1/batches/batch-0"),
        ("GET", "/v1/batches/batch-0"),
        ("GET", "/v1/files/file-1/content"),
        ("GET", "/v1/files/file-2/content"),
    ]
    assert all(one.headers["authorization"] == f"Bearer {KEY}" for one in served.asked)
    assert Progress(2, 9, "1 answered, the batch is validating") in steps
    assert steps[-1] == Progress(9, 9, "9 kept, 0 refused")
    assert clock.waited == [5, 10]
    assert sorted(line["category"] for line in lines(out)) == sorted(THREE * 3)
    assert not kept_batch(out).exists()


def test_what_the_first_answer_taught_holds_for_the_batch(out: Path, clock: Clock) -> None:
    writer = Writer()

    def picky(asked: Asked) -> Step:
        return Step(400, {"error": {"message": "no temperature"}}) if "temperature" in asked.body else writer(asked)

    assert made(BatchingEndpoint(picky), clock, out, batch=True).kept == 6


def test_answers_of_a_batch_that_cannot_be_kept_are_asked_for_in_another(out: Path, clock: Clock) -> None:
    odd = {
        2: Step(500, {"error": {"message": f"broken for {KEY}"}}),
        3: said('{"category": "Routine", "te'),
        4: written("Other", story(4)),
        5: written("Routine", story(1)),
        6: said("half", "length"),
    }
    plan = BatchingEndpoint(Writer(odd))
    report = made(plan, clock, out, n=7, categories=ROUTINE, batch=True)
    assert (report.kept, report.unfit, report.duplicates, report.failed) == (7, 2, 1, 2)
    assert len(plan.batches) == 2


def test_an_expired_batch_leaves_what_it_answered(out: Path, clock: Clock) -> None:
    plan = BatchingEndpoint(Writer(), ("in_progress", "expired"), answered=2)
    report = made(plan, clock, out, n=6, categories=ROUTINE, batch=True)
    assert (report.asked, report.kept, report.failed) == (10, 6, 4)  # 1 alone, 2 of 5, 2 of 3, 1 of 1
    assert len(plan.batches) == 3
    assert not kept_batch(out).exists()


def test_a_batch_that_fails_is_said_and_the_next_run_begins_another(out: Path, clock: Clock) -> None:
    plan = BatchingEndpoint(Writer(), ("failed",), errors=(f"Line 1 is too long for {KEY}.",))
    report = made(plan, clock, out, batch=True)
    assert (report.kept, report.failed, report.missing) == (1, 5, 5)
    assert "The batch batch-0 ended without an answer (it is failed: Line 1 is too long for …)." in str(report)
    plan.statuses = ("completed",)
    assert made(plan, clock, out, batch=True).kept == 5
    assert len(plan.batches) == 2


def test_a_batch_is_fetched_by_a_later_run_and_begun_only_once(out: Path, clock: Clock) -> None:
    plan = BatchingEndpoint(Writer(), ("in_progress",))
    with serve(plan) as served:
        one = endpoint(served, clock)
        run = generate(out, 6, THREE, one, batch=True)
        while "the batch is" not in next(run).note:
            pass
        run.close()
        assert len(lines(out)) == 1
        assert estimate_cost(out, 9, THREE, one, batch=True).requests == 3
        with pytest.raises(CoreError, match=r"waits for a batch: add --batch .* or remove narratives\.batch\.json"):
            finish(generate(out, 6, THREE, one))
        with pytest.raises(CoreError, match="waits for a batch of tiny at http"):
            finish(generate(out, 6, THREE, endpoint(served, clock, model="other"), batch=True))
        plan.statuses = ("completed",)
        report = finish(generate(out, 6, THREE, one, batch=True))
    assert (report.asked, report.kept, report.missing) == (5, 5, 0)
    assert len(plan.batches) == 1
    assert not kept_batch(out).exists()


def test_answers_taken_twice_are_kept_once(out: Path, clock: Clock) -> None:
    plan = BatchingEndpoint(Writer(), ("completed",))
    with serve(plan) as served:
        one = endpoint(served, clock)
        run = generate(out, 6, ROUTINE, one, batch=True)
        while next(run).done < 4:
            pass
        run.close()
        report = finish(generate(out, 6, ROUTINE, one, batch=True))
    assert (report.kept, report.duplicates, report.missing) == (2, 3, 0)
    assert len(lines(out)) == 6


def test_fetching_a_batch_asks_for_nothing_that_nobody_agreed_to(out: Path, clock: Clock) -> None:
    plan = BatchingEndpoint(Writer({3: said("no"), 4: said("no")}), ("in_progress",))
    with serve(plan) as served:
        one = endpoint(served, clock)
        run = generate(out, 6, ROUTINE, one, batch=True)
        while "the batch is" not in next(run).note:
            pass
        run.close()
        plan.statuses = ("completed",)
        report = finish(generate(out, 6, ROUTINE, one, batch=True))
        assert (report.asked, report.kept, report.missing) == (5, 3, 2)
        assert estimate_cost(out, 6, ROUTINE, one, batch=True).requests == 2
    assert len(plan.batches) == 1


def test_a_batch_whose_begin_was_lost_is_found_again(out: Path, clock: Clock) -> None:
    """The answer to POST /batches never comes, though the batch begins: it is not sent again."""
    plan = BatchingEndpoint(Writer(), ("completed",))
    lost = [0]

    def losing(asked: Asked) -> Step:
        step = plan(asked)
        if (asked.method, asked.path) == ("POST", "/v1/batches"):
            lost[0] += 1
            return Step(step.status, step.body, cut=True)
        return step

    assert "broke off. Try again later; what is stored is kept." in problem(losing, clock, out, batch=True)
    assert lost == [1]
    with serve(losing) as served:
        kept = json.loads(kept_batch(out).read_text(encoding="utf-8"))
        kept_batch(out).write_text(json.dumps(kept | {"place": f"{served.url}/v1"}), encoding="utf-8")
        report = finish(generate(out, 6, THREE, endpoint(served, clock), batch=True))
    assert (report.kept, report.missing) == (5, 0)
    assert lost == [1]
    assert len(plan.batches) == 1


@pytest.mark.parametrize("path", ["files", "batches"])
@pytest.mark.parametrize("status", [404, 405, 501])
def test_an_endpoint_without_batches_is_asked_one_by_one(path: str, status: int, out: Path, clock: Clock) -> None:
    plan = BatchingEndpoint(Writer(), first={("POST", path): [Step(status)]})
    report = made(plan, clock, out, batch=True)
    assert report == Generation(asked=6, kept=6, batched=False)
    assert not kept_batch(out).exists()


def test_a_batch_that_the_endpoint_lost_is_said(out: Path, clock: Clock) -> None:
    plan = BatchingEndpoint(Writer(), first={("GET", "batches/batch-0"): [Step(404)]})
    assert problem(plan, clock, out, batch=True).endswith("does not know the batch batch-0 (404).")
    assert kept_batch(out).exists()


def test_a_server_that_is_busy_while_a_batch_runs_is_asked_again(out: Path, clock: Clock) -> None:
    busy = Step(429, headers={"Retry-After": "9"})
    first = {("POST", "files"): [busy], ("POST", "batches"): [busy], ("GET", "batches/batch-0"): [Step(500), busy]}
    assert made(BatchingEndpoint(Writer(), first=first), clock, out, batch=True).kept == 6
    assert clock.waited.count(9) == 3


@pytest.mark.parametrize("content", ["{", "[]", '{"keys": 3}', '{"keys": [], "spare": 1}'])
def test_what_is_no_kept_batch_is_said(content: str, out: Path, clock: Clock) -> None:
    kept_batch(out).write_text(content, encoding="utf-8")
    assert "narratives.batch.json is no batch that was kept: remove it" in problem(Writer(), clock, out, batch=True)


def test_a_full_batch_is_followed_by_another(out: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MOST_REQUESTS", 3)
    plan = BatchingEndpoint(Writer(), ("completed",))
    assert made(plan, clock, out, n=8, batch=True).kept == 8
    assert len(plan.batches) == 3
