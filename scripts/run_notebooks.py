"""Run the notebooks from top to bottom and keep their outputs, to be read as they lie.

Usage: ``python scripts/run_notebooks.py [NAME ...]``; all of them where none is named.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def run(path: Path) -> None:
    """Run one notebook in its folder and write it back without times and versions."""
    notebook = nbformat.read(path, as_version=4)
    begin = time.perf_counter()
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=str(path.parent))
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)
    print(f"{path.name}: {time.perf_counter() - begin:.0f} s, {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    for found in sorted(NOTEBOOKS.glob("*.ipynb")):
        if len(sys.argv) == 1 or found.stem in sys.argv[1:]:
            run(found)
