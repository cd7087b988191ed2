"""Whether a trial plainly favors its experimental arms, as can be seen without simulating it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lupusim.model import MultiStateModel
from lupusim.trial.durations import LONGEST_FOLLOW_UP
from lupusim.trial.endpoints import Endpoint

if TYPE_CHECKING:
    from lupusim.trial.design import Trial


def is_plainly_right(trial: Trial) -> bool:
    """Return whether every experimental arm surely fares as its endpoint declares good.

    That can be said of one endpoint in patients who have one way to go, such as those of a stated
    response or time to an event; of others the answer is False, which says nothing.
    """
    laws = [arm.law for arm in trial.arms]
    if trial.family is not None or len(laws) == 1 or not all(map(_has_one_way, laws)):
        return False
    if {_counted(trial.primary)} != {(law.transitions[0].to_state,) for law in laws}:
        return False
    until = min(trial.follow_up, LONGEST_FOLLOW_UP)
    grown = [_cumulative(law, until) for law in laws]
    return all((arm - grown[0]) * trial.primary.better.value > 0 for arm in grown[1:])


def _has_one_way(law: MultiStateModel) -> bool:
    (first, *more) = law.transitions or (None,)
    more_to_it = more or law.restarts or law.classes
    return first is not None and not more_to_it and first.ratio.is_constant


def _counted(endpoint: Endpoint) -> tuple[str, ...]:
    """Return the states in which a patient counts; () where there is more to it."""
    if (time := endpoint.time_of_event) is not None:
        return time.events
    visits = endpoint.response_at_visits
    return () if visits is None else tuple(visits.states)


def _cumulative(law: MultiStateModel, until: float) -> float:
    (transition,) = law.transitions
    return float(transition.hazard.cumulative(np.array(until))) * transition.ratio.ratios[0]
