"""The notebook of docs/ runs from beginning to end."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent


def test_the_narrative_notebook_runs() -> None:
    notebook = nbformat.read(ROOT / "docs" / "narrative_api.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    shown = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()
    outputs = [out for cell in shown.cells for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out["output_type"] == "error"]
    drawn = [out["data"]["application/vnd.plotly.v1+json"] for out in outputs if "data" in out]
    assert [trace["name"] for trace in drawn[0]["data"]][-1] == "retrieved"
    assert len(drawn[0]["data"][-1]["x"]) > 0
