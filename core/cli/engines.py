"""The command that lists, downloads, adds and removes engines."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from core.cli.shared import Commands, Result, drawn
from core.demo import open_demo
from core.encoding import registry
from core.encoding.engines import Engine, presets


def register(commands: Commands) -> None:
    sub = commands.add("engines", _engines, "The engines and what each still needs; add your own.", bank=False)
    sub.add_argument(
        "--prepare",
        metavar="NAME",
        help="fetch what one needs, load it and make the demo bank now",
    )
    sub.add_argument("--search", metavar="WORDS", help="published SAEs whose release, id, model or hook hold all words")
    sub.add_argument("--trial", metavar="NAME", help="encode one sentence: tokens, L0, FVU, seconds")
    actions = sub.add_subparsers(metavar="add | remove")

    add = actions.add_parser(
        "add", help="a model and an SAE of your own", description="A model and an SAE of your own."
    )
    add.set_defaults(run=_add)
    add.add_argument("name")
    add.add_argument("--sae", required=True, help="RELEASE/ID of sae-lens, hub:OWNER/NAME/FOLDER, or a folder")
    add.add_argument("--model", default="", help="OWNER/NAME on the hub, or a folder (default: the one the SAE names)")
    add.add_argument(
        "--dense", default="pooled", help="OWNER/NAME, a folder, minilm, nomic, or pooled: the model's own mean"
    )
    add.add_argument("--hook", default="", help="for example blocks.6.hook_resid_post (default: the SAE's own)")
    add.add_argument("--layer", type=int, help="the same as --hook blocks.LAYER.hook_resid_post")
    add.add_argument("--document-prefix", default="", help="what the dense embedder sees before a memory")
    add.add_argument("--query-prefix", default="", help="what it sees before a query")
    add.add_argument("--force", action="store_true", help="replace one of that name; add a pair that is in doubt")
    remove = actions.add_parser("remove", help="forget one of your own", description="Forget an engine of your own.")
    remove.set_defaults(run=_remove)
    remove.add_argument("name")
    for action in (add, remove):
        action.add_argument("--json", action="store_true", help="machine-readable output alone on stdout")


def _engines(a: argparse.Namespace) -> Result:
    if a.search is not None:
        return _search(a.search)
    if a.trial:
        return _trial(a.trial)
    if a.prepare:
        drawn(Engine.named(a.prepare).prepare())
        open_demo(a.prepare)
    result = [_about(Engine(spec)) for spec in presets().values()]
    lines = [
        f"{e['name']:16} {'ready' if e['ready'] else 'missing: ' + ' '.join(e['missing'])}  {e['title']}"
        + ("" if e["ready"] or not e["licence"] else f" (fetched under {e['licence']}, {e['bytes'] / 1e9:.1f} GB)")
        for e in result
    ]
    return result, lines


def _about(engine: Engine) -> dict[str, Any]:
    missing = engine.missing()
    about: dict[str, Any] = {
        "name": engine.name,
        "title": engine.spec.title,
        "ready": not missing,
        "missing": missing,
        "bytes": engine.size,
        "licence": engine.spec.licence,
        "hook": engine.spec.hook,
    }
    return about if missing else about | {"fingerprint": engine.fingerprint}


def _search(words: str) -> Result:
    found = registry.search_releases(words)
    rows = [asdict(r) | {"place": r.place, "unreadable": r.unreadable} for r in found]
    lines = [f"{r.release}/{r.id}  {r.model}  {r.hook or r.unreadable}" for r in found]
    return rows, lines or [f"No SAE of sae-lens' directory holds all of “{words}”."]


def _trial(name: str) -> Result:
    tried = registry.trial(Engine.named(name).spec)
    line = f"{tried.tokens} tokens, L0 {tried.l0:.1f}, FVU {tried.fvu:.3f}; loaded in {tried.load_seconds:.1f} s, "
    return asdict(tried) | {"name": name}, [f"{line}encoded in {tried.seconds:.2f} s"]


def _add(a: argparse.Namespace) -> Result:
    spec = registry.make(
        a.name, a.model, a.sae, a.dense, a.hook, a.layer, a.document_prefix, a.query_prefix
    )  # fmt: skip
    registry.add(spec, a.force)
    warnings = [finding.sentence for finding in registry.check(spec)]
    engine = Engine(spec)
    result = _about(engine) | {"warnings": warnings, "memory": registry.estimate_bytes(spec)}
    needs = f" It still needs: {' '.join(result['missing'])}" if result["missing"] else ""
    lines = [f"Added “{a.name}”: {spec.title}.{needs}", *warnings]
    if result["memory"]:
        lines.append(f"It takes about {result['memory'] / 1e9:.1f} GB of memory.")
    return result, lines


def _remove(a: argparse.Namespace) -> Result:
    registry.remove(a.name)
    return {"removed": a.name}, [f"Forgot “{a.name}”. Its files, and codes in banks, stay."]
