"""Trials that judge response rates by their posteriors: what is dropped, and who is counted."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta, binom

from lupusim.simulation.adaptation import BayesianResponse, Shares
from lupusim.simulation.adaptation.response_adaptive import Against
from lupusim.simulation.adaptation.response_course import Course, potential
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block
from lupusim.trial import AfterPatients, Dropout
from lupusim.trial.observation import IntercurrentEvent, Strategy
from tolerance import SEED, assert_within_mcse
from trials_adaptive import AT, adaptive_trial

N = 2000
BLOCK = Block(seed=SEED, number=0, n_replicates=N)
NEVER = BayesianResponse(success=1.1)
DROPS = BayesianResponse(success=1.1, drop=0.05, prior=(1.0, 1.0))


def found(trial):
    return simulate({"": trial}, BLOCK)[""]


def drop_probability(n, rate, drop):
    """Chance that one arm is dropped, of every pair of counts with n patients on each arm."""
    grid = (np.arange(20_000) + 0.5) / 20_000
    count = np.arange(n + 1)
    density = grid ** count[:, None] * (1 - grid) ** (n - count[:, None])
    density /= density.sum(axis=1, keepdims=True)
    below = np.cumsum(density, axis=1) - density / 2
    better = density @ below.T  # [treated, control]: P(treated has the higher rate)
    weight = binom.pmf(count, n, rate)
    return float(weight @ (better <= drop) @ weight)


def test_an_arm_is_dropped_at_interim_looks_alone():
    first = AfterPatients(patients=32, follow_up=AT)  # whole blocks of 4: 16 on each arm
    trial = adaptive_trial(DROPS, 0.3, n_looks=2, n_patients=60, interims=(first,))
    share = found(trial)["dropped_dose 1"].mean()
    expected = drop_probability(16, 0.3, DROPS.drop)
    assert_within_mcse(share, expected, mcse=np.sqrt(expected * (1 - expected) / N))


def test_nothing_is_dropped_where_there_is_one_look():
    trial = adaptive_trial(replace(DROPS, drop=0.5), 0.2, n_looks=1, n_patients=40)
    assert not found(trial)["dropped_dose 1"].any()
    at_two = adaptive_trial(replace(DROPS, drop=0.5), 0.2, n_looks=2, n_patients=40)
    assert found(at_two)["dropped_dose 1"].mean() > 0.5  # negative control


@pytest.mark.parametrize("hazards", [{"control": 4.0}, {"dose 1": 4.0}])
def test_dropout_of_an_arm_is_that_arms_own(hazards):
    dropout = Dropout(per_year=0.4, by_arm=hazards)
    values = found(adaptive_trial(NEVER, 0.5, n_looks=2, n_patients=80, dropout=dropout))
    for name, rate in {"control": 0.3, "dose 1": 0.5}.items():
        expected = rate * np.exp(-0.4 * hazards.get(name, 1.0) * AT)
        each = values[f"response_{name}"]
        assert_within_mcse(each.mean(), expected, mcse=each.std() / np.sqrt(N))


def test_whom_an_intercurrent_event_leaves_out_nobody_counts():
    rescue = IntercurrentEvent(
        name="rescue",
        hazard_per_year={"ill": 2.0},
        strategy=Strategy.HYPOTHETICAL,
    )
    trial = adaptive_trial(NEVER, 0.5, n_looks=2, n_patients=80, intercurrent_events=(rescue,))
    values = found(trial)
    for name, rate in {"control": 0.3, "dose 1": 0.5}.items():
        hazard = -np.log1p(-rate) / AT
        well = hazard / (hazard + 2) * -np.expm1(-(hazard + 2) * AT)  # and never struck
        expected = well / (well + np.exp(-(hazard + 2) * AT))
        each = values[f"response_{name}"]
        assert_within_mcse(each.mean(), expected, mcse=each.std() / np.sqrt(N))
    patients = potential(trial, BLOCK)
    everybody = replace(patients, included=np.ones_like(patients.included))
    each = trial.adaptation.conduct(trial, BLOCK, everybody).found["response_dose 1"]
    with pytest.raises(AssertionError):  # negative control
        assert_within_mcse(each.mean(), expected, mcse=each.std() / np.sqrt(N))


def test_a_strategy_of_another_endpoint_changes_nothing():
    rescue = IntercurrentEvent(
        name="rescue", hazard_per_year={"ill": 2.0}, strategy=Strategy.COMPOSITE
    )
    alone = adaptive_trial(NEVER, 0.5, n_looks=2, n_patients=80, intercurrent_events=(rescue,))
    other = replace(alone.primary, name="later")
    by_endpoint = {"later": Strategy.HYPOTHETICAL, alone.primary.name: Strategy.TREATMENT_POLICY}
    both = replace(
        alone,
        secondary=(other,),
        intercurrent_events=(replace(rescue, by_endpoint=by_endpoint),),
    )
    as_primary = replace(rescue, strategy=Strategy.TREATMENT_POLICY)
    expected = found(replace(alone, intercurrent_events=(as_primary,)))["response_dose 1"]
    np.testing.assert_array_equal(found(both)["response_dose 1"], expected)
    assert expected.mean() != found(alone)["response_dose 1"].mean()  # strategies differ at all


@pytest.mark.parametrize("against", list(Against))
def test_each_arm_is_judged_against_the_control_or_against_all(against):
    rule = replace(DROPS, against=against)
    trial = adaptive_trial(rule, 0.3, 0.5, n_looks=2, n_patients=60)
    course = Course(trial, rule, potential(trial, BLOCK))
    course.responders[:] = responders = [4, 6, 9]
    course.n_known[:] = 12
    course.open[1] = [True, True, False]
    rate = (np.arange(20_000) + 0.5) / 20_000
    laws = [beta(1 + count, 13 - count) for count in responders]
    density = [law.pdf(rate) / 20_000 for law in laws]
    below = [law.cdf(rate) for law in laws]
    if against is Against.CONTROL:
        expected = [[density[arm] @ below[0] for arm in (1, 2)]] * 2
    else:
        expected = [
            [density[1] @ (below[0] * below[2]), density[2] @ (below[0] * below[1])],
            [density[1] @ below[0], 0.0],
        ]
    found = course._probability(np.arange(N) < 2)
    np.testing.assert_allclose(found[:, 1:], expected, atol=1e-4)


def test_without_adaptive_shares_who_is_left_shares_as_planned():
    rule = replace(DROPS, drop=0.5)
    trial = adaptive_trial(rule, 0.3, 0.5, n_looks=2, n_patients=60)
    weights = zip(trial.arms, (1, 2, 4), strict=True)
    arms = tuple(replace(arm, allocation=weight) for arm, weight in weights)
    trial = replace(trial, arms=arms, allocation=None)
    course = Course(trial, rule, potential(trial, BLOCK))
    course.enroll(0)
    course.judge(0)
    due = course.patients.due <= course.patients.look_time[:, :1]
    assert course.n_known.sum() == due.sum() == N * 30  # each once, nobody too early
    planned = course.open * np.array([1.0, 2.0, 4.0])
    assert len(np.unique(course.open, axis=0)) > 2
    going = course.going
    expected = planned / planned.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(course.share[going], expected[going])


def test_success_needs_one_probability_at_interim_looks_and_another_at_the_end():
    rule = BayesianResponse(success=0.999, success_at_end=0.9)
    trial = adaptive_trial(rule, 0.5, n_looks=2, n_patients=60)
    course = Course(trial, rule, potential(trial, BLOCK))
    claimed = np.zeros(N, dtype=bool)
    for number, needed in enumerate((0.999, 0.9)):
        course.enroll(number)
        course.judge(number)
        claims = ~claimed & (course.probability[:, 1] >= needed)
        np.testing.assert_array_equal(course.succeeds[:, 1], claimed | claims)
        assert claims.any()
        claimed |= claims


def test_limits_of_shares_hold_beside_a_share_that_the_control_keeps():
    rule = BayesianResponse(
        success=1.1, shares=Shares(power=9.0, control=0.4, least=0.1, most=0.45)
    )
    trial = adaptive_trial(rule, 0.2, 0.8, n_looks=2, n_patients=90)
    course = Course(trial, rule, potential(trial, BLOCK))
    course.enroll(0)
    course.judge(0)
    np.testing.assert_allclose(course.share[:, 0], 0.4)
    better = np.sort(course.share[:, 1:], axis=1)
    np.testing.assert_allclose(better.mean(axis=0), [0.15, 0.45], atol=0.01)  # at its limit
    assert better.max() < 0.45 + 1e-9
