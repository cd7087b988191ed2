"""What one asks of a model: a name, a path, or one that was read."""

from __future__ import annotations

from lupusim import engines
from lupusim.api.by_name import by_name
from lupusim.engines import exact
from lupusim.scenario.files.model import load_model

simulate = by_name(load_model)(engines.simulate)
ever = by_name(load_model)(exact.ever)
first_passage = by_name(load_model)(exact.first_passage)
life_expectancy = by_name(load_model)(exact.life_expectancy)
next_states = by_name(load_model)(exact.next_states)
occupancy = by_name(load_model)(exact.occupancy)
sojourn_times = by_name(load_model)(exact.sojourn_times)
time_in_state = by_name(load_model)(exact.time_in_state)
transition_probabilities = by_name(load_model)(exact.transition_probabilities)
visits = by_name(load_model)(exact.visits)
