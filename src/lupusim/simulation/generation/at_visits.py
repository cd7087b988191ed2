"""Patients of whom nothing but their states at visits is asked: drawn for that, and counted.

Every purpose has a stream of its own, so that what nobody reads is left out and nothing else moves:
all dates but the last, arms whose sizes are known, what happens after the visit.
"""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, IntArray, StateArray, count_rows
from lupusim.common.frozen import dataclass
from lupusim.endpoints.setting import TIME_TOLERANCE
from lupusim.engines.at_visits import Sought, seen_at_visits
from lupusim.simulation.generation.dropout import DropoutClock
from lupusim.simulation.generation.generation import Block, horizon_of
from lupusim.simulation.generation.patients import draw_patients
from lupusim.trial import Arm, Endpoint, Trial
from lupusim.trial.enrollment.arm_periods import arms_change
from lupusim.trial.enrollment.base import last_times


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a block of trials once everybody's visits are over."""

    last_enrolled: FloatArray  # calendar time (years) of the last randomization; (n_replicates,)
    patients: IntArray  # on each arm; (n_replicates, n_arms)
    responders: IntArray  # for each endpoint; (n_endpoints, n_replicates, n_arms)


class AtVisits:
    """Draws the trials of one kind: :func:`asks_for_visits_alone` says which."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.sought = [_sought(endpoint, trial) for endpoint in trial.endpoints]
        self.sizes = _known_sizes(trial)

    def draw(self, block: Block) -> Seen:
        """Return what is known of a block: the numbers of the patients that `generate` makes."""
        trial, shape = self.trial, (block.n_replicates, self.trial.n_patients)
        rng = block.stream("enrollment")
        last = last_times(trial.enrollment, *shape, rng=rng)
        arm = None if self.sizes else _dealt(trial, shape, block)
        patients = self._patients(arm, block.n_replicates)
        responders = np.empty((len(self.sought), *patients.shape), dtype=np.intp)
        there = self._there(arm, block)
        for number, trial_arm in enumerate(trial.arms):
            found = seen_at_visits(
                trial_arm.law,
                int(patients[:, number].sum()),
                self.sought,
                horizon=horizon_of(trial),
                rng=block.stream(f"arm {trial_arm.name}"),
            )
            for row, response in enumerate(found):
                if arm is not None and there:
                    np.logical_and(response, there[row][arm == number], out=response)
                responders[row, :, number] = _by_replicate(response, patients[:, number])
        return Seen(last_enrolled=last, patients=patients, responders=responders)

    def _patients(self, arm: StateArray | None, n_replicates: int) -> IntArray:
        if arm is None:
            return np.broadcast_to(np.array(self.sizes, dtype=np.intp), (n_replicates, 2))
        on_arm = [count_rows(arm == number) for number in range(len(self.trial.arms))]
        return np.stack(on_arm, axis=1)

    def _there(self, arm: StateArray | None, block: Block) -> list[BoolArray]:
        """Return by endpoint who has not left before its last visit, (n_replicates, n_patients).

        None where nobody leaves.
        """
        if arm is None or self.trial.dropout.is_never:
            return []
        clock = DropoutClock(self.trial, arm, rng=block.stream("dropout"))
        return [one.visits[-1] <= clock.time + TIME_TOLERANCE for one in self.sought]


def asks_for_visits_alone(trial: Trial) -> bool:
    """Return whether all that a trial asks of its patients are their states at visits.

    Each endpoint is a response at visits that take place as planned, and patients are alike
    but for their arm: nothing they bring along acts on the disease, nor does a date.
    """
    return (
        all(endpoint.response_at_visits is not None for endpoint in trial.endpoints)
        and trial.visit_conduct.is_perfect
        and not trial.intercurrent_events
        and trial.marker is None
        and trial.supply is None
        and _patients_are_alike(trial)
        and all(map(_is_treated_alike, trial.arms))
    )


def _patients_are_alike(trial: Trial) -> bool:
    people, dropout = trial.population, trial.dropout
    acts = people.effects or people.frailties or people.drift or people.correlated
    return not (acts or people.screening or dropout.by_state or arms_change(trial.arms))


def _is_treated_alike(arm: Arm) -> bool:
    """Return whether one law holds for all patients of an arm."""
    infusions = arm.infusions
    differ = infusions is not None and (infusions.lots is not None or infusions.missed)
    return not (differ or arm.law.covariates)


def _sought(endpoint: Endpoint, trial: Trial) -> Sought:
    response = endpoint.response_at_visits
    assert response is not None  # of the kind
    states = tuple(trial.states.index(state) for state in response.states)
    return Sought(visits=response.visits, states=states)


def _known_sizes(trial: Trial) -> tuple[int, ...]:
    """Return the patients on each arm; none where chance decides, or who is on which is asked."""
    if trial.stratify_by or not trial.dropout.is_never or len(trial.arms) != 2:
        return ()
    assert trial.allocation is not None  # a trial sets its default when it is made
    sizes = list(trial.allocation.sizes((trial.ratio[0], trial.ratio[1]), trial.n_patients))
    return sizes[0] if len(sizes) == 1 else ()


def _dealt(trial: Trial, shape: tuple[int, int], block: Block) -> StateArray:
    """Return everybody's arm, (n_replicates, n_patients)."""
    assert trial.allocation is not None
    models = tuple(arm.model for arm in trial.arms)
    patients = draw_patients(trial.population, models, shape, streams=block.stream)
    stratum = trial.population.stratum(patients.levels, trial.stratify_by, shape)
    return trial.allocation.assign(trial.ratio, stratum, rng=block.stream("allocation"))


def _by_replicate(response: BoolArray, patients: IntArray) -> IntArray:
    """Return the responders among the patients of each replicate, which follow each other."""
    if not patients.strides[0]:  # as many in each
        return count_rows(response.reshape(len(patients), -1))
    end = np.cumsum(patients)
    reached = np.append(0, np.cumsum(response))
    return np.asarray(reached[end] - reached[end - patients])
