"""The planner's questions to a scenario: a name, a path, or one that was read."""

from __future__ import annotations

from lupusim.api.by_name import by_name
from lupusim.planning.runs import run as running
from lupusim.planning.sample_size import search
from lupusim.scenario import assurance as assuring
from lupusim.scenario.files.scenario import load_scenario
from lupusim.simulation.patient_level import tables

run = by_name(load_scenario)(running.run)
sample_size = by_name(load_scenario)(search.sample_size)
assurance = by_name(load_scenario)(assuring.assurance)
simulate_trial = by_name(load_scenario)(tables.simulate_trial)
