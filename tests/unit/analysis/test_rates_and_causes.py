"""Competing causes, rates, posterior probabilities: shapes, undefined cases, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.analysis import (
    BetaPrior,
    cumulative_incidence,
    cumulative_incidence_by_arm,
    kaplan_meier,
    posterior_probability,
    power_prior,
    rate_ratio,
    robust_prior,
    subdistribution_times,
    two_by_two,
    updated,
)
from lupusim.common.rng import stream
from tolerance import SEED


def trials():
    rng = stream(SEED, "causes")
    time = np.ceil(rng.exponential(5.0, (6, 50)))
    event = rng.random((6, 50)) < 0.8
    cause = rng.random((6, 50)) < 0.5
    return time, event, cause, rng.random((6, 50)) < 0.9, np.arange(50) % 2


def test_the_causes_add_up_to_one_minus_survival():
    time, event, cause, included, _ = trials()
    at = [1.0, 3.5, 6.0]
    both = [
        cumulative_incidence(time, event, one, at, included=included).incidence
        for one in (cause, ~cause)
    ]
    survival = kaplan_meier(time, event, at, included=included).survival
    np.testing.assert_allclose(both[0] + both[1], 1 - survival, atol=1e-12)


def test_with_a_single_cause_the_errors_are_greenwoods():
    time, event, _, included, _ = trials()
    everything = np.ones_like(event)
    curve = cumulative_incidence(time, event, everything, [2.0, 5.0], included=included)
    survival = kaplan_meier(time, event, [2.0, 5.0], included=included)
    np.testing.assert_allclose(curve.standard_error, survival.standard_error, atol=1e-12)
    assert (curve.lower < curve.incidence).all()
    assert (curve.incidence < curve.upper).all()


def test_before_the_first_event_and_behind_the_last_patient():
    curve = cumulative_incidence([2.0, 3.0, 4.0], [1, 1, 0], [1, 0, 0], [1.0, 5.0])
    assert curve.incidence[0] == curve.standard_error[0] == curve.lower[0] == 0
    assert curve.undefined.tolist() == [False, True]
    with pytest.raises(ValueError, match="times"):
        cumulative_incidence([1.0], [1], [1], [-1.0])


@pytest.mark.parametrize("n", [3, 14, 34, 35])  # sums that round to 1, or to a little less
def test_where_all_had_the_event_there_is_no_error_and_nothing_to_compare(n):
    time, one = np.arange(1.0, n + 1), np.ones(n)
    curve = cumulative_incidence(time, one, one, [n + 1.0])
    assert (curve.incidence[0], curve.standard_error[0]) == (1, 0)
    assert (curve.lower[0], curve.upper[0]) == (0, 1)
    assert not curve.undefined[0]  # nobody is left of whom anything could still be seen
    times, both = np.tile(time, 2), np.repeat([0, 1], n)
    assert cumulative_incidence_by_arm(times, both >= 0, both >= 0, both, n + 1.0).undefined


def test_arms_are_compared_in_rows_and_alone():
    time, event, cause, included, arm = trials()
    rows = cumulative_incidence_by_arm(time, event, cause, arm, 4.0, included=included)
    alone = cumulative_incidence_by_arm(time[1], event[1], cause[1], arm, 4.0, included=included[1])
    np.testing.assert_allclose(rows.z[1], alone.z)
    assert alone.z.shape == ()
    late = cumulative_incidence_by_arm([1.0, 2.0], [1, 0], [1, 0], [0, 1], 9.0)
    assert late.undefined
    assert late.p_two_sided == 1


def test_a_competing_event_keeps_the_patient_at_risk():
    time, event = subdistribution_times([1.0, 2.0, 3.0], [1, 1, 0], [1, 0, 0], [5.0, 5.0, 3.0])
    assert time.tolist() == [1.0, 5.0, 3.0]
    assert event.tolist() == [True, False, False]
    with pytest.raises(ValueError, match="follow_up"):
        subdistribution_times([1.0], [1], [1], [0.5])


def test_rates_in_rows_equal_single_trials():
    rng = stream(SEED, "rate rows")
    count, years = rng.poisson(1.0, (4, 30)), rng.uniform(0.5, 1.5, (4, 30))
    included, arm = rng.random((4, 30)) < 0.8, np.arange(30) % 2
    rows = rate_ratio(count, years, arm, included=included)
    alone = rate_ratio(count[3], years[3], arm, included=included[3])
    np.testing.assert_allclose(rows.z[3], alone.z)
    assert alone.z.shape == ()


def test_without_events_on_an_arm_the_rate_ratio_is_undefined():
    result = rate_ratio([0, 0, 1, 2], [1.0] * 4, [1, 1, 0, 0])
    assert result.undefined
    assert (result.z, result.estimate) == (0, 0)
    for count, years, name in (([-1, 1], [1.0, 1.0], "count"), ([1, 1], [np.inf, 1], "exposure")):
        with pytest.raises(ValueError, match=name):
            rate_ratio(count, years, [0, 1])


def test_more_responders_make_a_better_arm_likelier():
    table = two_by_two([[1, 1, 1, 0, 0, 0], [1, 0, 1, 1, 0, 0]], [1, 1, 1, 0, 0, 0])
    flat = BetaPrior()
    better, worse = posterior_probability(table, prior=flat, control_prior=flat)
    assert better > worse > 0.5
    with pytest.raises(ValueError, match="margin"):
        posterior_probability(table, prior=flat, control_prior=flat, margin=1.0)


def test_a_conflict_turns_the_robust_prior_to_its_flat_part():
    informative = power_prior(80, 100, discount=0.5)
    assert (informative.alphas, informative.betas) == ((41.0,), (11.0,))
    prior = robust_prior(informative, weight=0.8)
    agree, conflict = updated(prior, 24, 30), updated(prior, 2, 30)
    assert agree.weights[0] > 0.8
    assert conflict.weights[0] < 0.01
    np.testing.assert_allclose([sum(agree.weights), sum(conflict.weights)], 1.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: BetaPrior(weights=(0.5,)),
        lambda: BetaPrior(alphas=(1.0, 2.0)),
        lambda: BetaPrior(alphas=(0.0,)),
        lambda: power_prior(5, 4, discount=0.5),
        lambda: power_prior(5, 10, discount=1.5),
        lambda: robust_prior(BetaPrior(), weight=1.0),
    ],
)
def test_priors_out_of_range_are_refused(make):
    with pytest.raises(ValueError, match=r"must|add up"):
        make()
