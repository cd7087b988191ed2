"""Pages of the Python reference: the whole docstring of every public name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

PACKAGES = (
    "lupusim",
    "lupusim.analysis",
    "lupusim.analysis.group_sequential",
    "lupusim.analysis.multiplicity",
    "lupusim.model",
    "lupusim.trial",
    "lupusim.trial.adaptation",
    "lupusim.endpoints",
    "lupusim.simulation.adaptation",
    "lupusim.engines.exact",
    "lupusim.scenario",
    "lupusim.economics",
)
"""Packages whose names users write; each names them in its ``__all__``."""


def write_reference(folder: Path) -> None:
    """Write a page for each package, in which the generator puts the docstrings."""
    folder.mkdir()
    told: set[int] = set()
    for name in PACKAGES:
        (folder / f"{name}.md").write_text(_page(name, told), encoding="utf-8")


def _page(name: str, told: set[int]) -> str:
    """Return the page of a package; what an earlier one tells of is left out."""
    package = import_module(name)
    parts = [f"# {name}", (package.__doc__ or "").strip().partition("\n")[0]]
    for one in package.__all__:
        thing = getattr(package, one)
        if id(thing) in told or not callable(thing) or not hasattr(thing, "__qualname__"):
            continue
        told.add(id(thing))
        kind = "class" if isinstance(thing, type) else "function"
        directive = f".. auto{kind}:: {name}.{one}\n   :no-index:"
        parts.append(f"## {one}\n\n```{{eval-rst}}\n{directive}\n```")
    return "\n\n".join(parts) + "\n"
