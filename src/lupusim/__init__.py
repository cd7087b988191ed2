"""Design trials of mesenchymal stem cells in refractory lupus.

Published counts calibrate a multi-state model, engines turn the model and a trial design
into patient histories, an analysis sees what the trial would have observed, and planning
repeats that many times and says how good the design is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lupusim.common.lazy import attributes

if TYPE_CHECKING:
    from lupusim.api.averages import assurance
    from lupusim.api.models import (
        ever,
        first_passage,
        life_expectancy,
        next_states,
        occupancy,
        simulate,
        sojourn_times,
        time_in_state,
        transition_probabilities,
        visits,
    )
    from lupusim.api.scenarios import run, sample_size, simulate_trial, solve
    from lupusim.engines.cohort import trace
    from lupusim.engines.exact import closest_generator, in_cycles
    from lupusim.report.models.diagram import diagram
    from lupusim.scenario import load_cohort_model, load_decision, load_model, load_scenario
    from lupusim.scenario.calibrate import calibrate

__version__ = "0.1.0"

__all__ = [
    "assurance",
    "calibrate",
    "closest_generator",
    "diagram",
    "ever",
    "first_passage",
    "in_cycles",
    "life_expectancy",
    "load_cohort_model",
    "load_decision",
    "load_model",
    "load_scenario",
    "next_states",
    "occupancy",
    "run",
    "sample_size",
    "simulate",
    "simulate_trial",
    "sojourn_times",
    "solve",
    "time_in_state",
    "trace",
    "transition_probabilities",
    "visits",
]

# Imported when first used, so that importing lupusim costs nothing.
_HOMES = {
    "assurance": "lupusim.api.averages",
    "calibrate": "lupusim.scenario.calibrate",
    "closest_generator": "lupusim.engines.exact",
    "diagram": "lupusim.report.models.diagram",
    "ever": "lupusim.api.models",
    "first_passage": "lupusim.api.models",
    "in_cycles": "lupusim.engines.exact",
    "life_expectancy": "lupusim.api.models",
    "load_cohort_model": "lupusim.scenario",
    "load_decision": "lupusim.scenario",
    "load_model": "lupusim.scenario",
    "load_scenario": "lupusim.scenario",
    "next_states": "lupusim.api.models",
    "occupancy": "lupusim.api.models",
    "run": "lupusim.api.scenarios",
    "sample_size": "lupusim.api.scenarios",
    "simulate": "lupusim.api.models",
    "simulate_trial": "lupusim.api.scenarios",
    "sojourn_times": "lupusim.api.models",
    "solve": "lupusim.api.scenarios",
    "time_in_state": "lupusim.api.models",
    "trace": "lupusim.engines.cohort",
    "transition_probabilities": "lupusim.api.models",
    "visits": "lupusim.api.models",
}
__getattr__ = attributes(__name__, _HOMES)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
