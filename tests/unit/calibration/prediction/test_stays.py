"""Durations of stays: by hand, by phases, and as targets."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm

from lupusim.calibration.fit import fit_studies
from lupusim.calibration.prediction.renewal import N_PANELS
from lupusim.calibration.prediction.stays import StayFamily, left_within
from lupusim.calibration.targets.questions import LeftWithin
from lupusim.calibration.targets.times import MedianTime, SurvivalCurve
from lupusim.errors import EvidenceError
from lupusim.model import Clock, LatentClass, MultiStateModel, Transition
from lupusim.model.hazards import ExponentialHazard, GammaHazard, WeibullHazard
from studies_for_tests import chain_model, free_rates, study
from tolerance import SEED


def model(*, second: object, classes: tuple[LatentClass, ...] = ()) -> MultiStateModel:
    """Active, two kinds of remission of which the first may deepen, relapse."""
    edges = (
        ("active", "partial", ExponentialHazard(rate=1.0)),
        ("active", "complete", ExponentialHazard(rate=0.5)),
        ("partial", "complete", ExponentialHazard(rate=0.8)),
        ("partial", "relapse", ExponentialHazard(rate=0.6)),
        ("complete", "relapse", second),
    )
    return MultiStateModel(
        name="remissions",
        states=("active", "partial", "complete", "relapse"),
        transitions=tuple(
            Transition(from_state=o, to_state=t, hazard=h)
            for o, t, h in edges  # type: ignore[arg-type]
        ),
        classes=classes,
    )


ASKED = LeftWithin(("partial", "complete"), 2.0, 1.5)
AT = np.log([[1.0, 0.5, 0.8, 0.6]])


def by_phases(ratio: float) -> tuple[float, float]:
    """Return who enters by 2, and who of them has left 1.5 years later; complete in two phases."""
    enters = 1 - math.exp(-1.5 * 2)
    q = np.array(
        [
            [-1.4 * 1, 0.8, 0, 0.6],
            [0, -2 * ratio, 2 * ratio, 0],
            [0, 0, -2 * ratio, 2 * ratio],
            [0] * 4,
        ]
    )
    left = np.array([2 / 3, 1 / 3, 0, 0]) @ expm(q * 1.5)
    return enters, left[3]


def test_a_stay_in_two_states_is_the_passage_through_both() -> None:
    remissions = model(second=GammaHazard(shape=2.0, rate=2.0))
    _, expected = by_phases(1.0)
    assert left_within(remissions, ASKED) == pytest.approx(expected, abs=1e-5)
    family = StayFamily(free_rates(remissions), [ASKED], n_panels=N_PANELS)
    assert family.answers(AT)[0, 0] == pytest.approx(expected, abs=1e-3)


def test_classes_count_as_often_as_they_enter() -> None:
    rare = {("active", "partial"): 0.1, ("active", "complete"): 0.1, ("complete", "relapse"): 0.0}
    classes = (
        LatentClass(name="often", probability=0.5),
        LatentClass(name="rare", probability=0.5, hazard_ratios=rare),
    )
    remissions = model(second=ExponentialHazard(rate=0.9), classes=classes)
    enters = np.array([1 - math.exp(-3.0), 1 - math.exp(-0.3)])
    leaves = []
    for rate in (0.9, 0.0):
        q = np.array([[-1.4, 0.8, 0.6], [0, -rate, rate], [0, 0, 0]])
        leaves.append((np.array([2 / 3, 1 / 3, 0]) @ expm(q * 1.5))[2])
    expected = (enters @ leaves) / enters.sum()
    assert left_within(remissions, ASKED) == pytest.approx(expected, abs=1e-9)
    family = StayFamily(free_rates(remissions), [ASKED], n_panels=N_PANELS)
    free = np.log([[1.0, 0.5, 0.8, 0.6, 0.9]])
    assert family.answers(free)[0, 0] == pytest.approx(expected, abs=1e-9)


def test_a_median_duration_and_a_curve_of_stays_are_fitted() -> None:
    chain = chain_model(ExponentialHazard(rate=0.3), ExponentialHazard(rate=0.2))
    free = free_rates(chain)
    median = MedianTime(states=("ill",), median=2.0, by=3.0, n=30, is_stay=True)
    curve = SurvivalCurve(
        states=("ill",), times=(1.0, 2.0), survival=(0.7, 0.49), at_risk=(50, 35), entered_by=3.0
    )
    for measure, rate in ((median, math.log(2) / 2), (curve, -math.log(0.7))):
        fit = fit_studies([study(measure)], free, seed=SEED, n_starts=2)
        assert fit.estimates["estimate"][1] == pytest.approx(rate, rel=1e-4)
        assert fit.targets["expected"][0] == pytest.approx(fit.targets["observed"][0], rel=1e-3)
        assert fit.sampled(200).draws is not None


def test_a_stay_needs_clocks_that_start_with_it() -> None:
    chain = chain_model(ExponentialHazard(rate=0.3), WeibullHazard(shape=2.0, scale=2.0))
    forward = replace(
        chain,
        transitions=(chain.transitions[0], replace(chain.transitions[1], clock=Clock.FORWARD)),
    )
    median = MedianTime(states=("ill",), median=2.0, by=3.0, n=30, is_stay=True)
    with pytest.raises(EvidenceError, match="hazards run on study time"):
        fit_studies([study(median)], free_rates(forward), seed=SEED)
    with pytest.raises(ValueError, match="by is missing"):
        MedianTime(states=("ill",), median=2.0, n=30, is_stay=True)
