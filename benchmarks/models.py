"""The models of the benchmarks; their numbers are chosen for speed tests and mean nothing."""

from __future__ import annotations

import numpy as np

from lupusim.model import MultiStateModel, Transition
from lupusim.model.hazards import ExponentialHazard, WeibullHazard

_WEIBULL = {
    ("active", "partial_remission"): (1.2, 0.6),
    ("active", "complete_remission"): (1.4, 1.2),
    ("active", "death"): (1.0, 8.0),
    ("partial_remission", "complete_remission"): (1.3, 0.9),
    ("partial_remission", "relapse"): (0.9, 1.8),
    ("partial_remission", "death"): (1.0, 15.0),
    ("complete_remission", "relapse"): (0.8, 4.0),
    ("complete_remission", "death"): (1.0, 30.0),
    ("relapse", "partial_remission"): (1.1, 0.9),
    ("relapse", "complete_remission"): (1.2, 2.0),
    ("relapse", "death"): (1.1, 5.0),
}
FIVE_STATES = MultiStateModel(
    name="five-states",
    states=("active", "partial_remission", "complete_remission", "relapse", "death"),
    transitions=tuple(
        Transition(from_state=a, to_state=b, hazard=WeibullHazard(shape=shape, scale=scale))
        for (a, b), (shape, scale) in _WEIBULL.items()
    ),
)

_RATES = {
    ("stable", "flare"): 1.3,
    ("stable", "progressed"): 0.15,
    ("stable", "dead"): 0.05,
    ("flare", "stable"): 3.0,
    ("flare", "hospital"): 0.6,
    ("flare", "progressed"): 0.3,
    ("flare", "dead"): 0.1,
    ("progressed", "hospital"): 0.5,
    ("progressed", "dead"): 0.3,
    ("hospital", "stable"): 1.6,
    ("hospital", "progressed"): 1.4,
    ("hospital", "dead"): 0.8,
}
CONSTANT = MultiStateModel(
    name="constant",
    states=("stable", "flare", "progressed", "hospital", "dead"),
    transitions=tuple(
        Transition(from_state=a, to_state=b, hazard=ExponentialHazard(rate=rate))
        for (a, b), rate in _RATES.items()
    ),
)


def constant_rates() -> np.ndarray:
    """Return the rates of `CONSTANT` as a matrix, 0 on its diagonal."""
    rates = np.zeros((5, 5))
    for (a, b), rate in _RATES.items():
        rates[CONSTANT.index(a), CONSTANT.index(b)] = rate
    return rates
