"""The commands ``lupusim list`` and ``lupusim init``: what comes with the program."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

from lupusim.cli.parameters import Argument
from lupusim.cli.writing import ForceOption, if_present

_KINDS = {"cohorts": "cohort models"}


def list_packaged() -> None:
    """List the packaged models, cohort models, decisions, evidence files and scenarios."""
    from lupusim.scenario.files.packaged import packaged_descriptions

    for kind in ("scenarios", "models", "cohorts", "decisions", "evidence"):
        print(f"{_KINDS.get(kind, kind)}:")
        for name, description in packaged_descriptions(kind).items():
            print(f"  {name:28} {description}")


def init(
    folder: Annotated[Path, Argument(metavar="DIR", help="A folder, made if need be.")],
    force: ForceOption = False,
) -> None:
    """Copy the packaged scenarios, models and evidence into a folder, to be changed there."""
    from lupusim.scenario.files.packaged import copy_packaged

    targets = {"scenarios": folder, "models": folder / "models", "evidence": folder / "evidence"}
    for path in copy_packaged(targets, if_present=if_present(force)):
        print(path)
    print(f"Now: lupusim run {shlex.quote(str(folder / 'phase2_remission_52w.yaml'))}")
