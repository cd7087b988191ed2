"""Write docs/reference/python.md: all that the packages of lupusim name in their ``__all__``."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

from lupusim.report.manual.python import PACKAGES

PAGE = Path(__file__).resolve().parents[1] / "docs/reference/python.md"
_HEAD = """# Python

All names that the packages offer; `help(name)` says the rest, as do the pages that `lupusim docs`
shows of each package. Functions at the top take the name of
a packaged file, a path, or what was read; results print in a few lines and show a table in a
notebook. Made by `scripts/python_page.py` from each package's `__all__`.
"""


def page() -> str:
    """Return the text of the page."""
    return _HEAD + "".join(_section(name) for name in PACKAGES)


def _section(name: str) -> str:
    package = import_module(name)
    first = (inspect.getdoc(package) or "").splitlines()[0]
    rows = [f"| `{one}` | {_first_line(getattr(package, one))} |" for one in package.__all__]
    return "\n".join(
        [f"\n## {name}", "", first, "", "| name | what it is |", "|---|---|", *rows, ""]
    )


def _first_line(thing: object) -> str:
    if not callable(thing):
        return f"a {type(thing).__name__}"
    said = (inspect.getdoc(thing) or "").splitlines()
    return said[0].replace("|", "\\|") if said else ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
