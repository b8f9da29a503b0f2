"""The demo bank: narratives and a dialogue written for this product, with their codes, so that no model is needed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from core import readers
from core.bank.bank import MemoryBank
from core.bank.intake import Intake
from core.encoding.engines import Encoder, Engine, presets
from core.encoding.stored import StoredEngine
from core.progress import finish
from core.readers.cases import read_cases
from core.settings import ASSETS, data_folder
from core.store import tables
from core.types import Codes, Reading

DEMO = ASSETS / "demo"
FILES = (DEMO / "narratives.jsonl", DEMO / "dialogue.json")
DEMO_QUERY = "My mobile keeps running out of charge. What can I do about it?"


def open_demo(engine: str = "minilm") -> MemoryBank:
    """The demo bank in the user's data folder, made from the shipped texts and codes when it is not there yet."""
    path = data_folder() / "banks" / "demo.duckdb"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            half_done = Path(folder) / path.name
            fill(MemoryBank.open(half_done, engine))
            os.replace(half_done, path)
    adopt_shipped_codes(MemoryBank.open(path, engine))
    return MemoryBank.open(path, engine)


def fill(bank: MemoryBank) -> None:
    """The demo's memories and questions, with the shipped codes of the bank's engine."""
    with bank.kept_open():
        for reading in demo_readings():
            finish(bank.add(reading, encode=False))
        adopt_shipped_codes(bank)


def demo_readings() -> Iterable[Reading]:
    """The shipped memories and questions. The dialogue's conversation is called “demo”."""
    return (readers.read(file) for file in FILES)


def case_questions() -> list[str]:
    """The questions of the demo's separability cases, whose contexts are memories of the demo."""
    cases, _ = read_cases(DEMO / "sep.jsonl")
    return list(dict.fromkeys(text for c in cases for text in (c.related, c.unrelated, c.elsewhere) if text))


def shipped(engine: str) -> tuple[Path, Path, Path]:
    """(codes of the memories; of the landing query and the cases' questions; trust of the labels among the memories)"""
    codes, query, trust = (DEMO / f"{name}.{engine}.parquet" for name in ("codes", "query", "trust"))
    return codes, query, trust


def adopt_shipped_codes(bank: MemoryBank) -> None:
    """Store the shipped codes of every engine that they are of now; an engine whose files are missing is taken at its
    word, so that its codes can be looked at without its model. Another version of an engine waits to be encoded."""
    with bank.kept_open():
        held = {one.fingerprint for one in bank.engines.list()}
        for name in presets():
            files = shipped(name)
            if not all(file.is_file() for file in files):
                continue
            fingerprint = pq.read_schema(files[0]).metadata[b"fingerprint"].decode()
            engine: Encoder = bank.engine if bank.engine.name == name else Engine.named(name)
            if engine.missing():
                engine = StoredEngine.instead_of(engine, fingerprint, engine.about)
            if fingerprint not in held and fingerprint == engine.fingerprint:
                _adopt(bank.with_engine(engine), *files)


def _adopt(bank: MemoryBank, *files: Path) -> None:
    memories, queries, trust = (pq.read_table(file) for file in files)
    n_latents = int(memories.schema.metadata[b"n_latents"])
    Intake(bank.state).adopt(
        memories["id"].to_pylist(),
        tables.codes_of(memories, n_latents),
        queries["text"].to_pylist(),
        tables.codes_of(queries, n_latents),
    )
    bank.trust.adopt(trust)


def build(engine: str = "minilm") -> tuple[int, int]:
    """Encode the demo anew and write what is shipped. Returns (memories, bytes). For releases, not for users."""
    with tempfile.TemporaryDirectory() as folder:
        bank = MemoryBank.open(Path(folder) / "demo.duckdb", engine)
        for reading in demo_readings():
            finish(bank.add(reading))
        index = bank.index()
        about = {"fingerprint": bank.engine.fingerprint, "n_latents": str(index.codes.n_latents)}
        memories, queries, trust = shipped(engine)
        _write(memories, "id", list(index.ids), index.codes, about)
        asked = [DEMO_QUERY, *case_questions()]
        known = bank.state.store_queries(asked)
        _write(queries, "text", asked, Codes.concat([known[text] for text in asked]), about)
        if len(bank.engine.catalogue):
            finish(bank.trust.measure())
        pq.write_table(bank.trust.table(), trust, compression="zstd")
    return len(index), sum(file.stat().st_size for file in (memories, queries, trust))


def _write(file: Path, key: str, keys: list[str], codes: Codes, about: dict[str, str]) -> None:
    rounded = replace(codes, max=_short(codes.max), sum=_short(codes.sum), dense=_short(codes.dense))
    table = tables.code_table(rounded).append_column(key, [keys])
    pq.write_table(table.replace_schema_metadata(about), file, compression="zstd", use_dictionary=False)


def _short(values: Any) -> Any:
    """Half precision is enough to draw and to rank, and compresses to half the size."""
    return values.astype("float16").astype("float32")
