"""The command ``lupusim trial``."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from lupusim.cli.options import ScenarioArgument, SeedOption
from lupusim.cli.parameters import Option
from lupusim.cli.writing import ForceOption, if_present
from lupusim.common.output import Folder
from lupusim.trial.durations import MONTHS_PER_YEAR


class EngineName(StrEnum):
    """Which engine follows the patients."""

    events = "events"
    vector = "vector"


def trial(
    scenario: ScenarioArgument,
    out: Annotated[Path, Option("--out", help="Folder for the tables, made if need be.")],
    engine: Annotated[EngineName, Option(help="Which engine.")] = EngineName.events,
    seed: SeedOption = None,
    force: ForceOption = False,
) -> None:
    """Simulate one trial and write its patient-level tables as CSV, and ADaM-like data."""
    from lupusim.scenario import load_scenario
    from lupusim.simulation.patient_level.files import file_names
    from lupusim.simulation.patient_level.tables import simulate_trial

    loaded = load_scenario(scenario)
    folder = Folder(out, if_present(force))
    folder.reserve(file_names(loaded.points[0].trial))
    simulated = simulate_trial(loaded, engine=engine.value, seed=seed)
    for path in [*simulated.to_csv(folder), *simulated.to_adam(folder, "adam/")]:
        print(path)
    for look, years, words in simulated.decisions.itertuples(index=False):
        print(f"look {look}, month {MONTHS_PER_YEAR * years:.1f}: {words}", file=sys.stderr)
