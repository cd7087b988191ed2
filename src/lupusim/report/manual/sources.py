"""The pages of the manual, gathered for the generator from where they lie."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lupusim.report.manual.python import write_reference

_PACKAGED = Path(__file__).parent / "pages"
_CHECKOUT = Path(__file__).parents[4]
# A page's link to what stands beside docs: in the site that is one folder less away.
_TO_NOTEBOOK = re.compile(r"\]\(\.\./((?:\.\./)*)notebooks/(\w+)\.ipynb\)")
_TO_TOP = re.compile(r"\]\(\.\./((?:\.\./)*)(CHANGELOG|CONTRIBUTING)\.md")


def root_of_pages() -> Path:
    """Return the folder with ``docs`` and ``notebooks``: of the package, or of the checkout.

    Raises
    ------
    FileNotFoundError
        If there is neither; it names the folder.
    """
    for root in (_PACKAGED, _CHECKOUT):
        if (root / "docs" / "index.md").is_file():
            return root
    raise FileNotFoundError(2, "the pages of the manual are not there", str(_PACKAGED))


def gather(root: Path, folder: Path) -> None:
    """Copy pages, notebooks and changelog into one tree of Markdown whose links stay inside.

    Parameters
    ----------
    root : Path
        From :func:`root_of_pages`.
    folder : Path
        An empty folder.
    """
    for path in sorted((root / "docs").rglob("*")):
        target = folder / path.relative_to(root / "docs")
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        elif path.suffix == ".md":
            target.write_text(_inside(path.read_text(encoding="utf-8")), encoding="utf-8")
        else:
            shutil.copyfile(path, target)
    write_reference(folder / "python")
    (folder / "notebooks").mkdir()
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        text = "\n\n".join(_cells(json.loads(path.read_text(encoding="utf-8"))))
        (folder / "notebooks" / f"{path.stem}.md").write_text(text + "\n", encoding="utf-8")
    for name in ("CHANGELOG", "CONTRIBUTING"):
        text = (root / f"{name}.md").read_text(encoding="utf-8")
        (folder / f"{name}.md").write_text(text.replace("](docs/", "]("), encoding="utf-8")


def _inside(text: str) -> str:
    """Return a page whose links to notebooks and to the checkout's top lead into the site."""
    return _TO_TOP.sub(r"](\1\2.md", _TO_NOTEBOOK.sub(r"](\1notebooks/\2.md)", text))


def _cells(notebook: dict[str, Any]) -> Iterator[str]:
    """Yield the cells of a notebook as Markdown: words, code, what it printed and drew."""
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield re.sub(r"\]\((\w+)\.ipynb", r"](\1.md", source)
            continue
        yield f"```python\n{source}\n```"
        for output in cell["outputs"]:
            yield from _shown(output)


def _shown(output: dict[str, Any]) -> Iterator[str]:
    data = output.get("data", {})
    if "image/png" in data:
        yield f"![what the cell draws](data:image/png;base64,{data['image/png'].strip()})"
    elif "image/svg+xml" in data:
        yield "".join(data["image/svg+xml"])
    elif text := "".join(output.get("text", data.get("text/plain", ""))):
        yield f"```text\n{text.rstrip()}\n```"
