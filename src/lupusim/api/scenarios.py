"""The planner's questions to a scenario: a name, a path, or one that was read."""

from __future__ import annotations

from pathlib import Path

from lupusim.api.by_name import by_name
from lupusim.planning.runs import run as running
from lupusim.planning.sample_size import search
from lupusim.simulation.patient_level import tables
from lupusim.trial.scenario import Scenario


def load(name_or_path: str | Path) -> Scenario:
    """Return the scenario of a file; files are known only where one is named."""
    from lupusim.scenario.files.scenario import load_scenario

    return load_scenario(name_or_path)


run = by_name(load)(running.run)
sample_size = by_name(load)(search.sample_size)
simulate_trial = by_name(load)(tables.simulate_trial)
