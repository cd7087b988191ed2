"""The runs that the folder holds: found again after a reload, or after the server was away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lupusim.app.folder import RUNS, StartFolder, plain_name
from lupusim.common.frozen import dataclass
from lupusim.common.output import read_object, write
from lupusim.errors import InputError, LupusimError
from lupusim.planning.execution.ledger import Ledger
from lupusim.scenario.document.edits import parsed, value_at

NOTE = "asked.json"
_MOST_BYTES = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run as its folder tells it."""

    name: str  # of the folder
    folder: Path  # where it is
    design: str  # the scenario file, as the command names it
    arguments: tuple[str, ...]  # of the command that made it
    draft: str  # the design that was open in the page; empty for none
    result: dict[str, Any] | None  # what was found; None while it is not complete

    @property
    def text(self) -> str:
        """Its scenario file, of a run that is not complete from its ledger; empty where none."""
        try:
            return (self.folder / "scenario.yaml").read_text(encoding="utf-8")
        except (OSError, ValueError):
            pass
        try:
            with Ledger.reading(self.folder) as ledger:
                return "".join(asked.text for asked in ledger.asked()[:1])
        except (LupusimError, OSError):
            return ""

    @property
    def content(self) -> Any:
        """What its scenario file holds; nothing where there is none that can be read."""
        try:
            return parsed(self.text).content
        except InputError:
            return {}

    @property
    def title(self) -> str:
        """The title of its scenario; empty where none is known yet."""
        return str(value_at(self.content, ("title",)) or "")

    @property
    def command(self) -> tuple[str, ...]:
        """The arguments of the command that makes it."""
        asked = self.result or {}
        seed = ("--seed", str(asked["seed"])) if "seed" in asked else ()
        again = ("run", self.design, *str(asked.get("asked", "")).split(), *seed)
        return self.arguments or again

    @property
    def can_go_on(self) -> bool:
        """Whether it holds finished work and no result."""
        return self.result is None and (self.folder / "ledger.sqlite").is_file()


def new_run(folder: StartFolder, scenario: str) -> tuple[str, Path]:
    """Make the folder of a new run; return its name and path."""
    stem = plain_name(scenario)
    (folder.path / RUNS).mkdir(exist_ok=True)
    number = 1
    while True:
        name = f"{stem}-{number}"
        path = folder.inside(f"{RUNS}/{name}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
            continue
        return name, path


def remember(folder: Path, *, design: str, arguments: Sequence[str], draft: str) -> None:
    """Write into a run's folder what was asked."""
    asked = {"design": design, "arguments": list(arguments), "draft": draft}
    write(folder / NOTE, json.dumps(asked, indent=2))


def find_run(folder: StartFolder, name: str) -> PastRun | None:
    """Return a run by the name of its folder; None where there is none."""
    try:
        path = folder.inside(f"{RUNS}/{name}")
        if path.parent != folder.path / RUNS or not path.is_dir():
            return None
    except (ValueError, OSError):  # no name that a folder can have
        return None
    asked = _loaded(path / NOTE) or {}
    return PastRun(
        name=name,
        folder=path,
        design=str(asked.get("design", f"{RUNS}/{name}/scenario.yaml")),
        arguments=tuple(map(str, asked.get("arguments", ()))),
        draft=str(asked.get("draft", "")),
        result=_loaded(path / "result.json"),
    )


def past_runs(folder: StartFolder) -> list[PastRun]:
    """Return the runs of the folder, the latest first."""
    above = folder.path / RUNS
    if not above.is_dir():
        return []
    found = [path for path in above.iterdir() if path.is_dir() and not path.is_symlink()]
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    runs = (find_run(folder, path.name) for path in found)
    return [run for run in runs if run is not None and _is_run(run)]


def _is_run(run: PastRun) -> bool:
    return run.result is not None or bool(run.arguments) or run.can_go_on


def _loaded(path: Path) -> dict[str, Any] | None:
    try:
        small = path.stat().st_size <= _MOST_BYTES
    except OSError:
        return None
    return read_object(path) if small else None
