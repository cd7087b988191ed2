"""What can be told of plain trials at a glance: that they favor a treatment, or are all tables.

Whoever checks a file is answered at once, without what tells the same of every trial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lupusim.model import MultiStateModel
from lupusim.trial.durations import LONGEST_FOLLOW_UP
from lupusim.trial.endpoints import Endpoint

if TYPE_CHECKING:
    from lupusim.trial.design import Trial
    from lupusim.trial.treatment.arms import Arm

EXACT = "exact, by sums over all tables; a run simulates trials to check it"
"""How the power of such a trial is known, in words."""
_TWO = 2
_MANY = 20_000  # patients; of more on an arm not all tables are gone through


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


def is_plainly_of_tables(trial: Trial) -> bool:
    """Return whether all tables surely give the power of a trial exactly.

    That can be said of two arms of patients alike, each with one way to go, whose responses are
    compared once. Of others the answer is False, which says nothing.
    """
    population, endpoint, test = trial.population, trial.primary, trial.analysis
    visits = endpoint.response_at_visits
    if test is None or test.test.formula != "tables" or visits is None:
        return False
    acting = population.effects or population.frailties or population.drift
    more = (acting, population.correlated, population.screening, trial.supply, trial.stratify_by)
    more_to_it = (trial.interims, trial.family, trial.rule.changes, test.adjust_for, *more)
    if any(more_to_it) or test.test.needs_all_tables or not _is_small(trial):
        return False
    latest = visits.visits[-1] + trial.visit_conduct.window
    everybody = trial.cutoff.patients_known(latest, trial.n_patients) == trial.n_patients
    return everybody and latest <= trial.follow_up and all(map(_is_plain_arm, trial.arms))


def _is_small(trial: Trial) -> bool:
    """Return whether there are two arms of sizes that no earlier patient decides, not too large."""
    if len(trial.arms) != _TWO or trial.n_patients > _MANY or trial.allocation is None:
        return False
    return bool(trial.allocation.sizes((trial.ratio[0], trial.ratio[1]), trial.n_patients))


def _is_plain_arm(arm: Arm) -> bool:
    """Return whether an arm's patients follow one law with one way to go, from first to last."""
    more = (arm.infusions, arm.switch, arm.joins, arm.closes, arm.law.covariates)
    return not any(more) and _has_one_way(arm.law)


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
