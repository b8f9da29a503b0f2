"""Evaluations that a bank keeps: settings and report as JSON, a row per question, a row per question and mode."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import pyarrow as pa

from core.evaluation.runner import Outcome
from core.store.tables import Cursor
from core.types import Question

Row = Mapping[str, Any]
_RUN = ("id", "name", "created", "engine", "source", "categories", "settings", "report")
_MEASURES = pa.map_(pa.string(), pa.float64())
_RECALLED = pa.map_(pa.string(), pa.struct([("complete", pa.bool_()), ("characters", pa.int32())]))


def add(cursor: Cursor, run: Row, cases: Sequence[Outcome]) -> None:
    """run: every column of the table but the time, settings and report as objects."""
    now = datetime.now(UTC).replace(tzinfo=None)
    values = {**run, "created": now, "settings": json.dumps(run["settings"]), "report": _written(run["report"])}
    cursor.execute(f"insert into runs ({', '.join(_RUN)}) values ({', '.join('?' * len(_RUN))})",
                   [values[name] for name in _RUN])  # fmt: skip
    for table, rows in (("run_questions", _questions(run["id"], cases)), ("run_places", _places(run["id"], cases))):
        cursor.register("incoming", rows)
        cursor.execute(f"insert into {table} by name select * from incoming")
        cursor.unregister("incoming")


def _written(report: Mapping[str, Any]) -> str:
    return json.dumps(report, ensure_ascii=False, default=str)


def _questions(run: str, cases: Sequence[Outcome]) -> pa.Table:
    asked = [case.question for case in cases]
    names = ("text", "conversation", "category", "answer")
    columns = {name: [getattr(q, name) for q in asked] for name in names}
    evidence = pa.array([list(q.evidence) for q in asked], pa.list_(pa.string()))
    return pa.table({"run": [run] * len(asked), "question": [q.id for q in asked], **columns, "evidence": evidence})


def _places(run: str, cases: Sequence[Outcome]) -> pa.Table:
    rows = [(case, mode) for case in cases for mode in case.ranks]
    recalled = [
        [(name, {"complete": there, "characters": n}) for name, (there, n) in case.recalled[mode].items()]
        for case, mode in rows
    ]
    return pa.table(
        {
            "run": [run] * len(rows),
            "question": [case.question.id for case, _ in rows],
            "mode": [mode for _, mode in rows],
            "ranks": pa.array([case.ranks[mode] for case, mode in rows], pa.list_(pa.int32())),
            "top": pa.array([case.top[mode] for case, mode in rows], pa.list_(pa.string())),
            "measures": pa.array([list(case.measures[mode].items()) for case, mode in rows], _MEASURES),
            "recalled": pa.array(recalled, _RECALLED),
        }
    )


def find(cursor: Cursor, run: str | None = None) -> list[dict[str, Any]]:
    """The row of one run, or those of all, newest first; settings and report as objects, the engine's name with it."""
    named = "coalesce((select e.name from engines e where e.fingerprint = runs.engine), '')"
    columns = ", ".join(f"runs.{name}" for name in _RUN)
    rows = cursor.execute(
        f"select {columns}, {named} from runs where ?1 is null or id = ?1 order by created desc, id", [run]
    ).fetchall()
    found = [dict(zip((*_RUN, "engine_name"), row, strict=True)) for row in rows]
    return [row | {name: json.loads(row[name]) for name in ("settings", "report")} for row in found]


def set_report(cursor: Cursor, run: str, report: Mapping[str, Any]) -> None:
    cursor.execute("update runs set report = ? where id = ?", [_written(report), run])


def delete(cursor: Cursor, run: str) -> None:
    cursor.execute("delete from runs where id = ?", [run])
    for table in ("run_questions", "run_places"):
        cursor.execute(f"delete from {table} where run = ?", [run])


def cases(cursor: Cursor, run: str) -> tuple[Outcome, ...]:
    """Every question of a run, by conversation and id."""
    rows = (
        cursor.sql(
            """select question, text, conversation, category, answer, evidence, mode, ranks, top, measures, recalled
               from run_questions join run_places using (run, question) where run = ?
               order by conversation, question""",
            params=[run],
        )
        .to_arrow_table()
        .to_pylist()
    )
    return tuple(_case(group) for _, group in groupby(rows, key=lambda row: row["question"]))


def _case(group: Iterator[Row]) -> Outcome:
    rows = list(group)
    q = rows[0]
    asked = Question(q["question"], q["text"], q["conversation"], tuple(q["evidence"]), q["answer"], q["category"])
    return Outcome(
        asked,
        {row["mode"]: tuple(row["ranks"]) for row in rows},
        {row["mode"]: tuple(row["top"]) for row in rows},
        {row["mode"]: dict(row["measures"]) for row in rows},
        {row["mode"]: {name: (r["complete"], r["characters"]) for name, r in row["recalled"]} for row in rows},
    )
