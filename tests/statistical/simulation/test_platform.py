"""Arms that join a trial whose patients' prognosis drifts: error, power, and who is compared."""

from __future__ import annotations

import pytest

from lupusim.endpoints import TimeInStates, TimeToEvent
from lupusim.planning.runs.run import PointResult, run
from lupusim.planning.theory.power import formula_powers
from lupusim.trial import Better, Trial
from lupusim.trial.enrollment.arm_periods import Controls, OnceOnArm
from tolerance import SEED, assert_within_mcse
from trials import analysis, scenario
from trials_adaptive import AT, adaptive_trial
from trials_platform import drifting, platform_trial

ALPHA = 0.025
N = 4_000
DRIFT = 1.6
"""Of a hazard, each year: 30 of 100 respond at the opening, 60 after two years."""

RESPONSES = [
    ("pooled_z", Controls.CONCURRENT),
    ("cochran_mantel_haenszel", Controls.ADJUSTED),
    ("logistic_regression", Controls.ADJUSTED),
]
TIMES = [
    ("logrank", Controls.CONCURRENT),
    ("logrank", Controls.ADJUSTED),
    pytest.param("cox", Controls.ADJUSTED, marks=pytest.mark.slow),
]
TIME_TO_RESPONSE = TimeToEvent(name="response", events=("well",), better=Better.MORE)
YEARS_WELL = TimeInStates(name="years well", states=("well",), until=AT)


def point(trial: Trial) -> PointResult:
    return run(scenario(trial), n_replicates=N, seed=SEED).points[0]


def drifting_trial(test: str, controls: Controls, **changes: object) -> Trial:
    values = {"analysis": analysis(test, controls=controls), "population": drifting(DRIFT)}
    return platform_trial(n_patients=400, **{**values, **changes})


def claims(trial: Trial, arm: str = "dose 2") -> tuple[float, float]:
    """Return how often an arm is claimed to work, and the Monte Carlo standard error."""
    found = point(trial).tally.mean(f"reject_{arm}")
    return found.value, found.mcse


@pytest.mark.parametrize(("test", "controls"), RESPONSES)
def test_an_arm_that_joins_later_has_its_error_though_prognosis_drifts(test, controls):
    rate, mcse = claims(drifting_trial(test, controls))
    assert_within_mcse(rate, ALPHA, mcse=mcse)


@pytest.mark.parametrize(("test", "controls"), TIMES)
def test_times_have_their_error_though_prognosis_drifts(test, controls):
    rate, mcse = claims(drifting_trial(test, controls, primary=TIME_TO_RESPONSE))
    assert_within_mcse(rate, ALPHA, mcse=mcse)


def test_means_have_their_error_though_prognosis_drifts():
    rate, mcse = claims(drifting_trial("ancova", Controls.ADJUSTED, primary=YEARS_WELL))
    assert_within_mcse(rate, ALPHA, mcse=mcse)


@pytest.mark.parametrize("test", ["pooled_z", "logistic_regression"])
def test_all_controls_as_if_they_had_come_together_inflate_the_error(test):
    rate, mcse = claims(drifting_trial(test, Controls.ALL))
    assert rate > ALPHA + 8 * mcse
    with pytest.raises(AssertionError):
        assert_within_mcse(rate, ALPHA, mcse=mcse)


def test_without_a_drift_all_controls_hold_the_error():
    rate, mcse = claims(drifting_trial("pooled_z", Controls.ALL, population=drifting(1.0)))
    assert_within_mcse(rate, ALPHA, mcse=mcse)


@pytest.mark.slow
def test_earlier_controls_sharpen_the_estimate_of_an_adjusted_regression():
    spread = {}
    for controls in (Controls.CONCURRENT, Controls.ADJUSTED):
        tally = point(drifting_trial("logistic_regression", controls)).tally
        spread[controls] = tally.standard_deviation("estimate_dose 2")
    assert spread[Controls.ADJUSTED] < 0.97 * spread[Controls.CONCURRENT]


def two_arms(n_patients: int) -> float:
    """Return the exact power of a trial of its own, by all tables of two proportions."""
    alone = {"n_looks": 1, "adaptation": None, "analysis": analysis("pooled_z")}
    (found,) = formula_powers(adaptive_trial(None, 0.5, n_patients=n_patients, **{**alone, **END}))
    return found.value


END = {"cutoff": platform_trial().cutoff}


def test_power_is_that_of_the_concurrent_patients_by_enumeration():
    """200 patients, the second arm joins after 80: 80 against 80, and 40 against 40."""
    tally = point(platform_trial(0.5, 0.5)).tally
    for arm, n_patients in (("dose 1", 160), ("dose 2", 80)):
        found = tally.mean(f"reject_{arm}")
        assert_within_mcse(found.value, two_arms(n_patients), mcse=found.mcse)
    wrong = tally.mean("reject_dose 2")
    with pytest.raises(AssertionError):
        assert_within_mcse(wrong.value, two_arms(120), mcse=wrong.mcse)


def test_an_arm_that_closes_is_compared_with_the_controls_until_then():
    closes = (OnceOnArm(patients=40), None)
    tally = point(platform_trial(0.5, 0.5, joins=(None, None), closes=closes)).tally
    found = tally.mean("reject_dose 1")
    assert tally.mean("controls_dose 1").value == pytest.approx(40, abs=1)
    assert_within_mcse(found.value, two_arms(80), mcse=found.mcse)
