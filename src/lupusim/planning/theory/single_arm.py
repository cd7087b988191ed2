"""What becomes of a trial that tests one arm's response rate, exactly."""

from __future__ import annotations

from typing import cast

import numpy as np

from lupusim.analysis.single_arm.enumeration import LookChances, look_chances
from lupusim.analysis.single_arm.tests import RateTest
from lupusim.common.arrays import FloatArray
from lupusim.trial import Analysis, Trial


def rate_is_tested(analysis: Analysis | None) -> bool:
    """Return whether an analysis compares the response rate of one arm with a number."""
    return analysis is not None and analysis.test.null_rate is not None


def exact_level(trial: Trial) -> float | None:
    """Return the probability of success at the null rate; None where no rate is tested."""
    if trial.analysis is None or not rate_is_tested(trial.analysis):
        return None
    test = cast("RateTest", trial.analysis.test)
    return exact_chances(trial, rate=test.null_rate).power


def exact_chances(trial: Trial, *, rate: float) -> LookChances:
    """Return what becomes of a trial of one arm whose patients respond with this probability.

    Parameters
    ----------
    trial : Trial
        It tests the rate of one arm; its own checks see to fixed numbers at every look.
    rate : float
        From 0 to 1.
    """
    analysis, due = trial.analysis, trial.primary.due_time
    assert analysis is not None
    assert due is not None
    test = cast("RateTest", analysis.test)
    patients = [look.patients_known(due, trial.n_patients) or 0 for look in trial.looks]
    sided = 1 if trial.interims else analysis.sided
    p_values = [test.p_values(n, better=trial.primary.better, sided=sided) for n in patients]
    return look_chances(p_values, *_bounds(trial, patients, analysis.alpha), rate=rate)


def _bounds(trial: Trial, patients: list[int], alpha: float) -> tuple[FloatArray, FloatArray]:
    """Return the bounds on the z scale, (n_looks,) each; without rules the level's."""
    from scipy.special import ndtri

    if trial.stopping is None or not trial.interims:
        return np.array([-ndtri(alpha)]), np.array([-np.inf])
    information = np.array([patients]) / trial.n_patients
    efficacy, futility = trial.stopping.bounds(information)
    return efficacy[0], futility[0]
