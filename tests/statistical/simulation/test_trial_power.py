"""Power and type I error of exponential trials against closed forms."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from scipy import stats

from lupusim.analysis.registry import plain_tests
from lupusim.endpoints import Responder
from lupusim.planning.runs.run import RunOptions, run
from lupusim.planning.runs.series import Estimates
from lupusim.trial import AtEvents, PermutedBlocks, SimpleRandomization
from tolerance import SEED, assert_within_mcse
from trials import analysis, scenario, survival_trial

N_REPLICATES = 4000
EVENTS = 120


def schoenfeld(hazard_ratio, events, alpha=0.025):
    """Power of the log-rank test; Schoenfeld (1981), Biometrika 68, 316-319."""
    drift = abs(math.log(hazard_ratio)) * math.sqrt(events) / 2
    return NormalDist().cdf(drift - NormalDist().inv_cdf(1 - alpha))


def event_driven(**changes):
    values = {"n_patients": 200, "follow_up": math.inf, "cutoff": AtEvents(events=EVENTS)}
    return survival_trial(**{**values, **changes})


@pytest.mark.slow
@pytest.mark.parametrize("hazard_ratio", [0.7, 0.6])
def test_power_of_the_logrank_test_is_schoenfeld_s(hazard_ratio):
    result = run(scenario(event_driven(hazard_ratio=hazard_ratio)), N_REPLICATES, seed=SEED)
    power = result.points[0].power
    # The formula is an approximation; from 0.6 to 0.7 it is good to about a hundredth.
    spread = math.hypot(power.mcse, 0.01 / 4)
    assert_within_mcse(power.value, schoenfeld(hazard_ratio, EVENTS), mcse=spread)


@pytest.mark.slow
def test_schoenfeld_s_power_at_a_third_more_events_is_noticed():  # negative control
    power = run(scenario(event_driven(hazard_ratio=0.7)), N_REPLICATES, seed=SEED).points[0].power
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(
            power.value, schoenfeld(0.7, EVENTS * 4 / 3), mcse=math.hypot(power.mcse, 0.01 / 4)
        )


@pytest.mark.slow
@pytest.mark.parametrize("allocation", [PermutedBlocks(block_size=4), SimpleRandomization()])
@pytest.mark.parametrize(("alpha", "sided"), [(0.025, 1), (0.1, 2)])
def test_the_null_twin_rejects_at_the_nominal_level(allocation, alpha, sided):
    trial = event_driven(analysis=analysis(alpha=alpha, sided=sided), allocation=allocation)
    error = run(scenario(trial), N_REPLICATES, seed=SEED).points[0].type_one_error
    assert_within_mcse(error.value, alpha, mcse=math.sqrt(alpha * (1 - alpha) / N_REPLICATES))


def test_a_ratio_of_1_is_the_null_twin():
    plain = RunOptions(estimates=Estimates.PLAIN)  # else the twin's patients serve several trials
    result = run(scenario(survival_trial(hazard_ratio=1.0)), 200, seed=SEED, options=plain)
    (point,) = result.points
    assert point.power == point.type_one_error


def test_event_rates_are_the_hazards():
    tally = run(scenario(survival_trial()), 2000, seed=SEED).points[0].tally
    # events over years at risk in 30 patients is biased upwards by about one event's worth
    for arm, hazard in (("control", 0.8), ("cells", 0.4)):
        rate = tally.mean(f"event_rate_{arm}")
        events = tally.mean(f"events_{arm}").value
        assert_within_mcse(rate.value, hazard, mcse=math.hypot(rate.mcse, hazard / events / 4))
    expected = 30 * (1 - math.exp(-0.8 * 2.0))
    events = tally.mean("events_control")
    assert_within_mcse(events.value, expected, mcse=events.mcse)


@pytest.mark.skipif("fisher_exact" not in plain_tests(), reason="this test is not shipped")
def test_power_of_fisher_s_exact_test_is_the_sum_over_all_tables():
    n, at = 20, 1.0
    trial = survival_trial(
        n_patients=2 * n,
        hazard_ratio=0.3,
        primary=Responder(name="alive", states=("alive",), at=at),
        visits=(at,),
        analysis=analysis("fisher_exact"),
        allocation=PermutedBlocks(block_size=2 * n),
    )
    control, cells = (math.exp(-rate * at) for rate in (0.8, 0.24))
    expected = sum(
        stats.binom.pmf(a, n, control) * stats.binom.pmf(b, n, cells)
        for a in range(n + 1)
        for b in range(n + 1)
        if stats.fisher_exact([[b, n - b], [a, n - a]], alternative="greater").pvalue <= 0.025
    )
    power = run(scenario(trial), 3000, seed=SEED).points[0].power
    assert_within_mcse(power.value, expected, mcse=power.mcse)
