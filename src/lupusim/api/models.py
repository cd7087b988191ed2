"""What one asks of a model: a name, a path, or one that was read."""

from __future__ import annotations

from pathlib import Path

from lupusim import engines
from lupusim.api.by_name import by_name
from lupusim.engines import exact
from lupusim.model import MultiStateModel


def _load(name_or_path: str | Path) -> MultiStateModel:
    """Return the model of a file; files are known only where one is named."""
    from lupusim.scenario.files.model import load_model

    return load_model(name_or_path)


simulate = by_name(_load)(engines.simulate)
ever = by_name(_load)(exact.ever)
first_passage = by_name(_load)(exact.first_passage)
life_expectancy = by_name(_load)(exact.life_expectancy)
next_states = by_name(_load)(exact.next_states)
occupancy = by_name(_load)(exact.occupancy)
sojourn_times = by_name(_load)(exact.sojourn_times)
time_in_state = by_name(_load)(exact.time_in_state)
transition_probabilities = by_name(_load)(exact.transition_probabilities)
visits = by_name(_load)(exact.visits)
