"""Arms that join or leave a trial: with which patients each is compared, and how."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.records import Observation
from lupusim.simulation.looks.cutoffs import adjustment
from lupusim.simulation.quantities import of_arm
from lupusim.trial import Analysis, Trial
from lupusim.trial.allocation.open_arms import is_open
from lupusim.trial.enrollment.arm_periods import Controls


def compared(analysis: Analysis, observation: Observation, arm: int) -> BoolArray:
    """Return who takes part in the comparison of one arm with the control.

    Where arms join or leave, these are the control patients randomized while the arm was open.
    With all controls, they are all of them. A regression that is adjusted for the set of open
    arms also takes the other arms' patients, who tell what the period does.

    Returns
    -------
    (n_replicates, n_patients) boolean array
    """
    pair: BoolArray = (observation.arm == 0) | (observation.arm == arm)
    if observation.open_arms is None or analysis.controls is Controls.ALL:
        return pair
    if is_joint(analysis):
        return np.ones(pair.shape, dtype=bool)
    pair &= is_open(observation.open_arms, arm)
    return pair


def is_joint(analysis: Analysis) -> bool:
    """Return whether one regression with all arms compares each of them."""
    return analysis.controls is Controls.ADJUSTED and analysis.test.covariates


def adjusted_for(
    trial: Trial, analysis: Analysis, observation: Observation, *, arm: int
) -> dict[str, NDArray[np.generic]]:
    """Return what the test of one arm is adjusted for, by the names of its arguments.

    As :func:`~lupusim.simulation.looks.cutoffs.adjustment`; with controls that are adjusted for,
    strata are also by the set of open arms, and a regression that can has the other arms as
    covariates.

    References
    ----------
    Lee and Wason (2020), *BMC Medical Research Methodology* 20:165, and Bofill Roig et al.
    (2022), *BMC Medical Research Methodology* 22:228: periods as levels of a regression.
    """
    found = adjustment(trial, analysis, observation)
    if observation.open_arms is None or analysis.controls is not Controls.ADJUSTED:
        return found
    sets, period = np.unique(observation.open_arms, return_inverse=True)
    shape = observation.open_arms.shape
    stratum = np.asarray(found["stratum"], dtype=np.intp)
    found["stratum"] = stratum * len(sets) + period.reshape(shape)
    if is_joint(analysis):
        others = [k for k in range(1, len(trial.arms)) if k != arm]
        columns = np.stack([observation.arm == k for k in others], axis=2).astype(float)
        given = found.get("covariates")
        found["covariates"] = columns if given is None else np.concatenate([given, columns], axis=2)
    return found


def sizes(
    trial: Trial,
    analysis: Analysis,
    observation: Observation,
    *,
    ends: Sequence[FloatArray],
) -> dict[str, FloatArray]:
    """Return how many patients each arm has, and with how many controls it is compared.

    Parameters
    ----------
    trial, analysis, observation
        The trial, the test of its primary endpoint, and what is seen in the end.
    ends : sequence of (n_replicates,) arrays
        When each experimental arm is last compared, calendar time (years).
    """
    found: dict[str, FloatArray] = {}
    if observation.open_arms is None:
        return found
    there = observation.enrolled
    for number, arm in enumerate(trial.arms):
        found[of_arm("patients", arm.name)] = _count(there & (observation.arm == number))
    for number, end in enumerate(ends, start=1):
        controls = compared(analysis, observation, number) & (observation.arm == 0)
        controls &= observation.enrollment_time <= end[:, None]
        found[of_arm("controls", trial.arms[number].name)] = _count(controls)
    return found


def _count(members: BoolArray) -> FloatArray:
    counted: IntArray = np.count_nonzero(members, axis=1)
    return counted.astype(float)
