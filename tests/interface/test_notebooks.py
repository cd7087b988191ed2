"""Every notebook runs from top to bottom and lies there with the outputs that it has."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
QUICK = "00_rates_and_probabilities"
MOST_KB = 400


def printed(notebook: nbformat.NotebookNode) -> list[str]:
    """Return what the cells print, one text for each cell."""
    return [
        "".join(o.text for o in cell.get("outputs", []) if o.output_type == "stream")
        for cell in notebook.cells
    ]


def test_there_are_seven_notebooks() -> None:
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"0{k}" for k in range(7)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_can_be_read_as_it_lies(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.read(path, as_version=4)
    assert len(text) < 1024 * MOST_KB
    assert "/home/" not in text
    assert "/tmp/" not in text
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    assert len(outputs) > 5
    assert not any(o.output_type == "error" for o in outputs)
    assert any("image/png" in o.get("data", {}) for o in outputs)
    words = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert words.count("<details><summary>Solution</summary>") >= 3


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[] if path.stem == QUICK else [pytest.mark.slow])
        for path in NOTEBOOKS
    ],
    ids=lambda path: path.stem,
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Jupyter's own machinery
def test_notebook_runs_and_prints_what_is_stored(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    stored = printed(notebook)
    NotebookClient(notebook, timeout=180, kernel_name="python3").execute()
    assert printed(notebook) == stored, f"run python scripts/run_notebooks.py {path.stem}"
