"""Intervals from one cohort seen at several times cover, and those that forget it don't."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from lupusim.arrays import FloatArray
from lupusim.calibration.estimation.identifiability import observed_information, standard_errors
from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.estimation.search import climb
from lupusim.calibration.targets.counts import OccupancyCounts
from lupusim.calibration.targets.questions import InStates
from lupusim.calibration.targets.repeated_looks import answers_of_patients
from lupusim.calibration.targets.studies import Study
from lupusim.calibration.targets.times import SurvivalCurve
from lupusim.model.hazards import ExponentialHazard
from studies_for_tests import chain_model, free_rates, study
from tolerance import SEED, assert_within_mcse

RATES = (0.35, 0.25)
TIMES = (1.0, 2.0, 3.0, 5.0, 7.0)
N_PATIENTS, N_COHORTS = 400, 250
MODEL = chain_model(ExponentialHazard(rate=RATES[0]), ExponentialHazard(rate=RATES[1]))
FREE = free_rates(MODEL, middle=0.3)
TRUTH = np.log(RATES)


@cache
def cohorts() -> FloatArray:
    """Counts of well and ill at each time; shape (n_cohorts, n_times, 2)."""
    questions = [InStates((state,), time) for time in TIMES for state in ("well", "ill")]
    patients = answers_of_patients(MODEL, questions, n_patients=N_PATIENTS * N_COHORTS, seed=SEED)
    counts = patients.reshape(N_COHORTS, N_PATIENTS, len(TIMES), 2).sum(axis=1)
    return np.asarray(counts)


def seen_as(counts: FloatArray, cohort: str) -> Study:
    measures = [
        OccupancyCounts(
            time=time, counts={("well",): float(well), ("ill",): float(ill)}, n=N_PATIENTS
        )
        for time, (well, ill) in zip(TIMES, counts, strict=True)
    ]
    return study(*measures, n_patients=N_PATIENTS, cohort=cohort)


def coverage(cohort: str) -> FloatArray:
    """Return how often 95 % intervals hold the two true rates; shape (2,)."""
    held = []
    blocks = Likelihood(FREE, [seen_as(cohorts()[0], cohort)]).joined(TRUTH, seed=SEED).blocks
    for counts in cohorts():
        likelihood = Likelihood(FREE, [seen_as(counts, cohort)], blocks=blocks)
        best, _ = climb(likelihood, TRUTH)
        errors = standard_errors(observed_information(likelihood, best))
        held.append(np.abs(best - TRUTH) <= 1.959964 * errors)
    return np.mean(held, axis=0)


MCSE = np.sqrt(0.95 * 0.05 / N_COHORTS)


@pytest.mark.slow
def test_intervals_of_a_cohort_seen_five_times_cover() -> None:
    assert_within_mcse(coverage("one cohort"), 0.95, mcse=MCSE)


@pytest.mark.slow
def test_taking_the_times_for_separate_patients_does_not_cover() -> None:
    assert coverage("separate patients").max() < 0.95 - 4 * MCSE


@pytest.mark.slow
def test_conditional_intervals_of_a_survival_curve_cover() -> None:
    counts = cohorts().sum(axis=2)
    held = []
    for alive in counts / N_PATIENTS:
        curve = SurvivalCurve(
            states=("death",),
            times=TIMES,
            survival=tuple(alive.tolist()),
            at_risk=(float(N_PATIENTS), *(N_PATIENTS * alive[:-1]).tolist()),
        )
        likelihood = Likelihood(FREE, [study(curve)])
        best, _ = climb(likelihood, np.log([0.45, 0.2]))
        information = observed_information(likelihood, best)
        # The two rates can change places: ask about what can't, their sum of logs.
        variance = np.ones(2) @ np.linalg.inv(information) @ np.ones(2)
        held.append(abs(best.sum() - TRUTH.sum()) <= 1.959964 * np.sqrt(variance))
    assert_within_mcse(np.mean(held), 0.95, mcse=MCSE)
